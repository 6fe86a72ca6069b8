"""What a run found: the verdict of each check, and of all of them together."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from gradspec.reach import Reach

if TYPE_CHECKING:
    from gradspec.counterexample import Counterexample


class Verdict(StrEnum):
    """What is known. INCONCLUSIVE is an answer: the oracles could not see far enough."""

    PASS = "PASS"  # noqa: S105  (a verdict, not a password)
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    SKIPPED = "SKIPPED"


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """The outcome of one check on one op.

    Attributes:
        name: The check.
        verdict: PASS, FAIL, INCONCLUSIVE or SKIPPED.
        compared: Distinct entries of cotangents (or values) that were compared conclusively.
        comparisons: Comparisons made, conclusive or not.
        conclusive: How many of them had a bar small enough to count.
        evaluations: Calls of forward plus calls of the vjp that this check cost.
        resolution: Smallest relative error that this check was able to see; inf if it saw nothing.
        discrepancy: Largest difference over its bar; above 1 is a failure.
        message: The failure text; "" unless verdict is FAIL.
        counterexample: The shrunk failing case, or None.
        reason: Why it was skipped, or why it is inconclusive; "" otherwise.
        notes: Remarks that change no verdict, such as a reference that is less exact than the rule.
    """

    name: str
    verdict: Verdict
    compared: int = 0
    comparisons: int = 0
    conclusive: int = 0
    evaluations: int = 0
    resolution: float = math.inf
    discrepancy: float = 0.0
    message: str = ""
    counterexample: Counterexample | None = None
    reason: str = ""
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; infinite numbers become None."""
        return {
            "name": self.name,
            "verdict": str(self.verdict),
            "compared": self.compared,
            "comparisons": self.comparisons,
            "conclusive": self.conclusive,
            "evaluations": self.evaluations,
            "resolution": _json_number(self.resolution),
            "discrepancy": _json_number(self.discrepancy),
            "message": self.message,
            "counterexample": None if self.counterexample is None else self.counterexample.to_dict(),
            "reason": self.reason,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, kw_only=True)
class Report:
    """The outcome of :func:`gradspec.verify`.

    Attributes:
        op: The op's name.
        verdict: FAIL on any FAIL; PASS if nothing is INCONCLUSIVE and an oracle for the vjp passed.
        checks: One result per check, in the order they ran.
        seed: The seed that reproduces this run.
        examples: Examples drawn.
        outside: Examples of which only forward was judged, if anything, because it is not finite there.
        outside_at: The smallest of them, in words; "" if there is none.
        unjudged: Of which of the examples that the declaration gives no oracle could judge every entry, in words.
        seconds: Wall-clock time.
        reach: The magnitudes, sizes and params that were looked at.
    """

    op: str
    verdict: Verdict
    checks: tuple[CheckResult, ...]
    seed: int
    examples: int
    outside: int = 0
    outside_at: str = ""
    unjudged: tuple[str, ...] = ()
    seconds: float = 0.0
    reach: Reach = field(default_factory=Reach, repr=False)
    oracles: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        """The checks that failed, worst first."""
        failed = [check for check in self.checks if check.verdict is Verdict.FAIL]
        return tuple(sorted(failed, key=lambda check: -check.discrepancy))

    @property
    def compared(self) -> int:
        """Distinct entries compared, once per oracle."""
        return sum(check.compared for check in self.checks if check.name in self.oracles)

    @property
    def resolution(self) -> float:
        """Smallest relative error of the vjp that the best oracle of this run was able to see."""
        return min((check.resolution for check in self.checks if check.name in self.oracles), default=math.inf)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; infinite numbers become None."""
        return {
            "op": self.op,
            "verdict": str(self.verdict),
            "seed": self.seed,
            "examples": self.examples,
            "outside": self.outside,
            "outside_at": self.outside_at,
            "unjudged": list(self.unjudged),
            "seconds": round(self.seconds, 3),
            "compared": self.compared,
            "resolution": _json_number(self.resolution),
            "reach": self.reach.to_dict(),
            "checks": [check.to_dict() for check in self.checks],
        }

    def __str__(self) -> str:
        from gradspec.reporting.text import report_text

        return report_text(self)


def overall(checks: tuple[CheckResult, ...], oracles: frozenset[str]) -> Verdict:
    """The verdict of a run from those of its checks.

    Args:
        checks: The results.
        oracles: Names of the checks that hold the vjp against an oracle; one of them must have passed.
    """
    verdicts = {check.verdict for check in checks}
    if Verdict.FAIL in verdicts:
        return Verdict.FAIL
    seen = any(check.verdict is Verdict.PASS and check.name in oracles for check in checks)
    return Verdict.PASS if seen and Verdict.INCONCLUSIVE not in verdicts else Verdict.INCONCLUSIVE


def exit_code(reports: Iterable[Report]) -> int:
    """What a command ends with: 1 if any op is a FAIL, else 3 if any is INCONCLUSIVE, else 0."""
    verdicts = {report.verdict for report in reports}
    if Verdict.FAIL in verdicts:
        return 1
    return 3 if Verdict.INCONCLUSIVE in verdicts else 0


def _json_number(number: float) -> float | None:
    return number if math.isfinite(number) else None
