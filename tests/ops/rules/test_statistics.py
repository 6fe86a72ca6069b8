"""Spread, extrema and log-sum-exp over axes: empty arrays, equal elements, large numbers, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gradspec.spec import Op
from ops.errors import OutOfRangeError, ParamError, ShapeMismatchError
from ops.rules import statistics

SPREAD = [statistics.var, statistics.std]
NEED_SOME = [statistics.max, statistics.min, statistics.logsumexp]
AXES = [None, 0, -1, 1, (0, 2), (-1, -2), (2, 0, 1), ()]
each_op = pytest.mark.parametrize("op", [*SPREAD, *NEED_SOME], ids=lambda op: op.name)


@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
@each_op
def test_as_torch(op: Op, axis: Any, keepdims: bool, rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangent equal torch's, also where the result is empty."""
    params = {"ddof": 0} if op in SPREAD else {}
    if op is statistics.std and axis == ():  # torch says NaN
        return
    matches_torch(op, rng.standard_normal((2, 3, 4)), axis=axis, keepdims=keepdims, **params)
    if op in NEED_SOME and axis in (1, -1):
        matches_torch(op, rng.standard_normal((0, 2, 3)), axis=axis, keepdims=keepdims)


@each_op
def test_0d(op: Op) -> None:
    """Of one number, a NumPy scalar, the spread is 0, and the rest is the number."""
    y, saved = op.forward(np.float32(2.5))
    (x_bar,) = op.vjp(saved, np.float32(3))
    assert (np.float32, np.float32) == (y.dtype, x_bar.dtype)
    assert (y, x_bar) == ((0.0, 0.0) if op in SPREAD else (2.5, 3.0))


@pytest.mark.parametrize("op", SPREAD, ids=lambda op: op.name)
@pytest.mark.parametrize("ddof", [0, 1])
def test_spread_of_too_few(op: Op, ddof: int) -> None:
    """It is NaN, as in torch, without a warning."""
    y, saved = op.forward(np.ones((ddof, 3), np.float32), axis=0, ddof=ddof)
    assert np.isnan(y).tolist() == [True] * 3
    (x_bar,) = op.vjp(saved, np.ones_like(y))
    assert ((ddof, 3), np.float32) == (x_bar.shape, x_bar.dtype)


@pytest.mark.parametrize("op", NEED_SOME, ids=lambda op: op.name)
def test_nothing_has_no_extremum(op: Op) -> None:
    """The error has the shape, unless the result is empty anyway."""
    with pytest.raises(ShapeMismatchError, match=rf"^{op.name}: x has shape \(0, 3\); allowed: at least one element"):
        op(np.ones((0, 3)), axis=0)
    assert op(np.ones((0, 3)), axis=1).shape == (0,)
    assert op(np.ones((0, 0)), axis=1).shape == (0,)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e8 + 0.1])
def test_equal_elements(value: float) -> None:
    """Their spread is exactly 0, though their mean is rounded, and so are the cotangents."""
    x = np.full((2, 3), value)
    for op in SPREAD:
        y, saved = op.forward(x, axis=1)
        assert ([0.0, 0.0], np.zeros((2, 3)).tolist()) == (y.tolist(), op.vjp(saved, np.ones(2))[0].tolist())


@pytest.mark.parametrize("scale", [1e200, 1e-200, 1e-310])
def test_std_of_large_and_small_numbers(scale: float) -> None:
    """The squares leave the range, the standard deviation and its cotangent do not."""
    y, saved = statistics.std.forward(np.array([1.0, 2.0, 6.0]) * scale)
    unit, unit_saved = statistics.std.forward(np.array([1.0, 2.0, 6.0]))
    np.testing.assert_allclose(y / scale, unit, rtol=1e-12)
    np.testing.assert_allclose(
        statistics.std.vjp(saved, np.ones(()))[0], statistics.std.vjp(unit_saved, np.ones(()))[0], rtol=1e-12
    )


def test_var_far_from_zero() -> None:
    """Numbers that are close together and far from 0 keep the digits of their spread."""
    assert statistics.var(np.array([1e9, 1e9 + 1, 1e9 + 2]), ddof=1) == 1.0


def test_ties() -> None:
    """Equal extrema share the cotangent, as in torch.amax."""
    x = np.array([[1.0, 5.0, 5.0], [2.0, 2.0, 2.0]])
    _, saved = statistics.max.forward(x, axis=1)
    assert statistics.max.vjp(saved, np.array([3.0, 6.0]))[0].tolist() == [[0.0, 1.5, 1.5], [2.0, 2.0, 2.0]]
    _, saved = statistics.min.forward(x, axis=0)
    assert statistics.min.vjp(saved, np.ones(3))[0].tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]


@each_op
def test_nan_wins(op: Op) -> None:
    """NaN shows in its own row and in no other, without a warning."""
    y, saved = op.forward(np.array([[1.0, np.nan], [2.0, 3.0]]), axis=1)
    assert np.isnan(y).tolist() == [True, False]
    op.vjp(saved, np.ones(2))


@pytest.mark.parametrize("margin", [1.0, 40.0, 600.0])
def test_logsumexp_tail(margin: float) -> None:
    """What is small beside the largest element keeps its digits, in the value and in the cotangent."""
    y, saved = statistics.logsumexp.forward(np.array([0.0, -margin, -margin]))
    rest = 2 * math.exp(-margin)
    assert y == pytest.approx(math.log1p(rest), rel=1e-14, abs=0)
    (x_bar,) = statistics.logsumexp.vjp(saved, np.ones(()))
    assert x_bar.tolist() == pytest.approx([1 / (1 + rest), *[rest / 2 / (1 + rest)] * 2], rel=1e-14, abs=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logsumexp_of_the_largest(dtype: Any) -> None:
    """Neither huge numbers nor huge differences give a warning, and ties are counted."""
    largest = np.finfo(dtype).max
    x = np.array([[largest, -largest], [-largest, -largest], [0.0, 0.0]], dtype)
    np.testing.assert_allclose(statistics.logsumexp(x, axis=1), [largest, -largest, math.log(2)], rtol=1e-6)


@each_op
def test_axes_that_are_not_there(op: Op) -> None:
    """They are refused by number, and so is an axis that is named twice or is no number."""
    with pytest.raises(OutOfRangeError, match=f"^{op.name}: axis is 2; allowed: -2 to 1"):
        op(np.ones((2, 3)), axis=2)
    with pytest.raises(ParamError, match=rf"^{op.name}: axis is \(0, -2\); allowed: each axis once"):
        op(np.ones((2, 3)), axis=(0, -2))
    with pytest.raises(ParamError, match=f"^{op.name}: axis is 1.0"):
        op(np.ones((2, 3)), axis=1.0)


@pytest.mark.parametrize("op", SPREAD, ids=lambda op: op.name)
@pytest.mark.parametrize("ddof", [-1, 0.5, None])
def test_ddof_without_a_meaning(op: Op, ddof: Any) -> None:
    """A negative number or a fraction is refused."""
    with pytest.raises(ParamError, match=f"^{op.name}: ddof is {ddof!r}; allowed: whole numbers from 0 on"):
        op(np.ones(3), ddof=ddof)
