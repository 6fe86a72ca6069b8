"""Mistakes far from 0, beyond a cutoff of the code, and in float32 alone, that were drawn too seldom or excused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradspec import Op, Verdict, array, positive, real, verify
from gradspec.constants import huge_in, scales_in
from gradspec.crossed import around_numbers
from gradspec.layouts import Space

SEEDS = range(3)
FAR = (1e8, 1e10, 1e12)


def log(factor: float, far: float, torch: str | None) -> Op:
    """A logarithm whose slope is off by a *factor* beyond 0.3 *far*."""
    return Op(
        name="log",
        forward=lambda x: (np.log(x), x),
        vjp=lambda x, y_bar: ((np.where(x > 0.3 * far, factor, 1) * y_bar / x).astype(x.dtype),),
        inputs={"x": positive("n")},
        torch=torch,
        examples=((np.array([far]),),),
    )


@pytest.mark.parametrize("torch", ["torch.log", None])
@pytest.mark.parametrize("far", FAR)
def test_a_slope_that_is_small_far_away_is_judged(far: float, torch: str | None) -> None:
    """The slope elsewhere is 1, and x has an ulp of 1e-8: no difference of such numbers is taken in log."""
    assert Verdict.FAIL is verify(log(2, far, torch), explain=False).verdict
    report = verify(log(1, far, torch), explain=False)
    assert Verdict.PASS is report.verdict, str(report)


def _root(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / np.sqrt(1 + x * x))


def root_unit(rough: str) -> Op:
    """x / sqrt(1 + x²), the inverse square root unit; in float32 its root has few digits, or a constant is off."""

    def vjp(x: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        root = _root(x)
        if x.dtype == np.float32 and rough == "half":
            root = root.astype(np.float16).astype(np.float32)
        factor = 1.0003 if x.dtype == np.float32 and rough == "constant" else 1.0
        return ((y_bar * root**3 * x.dtype.type(factor)).astype(x.dtype),)

    return Op(name="isru", forward=lambda x: (x * _root(x), x), vjp=vjp, inputs={"x": real("n")})


@pytest.mark.parametrize("seed", SEEDS)
def test_a_constant_off_in_float32_alone_without_a_reference(seed: int) -> None:
    """3e-4 is 2,500 ulps."""
    assert Verdict.FAIL is verify(root_unit("constant"), seed=seed, explain=False).verdict
    report = verify(root_unit(""), seed=seed, explain=False)
    assert Verdict.PASS is report.verdict, str(report)


def test_half_precision_in_float32_alone_without_a_reference() -> None:
    """Below 1,024 ulps nobody is accused, since right rules lose 470; half precision is above it at some entries."""
    verdicts = [verify(root_unit("half"), seed=seed, explain=False).verdict for seed in range(8)]
    assert verdicts.count(Verdict.FAIL) >= 5


def _negative_binomial(alpha: np.ndarray, beta: np.ndarray) -> tuple[np.ndarray, Any]:
    return -alpha * np.log1p(1 / beta), (alpha, beta)


def _of_poisson_from(cutoff: float) -> Any:
    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        alpha, beta = saved
        slope = np.where(alpha > cutoff, -1 / beta, -np.log1p(1 / beta)).astype(alpha.dtype)
        return y_bar * slope, y_bar * alpha / (beta * (1 + beta))

    return vjp


def _logit(theta: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, Any]:
    sign = (2 * n - 1).astype(theta.dtype)
    z = sign * theta
    return np.minimum(z, 0) - np.log1p(np.exp(-np.abs(z))), (sign, z)


def _logit_vjp(sign_far: bool) -> Any:
    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray, None]:
        sign, z = saved
        small = np.exp(-np.abs(z))
        slope = np.where(z > 20, small, np.where(z < 0, 1, small) / (1 + small))
        return (y_bar * slope * (sign if sign_far else np.where(z > 20, 1, sign))).astype(z.dtype), None

    return vjp


CUTOFFS = {
    "1e10": (
        _negative_binomial,
        _of_poisson_from(1e10),
        _of_poisson_from(np.inf),
        {"alpha": positive("n"), "beta": positive("n", typical=(0.1, 10))},
    ),
    "20": (
        _logit,
        _logit_vjp(sign_far=False),
        _logit_vjp(sign_far=True),
        {"theta": real("n"), "n": array("n", lo=0, hi=1, integer=True)},
    ),
}


@pytest.mark.parametrize("name", CUTOFFS)
def test_just_beyond_a_cutoff_and_beyond_a_huge_one(name: str) -> None:
    """At least five seeds of six see the one-sided mistake; none accuses the right rule."""
    forward, wrong, right, inputs = CUTOFFS[name]
    ops = [Op(name="cutoff", forward=forward, vjp=vjp, inputs=inputs) for vjp in (wrong, right)]
    verdicts = [[verify(op, seed=seed, explain=False).verdict for seed in range(6)] for op in ops]
    assert verdicts[0].count(Verdict.FAIL) >= 5
    assert [Verdict.PASS] * 6 == verdicts[1]


def softplus(overflows: bool) -> Op:
    """log(1 + exp(x)), and x above the threshold; a slope e / (1 + e) is infinity by itself where e overflows."""

    def forward(x: np.ndarray, threshold: float) -> tuple[np.ndarray, Any]:
        return np.where(x > threshold, x, np.logaddexp(x.dtype.type(0), x)), (x, threshold)

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray]:
        x, threshold = saved
        with np.errstate(over="ignore", invalid="ignore"):
            e = np.exp(x)
            slope = np.nan_to_num(e / (1 + e)) if overflows else 1 / (1 + np.exp(-x))
        return ((y_bar * np.where(x > threshold, 1, slope)).astype(x.dtype),)

    params = {"threshold": (20.0, 100.0)}
    return Op(name="softplus", forward=forward, vjp=vjp, inputs={"x": real("n")}, params=params, kinks="the threshold")


@pytest.mark.parametrize("seed", SEEDS)
def test_an_exponential_that_overflows_below_a_threshold_in_float32(seed: int) -> None:
    """Between 88.7 and 100, with one of the thresholds only: the slope is 1, and the rule says 0."""
    assert Verdict.FAIL is verify(softplus(overflows=True), seed=seed, explain=False).verdict
    report = verify(softplus(overflows=False), seed=seed, explain=False)
    assert Verdict.PASS is report.verdict, str(report)


def _clamped(x: np.ndarray) -> tuple[np.ndarray, Any]:
    return np.where(x > 1e10, 0, np.where(x > 40, 1, x)), x


def test_huge_numbers_are_told_from_scales() -> None:
    """What is huge takes no place from the scales."""
    assert (40.0,) == scales_in(_clamped, _clamped)
    assert (1e10,) == huge_in(_clamped, _clamped)


@pytest.mark.parametrize(("inputs", "beyond"), [(positive("n"), True), (real("n"), False)], ids=["positive", "real"])
def test_what_hides_entries_is_not_gone_beyond(inputs: Any, beyond: bool) -> None:
    """Among numbers of both signs -1e9 masks an entry, and nobody means what is beyond it."""
    op = Op(name="clamped", forward=_clamped, vjp=lambda x, y_bar: (y_bar * (x <= 40),), inputs={"x": inputs})
    kinds = [recipe.kinds for recipe in around_numbers(Space(op), seed=0)]
    assert beyond is (("beyond 10000000000.0",) in kinds)
    assert 2 == kinds.count(("past 40.0",))
