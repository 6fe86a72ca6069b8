"""What is known of one trial's derivative, and how exactly a rule can be expected to agree with it.

The bar of a comparison has three parts, each with a reason:
the oracle's own error; the rounding that any evaluation makes (eps times the terms that enter); and the measured
rounding of this rule (how far its answer moves when its inputs move by ulps), which carries its conditioning.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from gradspec.directions import Directions, single_entries
from gradspec.measurement import JUMP, Measurement
from gradspec.oracles.estimate import Estimate
from gradspec.trial import EPS

ORACLE = 10.0  # how many of its claimed errors an oracle may be off: calibrated in VERIFICATION section 3
ROUNDING = 64.0  # ulps of the terms that a correct rule may lose
SATURATED = 1 / 8  # of ROUNDING: what cancels where an op is saturated is rounded once or twice
NOISE = 16.0  # times the measured rounding of the rule
CONCLUSIVE = {"float64": 1e-6, "float32": 1e-3}  # a bar above this share of the terms says nothing
SHARP_ENOUGH = 1e-3  # an oracle's error above this share of its own answer says nothing
SECOND_STEP = 0.739085  # of the first: far from every ratio of small numbers
NEARBY = 16  # points around a tie at which the derivative is sampled
CAP32 = 4096.0  # float32: rounding beyond this many ulps of the terms is not excused by conditioning


@dataclass(frozen=True)
class Judgement:
    """A rule against an oracle, along each direction (p,).

    Attributes:
        claim: What the rule says.
        want: What the oracle says.
        bar: How far they may differ.
        width: Half the range of derivatives at a kink; any value in it is right.
        terms: Sum of the terms that enter: what the bar is relative to.
        judged: Whether there is a derivative to compare with at all.
        conclusive: Whether the bar is small enough to count.
        wrong: Whether the difference exceeds the bar.
    """

    claim: np.ndarray
    want: np.ndarray
    bar: np.ndarray
    width: np.ndarray
    terms: np.ndarray
    judged: np.ndarray
    conclusive: np.ndarray
    wrong: np.ndarray

    @property
    def discrepancy(self) -> np.ndarray:
        """Difference over bar; inf where the claim is not finite though the derivative is."""
        with np.errstate(all="ignore"):
            excess = np.maximum(np.abs(self.claim - self.want) - self.width, 0.0)
            ratio = np.where(excess > 0, excess / np.maximum(self.bar, np.finfo(float).tiny), 0.0)
        return np.where(np.isfinite(self.claim), ratio, np.inf)


class Evidence(Measurement):
    """A trial's measurements, and cotangents held against them."""

    @cached_property
    def of_rule(self) -> Judgement:
        """The rule's own answer against finite differences.

        Raises:
            CallFailedError: The rule gives no cotangents.
        """
        return self.judge(self.trial.flat_cotangents(self.trial.x_bar))

    def judge(
        self, cotangent: np.ndarray, measured: tuple[Directions, Estimate] | None = None, *, second_look: bool = True
    ) -> Judgement:
        """Hold a cotangent (n',) against finite differences."""
        directions, estimate = measured or (self.directions, self.estimate)
        size = np.abs(self.trial.v)
        with np.errstate(all="ignore"):
            matters = size > 0
            want = np.where(matters, self.trial.v * estimate.value, 0.0).sum(axis=1)
            error = np.where(matters, size * estimate.error, 0.0).sum(axis=1)
            width = np.where(matters, size * estimate.width, 0.0).sum(axis=1)
            exists = np.asarray(~estimate.diverges.any(axis=1))
            # At an edge of the domain a slope that no step resolves may have no limit: log1p next to -1.
            exists &= directions.both | (error <= SHARP_ENOUGH * np.fmax(np.abs(want), self._value_terms(directions)))
            judgement = self._judgement(cotangent, directions, want, ORACLE * error, width, exists)
        if judgement.wrong.any():
            judgement = self._at_ties(judgement, directions)
        if judgement.wrong.any() and second_look:
            judgement = self._confirmed(judgement, cotangent, directions)
        return judgement

    def _confirmed(self, judgement: Judgement, cotangent: np.ndarray, directions: Directions) -> Judgement:
        """Keep only failures that steps of another length see, too.

        Steps that happen to be near multiples of a period find a false plateau: sin(x) at x = 25118344, where the
        smallest step is 122.0004 π.
        """
        wrong = np.flatnonzero(judgement.wrong)
        again = directions.chosen([*wrong])
        again = replace(again, moves=again.moves * SECOND_STEP, images=again.images * SECOND_STEP)
        confirmed = judgement.wrong.copy()
        confirmed[wrong] = self.judge(cotangent, self.along_each(again), second_look=False).wrong
        doubtful = judgement.wrong & ~confirmed
        return replace(judgement, wrong=confirmed, conclusive=judgement.conclusive & ~doubtful)

    @cached_property
    def cancellation(self) -> np.ndarray:
        """(p, m) what another way of computing the derivative may lose: it rounds in terms of the size |y / x|.

        They may cancel in the rule, as in x / x.sum() of one x.
        """
        x, moves = np.abs(self.trial.point), np.abs(self.directions.moves)
        steepness = (moves / np.where(x > 0, x, 1.0)).max(axis=1, initial=0.0)
        return np.asarray(ROUNDING * EPS[self.trial.case.dtype] * np.outer(steepness, np.abs(self.trial.y64)))

    def judge_along(
        self, directions: Directions, cotangent: np.ndarray, value: np.ndarray, error: np.ndarray, exists: np.ndarray
    ) -> Judgement:
        """Hold a cotangent (n',) against derivatives (p, m) known up to *error* (p, m), where they exist (p,)."""
        size = np.abs(self.trial.v)
        with np.errstate(all="ignore"):
            want = np.where(size > 0, self.trial.v * value, 0.0).sum(axis=1)
            spread = np.where(size > 0, size * error, 0.0).sum(axis=1)
            return self._judgement(cotangent, directions, want, spread, np.zeros(len(directions)), exists)

    def judge_against(self, cotangent: np.ndarray, reference: np.ndarray) -> Judgement:
        """Hold a cotangent (n',) against another one that is exact up to rounding."""
        directions = self.directions
        with np.errstate(all="ignore"):
            want = self.claims(reference, directions)
            zero = np.zeros(len(directions))
            return self._judgement(cotangent, directions, want, zero, zero, np.isfinite(want))

    def _judgement(
        self,
        cotangent: np.ndarray,
        directions: Directions,
        want: np.ndarray,
        error: np.ndarray,
        width: np.ndarray,
        exists: np.ndarray,
    ) -> Judgement:
        dtype = self.trial.case.dtype
        claim = self.claims(cotangent, directions)
        terms, floor = self.rounding(np.where(np.isfinite(cotangent), cotangent, 0.0), directions)
        bar = error + floor + self._rule_noise(directions, terms)
        known = exists & np.isfinite(want) & np.isfinite(bar)
        if dtype == "float32":
            known &= self.is_float32_sound
            known &= np.abs(want) < np.finfo(np.float32).max * np.maximum(directions.scale, 1.0) / 4
        # Where the derivative is 0 nothing is relative to it: a wrong rule would show at the size of y_bar.
        unit = np.where(want == 0, np.abs(self.trial.v).sum() * directions.scale, 0.0)
        limit = CONCLUSIVE[dtype] * np.fmax(np.fmax(terms, np.abs(want)), unit)
        # A wild claim enlarges the terms; the oracle has to be sharp against what it says itself, too.
        known &= error <= SHARP_ENOUGH * np.fmax(np.fmax(self._value_terms(directions), np.abs(want)), unit)
        conclusive = known & (bar <= limit)
        wrong = conclusive & ~(np.abs(claim - want) <= bar + width)
        if dtype == "float32" and wrong.any():
            bar, undecided = self._excused_in_float32(directions, np.abs(claim - want) - width, bar, terms)
            conclusive = conclusive & ~undecided
            wrong = conclusive & ~(np.abs(claim - want) <= bar + width)
        if wrong.any():
            undecided = wrong & self._between_branches(directions, want, bar + width)
            wrong, conclusive = wrong & ~undecided, conclusive & ~undecided
        judged = exists & np.isfinite(want)
        if directions is self.directions and (directions.entries >= 0).sum() == self.trial.point.size:
            judged &= conclusive | (directions.entries >= 0)  # every entry is compared by itself: the rest is extra
        return Judgement(claim, want, bar, width, terms, judged, conclusive, wrong)

    def _between_branches(self, directions: Directions, want: np.ndarray, bar: np.ndarray) -> np.ndarray:
        """(p,) whether the rule is right for some inputs an ulp away and wrong for others: no oracle sees so finely.

        x**p at x = 0 has the slope 1 for p = 1 and 0 one ulp above. A point that is wrong all by itself stays wrong.
        """
        claims = np.array([self.claims(x_bar, directions) for _, x_bar in self.trial.jittered])
        agrees = np.abs(claims - want) <= bar + CONCLUSIVE[self.trial.case.dtype] * np.abs(want)
        return np.asarray(agrees.any(axis=0) & ~agrees.all(axis=0))

    def rounding(self, cotangent: np.ndarray, directions: Directions) -> tuple[np.ndarray, np.ndarray]:
        """The terms that enter each comparison (p,), and what rounding may cost there."""
        trial = self.trial
        size = np.abs(trial.v)
        products = np.abs(np.where(directions.images != 0, directions.images * cotangent, 0.0)).sum(axis=1)
        terms = products + self._value_terms(directions)
        spread = terms + self._row_terms(directions, size) + self._saturated_terms(directions, size)
        floor = ROUNDING * (EPS[trial.case.dtype] * spread + float(np.finfo(trial.case.dtype).tiny) * size.sum())
        return terms, floor

    def _value_terms(self, directions: Directions) -> np.ndarray:
        """(p,) Σ |v_j y_j|, as far as the direction moves the entries."""
        trial = self.trial
        relative = np.abs(directions.moves) / np.maximum(np.abs(trial.point), 1.0)
        return np.asarray(float(np.abs(trial.v) @ np.abs(trial.y64)) * relative.max(axis=1, initial=0.0))

    def _row_terms(self, directions: Directions, size: np.ndarray) -> np.ndarray:
        """No entry is known better than its row and its column of the Jacobian: their largest terms."""
        if directions is not self.directions:
            return np.zeros(len(directions))
        value = np.nan_to_num(np.abs(self.estimate.value), nan=0.0, posinf=0.0)
        rows = np.zeros(len(directions))
        column = (value * size).sum(axis=1)
        names = np.array(directions.inputs)
        for name in dict.fromkeys(directions.inputs):
            mine = (names == name) & (directions.entries >= 0)
            if mine.any():
                scale = directions.scale[mine]
                largest = (value[mine] / scale[:, None]).max(axis=0)
                rows[mine] = float(largest @ size) * scale
        return np.asarray(rows + column)

    def _saturated_terms(self, directions: Directions, size: np.ndarray) -> np.ndarray:
        """(p,) the derivative's size elsewhere, but at most that of y_bar."""
        slopes = self.elsewhere[1]
        if not slopes.size or slopes.size != directions.images.shape[1]:
            return np.zeros(len(directions))
        largest = np.zeros_like(slopes)
        for where in self.trial.slices.values():
            if slopes.size == self.trial.point.size:
                largest[where] = slopes[where].max(initial=0.0)
        capped = np.minimum(largest, size.sum())
        return np.asarray(SATURATED * (np.abs(directions.images) * capped).max(axis=1, initial=0.0))

    def _rule_noise(self, directions: Directions, terms: np.ndarray) -> np.ndarray:
        """(p,) the measured rounding of the rule: how far its claims move when its inputs move by ulps."""
        trial = self.trial
        base = self.claims(trial.exact_rule[1], directions)
        moved = [np.abs(self.claims(x_bar, directions) - base) for _, x_bar in trial.jittered]
        near, far = np.fmax(*moved[:2]), np.fmax(*moved[2:])
        jump = (near > JUMP * EPS[trial.case.dtype] * terms) & (far < 2 * near)
        noise = np.where(jump, 0.0, np.fmax(near, far / 4))
        noise = NOISE * np.nan_to_num(noise, nan=0.0, posinf=0.0)
        if trial.case.dtype == "float32":
            noise = np.minimum(noise, CAP32 * EPS["float32"] * terms)
        return noise

    def _excused_in_float32(
        self, directions: Directions, excess: np.ndarray, bar: np.ndarray, terms: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Bars (p,) that allow for what the reference itself loses in float32, and which comparisons say nothing.

        The rule's own loss must not excuse it: E[x²] - m² would pass. Without a reference, what exceeds the bar for
        rounding is a failure only beyond any conditioning, and undecided otherwise.
        """
        cap = (
            CAP32
            * EPS["float32"]
            * (terms + np.abs(directions.moves).max(axis=1, initial=0.0) * np.abs(self.trial.v).sum())
        )
        lost = self.trial.lost_by_reference
        if lost is None:
            return bar, (excess > bar) & (excess <= np.maximum(cap, bar))
        theirs = np.max([np.abs(self.claims(error, directions)) for error in lost], axis=0)
        return bar + np.minimum(NOISE * np.nan_to_num(theirs, nan=0.0, posinf=0.0), cap), np.zeros(
            bar.shape, dtype=bool
        )

    def _at_ties(self, judgement: Judgement, directions: Directions) -> Judgement:
        """Accept, for entries that are equal to others, any derivative that occurs at generic points nearby.

        Where an op is not regular (a median with ties) both one-sided slopes of an entry can be 0 while a valid
        choice gives 1: Clarke's subdifferential is sampled instead. Directions that move all of a tie are not touched.
        """
        trial = self.trial
        _, which, counts = np.unique(trial.point, return_inverse=True, return_counts=True)
        tied = counts[which.reshape(-1)] > 1
        uneven = _moves_ties_apart(directions.moves, which.reshape(-1), tied) & (directions.entries < 0)
        judgement = replace(  # across a tie an irregular op has slopes that no choice of cotangent explains
            judgement, conclusive=judgement.conclusive & ~(uneven & judgement.wrong), wrong=judgement.wrong & ~uneven
        )
        doubtful = [
            p for p in np.flatnonzero(judgement.wrong) if directions.entries[p] >= 0 and tied[directions.entries[p]]
        ]
        if not doubtful or not np.isfinite(judgement.claim[doubtful]).all():
            return judgement
        low, high = judgement.want - judgement.width, judgement.want + judgement.width
        for turn in range(min(int(counts.max()), NEARBY)):
            moved = trial.moved(np.where(tied, _ranked(which.reshape(-1), turn), 0.0))
            there, positions = Evidence(moved), directions.entries[doubtful]
            single = single_entries(moved, positions)
            estimate = there.along_each(single)[1]
            scale = directions.moves[doubtful, positions] / single.moves[np.arange(len(positions)), positions]
            slopes = np.where(trial.v != 0, trial.v * estimate.value, 0.0).sum(axis=1) * scale
            low[doubtful], high[doubtful] = np.fmin(low[doubtful], slopes), np.fmax(high[doubtful], slopes)
        inside = (judgement.claim >= low - judgement.bar) & (judgement.claim <= high + judgement.bar)
        accepted = np.zeros(len(directions), dtype=bool)
        accepted[doubtful] = inside[doubtful]
        return replace(
            judgement,
            width=np.where(accepted, np.abs(judgement.claim - judgement.want), judgement.width),
            wrong=judgement.wrong & ~accepted,
        )

    @cached_property
    def is_float32_sound(self) -> bool:
        """Whether forward in float32 agrees with forward in float64: where it does not, its vjp is not judged."""
        trial = self.trial
        given = np.concatenate([np.asarray(y, dtype=float).reshape(-1) for y in trial.ys if y.dtype.kind == "f"])
        spread = np.nan_to_num(np.max([np.abs(y - trial.y64) for y, _ in trial.jittered], axis=0), nan=0.0)
        largest = float(np.abs(trial.y64).max(initial=0.0))
        with np.errstate(all="ignore"):
            return bool((np.abs(given - trial.y64) <= NOISE * spread + ROUNDING * EPS["float32"] * largest).all())


def _moves_ties_apart(moves: np.ndarray, groups: np.ndarray, tied: np.ndarray) -> np.ndarray:
    """(p,) whether a direction moves equal entries by different amounts."""
    apart = np.zeros(len(moves), dtype=bool)
    for group in np.unique(groups[tied]):
        apart |= np.ptp(moves[:, groups == group], axis=1) > 0
    return apart


def _ranked(groups: np.ndarray, turn: int) -> np.ndarray:
    """Offsets in [-1, 1] that tell the members of each group apart; over the turns each takes each rank once."""
    offsets = np.zeros(groups.shape)
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        offsets[members] = np.roll(np.linspace(-1.0, 1.0, len(members)), turn)
    return offsets
