"""normalize, wrong in every way that we could think of: each must fail, in the check made for it, in plain words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradspec import Op, Verdict, verify
from ops import normalize
from tests.power.wrong import WRONG

EXAMPLES = 30  # of 100: a short run has to be enough


def _forgets_the_sum(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray]:
    _, s = saved
    return (y_bar / s,)


def _sums_over_the_wrong_axis(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray]:
    y, s = saved
    return ((y_bar - (y_bar * y).sum(axis=0, keepdims=True)) / s,)


def _wrong(op: Op, vjp: Any) -> Op:
    return op.replace(vjp=vjp)


def test_the_right_rule_passes() -> None:
    """The rule that all others are made of is right: what follows fails for its own reason."""
    report = verify(normalize)

    assert Verdict.PASS is report.verdict, str(report)
    assert {"vjp_linear"} == {check.name for check in report.checks if check.verdict is not Verdict.PASS}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_rule_fails(name: str) -> None:
    """The check made for this mistake fails, and its text says what is wrong."""
    make, check, words = WRONG[name]
    if check == "vjp_torch":
        pytest.importorskip("torch")

    report = verify(_wrong(normalize, make(normalize.vjp)), examples=EXAMPLES)

    failed = {result.name: result for result in report.failures}
    assert Verdict.FAIL is report.verdict
    assert check in failed, str(report)
    assert words in failed[check].message, failed[check].message
    assert failed[check].message.startswith("normalize: ")
    assert f"[{check}]" in failed[check].message.splitlines()[0]


@pytest.mark.parametrize("vjp", [_forgets_the_sum, _sums_over_the_wrong_axis])
def test_a_wrong_formula_fails_without_torch(vjp: Any) -> None:
    """Finite differences alone are enough to see a wrong formula."""
    report = verify(_wrong(normalize, vjp).replace(torch=None))

    assert {"vjp_finite_difference", "vjp_complex_step"} == {result.name for result in report.failures}


@pytest.mark.parametrize("seed", range(2))
def test_a_missing_term_is_told_as_the_guide_shows_it(seed: int) -> None:
    """The failure text, to the letter but for the bar, whatever the seed."""
    pytest.importorskip("torch")
    (failure,) = verify(_wrong(normalize, _forgets_the_sum), seed=seed, checks=["vjp_finite_difference"]).failures

    title, numbers, count, guess, formula, smallest, replay = failure.message.splitlines()
    assert "normalize: vjp is wrong for input 'x'".ljust(74) + "[vjp_finite_difference]" == title
    got, bar = numbers.split(" ± ")
    assert "  x_bar[0, 1] = 0.0, but should be -0.25" == got
    assert "(finite difference; complex step and torch agree)" == bar.partition("     ")[2]
    assert float(bar.partition(" ")[0]) < 1e-10
    assert "  2 of 2 entries differ" == count
    assert "  Looks like   a missing term: the difference is constant along axis 1" == guess
    assert formula.startswith(f"  Formula      {normalize.vjp_formula}        ")
    assert formula.partition(":")[0].endswith("test_normalize.py")
    assert "  Smallest     n=1 d=2   x = [[1., 1.]]   y_bar = [[1., 0.]]" == smallest
    assert (
        f"  Replay       gradspec.verify(normalize, seed={seed}, examples=100, checks=['vjp_finite_difference'])"
        == replay
    )


def test_the_failure_carries_its_counterexample() -> None:
    """Programs get what people read: the arrays that fail, shrunk."""
    (failure,) = verify(_wrong(normalize, _forgets_the_sum), checks=["vjp_finite_difference"]).failures

    assert failure.counterexample is not None
    case = failure.counterexample.case
    assert {"n": 1, "d": 2} == dict(case.sizes)
    np.testing.assert_array_equal([[1.0, 1.0]], case.drawn[0])
