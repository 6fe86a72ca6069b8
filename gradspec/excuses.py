"""What is looked into before a rule is accused: whether a right one could be off by as much."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np

from gradspec.caller import CallFailedError, float_outputs
from gradspec.cotangents import drawn_signs, signs_by_value
from gradspec.directions import Directions
from gradspec.judgement import Judgement
from gradspec.oracles.torch_autograd import ReferenceFailedError, available, torch_autograd
from gradspec.rounding import BRANCH, CAP32, CONCLUSIVE, NOISE, ROUNDING, SATURATED, TINY, Rounding
from gradspec.trial import EPS, JITTERS, SHAKES

SHARED = {"float64": BRANCH, "float32": 2.0**-7}  # of the terms: what entries pass to each other is no branch below
JUMPED = 100.0  # times the bar: no rounding of a rule that is within it elsewhere
INSIDE = 2.0**-26  # of a step: as good as the edge of a domain, for all that has no jump there
NEARLY = 2.0**-10  # of what a rule is off by on the edge: what agrees but for this much agrees
CAP32_ALONE = 1024.0  # ulps of the terms that float32 excuses without a reference: right rules were seen to lose 473
LOGARITHMS = 1e4  # ordinary numbers above this are none of probabilities
BEYOND = 1e3  # |x| or |y| above which a slope that is small all over the input is no difference of large ones
AWAY = 16  # points a rounding of float32 away
ALIKE = 2.0**-6  # of what a rule is off by
STEADY = 2.0**-9  # of an output: what it moves by for an ulp, where it is no difference of larger ones
STEEP = 4.0  # times the measured change of a derivative within an ulp: several roundings may add up


class Excuses(Rounding):
    """A trial's measurements and bars, and what excuses a rule that exceeds them."""

    def shared_noise(self, directions: Directions, terms: np.ndarray) -> np.ndarray:
        """(p,) the rounding that entries of an input may pass to each other, where they meet in an output.

        All entries of x - x.mean() have the rounding of the mean, also one whose slope answers to no move of x: the
        first of (0, -0.05, -0.05) + 555 after a division by their deviation. What it explains is not compared.
        """
        scale = np.where(directions.scale > 0, directions.scale, 1.0)
        base = self.claims(self.trial.exact_rule[1], directions)
        moved = np.max([np.abs(self.claims(x_bar, directions) - base) for _, x_bar in self.trial.shaken], axis=0)
        names = np.array(directions.inputs)
        meet = names[:, None] == names
        if directions is self.directions:
            seen = (self.estimate.value != 0)[:, self.trial.v != 0].astype(float)
            meet &= (seen @ seen.T > 0) | np.eye(len(directions), dtype=bool)
        lone = directions.entries >= 0
        meet &= lone | ~lone[:, None]  # a direction that moves all entries would pass on the noise of any to any other
        limit = SHARED[self.trial.case.dtype] * terms
        noise = np.minimum(NOISE * np.nan_to_num(moved, nan=0.0, posinf=0.0), limit)
        return np.asarray(np.where(meet, noise / scale, 0.0).max(axis=1, initial=0.0) * scale)

    def excused_in_float32(
        self, directions: Directions, excess: np.ndarray, bar: np.ndarray, terms: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Bars (p,) that allow for what the reference itself loses in float32, and which comparisons say nothing.

        The rule's own loss must not excuse it: E[x²] - m² would pass. Without a reference, what exceeds the bar for
        rounding fails only beyond what right rules lose, and undecided otherwise. Undecided, too, is what forward
        loses beyond its own conditioning: log det(x @ x.T) has the rounding of x @ x.T, and so has its rule.
        """
        unknowable = excess <= NOISE * self._lost_by_forward * terms
        ulps = EPS["float32"] * (terms + self._large_terms(directions))
        lost = self.lost_by_reference
        if lost is None:
            return bar, (excess > bar) & ((excess <= np.maximum(CAP32_ALONE * ulps, bar)) | unknowable)
        theirs = np.max([np.abs(self.claims(error, directions)) for _, error in lost], axis=0)
        bar = bar + np.minimum(NOISE * np.nan_to_num(theirs, nan=0.0, posinf=0.0), CAP32 * ulps)
        return bar, (excess > bar) & unknowable

    @cached_property
    def lost_by_reference(self) -> list[tuple[np.ndarray, np.ndarray]] | None:
        """What the reference's values (m,) and cotangents (n') lose in float32, at four points; None without one."""
        if self.trial.op.torch is None or not available():
            return None
        eps = EPS["float32"]
        try:
            return [self._lost(count * eps, seed) for seed, count in enumerate(JITTERS)]
        except ReferenceFailedError:
            return None

    def _lost(self, relative: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        trial, rng = self.trial, np.random.default_rng((self.trial.case.seed, 8, seed))
        point = trial.point * (1.0 + relative * signs_by_value(trial.point, rng))
        drawn = [
            domain.repaired(u.astype(np.float32)) if u.dtype.kind == "f" else u
            for u, domain in zip(trial.unflattened(point), trial.domains, strict=True)
        ]
        answers = [
            torch_autograd(trial.op, trial.transformed(drawn, dtype), trial.case.params, trial.y_bar64, dtype)
            for dtype in ("float32", "float64")
        ]
        rough, exact = ((float_outputs(each.values), trial.flat_cotangents(each.cotangents)) for each in answers)
        return rough[0] - exact[0], rough[1] - exact[1]

    @cached_property
    def _lost_by_forward(self) -> float:
        """What forward loses in float32 beyond its conditioning, as a share of its outputs.

        The worst of five points some ulps apart: at one of them roundings may cancel. Of the largest output, and of
        each that hardly answers to ulps: solutions with (a.T @ a + 1) may be small beside others that lose nothing. Not
        of what is lost altogether: x - x.mean() of equal numbers is 0 but for rounding, and would excuse everything.
        """
        trial = self.trial
        lost = np.abs(float_outputs(trial.ys) - trial.y64)
        for turn in range(len(JITTERS)):
            pairs = zip(trial.aside(turn), trial.domains, strict=True)
            drawn = [domain.repaired(u.astype(np.float32)) if u.dtype.kind == "f" else u for u, domain in pairs]
            try:
                rough, exact = (float_outputs(trial.forward(trial.transformed(drawn, dtype))[0]) for dtype in EPS)
            except CallFailedError:
                continue
            lost = np.fmax(lost, np.abs(rough - exact))
        beyond = np.nan_to_num(lost - np.nan_to_num(self.moved_by_ulps, nan=np.inf), nan=0.0, neginf=0.0)
        sizes = np.abs(trial.y64)
        largest = max(float(sizes.max(initial=0.0)), TINY["float32"])
        steady = (self.moved_by_ulps <= STEADY * sizes) & (NOISE * beyond <= sizes)
        sizes = np.where(steady, np.maximum(sizes, TINY["float32"]), largest)
        return max(float((beyond / sizes).max(initial=0.0)), 0.0)

    @cached_property
    def loses_a_kink(self) -> bool:
        """Whether an output that y_bar looks at has a kink, and no digit that is right.

        (a + a + a) / 3 is not always a: the deviation of equal entries is an ulp of them instead of 0, and has another
        slope. In float32 that shows beside float64; in float64, an output is no more than the inputs' rounding there.
        """
        given, exact, trial = float_outputs(self.trial.ys), self.trial.y64, self.trial
        lost = np.abs(given - exact) > np.maximum(np.abs(given), np.abs(exact)) / 2
        rounding = np.fmax(ROUNDING * self.eps * np.abs(trial.point).max(initial=0.0), NOISE * self.value_noise)
        lost |= (exact != 0) & (np.abs(exact) <= rounding)
        kinked = (~np.isfinite(self.estimate.value) | (self.estimate.width > 0)).any(axis=0)
        return bool((lost & kinked & (trial.v != 0)).any())

    def between_branches(
        self, directions: Directions, claim: np.ndarray, want: np.ndarray, bar: np.ndarray
    ) -> np.ndarray:
        """(p,) whether the rule is right for some inputs an ulp away and wrong for others: no oracle sees so finely.

        x**p at x = 0 has the slope 1 for p = 1 and 0 one ulp above. A point that is wrong all by itself stays wrong.
        """
        claims = np.array([self.claims(x_bar, directions) for _, x_bar in self.trial.jittered])
        agrees = np.abs(claims - want) <= bar + CONCLUSIVE[self.trial.case.dtype] * np.abs(want)
        between = np.asarray(agrees.any(axis=0) & ~agrees.all(axis=0))
        if self.trial.case.dtype == "float32" and not between.all():
            between |= self._tied_in_float32(directions, claim, want, bar)
        return between

    def _tied_in_float32(
        self, directions: Directions, claim: np.ndarray, want: np.ndarray, bar: np.ndarray
    ) -> np.ndarray:
        """(p,) whether the rule is right in float64, and in float32 between what it says a rounding of float32 away.

        2 + 9e-8 and 2 are equal in float32, and either may be the larger one. An ulp of 9e-8 is no such rounding: that
        of the largest number is, or what moves the outputs by an ulp of theirs.
        """
        trial, off = self.trial, np.abs(claim - want)
        sound = np.abs(self.claims(trial.exact_rule[1], directions) - want) <= bar
        with np.errstate(all="ignore"):
            steepest = (np.abs(want) / directions.scale)[sound].max(initial=0.0)
            reach = np.abs(trial.v * trial.y64).sum() / steepest if steepest else 0.0
        reach = EPS["float32"] * max(float(reach), float(np.abs(trial.point).max(initial=0.0)))
        rng, seen = np.random.default_rng((trial.case.seed, 17)), [want]
        for _ in range(AWAY if sound.any() else 0):
            point = trial.point + 2.0 * reach * rng.uniform(-1.0, 1.0, trial.point.size)
            seen.append(self.claims(trial.pulled_back(trial.inside(point), trial.y_bar64)[1], directions))
        low, high = np.fmin.reduce(seen) - ALIKE * off, np.fmax.reduce(seen) + ALIKE * off
        return np.asarray(sound & np.isfinite(off) & (low <= claim) & (claim <= high))

    def is_steep(self, directions: Directions, claim: np.ndarray, want: np.ndarray, bar: np.ndarray) -> np.ndarray:
        """(p,) whether the derivative itself changes by as much as the rule is off when the inputs move by an ulp.

        In float32, a rule may round what enters it: a x in sin(a x) is known to half an ulp of itself. What is right in
        float64 at the same point is right, then. In float64, the oracle's shortest step may be far longer than what the
        derivative changes within: log(1 - p) one ulp from 1. A point that is wrong all by itself stays wrong.
        """
        base = self.claims(self.trial.exact_rule[1], directions)
        claims = np.array([self.claims(x_bar, directions) for _, x_bar in self.trial.shaken])
        moved = np.abs(claims - base).max(axis=0)
        moved = np.nan_to_num(np.fmax(moved, self.rule_spread(directions)), nan=0.0, posinf=0.0)
        if self.trial.case.dtype == "float32" and not self.is_coarse:
            sound = np.abs(base - want) <= bar
        else:  # a rule that exists in float32 alone says nothing of what is right in float64
            near = np.fmin(CONCLUSIVE[self.trial.case.dtype] * np.abs(want), np.abs(claim - want) / 2)
            sound = ~(np.abs(claims - want) <= bar + near).all(axis=0)
        allowed = bar + np.where(sound, STEEP * moved, 0.0) + self._lost_in_differences(directions, sound, want)
        if self.trial.case.dtype == "float32":  # terms of the size y / x cancel: a cosine of parallel, small vectors
            nothing = sound & (np.abs(want) <= bar)
            values = float(np.abs(self.trial.v).sum() * self.elsewhere[0].max(initial=0.0))  # 1 - 1 is 0 here
            allowed += np.where(nothing, ROUNDING * EPS["float32"] * self.steepness(directions) * values, 0.0)
        return np.asarray(np.abs(claim - want) <= allowed)

    def at_edges(self, judgement: Judgement, directions: Directions) -> Judgement:
        """Judge no point on an edge of the domain where the rule jumps and nothing tells that the op does not.

        A kink has two sides, and one of them is beyond the edge: over [-1, 2] a hat function may end at 2, and 0 be as
        right there as its slope inside. What is wrong just inside, too, is wrong.
        """
        found = np.flatnonzero(judgement.wrong & ~directions.both)
        if not found.size:
            return judgement
        trial, edges, want = self.trial, directions.chosen([*found]), judgement.want[found]
        near = np.abs(judgement.claim[found] - want) * NEARLY
        points = (trial.point + INSIDE * move for move in edges.moves)
        inside = np.array([self.claims(trial.cotangents(point), edges)[p] for p, point in enumerate(points)])
        jumps = np.isfinite(near) & (np.abs(inside - want) <= near)
        # What float64 has right on the edge, too, is no jump: float32 has lost it.
        jumps &= ~(np.abs(self.claims(trial.exact_rule[1], edges) - want) <= near)
        unknown = found[jumps & ~self._is_smooth(edges, want, near)] if jumps.any() else found[:0]
        known = ~np.isin(np.arange(len(judgement.wrong)), unknown)
        return replace(
            judgement,
            judged=judgement.judged & known,
            conclusive=judgement.conclusive & known,
            wrong=judgement.wrong & known,
        )

    def _is_smooth(self, directions: Directions, want: np.ndarray, near: np.ndarray) -> np.ndarray:
        """(p,) whether the complex step, from both sides, or the reference has the derivative (p,) seen from one side.

        Complex numbers are compared by their imaginary parts where the real ones are equal: at a branch that begins on
        the edge the two sides differ.
        """
        trial, smooth = self.trial, np.zeros(len(directions), dtype=bool)
        sides = [trial.complex_slopes(side * directions.moves) for side in (1.0, -1.0)]
        with np.errstate(all="ignore"):
            if sides[0] is not None and sides[1] is not None:
                ahead, behind = (np.where(trial.v != 0, slopes * trial.v, 0.0).sum(axis=1) for slopes in sides)
                smooth = (np.abs(ahead - want) <= near) & (np.abs(behind + want) <= near)
            answer = trial.torch if trial.op.torch is not None and available() else None
            if answer is not None and not isinstance(answer, ReferenceFailedError):
                theirs = self.claims(trial.flat_cotangents(answer.cotangents), directions)
                smooth |= np.abs(theirs - want) <= near
        return np.asarray(smooth)

    def jumps_with_y_bar(
        self, directions: Directions, claim: np.ndarray, want: np.ndarray, bar: np.ndarray
    ) -> np.ndarray:
        """(p,) whether the rule is right as soon as y_bar alone moves by an ulp: being linear in it, it is wrong here.

        A rule that asks whether y_bar.sum() is 0. It is no rounding that is off by far more than the bar, and back
        within it for more than one such move.
        """
        trial, here = self.trial, self.trial.inside(self.trial.point)
        back = np.zeros(len(directions), dtype=int)
        base = self.claims(trial.exact_rule[1], directions)  # in float64, as what is moved: no rounding of float32
        far = (np.abs(claim - want) > JUMPED * bar) & (np.abs(base - want) > JUMPED * bar)
        for shake in range(SHAKES if far.any() else 0):
            signs = drawn_signs(trial.point, trial.y_bar64, np.random.default_rng((trial.case.seed, 16, shake)))
            moved = signs.moved(trial.y_bar64, 2.0 * EPS[trial.case.dtype])
            claims = self.claims(trial.pulled_back(here, moved)[1], directions)
            back += np.abs(claims - want) <= bar + 4.0 * EPS[trial.case.dtype] * np.abs(want)
        return np.asarray(far & (back > 1))

    def _lost_in_differences(self, directions: Directions, sound: np.ndarray, want: np.ndarray) -> np.ndarray:
        """(p,) what a rule loses that makes small slopes of large ones: 1 - p of a softmax where p is 1.

        The logarithm of a probability has the rounding of a number as large as x or y, and so has p: no move by an ulp
        shows that log(exp(3e7) + exp(3e7 - 20)) never has the second term. Where all slopes of an input are small, as
        that of log at 1e8, they are no such differences.
        """
        usual, here, names = self._large_terms(directions), np.zeros(len(directions)), np.array(directions.inputs)
        with np.errstate(all="ignore"):
            slopes = np.nan_to_num(np.abs(want) / directions.scale, nan=0.0, posinf=0.0)
        for name in dict.fromkeys(directions.inputs):
            here[names == name] = slopes[names == name].max(initial=0.0)
        here = np.fmin(here * directions.scale, usual)
        lost = self._largest * here + min(self._largest, BEYOND) * usual
        lost = ROUNDING * SATURATED * usual + np.where(sound, STEEP * lost, 0.0)
        return np.asarray(EPS[self.trial.case.dtype] * lost)

    @cached_property
    def _largest(self) -> float:
        """The largest |x| or |y|; less where ordinary numbers are far too large for logarithms, such as 1e14 Hz."""
        trial, sizes = self.trial, []
        for name, domain in zip(trial.op.inputs, trial.domains, strict=True):
            if name in trial.slices:
                x = float(np.abs(trial.point[trial.slices[name]]).max(initial=0.0))
                sizes.append((x, max(map(abs, domain.typical))))
        sizes.append((float(np.abs(trial.y64).max(initial=0.0)), float(self.ordinary[0].max(initial=0.0))))
        return max(size / max(1.0, usual / LOGARITHMS) for size, usual in sizes)

    @cached_property
    def _large_slopes(self) -> np.ndarray:
        """(n',) |x_bar| where it is large."""
        elsewhere = self.elsewhere[1]
        return np.fmax(self.usual_slopes, elsewhere) if elsewhere.size else self.usual_slopes

    def _large_terms(self, directions: Directions) -> np.ndarray:
        """(p,) the derivative's size where it is large, for the input that is moved, but at most that of y_bar."""
        slopes, trial = self._large_slopes, self.trial
        of_input = {
            name: slopes[where] if slopes.size == trial.point.size else slopes for name, where in trial.slices.items()
        }
        largest = {name: float(mine.max(initial=0.0)) for name, mine in of_input.items()}
        usual = np.array([largest[name] for name in directions.inputs])
        return np.asarray(directions.scale * np.minimum(usual, np.abs(trial.v).sum()))
