"""From a failing case to a small one: fewer entries, plainer values, a cotangent with one entry."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from gradspec.caller import CallFailedError
from gradspec.checks import Check, Mismatch
from gradspec.domains import Case
from gradspec.errors import DeclarationError
from gradspec.evidence import Evidence
from gradspec.intervals import Interval, interval
from gradspec.layouts import FULL, Combination, Space
from gradspec.limits import WATCH
from gradspec.trial import Trial

MAX_TRIES = 400
MAX_SECONDS = 1.0
MAX_LAYOUTS = 24
PLAIN = (1.0, 0.0, 2.0, -1.0, 0.5)  # values of inputs, the plainest first: a 0 hides more than a 1
COTANGENTS = (0.0, 1.0, -1.0, 2.0)


def failure(space: Space, case: Case, check: Check, kind: str | None = None) -> Mismatch | None:
    """The mismatch of *check* on *case*, of the given kind if one is asked for; None if it passes."""
    trial = Trial(space.op, case)
    with WATCH, np.errstate(all="ignore"):
        try:
            if not (trial.is_inside or check.everywhere):
                return None
        except CallFailedError:
            pass  # the contract check turns this into its failure
        try:
            outcomes = check.function(trial, Evidence(trial))
        except CallFailedError:
            return None
        told = [outcome.told for outcome in outcomes if outcome.mismatch is not None]
    found = [mismatch for mismatch in told if mismatch is not None and kind in (None, mismatch.kind)]
    return max(found, key=lambda mismatch: mismatch.discrepancy, default=None)


def shrink(space: Space, case: Case, check: Check, mismatch: Mismatch) -> tuple[Case, Mismatch]:
    """A smaller case that fails in the same way, and its failure.

    Sizes go to 2 first, and to 1 or 0 only where nothing larger fails, since at size 1 every axis looks alike.
    """
    return _Shrinker(space, check, mismatch.kind, mismatch.input).run(case, mismatch)


class _Shrinker:
    def __init__(self, space: Space, check: Check, kind: str, name: str) -> None:
        self.space = space
        self.check = check
        self.kind = kind
        self.gross = False
        self.name = name or next(n for n, domain in space.op.inputs.items() if domain.differentiable)
        self.tries = 0
        self.deadline = time.monotonic() + MAX_SECONDS

    def run(self, case: Case, mismatch: Mismatch) -> tuple[Case, Mismatch]:
        self.gross = mismatch.is_gross
        best = (_fixed(self.space, case), mismatch)
        for candidates in (self._smaller, self._simpler_values, self._simpler_cotangents):
            best = self._pass(candidates, *best)
        return best

    def _pass(
        self, candidates: Callable[[Case], Iterator[Case]], case: Case, mismatch: Mismatch
    ) -> tuple[Case, Mismatch]:
        progress = True
        while progress:
            progress = False
            for candidate in candidates(case):
                found = self._fails(candidate)
                if found is not None:
                    case, mismatch = _fixed(self.space, candidate), found
                    progress = candidates is not self._smaller  # layouts come in order: the first that fails is it
                if self.tries >= MAX_TRIES or time.monotonic() > self.deadline:
                    return case, mismatch
                if found is not None:
                    break
        return case, mismatch

    def _fails(self, case: Case) -> Mismatch | None:
        self.tries += 1
        try:
            found = failure(self.space, case, self.check, self.kind)
        except DeclarationError:
            return None
        return found if found is None or found.is_gross or not self.gross else None

    def _smaller(self, case: Case) -> Iterator[Case]:
        """Small layouts in order, each with plain values first."""
        same = [c for c in self.space.combinations if c.keys == case.keys]
        best = self.space.default
        plain = [c for c in self.space.combinations if c.keys == best.keys]
        layouts = sorted([*{id(c): c for c in (*plain, *same)}.values()], key=self._size)
        keep = _size_of(case, self.space, self.name)
        tried = [c for c in layouts if self._size(c)[0] <= keep[0] and self._size(c) < keep][:MAX_LAYOUTS]
        for combination in tried:
            for dtype in dict.fromkeys(("float64", case.dtype)):
                if dtype in self.space.op.dtypes:
                    yield from self._filled(combination, dtype, case)

    def _size(self, combination: Combination) -> tuple[bool, int, int, int, tuple[int, ...]]:
        patterns = (FULL,) * len(self.space.op.inputs)
        shapes = dict(zip(self.space.op.inputs, self.space.shapes(combination.sizes, (), patterns), strict=True))
        entries = int(np.prod(shapes[self.name]))
        strays = sum(key != "0" for key in combination.keys.values())
        total = sum(int(np.prod(s)) for s in shapes.values())
        return entries < 2, total, 0, strays, tuple(combination.sizes.values())

    def _filled(self, combination: Combination, dtype: str, case: Case) -> Iterator[Case]:
        op = self.space.op
        shapes = self.space.shapes(combination.sizes, (), (FULL,) * len(op.inputs))
        for manner in ("ones", "counting", "drawn", "kept"):
            drawn = []
            for name, shape, u in zip(op.inputs, shapes, case.drawn, strict=True):
                domain = interval(op, name, combination.sizes)
                kept = manner == "kept" and not domain.integer and u.size > 0
                drawn.append(
                    _kept(domain, shape, u, dtype) if kept else _plain(domain, shape, manner, dtype, case.seed)
                )
            common = replace(
                case,
                sizes=combination.sizes,
                lead=(),
                params=combination.params,
                keys=combination.keys,
                drawn=tuple(drawn),
                dtype=dtype,
                y_bar=None,
            )
            yield from _one_hots(self.space, common, limit=2)
            yield replace(common, cotangent="signed")

    def _simpler_values(self, case: Case) -> Iterator[Case]:
        for position, (u, name) in enumerate(zip(case.drawn, self.space.op.inputs, strict=True)):
            domain = interval(self.space.op, name, case.sizes)
            if domain.integer or u.size > 64:
                continue
            for flat in range(u.size):
                now = u.reshape(-1)[flat]
                for value in (*PLAIN, float(np.round(now)), float(np.round(now, 1))):
                    if not domain.holds(value) or _plainness(value) >= _plainness(now):
                        continue
                    changed = u.copy()
                    changed.reshape(-1)[flat] = value
                    yield replace(case, drawn=(*case.drawn[:position], changed, *case.drawn[position + 1 :]))

    def _simpler_cotangents(self, case: Case) -> Iterator[Case]:
        bars = case.y_bar or ()
        if sum(int(np.count_nonzero(bar)) for bar in bars if bar is not None) > 1:
            yield from _one_hots(self.space, case, limit=16)
        for position, bar in enumerate(bars):
            if bar is None or bar.size > 64:
                continue
            for flat in range(bar.size):
                now = bar.reshape(-1)[flat]
                for value in COTANGENTS[: COTANGENTS.index(now) if now in COTANGENTS else None]:
                    if value == 0.0 or now != 0.0:
                        changed = bar.copy()
                        changed.reshape(-1)[flat] = value
                        if not any(
                            other.any()
                            for other in (changed, *bars[:position], *bars[position + 1 :])
                            if other is not None
                        ):
                            continue  # with a cotangent of zeros nobody would believe it
                        yield replace(case, y_bar=(*bars[:position], changed, *bars[position + 1 :]))


def _plainness(value: float) -> int:
    if value in PLAIN:
        return PLAIN.index(value)
    return len(PLAIN) + (0 if value == np.round(value) else 1 if value == np.round(value, 1) else 2)


def _plain(domain: Interval, shape: tuple[int, ...], manner: str, dtype: str, seed: int) -> np.ndarray:
    size = int(np.prod(shape))
    if domain.integer:
        low, high = int(np.ceil(domain.typical[0])), int(np.floor(domain.typical[1]))
        steps = np.zeros(size, dtype=np.int64) if manner == "ones" else np.arange(size)
        return (low + steps % max(high - low + 1, 1)).reshape(shape).astype(np.int64)
    if manner == "ones":
        x = np.ones(shape)
    elif manner == "counting":
        x = np.arange(1.0, size + 1).reshape(shape)
    else:
        x = np.round(np.random.default_rng(seed).uniform(*domain.typical, size=shape), 1)
    return domain.repaired(np.clip(x, domain.lo, domain.hi).astype(dtype))


def _kept(domain: Interval, shape: tuple[int, ...], u: np.ndarray, dtype: str) -> np.ndarray:
    """The largest entries that failed, in as small an array: overflow needs them, whatever the shape."""
    largest = u.reshape(-1)[np.argsort(-np.abs(u.reshape(-1)), kind="stable")]
    return domain.repaired(np.clip(np.resize(largest, shape), domain.lo, domain.hi).astype(dtype))


def _one_hots(space: Space, case: Case, limit: int) -> Iterator[Case]:
    """The case with a cotangent that is 1 at one place, for the first few places."""
    ys = _outputs(space, case)
    count = 0
    for position, y in enumerate(ys):
        for flat in range(y.size if y.dtype.kind == "f" else 0):
            if count == limit:
                return
            count += 1
            bars = [np.zeros(o.shape, dtype=o.dtype) if o.dtype.kind == "f" else None for o in ys]
            bar = np.zeros(y.size, dtype=y.dtype)
            bar[flat] = 1.0
            bars[position] = bar.reshape(y.shape)
            yield replace(case, y_bar=tuple(bars))


def _outputs(space: Space, case: Case) -> tuple[np.ndarray, ...]:
    try:
        with np.errstate(all="ignore"):
            return Trial(space.op, case).ys
    except CallFailedError:
        return ()


def _fixed(space: Space, case: Case) -> Case:
    """The case with its cotangent written out, so that it can be saved and shown."""
    if case.y_bar is not None:
        return case
    try:
        with np.errstate(all="ignore"):
            return replace(case, y_bar=Trial(space.op, case).y_bar)
    except CallFailedError:
        return case


def _size_of(case: Case, space: Space, name: str) -> tuple[bool, int, int, int, tuple[int, ...]]:
    shapes = {n: u.shape for n, u in zip(space.op.inputs, case.drawn, strict=True)}
    strays = sum(key != "0" for key in case.keys.values())
    return (
        int(np.prod(shapes[name])) < 2,
        sum(int(np.prod(s)) for s in shapes.values()),
        len(case.lead),
        strays,
        tuple(case.sizes.values()),
    )
