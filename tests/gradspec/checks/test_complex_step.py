"""The complex step as an oracle: sharper than finite differences, silent where it does not apply."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gradspec import CheckResult, Op, Verdict, array, positive, real, verify
from gradspec.checks.complex_step import vjp_complex_step
from gradspec.evidence import Evidence
from gradspec.examples import declared_examples
from gradspec.oracles.complex_step import complex_step
from gradspec.trial import Trial
from tests.gradspec.samples import square


def by_complex_step(op: Op, examples: int = 12) -> CheckResult:
    """The result of this check alone."""
    (result,) = verify(op, examples=examples, checks=["vjp_complex_step"]).checks
    return result


@pytest.mark.parametrize(
    ("function", "derivative", "x"),
    [
        (np.exp, np.exp, 1.3),
        (np.sin, np.cos, 1e-8),
        (np.log, lambda x: 1 / x, 1e-7),
        (lambda x: x**3, lambda x: 3 * x * x, 1e5),
        (np.sqrt, lambda x: 0.5 / np.sqrt(x), 1e-5),
    ],
)
def test_it_is_exact_to_rounding(function: Any, derivative: Any, x: float) -> None:
    """Where differences lose digits, too."""
    found = complex_step(function, np.array([x]), np.array([[1.0], [2.0]]))
    assert found is not None
    np.testing.assert_allclose(found[:, 0], derivative(x) * np.array([1.0, 2.0]), rtol=4e-16)


def test_a_function_that_cannot_is_none() -> None:
    """None, not an exception."""
    assert complex_step(lambda z: None, np.ones(2), np.ones((1, 2))) is None


@pytest.mark.parametrize("factor", [1 + 1e-12, 1 - 1e-12, -1.0])
def test_an_error_in_the_twelfth_digit_is_seen(factor: float) -> None:
    """And the text gives the relative difference."""
    result = by_complex_step(square(vjp=lambda s, y: ((2 * s * y * factor).astype(y.dtype),)))
    assert Verdict.FAIL is result.verdict
    assert "vjp is wrong for input 'x'" in result.message
    assert "(complex step)" in result.message


def test_a_right_rule_passes() -> None:
    """Both dtypes count: the derivative is taken in complex128 for either."""
    result = by_complex_step(square())
    assert Verdict.PASS is result.verdict, result.reason
    assert result.resolution < 1e-12


def _float_only(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if x.dtype.kind == "c":
        raise TypeError("real numbers only")
    return x * x, x


@pytest.mark.parametrize(
    "op",
    [
        square(forward=_float_only),
        square(forward=lambda x: (np.abs(x) * np.abs(x), x)),
        square(forward=lambda x: (x.real * x.real, x)),
        square(forward=lambda x: ((x * np.conj(x)).real.astype(np.result_type(x.real)), x.real)),
        square(forward=lambda x: (np.square(x.astype(np.result_type(x.real))), x)),
    ],
    ids=["raises", "abs", "real part", "conj", "cast"],
)
def test_where_it_does_not_apply_it_is_skipped(op: Op) -> None:
    """Never a failure, never a PASS: SKIPPED with a reason."""
    result = by_complex_step(op)
    assert Verdict.SKIPPED is result.verdict
    assert "nothing was compared: forward takes no complex numbers, or is not analytic" == result.reason


def test_a_kink_somewhere_leaves_the_rest() -> None:
    """Where an op is analytic for some params only, the check says for which it is not."""
    op = square(
        forward=lambda x, power: (np.abs(x) ** power if power == 1 else x**power, (x, power)),
        vjp=lambda s, y: (np.sign(s[0]) * y if s[1] == 1 else 2 * s[0] * y,),
        inputs={"x": real("n")},
        params={"power": (2, 1)},
    )
    result = by_complex_step(op, examples=30)
    assert Verdict.SKIPPED is result.verdict
    assert "no conclusive comparison for power=1" == result.reason
    assert Verdict.PASS is verify(op, examples=30).verdict


def test_a_branch_cut_is_no_failure() -> None:
    """log of a positive number is analytic; the domain keeps away from the cut."""
    op = square(forward=lambda x: (np.log(x), x), vjp=lambda s, y: (y / s,), inputs={"x": positive("n")})
    assert Verdict.PASS is by_complex_step(op, examples=40).verdict


def test_a_saturated_rule_may_round() -> None:
    """y (1 - y) loses digits where y is nearly 1: the complex step knows them, no correct formula has to."""

    def forward(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        y = e / e.sum(axis=-1, keepdims=True)
        return y, y

    def vjp(y: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        return (y * (y_bar - (y_bar * y).sum(axis=-1, keepdims=True)),)

    x = np.array([[-540.0, -381.2999080040838, -397.84027175707615], [-560.0, -441.0, 528.0]])
    op = Op(name="softmax", forward=forward, vjp=vjp, inputs={"x": real("n 3")}, sizes={"n": (1, 2)}, examples=((x,),))
    (case,) = declared_examples(op)
    trial = Trial(op, replace(case, y_bar=(np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]),)))
    (outcome,) = vjp_complex_step(trial, Evidence(trial))
    assert outcome.conclusive > 0
    assert outcome.told is None


def _sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def _focal(x: np.ndarray, t: np.ndarray, gamma: float) -> tuple[np.ndarray, Any]:
    """The focal loss of logits, as one writes it who cares for large ones: abs is no analytic function."""
    z = np.where(t == 1, x, -x)
    log_p = np.minimum(z, 0) - np.log1p(np.exp(-np.abs(z)))
    q = _sigmoid(-z)
    return -(q**gamma) * log_p, (z, log_p, q, t, gamma)


def _focal_vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray, None]:
    z, log_p, q, t, gamma = saved
    return (y_bar * q**gamma * (gamma * _sigmoid(z) * log_p - q) * np.where(t == 1, 1, -1)).astype(y_bar.dtype), None


@pytest.mark.parametrize("seed", range(2))
def test_a_complex_step_that_has_lost_what_differences_do_not_see_accuses_nobody(seed: int) -> None:
    """abs drops the imaginary part: at 30 all that is lost is 1e-13, and at ordinary inputs far more."""
    op = Op(
        name="focal",
        forward=_focal,
        vjp=_focal_vjp,
        inputs={"x": array("n", lo=-30, hi=30), "t": array("n", integer=True, lo=0, hi=1)},
        params={"gamma": (2.0, 1.0, 3.0)},
    )
    report = verify(op, seed=seed)

    assert Verdict.PASS is report.verdict, str(report)
