"""Mistakes of one op in a corner of its domain, and what is right at its kinks and edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradspec import Verdict, nonnegative, real, verify
from tests.gradspec.samples import power, power_vjp, square


@pytest.mark.parametrize("factor", [1 + 1e-8, 1 - 1e-8, 1 + 1e-6, 0.9995])
def test_a_slightly_wrong_constant_is_seen(factor: float) -> None:
    """An error in the eighth digit is an easy failure."""
    wrong = square(vjp=lambda s, y_bar: ((2 * factor * s * y_bar).astype(y_bar.dtype),))
    assert Verdict.FAIL is verify(wrong, examples=10, checks=["vjp_finite_difference"], explain=False).verdict


@pytest.mark.parametrize("seed", range(6))
def test_a_mistake_at_one_param_value_is_found(seed: int) -> None:
    """Even in the shortest run every param value is tried."""

    def vjp(saved: Any, y_bar: np.ndarray) -> Any:
        (x_bar,) = power_vjp(saved, y_bar)
        return (x_bar * 2 if saved[1] == 1 else x_bar,)

    failures = verify(power(vjp=vjp), seed=seed, examples=1).failures
    assert failures
    assert all("p=1" in failure.message for failure in failures)


@pytest.mark.parametrize(
    "mistake",
    [
        lambda s, y: np.where(s == 0, 7, 2 * s * y),
        lambda s, y: 2 * s * y * (1.5 if s.size == 1 else 1),
        lambda s, y: 2 * s * y * (1 if s.dtype == np.float64 else 1.01),
        lambda s, y: np.where(np.abs(s) > 1e3, 0, 2 * s * y),
    ],
    ids=["at 0 only", "at size 1 only", "in float32 only", "for large values only"],
)
def test_a_mistake_in_a_corner_is_found(mistake: Any) -> None:
    """What is right nearly everywhere fails all the same."""
    wrong = square(vjp=lambda s, y: (np.asarray(mistake(s, y), s.dtype),))
    checks = ["vjp_algebra", "vjp_finite_difference"]
    assert Verdict.FAIL is verify(wrong, examples=60, checks=checks, explain=False).verdict


def test_any_slope_at_a_kink_is_right_and_none_beyond() -> None:
    """relu'(0) may be anything from 0 to 1; 7 may not."""

    def relu(at_zero: float) -> Any:
        return square(
            forward=lambda x: (np.maximum(x, 0), x),
            vjp=lambda x, y: (y * np.where(x > 0, 1, np.where(x == 0, at_zero, 0)).astype(y.dtype),),
        )

    for at_zero in (0.0, 0.5, 1.0):
        assert Verdict.PASS is verify(relu(at_zero), examples=40).verdict
    assert Verdict.FAIL is verify(relu(7.0), examples=40, checks=["vjp_finite_difference"], explain=False).verdict


@pytest.mark.parametrize(
    ("domain", "verdict"),
    [
        (real("n"), Verdict.PASS),
        (nonnegative("n"), Verdict.FAIL),
        (nonnegative("n", exclude=(0.0,)), Verdict.PASS),
    ],
    ids=["a kink", "the edge of its domain", "outside its domain"],
)
def test_relu_that_has_no_slope_at_0(domain: Any, verdict: Verdict) -> None:
    """On x >= 0 it is x itself, and the derivative at 0 is 1."""
    op = square(
        forward=lambda x: (np.maximum(x, 0), x),
        vjp=lambda x, y_bar: ((y_bar * (x > 0)).astype(y_bar.dtype),),
        inputs={"x": domain},
        kinks="x = 0",
    )
    assert verdict is verify(op, examples=40, explain=False).verdict


def test_the_domain_bounds_every_evaluation() -> None:
    """forward is never asked beyond [lo, hi], stencils included."""
    seen: list[tuple[float, float]] = []

    def forward(x: np.ndarray) -> Any:
        if x.size:
            seen.append((float(x.min()), float(x.max())))
        return np.sqrt(x), np.sqrt(x)

    op = square(forward=forward, vjp=lambda r, y: (y / (2 * r),), inputs={"x": real("n", lo=0.5, hi=2.0)})
    assert Verdict.PASS is verify(op, examples=40).verdict
    assert min(low for low, _ in seen) >= 0.5
    assert max(high for _, high in seen) <= 2.0
