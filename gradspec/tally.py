"""What one check has said so far: its comparisons counted, its failures kept."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from gradspec.checks import Check, Mismatch, Outcome
from gradspec.domains import Case

KEPT = 8  # failing cases, to choose the clearest from
REMEMBERED = 2**16  # entries of a case up to which its values are kept, to see what failing cases have in common
ENOUGH = 24  # failing cases of one input: no further one would tell more


@dataclass
class Tally:
    """What one check has said so far."""

    check: Check
    skipped: str = ""
    compared: int = 0
    comparisons: int = 0
    conclusive: int = 0
    evaluations: int = 0
    resolution: float = math.inf
    discrepancy: float = 0.0
    covered: set[tuple[str, str]] = field(default_factory=set)
    notes: dict[str, int] = field(default_factory=dict)
    failures: list[tuple[Case, Mismatch]] = field(default_factory=list)
    failing: list[tuple[Case, str]] = field(default_factory=list)
    passing: list[tuple[Case, str]] = field(default_factory=list)
    disputes: list[str] = field(default_factory=list)

    @property
    def is_settled(self) -> bool:
        """Whether so much has failed that the check need not look at further cases."""
        if (
            self.disputes or len(self.failing) < ENOUGH
        ):  # how many are disputed decides whether the reference is to blame
            return False
        return max(Counter(name for _, name in self.failing).values()) >= ENOUGH

    def add(self, case: Case, outcomes: Sequence[Outcome], *, sampled: bool = True) -> None:
        """Count what the check said of one case.

        A case that was sought out because its bar was nearly reached is no sample of the domain: what is too blurred to
        count there says nothing of how sharply the check sees elsewhere.
        """
        self.disputes += [outcome.dispute for outcome in outcomes[:1] if outcome.dispute]
        for outcome in outcomes:
            self.compared += outcome.entries
            self.comparisons += outcome.comparisons if sampled else outcome.conclusive
            self.conclusive += outcome.conclusive
            self.resolution = min(self.resolution, outcome.resolution)
            self.discrepancy = max(self.discrepancy, outcome.discrepancy)
            if outcome.conclusive:
                self.covered.add(("input", outcome.input))
                self.covered.add(("dtype", case.dtype))
                self.covered |= {(f"param {name}", key) for name, key in case.keys.items()}
            if outcome.note:
                self.notes[outcome.note] = self.notes.get(outcome.note, 0) + 1
            if sampled:
                self._count(case, outcome)
            if outcome.mismatch is not None and len(self.failures) < KEPT:
                self._keep(case, outcome.told)

    def _count(self, case: Case, outcome: Outcome) -> None:
        if sum(u.size for u in case.drawn) > REMEMBERED:  # a hundred large cases would fill the memory
            case = replace(case, drawn=tuple(np.empty((*u.shape[:-1], 0)) if u.ndim else u for u in case.drawn))
        if outcome.mismatch is not None:
            name = outcome.mismatch.input if isinstance(outcome.mismatch, Mismatch) else outcome.input
            self.failing.append((case, name))
        elif outcome.conclusive:
            self.passing.append((case, outcome.input))

    def _keep(self, case: Case, mismatch: Mismatch | None) -> None:
        if mismatch is not None:
            self.discrepancy = max(self.discrepancy, mismatch.discrepancy)
            self.failures.append((case, mismatch))
