"""One case of one op as a function of one flat vector in float64, and what moving that by an ulp does."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from gradspec.analytic import Analytic
from gradspec.caller import Arrays, CallFailedError, flattened, float_outputs
from gradspec.cotangents import Signs, drawn_signs, signs_by_value
from gradspec.evaluated import Evaluated
from gradspec.oracles.complex_step import complex_step
from gradspec.oracles.torch_autograd import ReferenceFailedError, TorchAnswer, torch_autograd

EPS = {"float64": float(np.finfo(np.float64).eps), "float32": float(np.finfo(np.float32).eps)}
CLOSE = 2.0**-40  # a forward of complex numbers must have f(x) as its real part, up to this share of the outputs
JITTERS = (1.0, -1.0, 8.0, -8.0)  # ulps by which inputs and y_bar are moved to measure the rounding of a rule
SHAKES = 8  # more ways of moving them by an ulp or two, before a rule is accused


class Trial(Evaluated):
    """One case of one op, as a function of one flat vector in float64: what the oracles work on."""

    @cached_property
    def y_bar64(self) -> tuple[np.ndarray | None, ...]:
        """The cotangents in float64."""
        return tuple(None if bar is None else np.array(bar, dtype=np.float64) for bar in self.y_bar)

    @cached_property
    def v(self) -> np.ndarray:
        """All cotangents as one float64 vector (m,)."""
        return flattened([bar for bar in self.y_bar64 if bar is not None])

    @cached_property
    def point(self) -> np.ndarray:
        """All differentiable inputs, as drawn, as one float64 vector (n,)."""
        return flattened(
            [u for u, domain in zip(self.drawn64, self.op.inputs.values(), strict=True) if domain.differentiable]
        )

    @cached_property
    def slices(self) -> Mapping[str, slice]:
        """Where each differentiable input lies in :attr:`point`."""
        slices, start = {}, 0
        for (name, domain), u in zip(self.op.inputs.items(), self.case.drawn, strict=True):
            if domain.differentiable:
                slices[name] = slice(start, start + u.size)
                start += u.size
        return slices

    @cached_property
    def _places(self) -> list[tuple[slice | None, np.ndarray, tuple[int, ...]]]:
        """For each input its place in :attr:`point`, if it has one, its drawn value and the shape of that."""
        return [(self.slices.get(name), u, u.shape) for name, u in zip(self.op.inputs, self.drawn64, strict=True)]

    def unflattened(self, point: np.ndarray) -> Arrays:
        """The drawn inputs for a flat vector; nobody else holds these arrays."""
        places = self._places
        if len(places) == 1:  # the usual case, thousands of times
            return (point.reshape(places[0][2]).copy(),)
        return tuple([u.copy() if at is None else point[at].reshape(shape).copy() for at, u, shape in places])

    def outputs(self, point: np.ndarray) -> np.ndarray:
        """Forward as a function (n,) -> (m,) in float64; NaN where it raises."""
        try:
            inputs = self.unflattened(point)
            ys, _ = self.forward(inputs if self.is_plain else self.transformed(inputs, "float64", ours=True))
        except CallFailedError:
            return np.full(self.v.size, np.nan)
        flat = float_outputs(ys)
        return flat if flat.size == self.v.size else np.full(self.v.size, np.nan)

    def complex_outputs(self, point: np.ndarray, *, near: bool = True) -> np.ndarray | None:
        """Forward as a function (n,) -> (m,) of complex numbers; None where it is none.

        It has to accept them, and *near* the trial's own point to have the real part that it has for real numbers.
        """
        if any(domain.transform is not None for domain in self.op.inputs.values()):
            return None
        try:
            ys, _ = self.forward([u.view(Analytic) if u.dtype.kind == "c" else u for u in self.unflattened(point)])
        except CallFailedError:
            return None
        floats = [np.asarray(y) for y in ys if np.asarray(y).dtype.kind in "fc"]
        flat = np.concatenate([y.astype(np.complex128).reshape(-1) for y in floats]) if floats else np.empty(0, complex)
        if flat.size != self.v.size:
            return None
        if not near:
            return flat
        same = np.abs(flat.real - self.y64) <= CLOSE * np.abs(self.y64).max(initial=0.0)
        return flat if same.all() else None

    def complex_slopes(self, moves: np.ndarray) -> np.ndarray | None:
        """Derivatives (p, m) along *moves* by the complex step; None if forward is no analytic function."""
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error", np.exceptions.ComplexWarning)  # a forward that drops the imaginary part
            return complex_step(self.complex_outputs, self.point, moves)

    @cached_property
    def y64(self) -> np.ndarray:
        """The float outputs at this point, evaluated in float64, as one vector (m,)."""
        return self.outputs(self.point)

    @cached_property
    def jittered(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Outputs (m,) and cotangents (n',) in float64 for :data:`JITTERS`, the ulps being those of the case's dtype.

        Equal values are moved alike and zeros stay, so that ties and special points survive.
        """
        ulp = EPS[self.case.dtype]
        return [self._moved_by(count * ulp, self._signs[turn // 2]) for turn, count in enumerate(JITTERS)]

    @cached_property
    def shaken(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """The same, inputs and y_bar being moved by one to two ulps in :data:`SHAKES` more ways.

        By different shares of an ulp: where one is many periods of a sine, equal ones would be all alike. Every other
        time all move outwards: in a product of two, opposite ones cancel.
        """
        ulps = EPS[self.case.dtype] * np.linspace(1.0, 2.0, SHAKES)
        rngs = (np.random.default_rng((self.case.seed, 14, shake)) for shake in range(SHAKES))
        signs = [drawn_signs(self.point, self.y_bar64, rng) for rng in rngs]
        signs[1::2] = [replace(one, point=np.abs(one.point)) for one in signs[1::2]]
        return [self._moved_by(float(relative), one) for relative, one in zip(ulps, signs, strict=True)]

    @cached_property
    def _signs(self) -> list[Signs]:
        """For each two turns: they go opposite ways."""
        seeds = [(self.case.seed, 2, pair) for pair in range(len(JITTERS) // 2)]
        return [drawn_signs(self.point, self.y_bar64, np.random.default_rng(seed)) for seed in seeds]

    def _moved_by(self, relative: float, signs: Signs) -> tuple[np.ndarray, np.ndarray]:
        y_bar, aside = signs.moved(self.y_bar64, relative), self._stepped(relative * signs.point)
        if self.is_plain:
            return self.pulled_back(aside, y_bar)
        rng = copy.deepcopy(signs.rng)
        return self.pulled_back(
            aside, y_bar, lambda x: x * (1.0 + relative * signs_by_value(x.reshape(-1), rng).reshape(x.shape))
        )

    def aside(self, turn: int) -> Arrays:
        """The drawn values in float64, moved by that turn's ulps of :data:`JITTERS`."""
        return self._stepped(JITTERS[turn] * EPS[self.case.dtype] * self._signs[turn // 2].point)

    def _stepped(self, relative: np.ndarray) -> Arrays:
        """The drawn inputs moved by shares (n,) of themselves; what an edge of its domain stops goes the other way."""
        there, back = (self.inside(self.point * (1.0 + step)) for step in (relative, -relative))
        return tuple(np.where(u == x, v, u) for u, v, x in zip(there, back, self.drawn64, strict=True))

    def inside(self, point: np.ndarray) -> Arrays:
        """The drawn inputs for a flat vector, moved inside their domains."""
        return tuple(
            domain.repaired(u) if u.dtype.kind == "f" else u
            for u, domain in zip(self.unflattened(point), self.domains, strict=True)
        )

    @cached_property
    def exact_rule(self) -> tuple[np.ndarray, np.ndarray]:
        """Outputs (m,) and the rule's cotangents (n',), both evaluated in float64 at this point."""
        return self.pulled_back(self.drawn64, self.y_bar64)

    def pulled_back(
        self,
        drawn: Sequence[np.ndarray],
        y_bar: Sequence[np.ndarray | None],
        shaken: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Outputs and cotangents as flat vectors; NaN where a call fails.

        Args:
            drawn: The inputs before their transforms.
            y_bar: The cotangents.
            shaken: Applied to what a transform makes: it is rounded, too.
        """
        try:
            seen = self.transformed(drawn, "float64")
            if shaken is not None:
                domains = self.op.inputs.values()
                seen = tuple(
                    x if d.transform is None or d.integer else shaken(x) for x, d in zip(seen, domains, strict=True)
                )
            ys, saved = self.forward(seen)
            y = float_outputs(ys)
            given = [None if bar is None else bar.copy() for bar in y_bar]
            return y, self.flat_cotangents(self.checked(self.vjp(saved, given)))
        except CallFailedError:
            width = sum(x.size for x, d in zip(self.inputs, self.op.inputs.values(), strict=True) if d.differentiable)
            return np.full(self.v.size, np.nan), np.full(width, np.nan)

    def cotangents(self, point: np.ndarray) -> np.ndarray:
        """The rule as a function (n,) -> (n') in float64, y_bar being fixed; NaN where it fails."""
        return self.pulled_back(self.unflattened(point), self.y_bar64)[1]

    def flat_cotangents(self, cotangents: Sequence[np.ndarray | None]) -> np.ndarray:
        """The cotangents of the differentiable inputs as one float64 vector (n')."""
        return flattened([bar for bar in cotangents if bar is not None])

    @cached_property
    def torch(self) -> TorchAnswer | ReferenceFailedError:
        """The reference at this point in float64, or why there is none."""
        try:
            return torch_autograd(self.op, self.transformed(self.drawn64, "float64"), self.case.params, self.y_bar64)
        except ReferenceFailedError as error:
            return error

    def moved(self, shift: np.ndarray) -> Trial:
        """The same case a little aside: *shift* (n,) in units of 2^-6 of each entry's scale, kept inside the domain."""
        point = self.point + 2.0**-6 * np.maximum(np.abs(self.point), 1.0) * shift
        return Trial(self.op, replace(self.case, drawn=self.inside(point), dtype="float64", y_bar=self.y_bar64))
