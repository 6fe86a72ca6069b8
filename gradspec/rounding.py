"""What rounding may cost a correct rule: the bars that comparisons are judged by."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, wraps
from typing import Any, TypeVar

import numpy as np

from gradspec.caller import float_outputs
from gradspec.directions import Directions
from gradspec.measurement import JUMP, Measurement
from gradspec.trial import EPS, Trial

ROUNDING = 64.0  # ulps of the terms that a correct rule may lose
SATURATED = 1 / 8  # of ROUNDING: what cancels where an op is saturated is rounded once or twice
NOISE = 16.0  # times the measured rounding of the rule
BRANCH = 2.0**-24  # of the terms: less than that, in answer to an ulp, is the rounding of sin(1e5), no branch
CONCLUSIVE = {"float64": 1e-6, "float32": 1e-3}  # a bar above this share of the terms says nothing
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

    @cached_property
    def cancellation(self) -> np.ndarray:
        """(p, m) what another way of computing the derivative may lose: it rounds in terms of the size |y / x|.

        They may cancel in the rule, as in x / x.sum() of one x.
        """
        steepness = self.steepness(self.directions)
        return np.asarray(ROUNDING * EPS[self.trial.case.dtype] * np.outer(steepness, np.abs(self.trial.y64)))

    def steepness(self, directions: Directions) -> np.ndarray:
        """(p,) by which share of themselves a step of 1 moves the inputs, at most."""
        x = np.abs(self.trial.point)
        return np.asarray((np.abs(directions.moves) / np.where(x > 0, x, 1.0)).max(axis=1, initial=0.0))

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

        The product of all others overflows before a y_bar of 1e-6 could help it. Of single entries only the rule tells,
        in float64, and only where differences agree: a wrong infinity is no derivative.
        """
        exact = self.trial.exact_rule[1]
        largest = float(np.abs(self.trial.v).max(initial=0.0)) or 1.0  # of no output, all derivatives are 0
        limit = MAX32 / 4 * min(largest, 1.0)
        beyond = np.abs(want) >= limit * directions.scale
        huge = np.abs(exact) > limit
        if huge.any() and huge.size == directions.images.shape[1]:
            claims = self.claims(exact, directions)
            with np.errstate(all="ignore"):
                products = np.abs(np.where(directions.images != 0, directions.images * exact, 0.0)).sum(axis=1)
                agrees = np.isfinite(claims) & (np.abs(claims - want) <= CONCLUSIVE["float32"] * products)
            beyond |= agrees & (directions.images[:, huge] != 0).any(axis=1)
        return np.asarray(beyond)

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
