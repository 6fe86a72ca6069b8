"""Sums, means and row maxima."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import ops
from gradspec.spec import Op
from ops.errors import OutOfRangeError, ParamError

SHAPES = [(2, 3, 4), (1, 1, 1), (0, 2, 3), (2, 0, 1)]


@pytest.mark.parametrize("axis", [None, 0, -1, 1, (0, 2), (-1, -2), (2, 0, 1), ()], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("op", [ops.sum, ops.mean], ids=lambda op: op.name)
def test_as_torch(op: Op, axis: Any, keepdims: bool, rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangent equal torch's, for empty arrays too."""
    for shape in SHAPES:
        matches_torch(op, rng.standard_normal(shape), axis=axis, keepdims=keepdims)


@pytest.mark.parametrize("op", [ops.sum, ops.mean], ids=lambda op: op.name)
def test_0d(op: Op) -> None:
    """The sum and the mean of one number are that number."""
    y, saved = op.forward(np.float32(2.5))
    assert (np.float32, 2.5) == (y.dtype, y)
    assert (np.float32, 3.0) == (op.vjp(saved, np.float32(3))[0].dtype, op.vjp(saved, np.float32(3))[0])


@pytest.mark.filterwarnings("error")
def test_mean_of_nothing() -> None:
    """It is NaN, as in torch, and gives no warning."""
    y, saved = ops.mean.forward(np.ones((0, 3), np.float32), axis=0)
    assert np.isnan(y).tolist() == [True] * 3
    assert ((0, 3), np.float32) == (ops.mean.vjp(saved, y)[0].shape, ops.mean.vjp(saved, y)[0].dtype)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (4, 2, 3), (0, 3), (2, 1)], ids=str)
def test_row_max_as_torch(shape: tuple[int, ...], rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangent equal torch's; with small whole numbers there are many ties."""
    matches_torch(ops.row_max, rng.standard_normal(shape))
    matches_torch(ops.row_max, rng.integers(0, 2, shape).astype(float))


def test_row_max_tie() -> None:
    """The first of equal maxima gets the whole cotangent."""
    y, saved = ops.row_max.forward(np.array([[1.0, 5.0, 5.0], [2.0, 2.0, 2.0]]))
    assert y.tolist() == [5.0, 2.0]
    assert ops.row_max.vjp(saved, np.array([3.0, 4.0]))[0].tolist() == [[0.0, 3.0, 0.0], [4.0, 0.0, 0.0]]


def test_row_max_nan() -> None:
    """NaN is the maximum of its row, wherever it is."""
    assert math.isnan(ops.row_max(np.array([1.0, np.nan, 9.0])))


@pytest.mark.parametrize("op", [ops.sum, ops.mean], ids=lambda op: op.name)
def test_the_empty_tuple_reduces_nothing(op: Op, rng: np.random.Generator) -> None:
    """It is no axis, where None is all of them; the value is a copy."""
    x = rng.standard_normal((2, 3))
    y = op(x, axis=())
    np.testing.assert_array_equal(x, y)
    assert not np.shares_memory(x, y)


@pytest.mark.parametrize("op", [ops.sum, ops.mean], ids=lambda op: op.name)
def test_axes_that_are_not_there(op: Op) -> None:
    """They are refused by number, and so is an axis that is named twice or is no number."""
    with pytest.raises(OutOfRangeError, match=f"^{op.name}: axis is 2; allowed: -2 to 1"):
        op(np.ones((2, 3)), axis=2)
    with pytest.raises(ParamError, match=rf"^{op.name}: axis is \(0, -2\); allowed: each axis once"):
        op(np.ones((2, 3)), axis=(0, -2))
    with pytest.raises(ParamError, match=f"^{op.name}: axis is 1.0"):
        op(np.ones((2, 3)), axis=1.0)
