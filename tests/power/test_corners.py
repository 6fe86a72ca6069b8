"""Mistakes of one op in a corner of its domain, and what is right at its kinks and edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradspec import Verdict, nonnegative, real, verify
from gradspec.domains import Case
from gradspec.evidence import Evidence
from gradspec.trial import Trial
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


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("dtypes", [("float64", "float32"), ("float32",)], ids=["", "in float32 only"])
@pytest.mark.parametrize("at_zero", [np.inf, -np.inf, np.nan])
def test_no_slope_at_a_kink_is_infinite(at_zero: float, dtypes: tuple[str, ...], seed: int) -> None:
    """y_bar / sign(x): slopes near the kink are as near to infinity as any, and were taken for a confirmation."""

    def vjp(x: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        slope = at_zero if x.dtype in dtypes else 0.0
        return (y_bar * np.where(x == 0, np.asarray(slope, x.dtype), np.sign(x)),)

    wrong = square(forward=lambda x: (np.abs(x), x), vjp=vjp, kinks="x = 0")
    assert Verdict.FAIL is verify(wrong, seed=seed, explain=False).verdict


@pytest.mark.parametrize("at_zero", [0, 1])
@pytest.mark.parametrize(
    "domain",
    [real("n"), nonnegative("n"), nonnegative("n", exclude=(0.0,))],
    ids=["a kink", "the edge of its domain", "outside its domain"],
)
def test_relu_has_any_slope_at_0(domain: Any, at_zero: int) -> None:
    """Where 0 is the edge, nobody may look at the other side: that it is no kink is not known."""
    op = square(
        forward=lambda x: (np.maximum(x, 0), x),
        vjp=lambda x, y_bar: ((y_bar * np.where(x == 0, at_zero, x > 0)).astype(y_bar.dtype),),
        inputs={"x": domain},
        kinks="x = 0",
    )
    assert Verdict.PASS is verify(op, explain=False).verdict


def _twice(x: np.ndarray) -> np.ndarray:
    return np.where(np.isreal(x), 2 * x.real, np.nan)  # takes no complex step


@pytest.mark.parametrize(
    ("forward", "slope", "reference", "verdict"),
    [
        (lambda x: 2 * x, 0, None, Verdict.FAIL),
        (_twice, 0, lambda x: 2 * x, Verdict.FAIL),
        (_twice, 0, lambda x: 2 * x.clamp(0, 1), Verdict.FAIL),  # torch.clamp has a slope on its edges
        (_twice, 0, lambda x: 2 * (x.relu() - (x - 1).relu()), Verdict.FAIL),  # and so has this on the right one
        (_twice, 0, lambda x: x.sign() * x - (x - 1).sign() * (x - 1) + 1, Verdict.PASS),
        (_twice, 0, None, Verdict.PASS),
        (_twice, np.nan, None, Verdict.FAIL),
    ],
    ids=["complex step", "reference", "clamp", "one edge", "it has the kink, too", "nothing knows", "no number"],
)
def test_a_jump_on_the_edge_is_a_mistake_where_the_op_is_known_to_be_smooth(
    forward: Any, slope: float, reference: Any, verdict: Verdict
) -> None:
    """A rule for 2 x on [0, 1] that has no slope at 0 and at 1: that of 2 clip(x, 0, 1), which is the same inside."""
    if reference:
        pytest.importorskip("torch")
    op = square(
        forward=lambda x: (forward(x), x),
        vjp=lambda x, y_bar: ((y_bar * np.where((x > 0) & (x < 1), 2, slope)).astype(y_bar.dtype),),
        inputs={"x": real("n", lo=0, hi=1)},
        torch=reference,
    )
    assert verdict is verify(op, explain=False).verdict


@pytest.mark.parametrize(("wrong_up_to", "wrong"), [(0.0, False), (1e-6, True)])
def test_what_is_wrong_just_inside_is_wrong_on_the_edge(wrong_up_to: float, wrong: bool) -> None:
    """Only what jumps there may be the slope of the other side. Nothing but the edge is looked at."""
    op = square(
        forward=lambda x: (np.abs(x), x),
        vjp=lambda x, y_bar: (y_bar * (x > wrong_up_to),),
        inputs={"x": nonnegative("n")},
    )
    edge = Case(sizes={"n": 1}, lead=(), params={}, keys={}, drawn=(np.zeros(1),), dtype="float64", seed=0)
    assert [wrong] == Evidence(Trial(op, edge)).of_rule.wrong.tolist()


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


@pytest.mark.parametrize("summed", [False, True], ids=["each", "sum"])
@pytest.mark.parametrize("seed", range(3))
def test_no_number_on_an_edge_where_slopes_converge_slowly(summed: bool, seed: int) -> None:
    """x ** 1.5 by x * sqrt(x), whose product rule says 0 / 0 at 0; differences from one side never settle there."""

    def forward(x: np.ndarray) -> tuple[np.ndarray, Any]:
        y = x * np.sqrt(x)
        return np.asarray(y.sum() if summed else y), x

    def wrong(x: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        with np.errstate(all="ignore"):
            return (y_bar * (np.sqrt(x) + x / (2 * np.sqrt(x))),)

    inputs, alone = {"x": nonnegative("n")}, ("float64",)
    op = square(forward=forward, vjp=wrong, inputs=inputs, dtypes=alone)
    report = verify(op, seed=seed, explain=False)
    assert Verdict.FAIL is report.verdict
    assert "vjp is not finite for input 'x' where the derivative is" in report.failures[0].message
    right = op.replace(vjp=lambda x, y_bar: (y_bar * 1.5 * np.sqrt(x),))
    assert Verdict.PASS is verify(right, seed=seed, explain=False).verdict


@pytest.mark.parametrize("seed", range(3))
def test_no_number_on_an_edge_where_slopes_diverge(seed: int) -> None:
    """Where there is no derivative, nothing is asked."""

    def vjp(x: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        with np.errstate(all="ignore"):
            return (y_bar * np.sqrt(x) / (2 * x),)

    op = square(forward=lambda x: (np.sqrt(x), x), vjp=vjp, inputs={"x": nonnegative("n")}, dtypes=("float64",))
    assert Verdict.PASS is verify(op, seed=seed, explain=False).verdict
