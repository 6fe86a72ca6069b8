"""Judgements as the page shows them: sentence by sentence, each number with its interval to scale."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from experiments.claims import Expect, Judgement, Outcome


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """What is said, and every number that can contradict it.

    Attributes:
        text: What is said.
        judgements: One for each number.
    """

    text: str
    judgements: tuple[Judgement, ...]

    @property
    def of_study(self) -> bool:
        """Whether the study says it."""
        return self.judgements[0].claim.of_study

    @property
    def outcome(self) -> Outcome:
        """Confirmed if all of its numbers confirm it, refuted if any refutes it, otherwise undecided."""
        outcomes = {judgement.outcome for judgement in self.judgements}
        if Outcome.REFUTED in outcomes:
            return Outcome.REFUTED
        return Outcome.CONFIRMED if outcomes == {Outcome.CONFIRMED} else Outcome.UNDECIDED


def sentences(judgements: Iterable[Judgement]) -> tuple[Sentence, ...]:
    """The judgements by who says it and what is said, in their order."""
    found: dict[tuple[str, bool], list[Judgement]] = {}
    for judgement in judgements:
        found.setdefault((judgement.claim.text, judgement.claim.of_study), []).append(judgement)
    return tuple(Sentence(text=text, judgements=tuple(group)) for (text, _), group in found.items())


@dataclass(frozen=True)
class Ruler:
    """A claim's interval as places on a ruler from 0 to 100, with 0 of the difference at 50.

    Attributes:
        low: Where the interval starts.
        mean: Where the mean is.
        high: Where the interval ends.
        claimed_from: Where the claimed region starts.
        claimed_to: Where it ends.
    """

    low: float
    mean: float
    high: float
    claimed_from: float
    claimed_to: float


def ruler(judgement: Judgement) -> Ruler | None:
    """The interval drawn to scale; None where there is no finite one."""
    difference, claim = judgement.difference, judgement.claim
    if difference is None or not all(map(math.isfinite, (difference.low, difference.mean, difference.high))):
        return None
    reach = max(abs(difference.low), abs(difference.high), claim.margin) or 1.0
    place: Callable[[float], float] = lambda value: round(50 + 45 * value / reach, 2)  # noqa: E731 - typed
    regions = {
        Expect.HIGHER: (50.0, 100.0),
        Expect.LOWER: (0.0, 50.0),
        Expect.SIMILAR: (place(-claim.margin), place(claim.margin)),
    }
    return Ruler(place(difference.low), place(difference.mean), place(difference.high), *regions[claim.expect])
