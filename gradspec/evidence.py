"""What is known of one trial's derivative, and how exactly a rule can be expected to agree with it.

The bar of a comparison has three parts: the oracle's own error; the rounding that any evaluation makes (eps times the
terms that enter); and the measured rounding of this rule (how far it moves when its inputs do), its conditioning.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np

from gradspec.directions import ALL_ENTRIES, Directions, refitted
from gradspec.doubts import Doubts
from gradspec.judgement import Judgement
from gradspec.oracles.estimate import Estimate
from gradspec.rounding import CONCLUSIVE, ROUNDING
from gradspec.ties import adds_up, are_varied, moves_ties_apart, ranked, uneven
from gradspec.trial import EPS, Trial

ORACLE = 10.0  # how many of its claimed errors an oracle may be off: calibrated in VERIFICATION section 3
SHARP_ENOUGH = 1e-3  # an oracle's error above this share of its own answer says nothing
SECOND_STEP = 0.739085  # of the first: far from every ratio of small numbers
NEARBY = 16  # points around a tie at which the derivative is sampled
UNEVEN = 32  # more of them, at which the entries of a tie of MANY are moved by very different amounts
MANY = 4
FAR = 100.0  # times the bar: no rounding of a rule that answers to an ulp by less than the bar
SMOOTH = 16.0  # times what samples reach: no choice at a tie is as far from all that is near it
VARIED = 4.0  # times what samples reach: where they are all different, none of them is the last


class Evidence(Doubts):
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
            exists &= ~((estimate.value != 0) & matters & self.is_chaotic).any(axis=1)
            # At an edge of the domain a slope that no step resolves may have no limit: log1p next to -1.
            exists &= directions.both | (error <= SHARP_ENOUGH * np.fmax(np.abs(want), self.value_terms(directions)))
            # And one side of a kink is no derivative: an angle of opposite vectors, one entry lying on an edge.
            kinked = (self.estimate.width > 0).any(axis=0) & matters
            exists &= directions.both | ~(estimate.value != 0)[:, kinked].any(axis=1)
            judgement = self._judgement(cotangent, directions, want, ORACLE * error, width, exists)
        if judgement.wrong.any():
            judgement = self.at_edges(self._at_ties(self._at_kinks(judgement, directions), directions), directions)
        if judgement.wrong.any() and second_look:
            judgement = self.drowned(self._confirmed(judgement, cotangent, directions), directions, estimate)
            judgement = self.finer(self.undisputed(judgement, directions), directions)
            judgement = self.resolved(self.unseen(judgement, directions), directions)
        return judgement

    def _confirmed(self, judgement: Judgement, cotangent: np.ndarray, directions: Directions) -> Judgement:
        """Keep only failures that steps of another length see, too.

        Steps that happen to be near multiples of a period find a false plateau: sin(x) at x = 25118344, where the
        smallest step is 122.0004 π.
        """
        wrong = np.flatnonzero(judgement.wrong)
        again = directions.chosen([*wrong])
        again = again.times(SECOND_STEP)
        confirmed = judgement.wrong.copy()
        confirmed[wrong] = self.judge(cotangent, self.along_each(again), second_look=False).wrong
        doubtful = judgement.wrong & ~confirmed
        return replace(judgement, wrong=confirmed, conclusive=judgement.conclusive & ~doubtful)

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
        # Nothing is relative to a derivative of 0: a wrong rule would show at the size of y_bar. log(1 + exp(x)) is 0
        # below -37, its derivative is not. An oracle may round that 0, too: torch's layer_norm over one entry.
        terms, floor, usual = self.rounding(np.where(np.isfinite(cotangent), cotangent, 0.0), directions)
        is_zero = (want == 0) | self._stands_still(directions)
        unit = np.where(is_zero, np.abs(self.trial.v).sum() * directions.scale, 0.0)
        noise = self.rule_noise(directions, terms)
        bar = error + floor + noise + ROUNDING * EPS[dtype] * unit
        known = exists & np.isfinite(want) & np.isfinite(bar)
        if dtype == "float32":
            known &= self.is_float32_sound
            known &= ~self.is_beyond_float32(directions, want)
        # Where an op is saturated, that its derivative is nothing against its usual size is all there is to know.
        limit = CONCLUSIVE["float32" if self.is_coarse else dtype] * np.fmax(
            np.fmax(terms, np.abs(want)), np.fmax(unit, usual)
        )
        # A wild claim enlarges the terms; the oracle has to be sharp against what it says itself, too.
        known &= error <= SHARP_ENOUGH * np.fmax(
            np.fmax(self.value_terms(directions), np.abs(want)), np.fmax(unit, usual)
        )
        # A rule that moves by much is known by little; what is off by far more is wrong all the same.
        conclusive = known & ((bar <= limit) | (np.abs(claim - want) > FAR * (bar + width)))
        wrong = conclusive & ~(np.abs(claim - want) <= bar + width)
        if wrong.any() and self.loses_a_kink:
            wrong, conclusive = np.zeros_like(wrong), conclusive & ~wrong
        if dtype == "float32" and wrong.any():
            bar, undecided = self.excused_in_float32(directions, np.abs(claim - want) - width, bar, terms)
            conclusive = conclusive & ~undecided
            wrong = conclusive & ~(np.abs(claim - want) <= bar + width)
        if wrong.any():
            undecided = wrong & (np.abs(claim - want) <= bar + width + self.shared_noise(directions, terms))
            wrong, conclusive = wrong & ~undecided, conclusive & ~undecided
        certain = wrong & self.jumps_with_y_bar(directions, claim, want, bar + width) if wrong.any() else wrong
        if (wrong & ~certain).any():
            undecided = wrong & ~certain & self.between_branches(directions, claim, want, bar + width)
            wrong, conclusive = wrong & ~undecided, conclusive & ~undecided
        steep = noise > limit  # the derivative itself is not known better than that
        if (wrong & ~certain).any():
            undecided = wrong & ~certain & self.is_steep(directions, claim, want, bar + width)
            wrong, conclusive, steep = wrong & ~undecided, conclusive & ~undecided, steep | undecided
        judged = exists & np.isfinite(want) & ~(steep & ~conclusive)
        if self.is_coarse:
            judged &= conclusive  # differences of float32 see what they can; that it is enough, SIGHTED_SHARE asks
        if directions is self.directions and (directions.entries >= 0).sum() == self.trial.point.size:
            judged &= conclusive | (directions.entries >= 0)  # every entry is compared by itself: the rest is extra
        return Judgement(claim, want, bar, width, terms, judged, conclusive, wrong)

    def _at_kinks(self, judgement: Judgement, directions: Directions) -> Judgement:
        """Judge no direction across several kinks: between its two slopes need not lie what the entries' add up to.

        The entries are compared one by one; of many, a sample is. Equal entries moved alike, and opposite ones moved
        against each other, may share a kink, and are judged where they do.
        """
        trial, known = self.trial, np.ones(len(directions), dtype=bool)
        kinked = (self.estimate.width > 0)[:, trial.v != 0].any(axis=1)
        at_kinks = self.directions.entries[kinked & (self.directions.entries >= 0)]
        met = directions.moves[:, at_kinks] != 0
        many = (directions.moves != 0).sum(axis=1) > ALL_ENTRIES
        many &= kinked if directions is self.directions else False
        for p in np.flatnonzero(judgement.wrong & (directions.entries < 0) & (many | (met.sum(axis=1) > 1))):
            apart = np.unique(np.abs(trial.point[at_kinks[met[p]]])).size > 1
            known[p] = not (apart or adds_up(trial.outputs, trial.point, directions.moves[p], trial.v))
        return replace(
            judgement,
            judged=judgement.judged & known,
            conclusive=judgement.conclusive & known,
            wrong=judgement.wrong & known,
        )

    def _stands_still(self, directions: Directions) -> np.ndarray:
        """(p,) whether finite differences are exactly 0 along a direction in every output that y_bar looks at."""
        if directions is not self.directions:
            return np.zeros(len(directions), dtype=bool)
        return np.asarray((self.estimate.value == 0)[:, self.trial.v != 0].all(axis=1))

    def _at_ties(self, judgement: Judgement, directions: Directions) -> Judgement:
        """Accept, where entries are equal to others, any derivative that occurs at generic points nearby.

        Where an op is not regular (a median with ties) both one-sided slopes of an entry can be 0 while a valid choice
        gives 1: Clarke's subdifferential is sampled instead, along entries and along directions that move a tie alike.
        Samples never reach all of it where they all differ, as for the second singular value of 0: there, what is not
        far beyond them is left open.
        """
        trial = self.trial
        _, which, counts = np.unique(trial.point, return_inverse=True, return_counts=True)
        which = which.reshape(-1)
        tied = counts[which] > 1
        apart = moves_ties_apart(directions.moves, which, tied) & (directions.entries < 0)
        judgement = replace(  # across a tie an irregular op has slopes that no choice of cotangent explains
            judgement, conclusive=judgement.conclusive & ~(apart & judgement.wrong), wrong=judgement.wrong & ~apart
        )
        doubtful = np.flatnonzero(judgement.wrong & (directions.moves[:, tied] != 0).any(axis=1))
        if not doubtful.size or not np.isfinite(judgement.claim[doubtful]).all():
            return judgement
        low, high = judgement.want - judgement.width, judgement.want + judgement.width
        rng = np.random.default_rng((trial.case.seed, 11))
        samples = []
        turns = min(2 * int(counts.max()), NEARBY)
        for turn in range(turns + UNEVEN * bool(counts.max() >= MANY)):
            offsets = ranked(which, turn, rng) if turn < turns else uneven(which.size, rng)
            shift = np.where(tied, offsets, 0.0)
            far, near = (self._slopes_at(trial.moved(shift * size), directions, doubtful) for size in (1.0, 0.5))
            with np.errstate(all="ignore"):
                there, bend = 2 * near - far, np.abs(near - far)  # at the tie itself, coming from that side
            samples.append(near)
            low[doubtful] = np.fmin(low[doubtful], there - bend)
            high[doubtful] = np.fmax(high[doubtful], there + bend)
        inside = (judgement.claim >= low - judgement.bar) & (judgement.claim <= high + judgement.bar)
        with np.errstate(all="ignore"):
            reached = np.fmax(high - judgement.want, judgement.want - low)
            beyond = np.abs(judgement.claim - judgement.want) > VARIED * reached + judgement.bar
        varied = np.zeros(len(directions), dtype=bool)
        varied[doubtful] = are_varied(np.array(samples))
        # A transform hides which entries are tied behind it: where slopes nearby differ, no sample is enough near them.
        hidden = np.array([trial.op.inputs[name].transform is not None for name in directions.inputs])
        open_now = np.zeros(len(directions), dtype=bool)
        hidden &= high - low > SHARP_ENOUGH * np.abs(judgement.claim)
        hidden &= np.abs(judgement.claim - judgement.want) <= SMOOTH * reached + judgement.bar
        open_now[doubtful] = (~inside & (hidden | (varied & ~beyond)))[doubtful]
        accepted = np.zeros(len(directions), dtype=bool)
        accepted[doubtful] = inside[doubtful]
        return replace(
            judgement,
            width=np.where(accepted, np.abs(judgement.claim - judgement.want), judgement.width),
            conclusive=judgement.conclusive & ~open_now,
            wrong=judgement.wrong & ~accepted & ~open_now,
        )

    def _slopes_at(self, moved: Trial, directions: Directions, which: np.ndarray) -> np.ndarray:
        """⟨v, f⟩'s slopes along some of the directions at another point, per their lengths here."""
        there, factor = refitted(moved, directions.chosen([*which]))
        estimate = Evidence(moved).along_each(there)[1]
        with np.errstate(all="ignore"):
            return np.asarray(np.where(self.trial.v != 0, self.trial.v * estimate.value, 0.0).sum(axis=1) / factor)
