"""What the study claimed, and the rule by which it is confirmed, refuted or left undecided.

Two variants are compared seed by seed: with one seed they share data, order of points and as much of the first weights
as their shapes allow, so the difference of a pair has less noise than each of them. The 95 % t-interval of the mean
difference decides; one run never does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from statistics import fmean

from experiments.records import Epoch
from experiments.statistics import Summary, summarize

LEAST_SEEDS = 5
"""Below this many pairs a claim is undecided, whatever the interval says: its normality is a guess."""

Curve = Sequence[Epoch]


class Expect(Enum):
    """How the study says that the mean difference lies."""

    HIGHER = "higher"
    LOWER = "lower"
    SIMILAR = "similar"


class Outcome(Enum):
    """What the interval says about the claim."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    UNDECIDED = "undecided"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One sentence of the study that a number can contradict.

    Attributes:
        text: What the study says.
        measured: The number that is compared, in words.
        measure: The number, from the epochs of one run.
        variant: What is spoken of, in words: the label of a variant, if *of* names none.
        against: What it is compared with.
        expect: Where the effect should lie: the number of *variant* minus that of *against*.
        margin: For ``SIMILAR``: the largest difference that still is similar.
        of: The labels of all variants that are spoken of.
        against_of: The labels of those they are compared with.
        combine: One number from those of several variants with one seed.
        choose: Of several variants the one that is highest in this is measured, and no other; None measures all.
        parts: Where several settings are combined: a part of them in words -> the labels of *of* and of *against_of* in
            it. Their effects are shown beside the one that is judged, which can hide that they have different signs.
        of_study: Whether the study says it; what we ask beside it is shown as our own question.
    """

    text: str
    measured: str
    measure: Callable[[Curve], float]
    variant: str
    against: str
    expect: Expect
    margin: float = 0.0
    of: tuple[str, ...] = ()
    against_of: tuple[str, ...] = ()
    combine: Callable[[Sequence[float]], float] = fmean
    choose: Callable[[Curve], float] | None = None
    parts: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)
    of_study: bool = True

    @property
    def labels(self) -> tuple[str, ...]:
        """Every variant that the effect needs."""
        return (*(self.of or (self.variant,)), *(self.against_of or (self.against,)))

    def effect(self, curves: Mapping[str, Curve]) -> float:
        """The difference that is claimed to lie somewhere, from the curves of one seed: label -> epochs."""
        ours, theirs = self.of or (self.variant,), self.against_of or (self.against,)
        return self._number(curves, ours) - self._number(curves, theirs)

    def part(self, name: str) -> Claim:
        """The claim about one of its parts."""
        of, against_of = self.parts[name]
        return replace(self, of=of, against_of=against_of, parts={})

    def _number(self, curves: Mapping[str, Curve], labels: Sequence[str]) -> float:
        choose = self.choose
        if choose is not None:
            labels = [max(labels, key=lambda label: choose(curves[label]))]
        return self.combine([self.measure(curves[label]) for label in labels])


@dataclass(frozen=True)
class Judgement:
    """A claim, what was measured, and what follows.

    Attributes:
        claim: The claim.
        outcome: Confirmed, refuted or undecided.
        difference: The summary of the differences; None where there is no pair.
        reason: Why, in one sentence.
        parts: The same differences within each part of the claim.
    """

    claim: Claim
    outcome: Outcome
    difference: Summary | None
    reason: str
    parts: Mapping[str, Summary] = field(default_factory=dict)


def judge(claim: Claim, curves: Mapping[str, Mapping[int, Curve]]) -> Judgement:
    """Judge *claim* on the runs there are.

    Args:
        claim: The claim.
        curves: Variant -> seed -> the epochs of that run.
    """
    needed = [curves.get(label, {}) for label in claim.labels]
    seeds = sorted(set.intersection(*(set(by_seed) for by_seed in needed)))
    if not seeds:
        return Judgement(claim, Outcome.UNDECIDED, None, "no seed has been run for all variants that it speaks of")
    pairs = [{label: curves[label][seed] for label in claim.labels} for seed in seeds]
    parts = {name: summarize([claim.part(name).effect(pair) for pair in pairs]) for name in claim.parts}
    return _with_parts(_judge(claim, pairs), parts)


def _judge(claim: Claim, pairs: Sequence[Mapping[str, Curve]]) -> Judgement:
    differences = [claim.effect(pair) for pair in pairs]
    difference = summarize(differences)
    # A diverged run can have a finite measure: few epochs, or the accuracy of a model that gets every point wrong.
    lost = sum(any(row.diverged for curve in pair.values() for row in curve) for pair in pairs)
    if lost:
        return Judgement(claim, Outcome.UNDECIDED, difference, f"{lost} of {len(pairs)} pairs have a diverged run")
    silent = sum(not math.isfinite(value) for value in differences)
    if silent:
        why = f"{silent} of {len(pairs)} pairs have no such number (too few epochs, or what it waits for never came)"
        return Judgement(claim, Outcome.UNDECIDED, difference, why)
    if len(pairs) < LEAST_SEEDS:
        few = f"too few pairs ({len(pairs)}): at least {LEAST_SEEDS} seeds are needed"
        return Judgement(claim, Outcome.UNDECIDED, difference, few)
    return Judgement(claim, *_decide(claim, difference))


def _with_parts(whole: Judgement, parts: Mapping[str, Summary]) -> Judgement:
    """A direction that the mean of all parts has, and one of them surely has not, depends on the part."""
    whole = replace(whole, parts=parts)
    if whole.outcome is Outcome.UNDECIDED or whole.difference is None or whole.claim.expect is Expect.SIMILAR:
        return whole
    up = whole.difference.mean > 0
    against = [name for name, one in parts.items() if (one.high < 0 if up else one.low > 0)]
    if not against:
        return whole
    where = f"but for {' and '.join(against)} all of it lies {'below' if up else 'above'} 0"
    return replace(whole, outcome=Outcome.UNDECIDED, reason=f"{whole.reason}, {where}")


def _decide(claim: Claim, difference: Summary) -> tuple[Outcome, Summary, str]:
    low, high = difference.low, difference.high
    if claim.expect is Expect.SIMILAR:
        region = f"within ±{claim.margin:g}"
        inside = -claim.margin <= low and high <= claim.margin
        outside = low > claim.margin or high < -claim.margin
    else:
        region = "above 0" if claim.expect is Expect.HIGHER else "below 0"
        inside, outside = (low > 0, high < 0) if claim.expect is Expect.HIGHER else (high < 0, low > 0)
    if inside:
        return Outcome.CONFIRMED, difference, f"the whole interval lies {region}"
    if outside:
        return Outcome.REFUTED, difference, f"no part of the interval lies {region}"
    if low == high == 0:
        return Outcome.UNDECIDED, difference, "there is no difference at all"
    return Outcome.UNDECIDED, difference, f"only a part of the interval lies {region}"
