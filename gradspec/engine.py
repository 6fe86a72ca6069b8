"""Verification: every check looks at each case that is drawn; what fails is shrunk and explained."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradspec.caller import CallFailedError
from gradspec.checks import CHECKS, ORACLES, Check, Outcome, selected
from gradspec.counterexample import Counterexample
from gradspec.domains import Case
from gradspec.drawing import DEFAULT_EXAMPLES, draw
from gradspec.errors import DeclarationError, TargetError
from gradspec.evidence import Evidence
from gradspec.examples import DECLARED
from gradspec.explain import explained
from gradspec.layouts import Space
from gradspec.limits import WATCH
from gradspec.locating import Seen
from gradspec.reach import Reach
from gradspec.results import CheckResult, Report, Verdict, overall
from gradspec.spec import Op
from gradspec.tally import Tally, unseen_input
from gradspec.threads import one_thread
from gradspec.trial import Trial

MIN_ORDINARY = 5  # ordinary draws before "forward is not finite in most of them" is said
MIN_DISPUTES = 3  # a reference is refused only if it contradicts finite differences in most ordinary cases


def verify(
    op: Op,
    seed: int = 0,
    examples: int = DEFAULT_EXAMPLES,
    checks: Iterable[str] | None = None,
    max_seconds: float | None = None,
    *,
    explain: bool = True,
) -> Report:
    """Verify the backward formula of *op*.

    Args:
        op: The op.
        seed: Decides every draw; the same seed and code give the same report.
        examples: Cases to draw. Every listed param value, every pair of values and every dtype are tried even if that
            takes more; special values and sizes beside every param value come on top.
        checks: Names of the checks to run; all of them by default.
        max_seconds: Stop drawing after this time; what is then unseen is INCONCLUSIVE.
        explain: Shrink what fails and say what it looks like. Without it only the verdict is wanted: the first failure
            ends the run, and what other checks would have said is INCONCLUSIVE.

    Returns:
        The report; a wrong vjp is a FAIL in it, never an exception.

    Raises:
        DeclarationError: The declaration itself is wrong: forward returns no pair (y, saved), or is not finite in most
            of its domain; a function does not return within a minute or two; the torch reference contradicts forward.
        TargetError: An argument is not what it should be.
    """
    if not isinstance(op, Op):
        raise TargetError(f"verify: got {op!r}; allowed: an Op (for two functions use gradspec.check_vjp)")
    if not isinstance(examples, int) or examples < 1:
        raise TargetError(f"verify: got examples={examples!r}; allowed: a whole number from 1 on")
    if not isinstance(seed, int) or seed < 0:
        raise TargetError(f"verify: got seed={seed!r}; allowed: a whole number from 0 on")
    run = Run(op, selected(checks), seed, examples, explain=explain)
    with one_thread(op):
        draw(run, seed, examples, max_seconds)
        return run.report()


class Run:
    """One verification in progress."""

    def __init__(self, op: Op, checks: tuple[Check, ...], seed: int, wanted: int, *, explain: bool = True) -> None:
        self.op = op
        self.explain = explain
        self.seed = seed
        self.wanted = wanted
        self.space = Space(op)
        self.tallies = [Tally(check, skipped=check.skip(op)) for check in checks]
        self.examples = self.outside = self.ordinary = self.ordinary_outside = 0
        self.outside_at: Case | None = None
        self.was_flat = self.is_decided = False
        self.reach = Reach()
        self.replayable = True
        self.shrunk: list[Case] = []
        self.given: dict[tuple[str, str], tuple[int, int]] = {}
        self.started = time.monotonic()
        known = [check.name for check in CHECKS]
        for name in op.exceptions:
            if name not in known:
                raise DeclarationError(op.name, f"exceptions[{name!r}]", f"got {name!r}; allowed: {', '.join(known)}")

    def examine(self, case: Case, *, sampled: bool = True) -> float:
        """Let every check look at one case, drawn evenly or sought out; return the largest discrepancy over its bar."""
        self.examples += 1
        self.ordinary += case.ordinary
        trial = Trial(self.op, case)
        with WATCH, np.errstate(all="ignore"):
            try:
                inside = trial.is_inside
            except CallFailedError:
                inside = True  # the contract check turns this into its failure
            if not inside:
                self.outside += 1
                self.ordinary_outside += case.ordinary
                self.outside_at = min(filter(None, (self.outside_at, case)), key=_entries)
            if inside and case.label.startswith(DECLARED):
                self._expect(case.label, trial)
            self.was_flat = inside and case.ordinary and trial.is_flat
            evidence, worst = Evidence(trial), 0.0
            seen = Seen.of(self.op, case, sampled=sampled)
            for tally in self.tallies:
                if tally.skipped or tally.is_settled or not (inside or tally.check.everywhere):
                    continue
                before = trial.evaluations
                with contextlib.suppress(CallFailedError):  # forward raises here: the contract check says so
                    outcomes = tally.check.function(trial, evidence)
                    tally.add(case, outcomes, seen)
                    worst = max([worst, *(outcome.discrepancy for outcome in outcomes)])
                    if tally.check.oracle:
                        self._count(case.label, outcomes)
                    if any(outcome.conclusive for outcome in outcomes):
                        self.reach.add_layout(case)
                        if tally.check.oracle:
                            self.reach.add_values(self.op, case)
                tally.evaluations += trial.evaluations - before
        self.is_decided = not self.explain and self._has_failed()
        return worst

    def _expect(self, label: str, trial: Trial) -> None:
        """The author of an example believes that all of it is judged, where any oracle is asked."""
        if not any(tally.check.oracle and not tally.skipped for tally in self.tallies):
            return
        for name, where in trial.slices.items():
            self.given.setdefault((label, name), (0, where.stop - where.start))

    def _count(self, label: str, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            key = label, outcome.input
            if key in self.given:
                most, size = self.given[key]
                self.given[key] = max(most, outcome.entries), size

    def _has_failed(self) -> bool:
        """Whether a check has failed where neither a declared exception nor a wrong declaration may be why."""
        if 2 * self.ordinary_outside > self.ordinary or any(tally.disputes for tally in self.tallies):
            return False
        return any(tally.failures and tally.check.name not in self.op.exceptions for tally in self.tallies)

    def report(self) -> Report:
        """Judge what was seen.

        Raises:
            DeclarationError: Forward is not finite in more than half of the ordinary draws, or the oracles contradict
                each other in more than half of them.
        """
        by_chance = self.ordinary / 4  # a mask that is empty half of the time is no mistake
        if self.ordinary >= MIN_ORDINARY and 2 * self.ordinary_outside - self.ordinary > by_chance:
            raise DeclarationError(
                self.op.name,
                "inputs",
                f"forward is not finite in {self.ordinary_outside} of {self.ordinary} ordinary draws; "
                "allowed: a domain (lo, hi, exclude, typical) where it is finite",
            )
        judged = self.ordinary - self.ordinary_outside
        for tally in self.tallies:
            if len(tally.disputes) >= max(MIN_DISPUTES, judged / 2):
                allowed = "allowed: a reference whose gradient is right, or None"
                raise DeclarationError(self.op.name, "torch", f"{tally.disputes[0]}; {allowed}")
        results = tuple(self._conclude(tally) for tally in self.tallies)
        return Report(
            op=self.op.name,
            verdict=overall(results, ORACLES),
            checks=results,
            seed=self.seed,
            examples=self.examples,
            outside=self.outside,
            outside_at="" if self.outside_at is None else self._shown(self.outside_at),
            unjudged=tuple(
                f"{label}: {most} of the {size} entries of {name} could be judged"
                for (label, name), (most, size) in self.given.items()
                if most < size and not self.is_decided
            ),
            seconds=time.monotonic() - self.started,
            reach=self.reach,
            oracles=ORACLES,
        )

    def _shown(self, case: Case) -> str:
        return str(Counterexample(self.op.name, "", replace(case, y_bar=None), tuple(self.op.inputs)))

    def _conclude(self, tally: Tally) -> CheckResult:
        tally.settle()
        name = tally.check.name
        if tally.skipped:
            return CheckResult(name=name, verdict=Verdict.SKIPPED, reason=tally.skipped)
        counts: dict[str, Any] = {
            "name": name,
            "compared": tally.compared,
            "comparisons": tally.comparisons,
            "conclusive": tally.conclusive,
            "evaluations": tally.evaluations,
            "resolution": tally.resolution,
            "discrepancy": tally.discrepancy,
            "notes": tuple(f"{note} ({count} cases)" for note, count in tally.notes.items()),
        }
        excuse = self.op.exceptions.get(name)
        if tally.failures and excuse:
            return CheckResult(**counts, verdict=Verdict.SKIPPED, reason=f"declared exception: {excuse}")
        if tally.failures:
            message, counterexample = self._explained(tally)
            self.shrunk.append(counterexample.case)
            return CheckResult(**counts, verdict=Verdict.FAIL, message=message, counterexample=counterexample)
        if excuse and self.wanted >= DEFAULT_EXAMPLES:
            message = (
                f"{self.op.name}: exceptions[{name!r}] is declared ({excuse}), but nothing fails any more: remove it"
            )
            return CheckResult(**counts, verdict=Verdict.FAIL, message=message)
        missing = "the run ended with the first failure" if self.is_decided else self._missing(tally)
        if not missing:
            return CheckResult(**counts, verdict=Verdict.PASS)
        answered = self._answered_instead(tally)
        return CheckResult(
            **counts,
            verdict=Verdict.SKIPPED if tally.check.partial or answered else Verdict.INCONCLUSIVE,
            reason=f"{missing}; {answered} has compared all of it" if answered else missing,
        )

    def _answered_instead(self, tally: Tally) -> str:
        """The check whose oracle has compared everything, where this one's is too blurred to; "" if none has.

        A difference that nothing could settle is no answer, and none is a reference that is off elsewhere.
        """
        if not tally.check.estimates or self.is_decided:
            return ""
        for other in self.tallies:
            exact = other.check.oracle and not (other.check.estimates or other.check.partial or other.skipped)
            if exact and not (other.failures or other.doubted or other.refuted or self._missing(other)):
                return other.check.name
        return ""

    def _explained(self, tally: Tally) -> tuple[str, Counterexample]:
        if self.explain:
            with np.errstate(all="ignore"):
                return explained(self.space, tally, self._replay(tally.check.name), self.shrunk)
        case, found = tally.failures[0]
        message = "\n  ".join((f"{self.op.name}: {found.headline}  [{tally.check.name}]", *found.lines))
        return message, Counterexample(self.op.name, tally.check.name, case, tuple(self.op.inputs))

    def _missing(self, tally: Tally) -> str:
        """What a PASS still lacks; "" if nothing."""
        if tally.blindness:
            return tally.blindness
        blind = unseen_input([other for other in self.tallies if other.check.oracle])
        if tally.check.oracle and blind:
            return blind
        unseen = sorted(self._wanted_coverage(tally) - tally.covered)
        if unseen:
            return "no conclusive comparison for " + ", ".join(self._covered_text(*what) for what in unseen)
        return ""

    def _wanted_coverage(self, tally: Tally) -> set[tuple[str, str]]:
        wanted = {("dtype", dtype) for dtype in self.op.dtypes if dtype in tally.check.dtypes}
        for param, listed in self.op.params.items():
            if not callable(listed) and self.space.values(param) and self.replayable:
                wanted |= {(f"param {param}", key) for key in self.space.values(param)}
        if tally.check.oracle:
            wanted |= {("input", name) for name, domain in self.op.inputs.items() if domain.differentiable}
        return wanted

    def _covered_text(self, what: str, key: str) -> str:
        if not what.startswith("param "):
            return f"{what} {key}"
        param = what.removeprefix("param ")
        value = self.op.params[param][int(key)]
        return f"{param}={'a function of the sizes' if callable(value) else repr(value)}"

    def _replay(self, check: str) -> str:
        if not self.replayable:
            return (
                f"gradspec.check_vjp({self.op.name}, {getattr(self.op.vjp, '__name__', 'vjp')}, ...) with these arrays"
            )
        name = self.op.name if self.op.name.isidentifier() else "op"
        return f"gradspec.verify({name}, seed={self.seed}, examples={self.wanted}, checks=[{check!r}])"


def _entries(case: Case) -> tuple[bool, int]:
    size = sum(u.size for u in case.drawn)
    return size == 0, size
