"""What is looked at again before a rule is accused: whether it may be differences that err."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradspec.directions import Directions
from gradspec.excuses import Excuses
from gradspec.judgement import Judgement
from gradspec.nearby import last_digits, turns, within_a_step
from gradspec.oracles.estimate import Estimate
from gradspec.oracles.finite_difference import STEPS
from gradspec.rounding import NOISE, ROUNDING

LOOKED_AT = 32  # comparisons that failed
LOST = 1e-3  # of an output: what it moves by for an ulp is no rounding above that
DISPUTED = 1e-2  # of a difference: what the complex step explains but for this much of it is left open
DISPUTABLE = 0.1  # of the derivative: what rounding may hide from differences; more than that is a wrong rule
SECANTS = STEPS[-1] * 4.0 ** -np.arange(1, 13)  # of a direction: shorter than any step of differences
SWALLOWED = 8.0  # ulps of the largest number: shorter ones may vanish in it
NEARER = 1 / 8  # of what a rule is off by: what secants see is so near to its claim
NEAR = (2.0, 16.0)  # ulps of the smallest number that is moved
SEEN = 3  # steps, of those of differences, over which the rule says what these see
LONGER = (1.0, 8.0, 64.0)  # times the shortest step
SPARSE = 1 / 16  # between numbers of float32: too far for what goes up and down within 1
TURNS = 3  # times that claims within a step cross their mean, as those of no smooth function do


class Doubts(Excuses):
    """A trial's measurements, what excuses a rule, and what makes differences doubtful."""

    def drowned(self, judgement: Judgement, directions: Directions, estimate: Estimate) -> Judgement:
        """Leave open what forward may have lost over the longest step: it answers to an ulp with far more than one.

        Over shorter steps its values may stand still: a triangle of corners 3e7 away, two of them 0.1 apart.
        """
        if (self.trial.case.dtype != "float64" and not self.is_coarse) or not judgement.wrong.any():
            return judgement
        moved, size = self.moved_by_ulps, np.abs(self.trial.v)
        jump = np.where(moved <= LOST * np.abs(self.trial.y64), moved, 0.0)  # beyond, it is no rounding but a cliff
        noise = np.where(estimate.value != 0, size * jump, 0.0).sum(axis=1) / STEPS[0]
        open_now = judgement.wrong & (np.abs(judgement.claim - judgement.want) <= judgement.bar + noise)
        if self.is_coarse:
            x, ulps = np.abs(self.trial.point), directions.scale * STEPS[0] / self.eps
            swallowed = ulps < ROUNDING * x.max(initial=0.0)  # a corner 3e7 away of one that moves by 1
            swallowed |= (x * (directions.moves != 0)).max(axis=1, initial=0.0) * self.eps >= SPARSE
            for p in np.flatnonzero(judgement.wrong & ~swallowed)[:LOOKED_AT]:
                off = np.abs(judgement.claim[p] - judgement.want[p])
                swallowed[p] = off <= judgement.bar[p] + self._digits_lost(
                    directions.moves[p], both=bool(directions.both[p])
                )
            open_now |= judgement.wrong & swallowed & np.isfinite(judgement.claim)
        return replace(judgement, wrong=judgement.wrong & ~open_now, conclusive=judgement.conclusive & ~open_now)

    def _digits_lost(self, move: np.ndarray, *, both: bool) -> float:
        """What digits that no value along a *move* (n,) has may be of a slope: 1e13 - 1e13 is a multiple of 2^20."""
        steps = [*STEPS, *-STEPS] if both else [*STEPS]
        ys = np.array([self.trial.y64, *(self.trial.outputs(self.trial.point + step * move) for step in steps)])
        with np.errstate(all="ignore"):
            lost = np.where(np.ptp(ys, axis=0) > 0, last_digits(ys), 0.0)  # of a constant they tell nothing
            lost = np.where(lost > self.eps * np.abs(ys).max(axis=0), lost, 0.0)
        return float(SWALLOWED * (np.abs(self.trial.v) * lost)[self.trial.v != 0].sum() / STEPS[0])

    def undisputed(self, judgement: Judgement, directions: Directions) -> Judgement:
        """Leave open what the complex step, which takes no differences, sees as the rule does.

        A sum such as 1 + exp(-31) moves in jumps of an ulp, and between two jumps its slope is sharply 0.
        """
        wrong = np.flatnonzero(judgement.wrong)
        slopes = self.trial.complex_slopes(directions.moves[wrong]) if wrong.size else None
        if slopes is None:
            return judgement
        with np.errstate(all="ignore"):
            theirs = np.where(self.trial.v != 0, slopes * self.trial.v, 0.0).sum(axis=1)
            claim, want = judgement.claim[wrong], judgement.want[wrong]
            # np.vdot has a complex step of 0, as a lost term has.
            small = np.abs(claim - want) <= DISPUTABLE * np.abs(want)
            disputed = wrong[small & (np.abs(claim - theirs) <= DISPUTED * np.abs(claim - want))]
        open_now = np.isin(np.arange(len(judgement.wrong)), disputed)
        return replace(judgement, wrong=judgement.wrong & ~open_now, conclusive=judgement.conclusive & ~open_now)

    def finer(self, judgement: Judgement, directions: Directions) -> Judgement:
        """Leave open what far shorter steps see as the rule does: a peak, a cell of a table, a stair between others.

        They are longer than what numbers as large as any here would swallow: x + 1e8 is flat between two of its ulps,
        and a rule that says 0 of it is wrong.
        """
        open_now, off = np.zeros(len(directions), dtype=bool), np.abs(judgement.claim - judgement.want) * NEARER
        point, y, v = self.trial.point, self.trial.y64, self.trial.v
        largest = max(float(np.abs(point).max(initial=1.0)), float(self.elsewhere[0].max(initial=0.0)))
        for p in np.flatnonzero(judgement.wrong & np.isfinite(off))[:LOOKED_AT]:  # anything is near to infinity
            move = directions.moves[p]
            shares = np.array((1.0, 0.7, -0.6, -0.9) if directions.both[p] else (1.0, 0.7, 0.6, 0.9))
            for h in SECANTS[SECANTS * directions.scale[p] >= SWALLOWED * self.eps * largest]:
                ys = np.array([self.trial.outputs(point + share * h * move) for share in shares])
                with np.errstate(all="ignore"):
                    slopes = np.where(v != 0, v * (ys - y), 0.0).sum(axis=1) / (shares * h)
                    rounding = SWALLOWED * self.eps * np.abs(v * y)[v != 0].sum() / h
                if rounding <= off[p] and (np.abs(slopes - judgement.claim[p]) <= off[p]).all():
                    open_now[p] = True
                    break
        return replace(judgement, wrong=judgement.wrong & ~open_now, conclusive=judgement.conclusive & ~open_now)

    def unseen(self, judgement: Judgement, directions: Directions) -> Judgement:
        """Leave open, where forward computes in float32, what its rounding hides from all steps short enough to see it.

        Over long steps the rule says what differences see; over those over which it does not, forward does not
        contradict its claim, and it says the same all around, not at one point alone. The median of 0, 0 and -3e-8
        answers to the first within 3e-8, which is less than any step.
        """
        trial, open_now = self.trial, np.zeros(len(directions), dtype=bool)
        off, size, matters = np.abs(judgement.claim - judgement.want), np.abs(trial.v), trial.v != 0
        lost = (size * (self.forward_noise + self.eps * np.abs(trial.y64)))[matters].sum() if self.is_coarse else 0.0
        for p in np.flatnonzero(judgement.wrong & np.isfinite(off))[: LOOKED_AT if self.is_coarse else 0]:
            one, claim, near = directions.chosen([int(p)]), judgement.claim[p], off[p] * NEARER
            moved = np.abs(trial.point[one.moves[0] != 0])
            smallest = float(moved[moved > 0].min(initial=1.0))  # of a number that is 0, anything is many ulps
            steps = np.array([*STEPS, *(ulps * self.eps * smallest / one.scale[0] for ulps in NEAR)])[:, None]
            steps = steps * ((1.0, -1.0) if directions.both[p] else (1.0,))
            points = trial.point + steps[..., None] * one.moves[0]
            answers = [trial.pulled_back(trial.unflattened(there), trial.y_bar64) for there in np.concatenate(points)]
            claims = np.array([self.claims(x_bar, one)[0] for _, x_bar in answers]).reshape(steps.shape)
            with np.errstate(all="ignore"):
                ys = np.array([y for y, _ in answers])
                slopes = ((ys - trial.y64) * trial.v)[:, matters].sum(axis=1).reshape(steps.shape) / steps
                room = near + lost / np.abs(steps[:, :1])
            told = np.abs(claims.mean(axis=1) - judgement.want[p]) <= off[p] / 2
            possible = ((slopes - room).min(axis=1) <= claim) & (claim <= (slopes + room).max(axis=1))
            alike = (np.abs(claims[len(STEPS) :] - claim) <= near).all()
            open_now[p] = alike and told[: len(STEPS)].sum() >= SEEN and (told | possible).all()
        return replace(judgement, wrong=judgement.wrong & ~open_now, conclusive=judgement.conclusive & ~open_now)

    def resolved(self, judgement: Judgement, directions: Directions) -> Judgement:
        """Leave open where the rule's claims, or forward's values, swing to and fro within the shortest step.

        As those of sin(x²) at x = 5e6, and of the remainder of 4e7 by 3, whose slope is the same everywhere. Of a
        forward that computes in float32 a longer step is looked at, too: it takes none that are shorter.
        """
        open_now = np.zeros(len(directions), dtype=bool)
        looked_at, others = np.split(np.flatnonzero(judgement.wrong), [LOOKED_AT])
        for p in looked_at:
            one = directions.chosen([int(p)])
            for times in LONGER[: None if self.is_coarse else 1]:
                for side in (times, -times)[: 1 + directions.both[p]]:
                    steps, ys, x_bars = within_a_step(self.trial, side * one.moves[0])
                    claims = np.array([self.claims(x_bar, one)[0] for x_bar in x_bars])
                    enough = np.ptp(claims) >= np.abs(judgement.claim[p] - judgement.want[p]) / 2
                    open_now[p] |= bool(enough and turns(claims) >= TURNS)
                    open_now[p] |= self._swings(ys, side * steps, one.moves[0], judgement.want[p], judgement.claim[p])
        open_now[others] = open_now[looked_at].all()
        return replace(judgement, wrong=judgement.wrong & ~open_now, conclusive=judgement.conclusive & ~open_now)

    def _swings(self, ys: np.ndarray, steps: np.ndarray, move: np.ndarray, want: float, claim: float) -> bool:
        """Whether values (s, m) go to and fro about the line that differences saw, by more than rounding makes them."""
        point, y, size = np.abs(self.trial.point), self.trial.y64, np.abs(self.trial.v)
        eps = ROUNDING * self.eps
        noise = eps * np.abs(ys).max(axis=0, initial=0.0) + NOISE * self.forward_noise
        matters, moved = size > 0, move != 0
        reach = (point[moved] / np.abs(move[moved])).max(initial=0.0)
        rounding = (size * noise)[matters].sum() + eps * reach * max(abs(want), abs(claim))
        apart = ((ys - y) * self.trial.v)[:, matters].sum(axis=1) - steps * want
        return bool(np.ptp(apart) >= rounding and turns(apart) >= TURNS)
