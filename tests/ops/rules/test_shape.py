"""Repeating along a new axis, reshaping, and axes of size 1."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ops
from ops.errors import OutOfRangeError, ParamError, ShapeMismatchError
from ops.rules.shape import expand_dims, squeeze


def test_study_row_r4() -> None:
    """A vector repeated as 16 equal columns: its cotangent is the row sum (R4)."""
    y, saved = ops.expand.forward(np.array([1.0, 2.0]))
    y_bar = np.arange(32.0).reshape(2, 16)
    (x_bar,) = ops.expand.vjp(saved, y_bar)
    assert y.tolist() == [[1.0] * 16, [2.0] * 16]
    assert x_bar.tolist() == [sum(range(16)), sum(range(16, 32))]


@pytest.mark.parametrize("shape", [(), (2,), (2, 3), (0, 3), (1, 0)], ids=str)
@pytest.mark.parametrize("count", [0, 1, 5])
def test_expand_as_torch(shape: tuple[int, ...], count: int, rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangent equal torch's along every axis, counted from both ends."""
    for axis in range(-len(shape) - 1, len(shape) + 1):
        matches_torch(ops.expand, np.asarray(rng.standard_normal(shape)), axis=axis, count=count)


@pytest.mark.parametrize(
    ("before", "after"),
    [((2, 3), (-1,)), ((2, 3), (3, 2)), ((2, 3), (1, 6, 1)), ((1,), ()), ((), (1, 1)), ((0, 3), (3, 0))],
)
def test_reshape_as_torch(
    before: tuple[int, ...], after: tuple[int, ...], rng: np.random.Generator, matches_torch: Any
) -> None:
    """Value and cotangent equal torch's."""
    matches_torch(ops.reshape, np.asarray(rng.standard_normal(before)), shape=after)


def test_reshape_of_a_transposed_cotangent() -> None:
    """The order of the elements is that of the shape, whatever the memory layout."""
    y, saved = ops.reshape.forward(np.arange(6.0).reshape(3, 2).T, shape=(6,))
    (x_bar,) = ops.reshape.vjp(saved, y[::-1])
    assert x_bar.tolist() == [[5.0, 3.0, 1.0], [4.0, 2.0, 0.0]]


@pytest.mark.parametrize(
    ("shape", "axis"),
    [((), None), ((1,), None), ((1,), 0), ((2, 1, 3), None), ((2, 1, 3), -2), ((1, 0, 1), (0, 2)), ((2, 3), ())],
    ids=str,
)
def test_squeeze_as_torch(shape: tuple[int, ...], axis: Any, rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangent equal torch's, down to 0-d arrays."""
    matches_torch(squeeze, np.asarray(rng.standard_normal(shape)), axis=axis)


@pytest.mark.parametrize("shape", [(), (2,), (2, 3), (0, 3)], ids=str)
def test_expand_dims_as_torch(shape: tuple[int, ...], rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangent equal torch's for every new axis, and for two at once."""
    x = np.asarray(rng.standard_normal(shape))
    for axis in (*range(-len(shape) - 1, len(shape) + 1), (0, -1), (1, 0)):
        matches_torch(expand_dims, x, axis=axis)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: squeeze(np.ones((2, 1)), axis=0),
            ShapeMismatchError,
            "squeeze: x has size 2 along axis 0; allowed: 1, to be left out",
        ),
        (lambda: squeeze(np.ones((2, 1)), axis=2), OutOfRangeError, "squeeze: axis is 2; allowed: -2 to 1"),
        (lambda: squeeze(np.ones((1, 1)), axis=(0, 0)), ParamError, "squeeze: axis is (0, 0); allowed: each axis once"),
        (lambda: expand_dims(np.ones(2), axis=2), OutOfRangeError, "expand_dims: axis is 2; allowed: -2 to 1"),
        (lambda: expand_dims(np.ones(2), axis=None), ParamError, "expand_dims: axis is None; allowed: a whole number"),
        (
            lambda: expand_dims(np.ones(2), axis=(0, -3)),
            ParamError,
            "expand_dims: axis is (0, -3); allowed: each axis once",
        ),
    ],
)
def test_refused(call: Any, error: type[Exception], message: str) -> None:
    """Axes that have no meaning are refused with a message that says what fits."""
    with pytest.raises(error) as caught:
        call()
    assert message == str(caught.value)
