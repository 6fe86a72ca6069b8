"""What is measured of one trial: derivatives along directions, rounding, and how large the op is elsewhere."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from gradspec.cotangents import signs_by_value
from gradspec.directions import (
    LARGE,
    SMALL,
    Directions,
    joined,
    projections,
    single_entries,
    singled_out,
    tied_entries,
    to_edge,
    together,
)
from gradspec.nearby import at_ordinary, is_stepped, nearby, only_float32, usual_slopes
from gradspec.oracles.estimate import Estimate
from gradspec.oracles.finite_difference import STEPS, finite_difference
from gradspec.trial import EPS, Trial

SHARP = 1e-8  # relative error below which an estimate needs no second try
BLURRED = 1e-7  # relative error above which shorter steps are tried
FINER = (2.0**-8, 2.0**-16)  # of the first ones
CHAOS = 2.0**-10  # of an output; a change of this size by a few ulps that is not in proportion to them is no derivative
FAINT = 2.0**21  # ulps of an entry: the shortest step of that size is 32 of them
PROPORTIONS = (4.0, 8.0, 16.0)  # ulps; one alone may be lost in the rounding of what they enter
APART = 10.0  # two estimates further apart than this many of their errors contradict each other
JUMP = 2.0**10  # ulps; a larger answer to one ulp is no rounding: a branch, or a cliff


OF_DIRECTION = ("moves", "both", "images", "blur")
OF_ESTIMATE = ("value", "error", "width", "diverges")


class Measurement:
    """Directions and finite differences of one trial; computed on first use, shared by the checks."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial

    @cached_property
    def projections(self) -> Directions:
        """One direction of random signs per input."""
        return projections(self.trial)

    @cached_property
    def _measured(self) -> tuple[Directions, Estimate]:
        trial = self.trial
        parts = [self._sharpened(*self.along_each(self.projections))]
        projected, estimate = parts[0]
        smooth = np.isfinite(estimate.error).all() and not estimate.width.any()
        entries = singled_out(trial, projected, smooth=bool(smooth))
        if entries.size:
            single = self.entries(entries)
            parts.append(single)
            kinked = entries[(single[1].width > 0).any(axis=1)]
            if kinked.size:
                parts.append(self.along_each(tied_entries(trial, kinked)))
        return joined(parts)

    def entries(self, positions: np.ndarray) -> tuple[Directions, Estimate]:
        """Directions along single entries, with steps of their own size where that sees more."""
        directions, estimate = self._sharpened(*self.along_each(single_entries(self.trial, positions)))
        x = np.abs(self.trial.point[positions])
        kinked = estimate.width > 0
        blurred = (kinked | (estimate.error > SHARP * np.abs(estimate.value))).any(axis=1)
        small, large = (x > 0) & (x < SMALL), (x > LARGE) & (x < 1 / SHARP)
        near = to_edge(self.trial)[positions]
        coarse = (
            ~directions.both & (near > FAINT * self.eps * x) & (near < STEPS[3])
        )  # away from the edge, over what bends there
        again = np.flatnonzero((blurred & (small | large)) | coarse)
        if not again.size:
            return directions, estimate
        scale = np.where(coarse, near, np.minimum(x, 1.0))[again]
        finer, second = self.along_each(single_entries(self.trial, positions[again], scale))
        beyond = (~(second.width > 0) & np.isfinite(second.error)).all(axis=1)
        finer_sees = kinked[again].any(axis=1) & beyond  # the kink that the first steps met lies further away
        coarse = coarse[again] & np.isfinite(second.error).all(axis=1)
        return self._adopted((directions, estimate), again, (finer, second), finer_sees, coarse)

    def _sharpened(self, directions: Directions, estimate: Estimate) -> tuple[Directions, Estimate]:
        """The same, along shorter steps where these see more: (x² + 1e-5) ** -0.5 bends within a hundredth of 1.

        And sin(1e5 t) swings within a thousandth of that: the first steps may see nothing at all.
        """
        size, longest = np.abs(self.trial.v), directions
        for finer in FINER:
            with np.errstate(all="ignore"):
                slopes, errors = (np.where(size > 0, size * np.abs(e), 0.0) for e in (estimate.value, estimate.error))
                blurred = ~(errors.sum(axis=1) <= BLURRED * slopes.sum(axis=1))
            again = np.flatnonzero(blurred & ~estimate.width.any(axis=1) & ~(slopes == 0).all(axis=1))
            if not again.size:
                break
            closer = self.along_each(longest.chosen([*again]).times(finer))
            directions, estimate = self._adopted((directions, estimate), again, closer)
        return directions, estimate

    def _adopted(
        self,
        first: tuple[Directions, Estimate],
        again: np.ndarray,
        second: tuple[Directions, Estimate],
        welcome: np.ndarray | bool = False,  # noqa: FBT001, FBT002
        forced: np.ndarray | bool = False,  # noqa: FBT001, FBT002
    ) -> tuple[Directions, Estimate]:
        """The first measurements, but the second ones of those measured *again* that see more.

        Compared per unit of x, in what matters to y_bar; so are those that are welcome for another reason, where
        rounding has not swallowed the steps, and those forced anyway.
        """
        (directions, estimate), (finer, closer), size = first, second, np.abs(self.trial.v)
        with np.errstate(all="ignore"):
            first_error, second_error = (
                np.where(size > 0, size * e, 0.0).sum(axis=1) for e in (estimate.error[again], closer.error)
            )
            better = (second_error / finer.scale <= first_error / directions.scale[again]) | welcome
            slope = np.where(size > 0, size * np.abs(closer.value), 0.0).sum(axis=1)
            # Of what no longer step saw, noise is no better than nothing: what is swallowed next would look sharper.
            better &= np.isfinite(first_error) | (second_error <= slope / 2) | (slope == 0)
        better &= ~self._absorbed(directions.scale[again], estimate, again, finer.scale, closer)
        better |= forced
        chosen = again[better]

        def merged(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
            ours = ours.copy()
            ours[chosen] = theirs[better]
            return ours

        of_direction: dict[str, Any] = {
            name: merged(getattr(directions, name), getattr(finer, name)) for name in OF_DIRECTION
        }
        of_estimate: dict[str, Any] = {
            name: merged(getattr(estimate, name), getattr(closer, name)) for name in OF_ESTIMATE
        }
        return replace(directions, **of_direction), replace(estimate, **of_estimate)

    def _absorbed(
        self, scale: np.ndarray, first: Estimate, again: np.ndarray, finer: np.ndarray, second: Estimate
    ) -> np.ndarray:
        """(k,) whether the finer steps see no change at all where the first steps see one: 1 + x * x below 1e-8.

        Steps that rounding swallows look perfectly flat, and perfectly sharp. Where the first steps, far longer ones,
        see nothing but rounding, it may be that: the logarithm of a beta function at 1e7.
        """
        with np.errstate(all="ignore"):
            slope, error = first.value[again] / scale[:, None], first.error[again] / scale[:, None]
            apart = np.abs(slope) > APART * (error + second.error / finer[:, None])
            apart |= ~np.isfinite(first.error[again]) & (scale > LARGE * finer)[:, None]
        return np.asarray(((second.value == 0) & apart)[:, self.trial.v != 0].any(axis=1))

    def along(self, positions: np.ndarray, rng: np.random.Generator) -> tuple[Directions, Estimate]:
        """One direction of random signs over the entries in *positions*."""
        return self.along_each(together(self.trial, positions, rng))

    def along_each(self, directions: Directions) -> tuple[Directions, Estimate]:
        """Finite differences along each of the directions."""
        trial = self.trial
        if self.is_coarse:
            noise = self.forward_noise + self.eps * (self.saturated + np.abs(trial.y64))
        elif trial.case.dtype == "float64":
            noise = self.forward_noise + self.eps * self.saturated
        else:  # what is evaluated is forward in float64 all the same
            noise = self.value_noise * (self.eps / EPS[trial.case.dtype])
        return directions, finite_difference(
            trial.outputs, trial.point, directions.moves, directions.both, noise, rough=self.is_coarse
        )

    @property
    def directions(self) -> Directions:
        """The directions along which rules are compared."""
        return self._measured[0]

    @property
    def estimate(self) -> Estimate:
        """Finite differences (p, m) along them."""
        return self._measured[1]

    @property
    def saturated(self) -> np.ndarray:
        """(m,) the numbers that a small output may be a difference of: its size elsewhere, up to max |x| or 1."""
        return np.asarray(np.minimum(self.elsewhere[0], np.abs(self.trial.point).max(initial=1.0)))

    @cached_property
    def forward_noise(self) -> np.ndarray:
        """(m,) how far the outputs move when the inputs move by an ulp; 0 where that is no rounding but a cliff.

        log1p one ulp from -1 would otherwise blur every other entry.
        """
        moves = [np.abs(y - self.trial.y64) for y, _ in self.trial.jittered]
        moved = np.max(moves[:2], axis=0)
        if self.is_coarse:  # one ulp may be lost in the next rounding: in float64 that is far below what is compared
            moved = np.fmax(moved, np.max(moves[2:], axis=0) / 4)
        size = np.fmax(self.elsewhere[0], np.abs(self.trial.point).max(initial=0.0))
        return np.where(moved <= JUMP * self.eps * size, moved, 0.0)

    @cached_property
    def moved_by_ulps(self) -> np.ndarray:
        """(m,) how far the outputs move, at most, when the inputs move by a few ulps; NaN where they are none there."""
        return np.asarray(np.max([np.abs(y - self.trial.y64) for y, _ in self.trial.jittered], axis=0))

    @cached_property
    def value_noise(self) -> np.ndarray:
        """(m,) the same; 0 where it is no number."""
        return np.asarray(np.nan_to_num(self.moved_by_ulps, nan=0.0, posinf=0.0))

    @cached_property
    def is_chaotic(self) -> np.ndarray:
        """(m,) outputs that move by more than rounding for a few ulps, and out of proportion: sin(x * x) at x = 4e7.

        Nothing can be said of their derivative; slopes over any step average out to 0. Inputs are moved by a few ulps
        along one line: what has a derivative moves in proportion.
        """
        trial = self.trial
        moved = self.moved_by_ulps
        suspect = np.asarray(moved > CHAOS * np.abs(trial.y64))
        if not suspect.any():
            return suspect
        signs = signs_by_value(trial.point, np.random.default_rng((trial.case.seed, 13)))
        chaotic = np.zeros_like(suspect)
        for side in (signs, -signs)[: 1 + self.is_coarse]:  # no finer step than one over a jump finds it otherwise
            moves = []
            for ulps in PROPORTIONS:
                point = trial.point * (1.0 + ulps * EPS[trial.case.dtype] * side)
                moves.append((trial.pulled_back(trial.inside(point), trial.y_bar64)[0] - trial.y64) / ulps)
            spread, largest = np.ptp(moves, axis=0), np.max(np.abs(moves), axis=0)
            chaotic |= suspect & ~(spread <= largest / 2)
        return chaotic

    def claims(self, cotangent: np.ndarray, directions: Directions) -> np.ndarray:
        """What a cotangent (n',) says of each direction (p,)."""
        products = np.where(directions.images != 0, directions.images * cotangent, 0.0)
        return np.asarray(products.sum(axis=1))

    @cached_property
    def elsewhere(self) -> tuple[np.ndarray, np.ndarray]:
        """Largest |y| (m,) and |x_bar| (n') at the same inputs with signs flipped, entries reversed, closer to 0.

        Where an op is saturated, its small values are differences of numbers of this size: log-softmax of
        well separated entries, for one. A correct formula may lose what is small against them. The values at
        ordinary inputs count, too: log(1 + exp(x)) is 0 below -37.
        """
        trial = self.trial
        values, slopes = np.abs(trial.y64), np.zeros(0)
        for y, x_bar in self._nearby:
            largest = np.abs(np.where(np.isfinite(x_bar), x_bar, 0.0))
            slopes = largest if not slopes.size else np.fmax(slopes, largest)
            values = np.fmax(values, np.where(np.isfinite(y), np.abs(y), 0.0))
        if trial.case.dtype == "float64" and slopes.size in (0, self.ordinary[1].size):  # too much to ask of float32
            slopes = np.fmax(slopes, self.ordinary[1]) if slopes.size else self.ordinary[1]
        return np.fmax(values, self.ordinary[0]), slopes

    @cached_property
    def ordinary(self) -> tuple[np.ndarray, np.ndarray]:
        """|y| (m,) and |x_bar| (n') at ordinary inputs of the same shapes; 0 where they are not finite."""
        y, x_bar = map(np.abs, self._ordinary)
        return np.where(np.isfinite(y), y, 0.0), np.where(np.isfinite(x_bar), x_bar, 0.0)

    @cached_property
    def _nearby(self) -> list[tuple[np.ndarray, np.ndarray]]:
        return nearby(self.trial)

    @cached_property
    def _ordinary(self) -> tuple[np.ndarray, np.ndarray]:
        return at_ordinary(self.trial)

    @cached_property
    def usual_slopes(self) -> np.ndarray:
        """(n',) the largest |x_bar| at a few ordinary points: more of them than :attr:`ordinary`, and dearer."""
        return usual_slopes(self.trial)

    @cached_property
    def is_coarse(self) -> bool:
        """Whether forward computes in float32 though it is given float64: it returns numbers of float32 everywhere.

        What is declared for float32 alone may do so in part, and makes small steps between numbers of float64, then.
        """
        if self.trial.is_rough or (self.trial.is_float32_alone and is_stepped(self.trial)):
            return True
        return only_float32(self._ordinary[0], [self.trial.y64, *(y for y, _ in self._nearby)])

    @cached_property
    def eps(self) -> float:
        """The rounding of what differences are taken of, which are given float64."""
        return EPS["float32" if self.is_coarse else "float64"]
