"""Verdicts and reports."""

from __future__ import annotations

import json
import math

import pytest

from gradspec import CheckResult, Report, Verdict
from gradspec.results import overall

ORACLES = frozenset({"fd", "torch"})
P, F, Q, S = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.SKIPPED  # Q: still a question


def results(**verdicts: Verdict) -> tuple[CheckResult, ...]:
    """One result per keyword."""
    return tuple(CheckResult(name=name, verdict=verdict) for name, verdict in verdicts.items())


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        (results(contract=P, fd=P, torch=P), P),
        (results(contract=P, fd=P, torch=S), P),
        (results(contract=P, fd=S, torch=P), P),
        (results(contract=S, fd=P), P),
        (results(contract=P, fd=S, torch=S), Q),
        (results(contract=P, fd=Q, torch=P), Q),
        (results(contract=Q, fd=P), Q),
        (results(contract=P), Q),
        (results(fd=S), Q),
        ((), Q),
        (results(contract=F, fd=P), F),
        (results(contract=F, fd=Q), F),
        (results(contract=P, fd=F, torch=P), F),
    ],
)
def test_the_overall_verdict(checks: tuple[CheckResult, ...], expected: Verdict) -> None:
    """FAIL on any FAIL; PASS if nothing is INCONCLUSIVE and an oracle passed; else INCONCLUSIVE."""
    assert expected is overall(checks, ORACLES)


def report(*checks: CheckResult) -> Report:
    """A report of these results."""
    return Report(
        op="f", verdict=overall(checks, ORACLES), checks=checks, seed=1, examples=2, seconds=0.12345, oracles=ORACLES
    )


def test_only_oracles_count_for_compared_and_resolution() -> None:
    """Entries that the contract looked at were not compared with anything."""
    made = report(
        CheckResult(name="contract", verdict=P, compared=100, resolution=1e-30),
        CheckResult(name="fd", verdict=P, compared=7, resolution=1e-12),
        CheckResult(name="torch", verdict=P, compared=5, resolution=1e-14),
    )
    assert (12, 1e-14) == (made.compared, made.resolution)


def test_failures_come_worst_first() -> None:
    """By their discrepancy."""
    made = report(
        CheckResult(name="a", verdict=F, discrepancy=3.0),
        CheckResult(name="b", verdict=P, discrepancy=9.0),
        CheckResult(name="c", verdict=F, discrepancy=math.inf),
    )
    assert ["c", "a"] == [check.name for check in made.failures]


def test_to_dict_is_strict_json() -> None:
    """Infinite numbers become null; nothing else is lost."""
    made = report(CheckResult(name="fd", verdict=Q, reason="nothing was compared", notes=("n",)))
    data = json.loads(json.dumps(made.to_dict(), allow_nan=False))
    assert ("f", "INCONCLUSIVE", 1, 2, 0.123) == tuple(
        data[k] for k in ("op", "verdict", "seed", "examples", "seconds")
    )
    assert data["resolution"] is None
    (check,) = data["checks"]
    assert {"name", "verdict", "reason", "notes", "counterexample", "resolution"} <= set(check)
    assert ("nothing was compared", ["n"], None) == (check["reason"], check["notes"], check["resolution"])


def test_a_verdict_is_its_word() -> None:
    """Verdicts compare and print as their names."""
    assert "PASS" == Verdict.PASS == str(Verdict.PASS)


def test_an_empty_report_prints() -> None:
    """A report without checks is a line of text."""
    assert str(report()).startswith("f: INCONCLUSIVE   0 entries compared")
