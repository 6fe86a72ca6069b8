"""What rounding may cost a correct rule: the bars that comparisons are judged by."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, wraps
from typing import Any, TypeVar

import numpy as np

from gradspec.caller import CallFailedError, float_outputs
from gradspec.cotangents import signs_by_value
from gradspec.directions import Directions
from gradspec.measurement import JUMP, Measurement
from gradspec.oracles.torch_autograd import ReferenceFailedError, available, torch_autograd
from gradspec.trial import EPS, JITTERS, Trial

ROUNDING = 64.0  # ulps of the terms that a correct rule may lose
SATURATED = 1 / 8  # of ROUNDING: what cancels where an op is saturated is rounded once or twice
NOISE = 16.0  # times the measured rounding of the rule
BRANCH = 2.0**-24  # of the terms: less than that, in answer to an ulp, is the rounding of sin(1e5), no branch
SHARED = {"float64": BRANCH, "float32": 2.0**-7}  # of the terms: what entries pass to each other is no branch below
TINY = {name: float(np.finfo(name).tiny) for name in EPS}
MAX32 = float(np.finfo(np.float32).max)
CAP32 = 4096.0  # float32: rounding beyond this many ulps of the terms is not excused by conditioning


Found = TypeVar("Found")
Asked = Callable[["Rounding", Directions], Found]


def once_for_each(method: Asked[Found]) -> Asked[Found]:
    """Remember what *method* found for each set of directions: several oracles are compared along the same ones."""

    @wraps(method)
    def remembering(rounding: Rounding, directions: Directions) -> Found:
        key = (method.__name__, directions)
        if key not in rounding.remembered:
            rounding.remembered[key] = method(rounding, directions)
        found: Found = rounding.remembered[key]
        return found

    return remembering


class Rounding(Measurement):
    """A trial's measurements, and how exactly a rule can be expected to agree with them."""

    def __init__(self, trial: Trial) -> None:
        super().__init__(trial)
        self.remembered: dict[tuple[str, Directions], Any] = {}

    def rounding(self, cotangent: np.ndarray, directions: Directions) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The terms that enter each comparison (p,), what rounding may cost there, and the derivative's usual size."""
        trial = self.trial
        size = np.abs(trial.v)
        products = np.abs(np.where(directions.images != 0, directions.images * cotangent, 0.0)).sum(axis=1)
        terms = products + self.value_terms(directions) + self._seen_terms(cotangent, directions)
        usual = self._usual_terms(directions)
        spread = terms + self._row_terms(directions) + SATURATED * usual
        floor = ROUNDING * (EPS[trial.case.dtype] * spread + TINY[trial.case.dtype] * size.sum())
        if trial.is_plain:
            return terms, floor, usual
        blurred = np.where(cotangent != 0, directions.blur * np.abs(cotangent), 0.0).sum(axis=1)
        return terms, floor + blurred, usual

    @once_for_each
    def value_terms(self, directions: Directions) -> np.ndarray:
        """(p,) Σ |v_j y_j|, as far as the direction moves the entries."""
        trial = self.trial
        relative = np.abs(directions.moves) / np.maximum(np.abs(trial.point), 1.0)
        return np.asarray(float(np.abs(trial.v) @ np.abs(trial.y64)) * relative.max(axis=1, initial=0.0))

    def _seen_terms(self, cotangent: np.ndarray, directions: Directions) -> np.ndarray:
        """(p,) Σ |x_bar| max |x| of each transformed input: I + tiny a @ a.T is rounded as I is, in short moves too."""
        trial, start = self.trial, 0
        if trial.is_plain:
            return np.zeros(len(directions))
        names, terms = np.array(directions.inputs), np.zeros(len(directions))
        for (name, domain), x in zip(trial.op.inputs.items(), trial.inputs, strict=True):
            if domain.differentiable:
                if domain.transform is not None:
                    largest = float(np.abs(x).max(initial=0.0))
                    terms[names == name] = largest * np.abs(cotangent[start : start + x.size]).sum()
                start += x.size
        return terms

    @once_for_each
    def _row_terms(self, directions: Directions) -> np.ndarray:
        """No entry is known better than its row and its column of the Jacobian: their largest terms."""
        if directions is not self.directions:
            return np.zeros(len(directions))
        size = np.abs(self.trial.v)
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

    @once_for_each
    def _usual_terms(self, directions: Directions) -> np.ndarray:
        """(p,) the derivative's size elsewhere, but at most that of y_bar."""
        slopes = self.elsewhere[1]
        if not slopes.size or slopes.size != directions.images.shape[1]:
            return np.zeros(len(directions))
        largest = np.zeros_like(slopes)
        for where in self.trial.slices.values():
            if slopes.size == self.trial.point.size:
                largest[where] = slopes[where].max(initial=0.0)
        capped = np.minimum(largest, np.abs(self.trial.v).sum())
        return np.asarray((np.abs(directions.images) * capped).max(axis=1, initial=0.0))

    @once_for_each
    def _slopes_elsewhere(self, directions: Directions) -> np.ndarray:
        """(p,) the derivative's size elsewhere, however large."""
        slopes = self.elsewhere[1]
        if slopes.size != directions.images.shape[1]:
            return np.zeros(len(directions))
        return np.asarray((np.abs(directions.images) * slopes).max(axis=1, initial=0.0))

    @once_for_each
    def _moved_claims(self, directions: Directions) -> tuple[np.ndarray, np.ndarray]:
        """(p,) how far the rule's claims move when its inputs move by one ulp, and by eight."""
        base = self.claims(self.trial.exact_rule[1], directions)
        moved = [np.abs(self.claims(x_bar, directions) - base) for _, x_bar in self.trial.jittered]
        return np.fmax(*moved[:2]), np.fmax(*moved[2:])

    def rule_spread(self, directions: Directions) -> np.ndarray:
        """(p,) how far the rule's claims move for an ulp, with regard to what eight of them do."""
        near, far = self._moved_claims(directions)
        return np.asarray(np.fmax(near, far / 4))

    def rule_noise(self, directions: Directions, terms: np.ndarray) -> np.ndarray:
        """(p,) the measured rounding of the rule: how far its claims move when its inputs move by ulps."""
        trial = self.trial
        near, far = self._moved_claims(directions)
        # The terms vanish where the derivative does: of det at rank n - 2 they are nothing, and its rounding is not.
        largest = np.fmax(terms, self._slopes_elsewhere(directions))
        jump = (near > max(JUMP * EPS[trial.case.dtype], BRANCH) * largest) & (far < 2 * near)
        noise = np.where(jump, 0.0, self.rule_spread(directions))
        noise = NOISE * np.nan_to_num(noise, nan=0.0, posinf=0.0)
        if trial.case.dtype == "float32":
            noise = np.minimum(noise, CAP32 * EPS["float32"] * terms)
        return noise

    def shared_noise(self, directions: Directions, terms: np.ndarray) -> np.ndarray:
        """(p,) the rounding that entries of an input may pass to each other, where they meet in an output.

        All entries of x - x.mean() have the rounding of the mean, also one whose slope answers to no move of x: the
        first of (0, -0.05, -0.05) + 555 after a division by their deviation. What it explains is not compared.
        """
        scale = np.where(directions.scale > 0, directions.scale, 1.0)
        base = self.claims(self.trial.exact_rule[1], directions)
        moved = np.max([np.abs(self.claims(x_bar, directions) - base) for x_bar in self.trial.shaken], axis=0)
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
        rounding is a failure only beyond any conditioning, and undecided otherwise. Undecided, too, is what forward
        loses beyond its own conditioning: log det(x @ x.T) has the rounding of x @ x.T, and so has its rule.
        """
        unknowable = excess <= NOISE * self._lost_by_forward * terms
        cap = (
            CAP32
            * EPS["float32"]
            * (terms + np.abs(directions.moves).max(axis=1, initial=0.0) * np.abs(self.trial.v).sum())
        )
        lost = self.lost_by_reference
        if lost is None:
            return bar, (excess > bar) & ((excess <= np.maximum(cap, bar)) | unknowable)
        theirs = np.max([np.abs(self.claims(error, directions)) for error in lost], axis=0)
        bar = bar + np.minimum(NOISE * np.nan_to_num(theirs, nan=0.0, posinf=0.0), cap)
        return bar, (excess > bar) & unknowable

    @cached_property
    def lost_by_reference(self) -> list[np.ndarray] | None:
        """What the reference's cotangents (n') lose in float32, at four points an ulp apart; None without one."""
        if self.trial.op.torch is None or not available():
            return None
        eps = EPS["float32"]
        try:
            return [self._lost(count * eps, seed) for seed, count in enumerate(JITTERS)]
        except ReferenceFailedError:
            return None

    def _lost(self, relative: float, seed: int) -> np.ndarray:
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
        rough, exact = (trial.flat_cotangents(answer.cotangents) for answer in answers)
        return np.asarray(rough - exact)

    @cached_property
    def cancellation(self) -> np.ndarray:
        """(p, m) what another way of computing the derivative may lose: it rounds in terms of the size |y / x|.

        They may cancel in the rule, as in x / x.sum() of one x.
        """
        x, moves = np.abs(self.trial.point), np.abs(self.directions.moves)
        steepness = (moves / np.where(x > 0, x, 1.0)).max(axis=1, initial=0.0)
        return np.asarray(ROUNDING * EPS[self.trial.case.dtype] * np.outer(steepness, np.abs(self.trial.y64)))

    @cached_property
    def saturation(self) -> np.ndarray:
        """(p,) what is rounded where an op is saturated, in float64: y (1 - y) is small, its terms are not.

        They have the size of y_bar times another input: softmax(q @ k) @ v, whose small terms are multiplied by k.
        """
        trial = self.trial
        slope = float(np.abs(trial.v).sum()) * max(float(np.abs(trial.point).max(initial=0.0)), 1.0)
        return np.asarray(ROUNDING * EPS["float64"] * slope * self.directions.scale)

    def is_beyond_float32(self, directions: Directions, want: np.ndarray) -> np.ndarray:
        """(p,) whether the derivative, before y_bar makes it smaller, is no number of float32 where a direction moves.

        The product of all others overflows before a y_bar of 1e-6 could help it.
        """
        limit = MAX32 / 4 * min(float(np.abs(self.trial.v).max(initial=0.0)), 1.0)
        huge = np.abs(self.trial.exact_rule[1]) > limit
        moved = (directions.images[:, huge] != 0).any(axis=1) if huge.size == directions.images.shape[1] else False
        return np.asarray((np.abs(want) >= limit * directions.scale) | moved)

    @cached_property
    def _lost_by_forward(self) -> float:
        """What forward loses in float32 beyond its conditioning, as a share of its outputs.

        The worst of five points some ulps apart: at one of them roundings may cancel.
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
        largest = max(float(np.abs(trial.y64).max(initial=0.0)), TINY["float32"])
        return max(float(beyond.max(initial=0.0)), 0.0) / largest

    @cached_property
    def loses_a_kink(self) -> bool:
        """Whether float32 has no digit right of an output that y_bar looks at, where that has a kink.

        (a + a + a) / 3 is not always a: the deviation of equal entries is an ulp instead of 0, and has another slope.
        """
        given, exact = float_outputs(self.trial.ys), self.trial.y64
        lost = np.abs(given - exact) > np.maximum(np.abs(given), np.abs(exact)) / 2
        kinked = (~np.isfinite(self.estimate.value) | (self.estimate.width > 0)).any(axis=0)
        return bool((lost & kinked & (self.trial.v != 0)).any())

    @cached_property
    def is_float32_sound(self) -> bool:
        """Whether forward in float32 agrees with forward in float64: where it does not, its vjp is not judged."""
        trial = self.trial
        given = float_outputs(trial.ys)
        spread = np.nan_to_num(self.moved_by_ulps, nan=0.0)
        largest = float(np.abs(trial.y64).max(initial=0.0))
        with np.errstate(all="ignore"):
            close = np.abs(given - trial.y64) <= NOISE * spread + ROUNDING * EPS["float32"] * largest
        # A 0 that float32 could have told from 0: a square of small numbers underflowed, and the derivative with it.
        tiny, x = TINY["float32"], np.abs(trial.point)
        squares_vanish = bool(((x > 0) & (x * x < tiny)).any())
        underflowed = squares_vanish & (given == 0) & (np.abs(trial.y64) >= tiny)
        return bool(close.all() and not underflowed.any())
