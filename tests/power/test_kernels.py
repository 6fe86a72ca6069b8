"""Kernels that take float32 and raise for all else: differences of rough values, and what they may say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchmarks.kernels import as_kernel
from gradspec import Op, Verdict, array, real, verify
from gradspec.results import CheckResult
from ops import OPS
from tests.right_ops.collection import RIGHT_OPS

RIGHT = {op.name: op for op in (*RIGHT_OPS, *OPS)}


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        ("snake", 0),  # an ulp away from an edge of the domain, steps are an ulp long
        ("logit", 0),
        ("legendre", 0),
        ("isru", 0),  # short steps, over which the values stand still
        ("row_median", 0),  # 0, 0 and -3e-8: what answers within 3e-8
        ("nearest_to_a_thousand", 0),  # of -7e-6 and 0, which are as near in float32: a kink in all that is seen
        ("nuclear_norm", 0),
        ("chamfer_distance", 1),  # a kink 0.1 away of numbers of 288, which are squared
        ("triangle_area", 1),  # a corner 3e7 away swallows all steps of another
        ("chain_partition", 1),  # differences of 1e7 in the exponent
        ("frac", 1),  # 5e7 has no fraction
        ("frac", 3),  # and 7e6 but one
        ("gini", 0),  # 0 for equal numbers, however small: rounded as 1 is
        ("crf_log_partition", 0),  # in float32 terms vanish, and the rest is homogeneous
        ("nll", 0),  # linear, but for the rounding of float32
    ],
)
def test_right_ones_are_accused_of_nothing(name: str, seed: int) -> None:
    """Each of these was, by differences that took float32's rounding for float64's, or that could not see enough."""
    report = verify(as_kernel(RIGHT[name]), seed=seed)

    assert Verdict.PASS is report.verdict, str(report)


def _gelu(x: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    t = np.tanh(x.dtype.type(0.7978845608) * (x + x.dtype.type(0.044715) * x**3))
    return x * (1 + t) / 2, (x, t)


def _gelu_vjp(saved: tuple[np.ndarray, np.ndarray], y_bar: np.ndarray) -> tuple[np.ndarray]:
    x, t = saved
    inner = x.dtype.type(0.7978845608) * (1 + x.dtype.type(0.134145) * x * x)
    return (y_bar * ((1 + t) + x * (1 - t * t) * inner) / 2,)


GELU = Op(name="gelu", forward=_gelu, vjp=_gelu_vjp, inputs={"x": array("n d", lo=-1e3, hi=1e3, typical=(-4, 4))})


@pytest.mark.parametrize("seed", range(3))
def test_a_small_value_has_the_rounding_of_what_it_is_a_difference_of(seed: int) -> None:
    """1 + tanh(-4) goes in steps of an ulp of 1, and y is 3e-4 there."""
    examples = ((np.array([[-4.0, 0.0]], dtype=np.float32),),)
    report = verify(as_kernel(GELU.replace(examples=examples)), seed=seed)

    assert Verdict.PASS is report.verdict, str(report)


def _gate(x: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    gate = 1 / (1 + np.exp(-x.astype(np.float32)))
    return (x * gate).astype(x.dtype), (x, gate)


def _gate_vjp(factor: float) -> Any:
    def vjp(saved: tuple[np.ndarray, np.ndarray], y_bar: np.ndarray) -> tuple[np.ndarray]:
        x, gate = saved
        return ((factor * y_bar * (gate + x * gate * (1 - gate))).astype(x.dtype),)

    return vjp


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, Verdict.PASS), (1.01, Verdict.FAIL)])
@pytest.mark.parametrize("seed", range(3))
def test_one_that_computes_partly_in_float32_is_judged_by_what_float32_shows(
    factor: float, verdict: Verdict, seed: int
) -> None:
    """x * gate with a gate in float32, given float64: between two of float32's numbers its slope is the gate."""
    op = Op(
        name="gate",
        forward=_gate,
        vjp=_gate_vjp(factor),
        inputs={"x": real("n", lo=-20, hi=20, typical=(-2, 2))},
        dtypes=("float32",),
    )
    report = verify(op, seed=seed, explain=False)

    assert verdict is report.verdict, str(report)


def _det(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(a[0, 0] * a[1, 1] - a[0, 1] * a[1, 0]), a


def _det_vjp(flat_below: float) -> Any:
    def vjp(a: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        (p, q), (r, s) = a
        adjoint = np.array([[s, -r], [-q, p]], dtype=a.dtype)
        return (adjoint * (y_bar if abs(p * s - q * r) > flat_below else 0),)

    return vjp


@pytest.mark.parametrize(("flat_below", "verdict"), [(-1.0, Verdict.PASS), (0.0, Verdict.FAIL), (1e-6, Verdict.FAIL)])
@pytest.mark.parametrize("seed", range(3))
def test_a_wrong_one_near_a_singular_matrix_is_seen(flat_below: float, verdict: Verdict, seed: int) -> None:
    """The rule says 0 within less than a step of differences; forward, asked there, does not."""
    op = Op(name="det", forward=_det, vjp=_det_vjp(flat_below), inputs={"a": real("2 2", lo=-10, hi=10)})
    report = verify(as_kernel(op), seed=seed, explain=False)

    assert verdict is report.verdict, str(report)


def test_what_was_too_blurred_to_count_is_told() -> None:
    """It is no reason to doubt the rest, and a reference is the remedy."""
    report = verify(as_kernel(RIGHT["snake"]), checks=["vjp_finite_difference"])
    (check,) = report.checks

    assert Verdict.PASS is check.verdict
    assert "forward computes in float32 alone, which blurs some differences" in check.notes[0]


# --- with a reference -------------------------------------------------------------------------------------------------


def wave(frequency: float, factor: float, reference: Callable[[Any], Any]) -> Op:
    """sin(frequency * x), whose slope no step of float32 resolves, and a rule that is off by a factor."""

    def forward(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.sin(x.dtype.type(frequency) * x), x

    def vjp(x: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        return (x.dtype.type(factor * frequency) * y_bar * np.cos(x.dtype.type(frequency) * x),)

    op = Op(name="wave", forward=forward, vjp=vjp, inputs={"x": real("n", lo=5, hi=10)})
    return as_kernel(op).replace(torch=reference)


def results(op: Op, seed: int = 0) -> tuple[Verdict, dict[str, CheckResult]]:
    """The verdict, and what each check says."""
    report = verify(op, seed=seed, examples=30)
    return report.verdict, {check.name: check for check in report.checks}


@pytest.mark.parametrize("seed", range(2))
def test_a_reference_that_has_compared_everything_answers_where_differences_are_too_blurred(seed: int) -> None:
    """Without it nothing is known."""
    torch = pytest.importorskip("torch")
    right = wave(100.0, 1.0, lambda x: torch.sin(100.0 * x))
    alone, _ = results(right.replace(torch=None), seed)
    verdict, checks = results(right, seed)

    assert Verdict.INCONCLUSIVE is alone
    assert Verdict.PASS is verdict
    assert Verdict.SKIPPED is checks["vjp_finite_difference"].verdict
    assert "vjp_torch has compared all of it" in checks["vjp_finite_difference"].reason
    assert "a torch reference sees more" not in str(checks["vjp_finite_difference"].notes)


@pytest.mark.parametrize("factor", [-1.0, 1.05])
@pytest.mark.parametrize("seed", range(2))
def test_a_gradient_that_the_reference_s_own_differences_confirm_accuses(factor: float, seed: int) -> None:
    """Forward is too rough to differentiate; what computes the same in float64 is not."""
    torch = pytest.importorskip("torch")
    verdict, checks = results(wave(100.0, factor, lambda x: torch.sin(100.0 * x)), seed)

    assert Verdict.FAIL is verdict
    assert Verdict.FAIL is checks["vjp_torch"].verdict


@pytest.mark.parametrize("seed", range(2))
def test_a_reference_whose_gradient_is_not_that_of_its_values_accuses_nobody(seed: int) -> None:
    """The rule is right. And nobody can say so."""
    torch = pytest.importorskip("torch")
    verdict, checks = results(wave(100.0, 1.0, lambda x: torch.sin(100.0 * x) + 4 * (x - x.detach())), seed)

    assert Verdict.INCONCLUSIVE is verdict
    assert "differs and finite differences do not confirm it" in str(checks["vjp_torch"].notes)


def test_a_reference_that_is_off_here_and_there_does_not_answer_for_differences() -> None:
    """What it says elsewhere is right, and all that is compared; nobody knows who is wrong where it differs."""
    torch = pytest.importorskip("torch")
    verdict, checks = results(wave(100.0, 1.0, lambda x: torch.sin(100.0 * x) + 500 * (x - x.detach()) * (x > 9.5)))

    assert Verdict.PASS is checks["vjp_torch"].verdict
    assert Verdict.INCONCLUSIVE is checks["vjp_finite_difference"].verdict
    assert Verdict.INCONCLUSIVE is verdict


@pytest.mark.parametrize("factor", [1.0, -1.0])
def test_a_kernel_whose_values_a_few_ulps_move_at_random_is_never_accused(factor: float) -> None:
    """A hundred thousand periods away from 0 float32 has lost the phase: no rule is right or wrong there."""
    torch = pytest.importorskip("torch")
    verdict, _ = results(wave(1e6, factor, lambda x: torch.sin(1e6 * x)))

    assert Verdict.INCONCLUSIVE is verdict
