"""Elements in another order, along every axis and in every shape."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from ops.errors import OutOfRangeError, ParamError
from ops.rules.arrange import flip, roll, swapaxes, transpose

SHAPES = [(), (3,), (2, 3), (0, 3), (1, 1), (2, 3, 4)]
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


@each_shape
def test_transpose_as_torch(shape: tuple[int, ...], rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangent equal torch's for every order of the axes."""
    x = np.asarray(rng.standard_normal(shape))
    for axes in (None, *itertools.permutations(range(len(shape)))):
        matches_torch(transpose, x, axes=axes)


def test_transpose_with_a_list() -> None:
    """A list names the axes as a tuple does, and one number is enough for one axis."""
    assert (3, 2) == transpose(np.ones((2, 3)), axes=[1, 0]).shape
    assert (2,) == transpose(np.ones(2), axes=-1).shape


@each_shape
def test_swapaxes_as_torch(shape: tuple[int, ...], rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangent equal torch's for every pair of axes."""
    x = np.asarray(rng.standard_normal(shape))
    for first, second in itertools.product(range(-len(shape), len(shape)), repeat=2):
        matches_torch(swapaxes, x, first=first, second=second)


@each_shape
def test_flip_and_roll_as_torch(shape: tuple[int, ...], rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangent equal torch's along any axes, and along none."""
    x = np.asarray(rng.standard_normal(shape))
    ranks = range(len(shape) + 1)
    for axis in (None, *itertools.chain(*[itertools.permutations(range(len(shape)), count) for count in ranks])):
        matches_torch(flip, x, axis=axis)
        if axis is None or (axis and shape):  # torch takes no empty tuple
            for shift in (0, 1, -2, 7):
                matches_torch(roll, x, shift=shift, axis=axis)
        if axis:
            matches_torch(roll, x, shift=tuple(range(2, 2 + len(axis))), axis=axis)


def test_roll_along_no_axis() -> None:
    """An empty tuple of axes moves nothing."""
    assert [1.0, 2.0] == roll(np.array([1.0, 2.0]), shift=1, axis=()).tolist()


def test_roll_over_the_ends_of_the_rows() -> None:
    """Without an axis the last element of a row goes to the start of the next one."""
    y, saved = roll.forward(np.array([[1.0, 2.0], [3.0, 4.0]]), shift=1)
    assert [[4.0, 1.0], [2.0, 3.0]] == y.tolist()
    assert [[1.0, 2.0], [3.0, 4.0]] == roll.vjp(saved, y)[0].tolist()


X = np.ones((2, 3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: transpose(X, axes=(0, 2)), OutOfRangeError, "transpose: axes is 2; allowed: -2 to 1"),
        (
            lambda: transpose(X, axes=(0, 0)),
            ParamError,
            "transpose: axes is (0, 0); allowed: None, or each of the 2 axes once",
        ),
        (
            lambda: transpose(X, axes=(0,)),
            ParamError,
            "transpose: axes is (0,); allowed: None, or each of the 2 axes once",
        ),
        (lambda: transpose(X, axes=(0, 1.0)), ParamError, "transpose: axes is 1.0; allowed: a whole number"),
        (lambda: swapaxes(X, first=2), OutOfRangeError, "swapaxes: first is 2; allowed: -2 to 1"),
        (lambda: swapaxes(X, second="x"), ParamError, "swapaxes: second is 'x'; allowed: a whole number"),
        (lambda: flip(X, axis=(0, -2)), ParamError, "flip: axis is (0, -2); allowed: each axis once"),
        (lambda: flip(X, axis=2), OutOfRangeError, "flip: axis is 2; allowed: -2 to 1"),
        (
            lambda: roll(X, shift=(1, 2)),
            ParamError,
            "roll: shift is (1, 2); allowed: a whole number, where axis is None",
        ),
        (
            lambda: roll(X, shift=(1, 2), axis=0),
            ParamError,
            "roll: shift is (1, 2); allowed: a whole number, or 1 of them, as axis has",
        ),
        (
            lambda: roll(X, shift=0.5, axis=0),
            ParamError,
            "roll: shift is 0.5; allowed: a whole number, or a tuple of them",
        ),
        (lambda: roll(X, axis=-3), OutOfRangeError, "roll: axis is -3; allowed: -2 to 1"),
    ],
)
def test_refused(call: Any, error: type[Exception], message: str) -> None:
    """Axes and shifts that have no meaning are refused with a message that says what fits."""
    with pytest.raises(error) as caught:
        call()
    assert message == str(caught.value)
