"""Softmax and its logarithm."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import ops
from gradspec.spec import Op
from ops.errors import OutOfRangeError, ParamError

BOTH = [ops.softmax, ops.logsoftmax]
both = pytest.mark.parametrize("op", BOTH, ids=lambda op: op.name)


@both
@pytest.mark.parametrize("shape", [(3,), (2, 3), (4, 2, 3), (0, 3), (3, 0), (1, 1)], ids=str)
def test_as_torch(op: Op, shape: tuple[int, ...], rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangent equal torch's along every axis; equal elements included."""
    for axis in range(-len(shape), len(shape)):
        matches_torch(op, 3 * rng.standard_normal(shape), axis=axis)
        matches_torch(op, rng.integers(0, 2, shape).astype(float), axis=axis)


@both
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_inputs(op: Op, dtype: Any) -> None:
    """Neither huge numbers nor huge differences give a warning, and the cotangents are finite."""
    largest = np.finfo(dtype).max
    x = np.array([[largest, -largest], [-largest, -largest], [largest, largest], [1e4, -1e4], [0.0, -0.0]], dtype)
    y, saved = op.forward(x)
    (x_bar,) = op.vjp(saved, np.array([[1, -2]] * 5, dtype))
    p = y if op is ops.softmax else np.exp(y)
    np.testing.assert_allclose(p, [[1, 0], [0.5, 0.5], [0.5, 0.5], [1, 0], [0.5, 0.5]], rtol=1e-6)
    assert np.isfinite(x_bar).all()


@pytest.mark.parametrize("margin", [1.0, 40.0, 600.0])
def test_logsoftmax_tail(margin: float) -> None:
    """Log-probability and slope of a near-certain class keep their digits."""
    y, saved = ops.logsoftmax.forward(np.array([margin, 0.0]))
    (x_bar,) = ops.logsoftmax.vjp(saved, np.array([1.0, 0.0]))
    rest = math.exp(-margin)
    assert y[0] == pytest.approx(-math.log1p(rest), rel=1e-14, abs=0)
    assert x_bar.tolist() == pytest.approx([rest / (1 + rest), -rest / (1 + rest)], rel=1e-14, abs=0)


def test_softmax_sums_to_one(rng: np.random.Generator) -> None:
    """Along the axis, and along no other one."""
    y = ops.softmax(rng.standard_normal((4, 5)), axis=0)
    np.testing.assert_allclose(y.sum(axis=0), np.ones(5), rtol=1e-15)
    assert not np.allclose(y.sum(axis=1), 1)


@both
def test_axis_that_is_not_there(op: Op) -> None:
    """It is refused by number; a tuple is no axis."""
    with pytest.raises(OutOfRangeError, match=f"^{op.name}: axis is 2; allowed: -2 to 1"):
        op(np.ones((2, 3)), axis=2)
    with pytest.raises(ParamError, match=rf"^{op.name}: axis is \(0, 1\); allowed: a whole number"):
        op(np.ones((2, 3)), axis=(0, 1))


@both
def test_infinite_inputs(op: Op) -> None:
    """-inf has no probability; a row of nothing else is NaN, without a warning."""
    p = op(np.array([[0.0, -math.inf], [-math.inf, -math.inf]]))
    p = np.exp(p) if op is ops.logsoftmax else p
    np.testing.assert_array_equal([[1.0, 0.0], [math.nan, math.nan]], p)
