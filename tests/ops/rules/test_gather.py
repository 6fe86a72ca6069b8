"""Picking by numbers that may repeat, and adding to such places."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradspec
from gradspec.spec import index, real
from ops.errors import InputTypeError, OutOfRangeError, ParamError, ShapeMismatchError
from ops.rules.gather import embedding, gather, scatter_add, take

each_shape = pytest.mark.parametrize("shape", [(4,), (4, 3), (2, 3, 4), (1, 1), (0, 3), (3, 0)], ids=str)


def positions(shape: tuple[int, ...], axis: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Positions along *axis* of an array of *shape*: *count* in each row, or none where there is nothing to pick."""
    rows = list(shape)
    rows[axis] = count if shape[axis] else 0
    return rng.integers(0, max(shape[axis], 1), rows)


@each_shape
@pytest.mark.parametrize("count", [0, 1, 9])
def test_gather_and_scatter_add_as_torch(
    shape: tuple[int, ...], count: int, rng: np.random.Generator, matches_torch: Any
) -> None:
    """Value and cotangents equal torch's along every axis, with more places than there are elements."""
    for axis in range(-len(shape), len(shape)):
        k = positions(shape, axis, count, rng)
        matches_torch(gather, rng.standard_normal(shape), k, axis=axis)
        matches_torch(scatter_add, rng.standard_normal(shape), k, rng.standard_normal(k.shape), axis=axis)


@each_shape
@pytest.mark.parametrize("places", [(), (5,), (2, 3), (0,), (2, 0)], ids=str)
def test_take_as_torch(
    shape: tuple[int, ...], places: tuple[int, ...], rng: np.random.Generator, matches_torch: Any
) -> None:
    """Value and cotangent equal torch's along every axis, for positions of any shape, one number included."""
    for axis in range(-len(shape), len(shape)):
        if shape[axis] or 0 in places:
            op = take
            if places == ():
                op = take.replace(torch=lambda x, k, axis: x.index_select(axis, k.reshape(-1)).squeeze(axis))
            matches_torch(
                op, rng.standard_normal(shape), np.asarray(rng.integers(0, shape[axis] or 1, places)), axis=axis
            )


@pytest.mark.parametrize("places", [(), (5,), (2, 3), (2, 0)], ids=str)
@pytest.mark.parametrize("padding", [None, 0, 3, -1])
def test_embedding_as_torch(
    places: tuple[int, ...], padding: int | None, rng: np.random.Generator, matches_torch: Any
) -> None:
    """Value and cotangent equal torch's; a row that is looked up again and again has the sum."""
    for width in (0, 1, 3):
        k = np.asarray(rng.integers(0, 4, places))
        matches_torch(embedding, rng.standard_normal((4, width)), k, padding_idx=padding)


@pytest.mark.parametrize("shapes", [("c", "n"), ("c d", "n"), ("c d", ""), ("c d e", "n t")], ids=str)
def test_take_is_verified_with_other_shapes(shapes: tuple[str, str]) -> None:
    """The rule passes gradspec's own checks with other numbers of axes."""
    op = take.replace(
        inputs={"x": real(shapes[0]), "k": index(shapes[1], "c")},
        sizes={"c": (1, 4)},
        params={"axis": (0, -len(shapes[0].split()))},
        where=None,
        torch=None,
    )
    report = gradspec.verify(op, examples=30)
    assert gradspec.Verdict.PASS == report.verdict, str(report)


@pytest.mark.parametrize("axis", [0, 1, 2, -2])
def test_scatter_add_is_verified_with_three_axes(axis: int) -> None:
    """The rule passes gradspec's own checks along every axis of three, where all sizes are alike."""
    inputs = {"x": real("n n n"), "k": index("n n n", "n"), "w": real("n n n")}
    op = scatter_add.replace(inputs=inputs, sizes={"n": (1, 3)}, params={"axis": (axis,)}, where=None)
    report = gradspec.verify(op, examples=30)
    assert gradspec.Verdict.PASS == report.verdict, str(report)


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.uint64, np.int8])
def test_any_integers(dtype: Any, rng: np.random.Generator) -> None:
    """Unsigned and short integers are positions, too, however large the array is."""
    x = rng.standard_normal((3, 200))
    k = np.array([[0, 100], [127, 5], [5, 5]])
    y, saved = gather.forward(x, k.astype(dtype))
    np.testing.assert_array_equal(gather(x, k), y)
    np.testing.assert_array_equal(gather.vjp(gather.forward(x, k)[1], y)[0], gather.vjp(saved, y)[0])


def test_float32_stays() -> None:
    """Sums over repeated places are made in the dtype of the input."""
    w = np.ones((2, 3), np.float32)
    k = np.zeros(1000, np.int64)
    y, saved = embedding.forward(w, k)
    w_bar, _ = embedding.vjp(saved, y)
    assert (np.float32, np.float32) == (y.dtype, w_bar.dtype)
    assert [[1000.0] * 3, [0.0] * 3] == w_bar.tolist()
    assert np.float32 == scatter_add(w, np.zeros((2, 1), np.int64), w[:, :1]).dtype


def test_two_dtypes() -> None:
    """Where two dtypes meet the result is the wider one, and each cotangent has its input's."""
    x, w, k = np.ones((1, 2), np.float32), np.ones((1, 1)), np.zeros((1, 1), np.int64)
    y, saved = scatter_add.forward(x, k, w)
    assert np.float64 == y.dtype
    x_bar, _, w_bar = scatter_add.vjp(saved, y)
    assert (np.float32, np.float64) == (x_bar.dtype, w_bar.dtype)


def test_the_padding_is_a_row_of_zeros() -> None:
    """Whatever the padding's row holds, NaN even, is not looked up and has a cotangent of 0."""
    w = np.array([[1.0], [np.nan], [3.0]])
    y, saved = embedding.forward(w, np.array([1, 2, 1, 0]), padding_idx=1)
    assert [[0.0], [3.0], [0.0], [1.0]] == y.tolist()
    assert [[1.0], [0.0], [1.0]] == embedding.vjp(saved, np.ones((4, 1)))[0].tolist()


X, K = np.ones((2, 3)), np.zeros((2, 1), np.int64)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: gather(X, K + 3), OutOfRangeError, "gather: k holds 3 at position (0, 0); allowed: 0 to 2"),
        (lambda: gather(X, K - 1), OutOfRangeError, "gather: k holds -1 at position (0, 0); allowed: 0 to 2"),
        (lambda: gather(X, K, axis=2), OutOfRangeError, "gather: axis is 2; allowed: -2 to 1"),
        (
            lambda: gather(X, K, axis=0),
            ShapeMismatchError,
            "gather: k has shape (2, 1); allowed: (*, 3), as x has (2, 3)",
        ),
        (
            lambda: gather(X, K[0]),
            ShapeMismatchError,
            "gather: k has shape (1,); allowed: (2, *), as x has (2, 3)",
        ),
        (lambda: gather(X, X), InputTypeError, "gather: k has dtype float64; allowed: a NumPy array of integers"),
        (lambda: gather(X, [0]), InputTypeError, "gather: k is a Python list; allowed: a NumPy array of integers"),
        (
            lambda: gather(X, K.astype(bool)),
            InputTypeError,
            "gather: k has dtype bool; allowed: a NumPy array of integers",
        ),
        (
            lambda: gather(np.ones(()), K),
            OutOfRangeError,
            "gather: axis is -1; allowed: none: a 0-d array has no axis",
        ),
        (lambda: take(X, np.array([0, 2])), OutOfRangeError, "take: k holds 2 at position 1; allowed: 0 to 1"),
        (lambda: take(X, np.array(2)), OutOfRangeError, "take: k holds 2; allowed: 0 to 1"),
        (
            lambda: take(np.ones((0, 2)), np.array([0])),
            OutOfRangeError,
            "take: k holds 0 at position 0; allowed: nothing: there is no element",
        ),
        (
            lambda: scatter_add(X, K, np.ones((2, 2))),
            ShapeMismatchError,
            "scatter_add: w has shape (2, 2); allowed: (2, 1), as k",
        ),
        (
            lambda: embedding(np.ones(3), K),
            ShapeMismatchError,
            "embedding: w has shape (3,); allowed: (c, d)",
        ),
        (
            lambda: embedding(X, K, padding_idx=2),
            OutOfRangeError,
            "embedding: padding_idx is 2; allowed: -2 to 1, as w has 2 rows",
        ),
        (
            lambda: embedding(X, K, padding_idx=0.5),
            ParamError,
            "embedding: padding_idx is 0.5; allowed: None or a whole number",
        ),
    ],
)
def test_refused(call: Any, error: type[Exception], message: str) -> None:
    """Positions and shapes that do not fit are refused with a message that says what does."""
    with pytest.raises(error) as caught:
        call()
    assert message == str(caught.value)
