"""Declared exceptions: what they excuse, and when they must go."""

from __future__ import annotations

import numpy as np

from gradspec import Op, Verdict, real, verify
from tests.gradspec.samples import square, wrong_vjp

WHY = "straight-through on purpose, https://example.org/1"
EXCEPTION = {"vjp_finite_difference": WHY}


def test_an_exception_excuses_its_check_alone() -> None:
    """The excused check is SKIPPED with the reason; the others count."""
    assert Verdict.FAIL is verify(square(vjp=wrong_vjp, exceptions=EXCEPTION), examples=10).verdict
    report = verify(square(vjp=wrong_vjp, exceptions={**EXCEPTION, "vjp_complex_step": WHY}), examples=10)
    result = next(check for check in report.checks if check.name == "vjp_finite_difference")
    assert Verdict.SKIPPED is result.verdict
    assert "declared exception: straight-through on purpose, https://example.org/1" == result.reason
    assert Verdict.INCONCLUSIVE is report.verdict  # no oracle is left


def test_an_exception_that_no_longer_fails_is_a_failure() -> None:
    """At the default number of examples a stale exception must go."""
    report = verify(square(exceptions=EXCEPTION), examples=100, checks=["vjp_finite_difference"])
    (failure,) = report.failures
    assert "nothing fails any more: remove it" in failure.message
    assert failure.counterexample is None
    assert Verdict.FAIL is report.verdict


def test_a_short_run_does_not_accuse_an_exception() -> None:
    """With few examples the failure may just not have been drawn."""
    assert Verdict.PASS is verify(square(exceptions=EXCEPTION), examples=20).verdict


def test_where_all_oracles_are_excepted_the_report_says_why_it_is_inconclusive() -> None:
    """Straight through a rounding, without a reference for what is meant."""
    op = Op(
        name="rounded",
        forward=lambda x: (np.round(x), None),
        vjp=lambda saved, y_bar: (y_bar,),
        inputs={"x": real("n", lo=-10, hi=10)},
        exceptions={"vjp_finite_difference": WHY, "vjp_complex_step": WHY},
    )
    report = verify(op)
    assert Verdict.INCONCLUSIVE is report.verdict
    assert str(report).endswith("a torch reference would be one")
    passing = verify(op.replace(torch=lambda x: x + (x.round() - x).detach()))
    assert Verdict.PASS is passing.verdict
    assert "no oracle" not in str(passing)
