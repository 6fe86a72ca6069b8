"""What one check has said so far: its comparisons counted, its failures kept."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from gradspec.checks import Check, Mismatch, Outcome
from gradspec.domains import Case
from gradspec.locating import Seen

KEPT = 8  # failing cases, to choose the clearest from
LARGE, KEPT_OF_LARGE = 4096, 2  # entries of a case that takes long to word, and how many of such are kept
CONCLUSIVE_SHARE = 0.95  # of a check's comparisons must count for a PASS
SIGHTED_SHARE = 1 / 4  # of the cases where there is a derivative one must have been compared: zeros prove little
MIN_STATED = 2  # such cases before that is asked
MIN_STATED_OF = 8  # cases of one input before that is asked of it
REFUTED = 2  # cases in which torch's gradient is off for certain: where it accuses by itself, that may be so again
ALIKE = 2.0  # a factor: a constant in the rule that is wrong makes the same relative difference everywhere
ENOUGH = 24  # failing cases of one input: no further one would tell more


@dataclass
class Seeing:
    """In how many sampled cases one input's derivative was looked for, and compared.

    Attributes:
        asked: Those in which the input has entries.
        compared: Those of them in which one was compared.
        stated: Those in which the rule or the oracle gives a derivative other than 0.
        sighted: Those of them in which such a derivative was compared.
    """

    asked: int = 0
    compared: int = 0
    stated: int = 0
    sighted: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count one case."""
        self.asked += 1
        self.compared += outcome.conclusive > 0
        self.stated += outcome.stated
        self.sighted += outcome.stated and outcome.is_sighted


@dataclass
class Tally:
    """What one check has said so far."""

    check: Check
    skipped: str = ""
    compared: int = 0
    comparisons: int = 0
    conclusive: int = 0
    stated: int = 0  # sampled cases in which the rule or the oracle gives a derivative other than 0
    sighted: int = 0  # those of them in which such a derivative was compared
    of_input: dict[str, Seeing] = field(default_factory=dict)
    evaluations: int = 0
    resolution: float = math.inf
    discrepancy: float = 0.0
    covered: set[tuple[str, str]] = field(default_factory=set)
    notes: dict[str, int] = field(default_factory=dict)
    failures: list[tuple[Case, Mismatch]] = field(default_factory=list)
    failing: list[tuple[Seen, str, str]] = field(default_factory=list)  # with the input, and the kind where it is known
    passing: list[tuple[Seen, str]] = field(default_factory=list)
    disputes: list[str] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)  # relative differences where nothing but torch accuses
    accused: list[tuple[Case, Outcome, Seen]] = field(default_factory=list)  # the cases of these
    refuted: int = 0  # cases in which torch's own gradient is off
    doubted: int = 0  # cases in which it differs, and nothing tells whether it is off

    @property
    def is_settled(self) -> bool:
        """Whether so much has failed that the check need not look at further cases."""
        if self.disputes or len(self.failing) < ENOUGH:  # how many disputes there are decides what is to blame
            return False
        return max(Counter(name for seen, name, _ in self.failing if seen.sampled).values(), default=0) >= ENOUGH

    @property
    def blindness(self) -> str:
        """Why what was compared is too little for a PASS; "" if it is not."""
        if self.comparisons == 0 or self.conclusive == 0:
            why = next(iter(self.notes), self.check.blind)
            return "nothing was compared" + (f": {why}" if why else "")
        if self.conclusive < CONCLUSIVE_SHARE * self.comparisons:
            return f"only {self.conclusive} of {self.comparisons} comparisons were sharp enough to count"
        if self.stated >= MIN_STATED and self.sighted < SIGHTED_SHARE * self.stated:
            return f"a derivative was compared in {self.sighted} of the {self.stated} cases where the rule gives one"
        return ""

    def add(self, case: Case, outcomes: Sequence[Outcome], seen: Seen) -> None:
        """Count what the check said of one case, which is remembered as *seen*.

        A case that was sought out because its bar was nearly reached is no sample of the domain: what is too blurred to
        count there says nothing of how sharply the check sees elsewhere.
        """
        if seen.sampled and any(outcome.stated for outcome in outcomes):
            self.stated += 1
            self.sighted += any(outcome.is_sighted for outcome in outcomes)
        self.disputes += [outcome.dispute for outcome in outcomes[:1] if outcome.dispute]
        for outcome in outcomes:
            if seen.sampled and outcome.size:
                self.of_input.setdefault(outcome.input, Seeing()).add(outcome)
            self.compared += outcome.entries
            self.comparisons += outcome.comparisons if seen.sampled else outcome.conclusive
            self.conclusive += outcome.conclusive
            self.resolution = min(self.resolution, outcome.resolution)
            self.discrepancy = max(self.discrepancy, outcome.discrepancy)
            if outcome.conclusive:
                self.covered.add(("input", outcome.input))
                self.covered.add(("dtype", case.dtype))
                self.covered |= {(f"param {name}", key) for name, key in case.keys.items()}
            if outcome.note:
                self.notes[outcome.note] = self.notes.get(outcome.note, 0) + 1
            self.refuted += outcome.refuted
            self.doubted += outcome.doubted
            if outcome.alone:
                self.alone += outcome.alone
                if len(self.accused) >= KEPT:  # counted, not worded: what would word it holds the whole trial
                    outcome = replace(outcome, mismatch=Mismatch(headline="", kind="", input=outcome.input))
                self.accused.append((case, outcome, seen))
            else:
                self._take(case, outcome, seen)

    def settle(self) -> None:
        """Decide what the accusations are worth in which torch stands alone: once, when everything is seen.

        torch's own series have errors of 1e-9 (digamma) that no differences tell from a wrong rule's. Where it was off
        in other cases it is believed only if it accuses nearly everywhere, and by the same share.
        """
        low, high = np.quantile(self.alone, (0.1, 0.9)) if self.alone else (0.0, 0.0)
        constant = 2 * len(self.alone) >= self.conclusive and high <= ALIKE * low
        if self.refuted < REFUTED or constant:
            for case, outcome, seen in self.accused:
                self._take(case, outcome, seen)
        elif self.accused:
            told = f"torch's gradient, which is off elsewhere, differs by {max(self.alone):.0e} where only it can tell"
            self.notes[told] = len(self.accused)
        self.accused = []

    def _take(self, case: Case, outcome: Outcome, seen: Seen) -> None:
        self._count(seen, outcome)
        large = sum(u.size for u in case.drawn) > LARGE
        if outcome.mismatch is not None and len(self.failures) < (KEPT_OF_LARGE if large else KEPT):
            self._keep(case, outcome.told)

    def _count(self, seen: Seen, outcome: Outcome) -> None:
        if outcome.mismatch is not None:
            told = outcome.mismatch if isinstance(outcome.mismatch, Mismatch) else None
            name, kind = (outcome.input, "") if told is None else (told.input, told.kind)
            self.failing.append((seen, name, kind))
        elif outcome.conclusive:
            self.passing.append((seen, outcome.input))

    def _keep(self, case: Case, mismatch: Mismatch | None) -> None:
        if mismatch is not None:
            self.discrepancy = max(self.discrepancy, mismatch.discrepancy)
            self.failures.append((case, mismatch))


def unseen_input(oracles: Sequence[Tally]) -> str:
    """Which input's derivative all oracles saw too rarely for a PASS, however well they saw others'; "" if none."""
    for name in dict.fromkeys(name for tally in oracles for name in tally.of_input):
        seeing = [tally.of_input[name] for tally in oracles if name in tally.of_input]
        stated, sighted = max(one.stated for one in seeing), max(one.sighted for one in seeing)
        if stated >= MIN_STATED_OF and sighted < SIGHTED_SHARE * stated:
            return f"a derivative for {name!r} was compared in {sighted} of the {stated} cases where there is one"
        asked, compared = max(one.asked for one in seeing), max(one.compared for one in seeing)
        if asked >= MIN_STATED_OF and compared < SIGHTED_SHARE * asked:
            return f"the cotangent of {name!r} was compared in {compared} of {asked} cases"
    return ""
