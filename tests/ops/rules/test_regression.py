"""Losses of a regression."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gradspec.spec import Op
from ops.errors import BadInputError, InputTypeError, ParamError, ShapeMismatchError
from ops.rules.regression import huber, l1, mse, smooth_l1

each = pytest.mark.parametrize("op", [mse, l1, huber, smooth_l1], ids=lambda op: op.name)
M = np.ones((2, 3))


@each
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(4, 3), (1,), (), (2, 1, 3)], ids=str)
def test_as_torch(op: Op, reduction: str, shape: tuple[int, ...], rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and both cotangents equal torch's; for equal arrays, too."""
    x, target = np.asarray(3 * rng.standard_normal(shape)), np.asarray(rng.standard_normal(shape))
    matches_torch(op, x, target, reduction=reduction)
    matches_torch(op, x, x.copy(), reduction=reduction)


@each
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_empty_batch(op: Op, reduction: str) -> None:
    """Its sum is 0, the single losses are none, and its mean is refused; the cotangents are empty."""
    nothing = np.ones((0, 3), np.float32)
    if reduction == "mean":
        with pytest.raises(ValueError, match=rf"^{op.name}: x has shape \(0, 3\); allowed: at least one example"):
            op(nothing, nothing, reduction=reduction)
        return
    y, saved = op.forward(nothing, nothing, reduction=reduction)
    assert {"sum": "0.0", "none": "[]"}[reduction] == str(y)
    for cotangent in op.vjp(saved, np.ones(np.shape(y), np.float32)):
        assert ((0, 3), np.float32) == (cotangent.shape, cotangent.dtype)


@each
def test_each_cotangent_has_the_dtype_of_its_input(op: Op) -> None:
    """Where two dtypes meet the loss has the wider one."""
    y, saved = op.forward(M.astype(np.float32), 3 * M)
    cotangents = op.vjp(saved, np.ones((), y.dtype))
    assert [np.float64, np.float32, np.float64] == [y.dtype, *(cotangent.dtype for cotangent in cotangents)]


@each
def test_needs(op: Op) -> None:
    """What is not needed is left out, and nothing else changes."""
    _, saved = op.forward(M, 3 * M)
    x_bar, target_bar = op.vjp(saved, np.ones(()))
    for needs in ((True, False), (False, True), (False, False)):
        found = op.vjp(saved, np.ones(()), needs=needs)
        for wanted, full, masked in zip(needs, (x_bar, target_bar), found, strict=True):
            assert (masked is not None) == wanted
            np.testing.assert_array_equal(full if wanted else None, masked)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("op", "expected"), [(huber, 2e30), (smooth_l1, 1e30)], ids=["huber", "smooth_l1"])
def test_large_differences_are_not_squared(op: Op, expected: float) -> None:
    """A difference whose square is beyond float32 gives the right loss."""
    threshold = {"delta" if op is huber else "beta": 2.0}
    for reduction in ("mean", "none"):
        y, saved = op.forward(np.float32([1e30]), np.float32([0]), reduction=reduction, **threshold)
        assert float(y.reshape(())) == pytest.approx(expected, rel=1e-6)
        assert op.vjp(saved, np.ones(y.shape, np.float32))[0].item() == expected / np.float32(1e30)


@pytest.mark.filterwarnings("error")
def test_smooth_l1_near_its_limit() -> None:
    """With beta 0 it is the absolute difference, and with a tiny beta nearly so."""
    x, target = np.array([1.0, -2.0, 3.0]), np.array([0.5, -2.0, 5.0])
    for reduction in ("mean", "none"):
        expected = l1(x, target, reduction=reduction)
        np.testing.assert_array_equal(expected, smooth_l1(x, target, reduction=reduction, beta=0))
        np.testing.assert_allclose(smooth_l1(x, target, reduction=reduction, beta=1e-300), expected, rtol=1e-15)
    (x_bar, _) = smooth_l1.vjp(smooth_l1.forward(x, target, beta=1e-300, reduction="sum")[1], np.ones(()))
    assert [1.0, 0.0, -1.0] == x_bar.tolist()


def test_mean_is_the_default() -> None:
    """The losses are averaged unless something else is asked for."""
    assert 4.0 == mse(M, 3 * M)
    assert math.isnan(mse(M, M * np.nan))


@pytest.mark.parametrize(
    ("call", "error", "argument", "text"),
    [
        (lambda: mse(M, np.ones(3)), ShapeMismatchError, "target", "has shape (3,); allowed: (2, 3), the shape of x"),
        (lambda: l1(M, [1.0]), InputTypeError, "target", "is a Python list"),
        (lambda: huber(M.astype(int), M), InputTypeError, "x", "has dtype int64"),
        (lambda: mse(M, M, reduction="batchmean"), ParamError, "reduction", "'mean' or 'sum' or 'none'"),
        (lambda: mse(M, M, reduction=None), ParamError, "reduction", "is None"),
        (lambda: huber(M, M, delta=0), ParamError, "delta", "is 0; allowed: finite numbers above 0"),
        (lambda: huber(M, M, delta=np.nan), ParamError, "delta", "is nan"),
        (lambda: huber(M, M, delta="1"), ParamError, "delta", "is '1'"),
        (lambda: smooth_l1(M, M, beta=-0.5), ParamError, "beta", "is -0.5; allowed: finite numbers from 0 on"),
        (lambda: smooth_l1(M, M, beta=np.inf), ParamError, "beta", "is inf"),
    ],
)
def test_bad_input(call: Any, error: type[BadInputError], argument: str, text: str) -> None:
    """The error is of the right type and names the argument, what it got and what fits."""
    with pytest.raises(error) as caught:
        call()
    assert argument == caught.value.argument
    assert text in str(caught.value)
