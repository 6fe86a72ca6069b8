"""Filling one input: ordinary values, and the values at which backward formulas go wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradspec.intervals import Interval
from gradspec.places import around, next_to, overflowing, whole_numbers

SMALLEST = 1e-60  # below this, correct formulas lose digits in intermediate products
LARGEST = 1e8  # params above this are no thresholds
NEAR = (0.02, 0.15)  # relative distance to a threshold: near, and far enough for the steps of an oracle
EXACT = (4, 6)  # which of the values near a threshold lie on it, one of either sign
SIDES = {"within": (0.05, 0.6), "past": (1.01, 1.2), "beyond": (1.1, 8.0)}
"""Times a threshold. Just past 20, exp(-x) is still to be seen beside 1; at 40 it is not."""
THRESHOLD_KINDS = ("near", "within")
CLOSE_TOGETHER = "close together"  # in float32 only: in float64 no oracle tells a lost digit from a rounded one
OVERFLOWING = "exp just overflows"  # in float32
ANYWHERE = "anywhere"
WIDE = 1.5  # times the ordinary range: of [1900, 2100] this is [1900, 1920], and most draws are for what is around 0
IDENTITY = "a multiple of the identity"
SPECIAL = (1.0, -1.0, 0.5, 2.0, -0.0)

Filler = Callable[[Interval, tuple[int, ...], np.random.Generator], np.ndarray]


def _uniform(domain: Interval, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    low, high = domain.typical
    return rng.uniform(low, high, size=shape)


def _anywhere(domain: Interval, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(domain.lo, domain.hi, size=shape)


def _integers(domain: Interval, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    low, high, holes = domain.whole
    x = rng.integers(low, high - len(holes), size=shape, endpoint=True, dtype=np.int64)
    for hole in holes:  # in ascending order: each hole moves what lies above it
        x = x + (x >= hole)
    return x


def _magnitudes(smallest: float, largest: float) -> Filler:
    def fill(domain: Interval, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        x = 10.0 ** rng.uniform(math.log10(smallest), math.log10(largest), size=shape)
        return _inside(domain, x * rng.choice((-1.0, 1.0), size=shape), rng)

    return fill


def _inside(domain: Interval, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """*x*, or -x where a one-sided domain wants that, or ordinary values where neither is inside."""
    for candidate in (x, -x):
        inside = (candidate >= domain.lo) & (candidate <= domain.hi)
        x = np.where(inside, candidate, x)
    outside = (x < domain.lo) | (x > domain.hi)
    return np.where(outside, _uniform(domain, x.shape, rng), x)


def _ties(domain: Interval, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Two values, every other time of one magnitude: the largest |x| is met by both. A row or column is equal."""
    first, second = _uniform(domain, (2,), rng)
    opposite = -first if domain.holds(-first) else second
    x = rng.choice([first, opposite if rng.random() < 0.5 else second], size=shape)
    if x.ndim > 1:
        rows = np.moveaxis(x, rng.integers(x.ndim), 0)
        rows[:1], rows[1:2] = first, opposite
    return x


def _whole(domain: Interval, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    low, high = max(domain.typical[0], -3.0), min(domain.typical[1], 3.0)
    if math.ceil(low) > math.floor(high):
        return _uniform(domain, shape, rng)
    numbers = rng.permutation(np.arange(math.ceil(low), math.floor(high) + 1.0))
    if math.prod(shape) > 1:  # each once before any comes again, and never without 1, whose powers are like no others
        numbers = np.concatenate([numbers[numbers == 1.0], numbers[numbers != 1.0]])
    return rng.permutation(np.resize(numbers, math.prod(shape))).reshape(shape)


def _equal_rows(domain: Interval, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    return np.broadcast_to(_uniform(domain, shape[-1:], rng), shape).copy()


def _identity(domain: Interval, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Multiples of the identity matrix, whose eigenvalues are equal: not small ones, since a @ a.T is flat at 0."""
    if len(shape) < 2:  # a broadcast input that lacks an axis
        return _uniform(domain, shape, rng)
    factors = _uniform(domain, (3, *shape[:-2], 1, 1), rng)
    far = np.take_along_axis(factors, np.abs(factors).argmax(axis=0, keepdims=True), axis=0)[0]
    return np.asarray(far * np.eye(shape[-2], shape[-1]))


def _offset(domain: Interval, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Numbers close together and far from 0, where a mean of squares less the square of the mean has no digits left."""
    far = 10.0 ** rng.uniform(2.0, 3.0) * rng.choice((-1.0, 1.0))
    return _inside(domain, far + rng.uniform(-1.0, 1.0, size=shape), rng)


def _up_to(largest: float) -> Filler:
    def fill(domain: Interval, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return _inside(domain, rng.uniform(-largest, largest, size=shape), rng)

    return fill


def _two_large(domain: Interval, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """An entry whose exponential overflows in either dtype, and one whose vanishes; the rest stays ordinary."""
    x = _uniform(domain, shape, rng)
    large = _inside(domain, rng.uniform(750.0, 1000.0, size=2) * np.array((1.0, -1.0)), rng)
    where = rng.permutation(x.size)[:2]
    x.reshape(-1)[where] = large[: where.size]
    return x


def _near(value: float) -> Filler:
    """Around *value* and -*value*, where a param may be a threshold, on both sides of it and exactly there."""

    def fill(domain: Interval, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        order = rng.permutation(math.prod(shape)).reshape(shape)  # the first four take each side of each sign
        side, sign = np.where(order % 2, 1.0, -1.0), np.where(order // 2 % 2, -1.0, 1.0)
        aside = rng.uniform(*NEAR, size=shape) * np.where(order < 4, 0.5, 1.0)
        aside = np.where(np.isin(order, EXACT), 0.0, aside)
        return _inside(domain, value * (1 + side * aside) * sign, rng)

    return fill


def _times(value: float, factors: tuple[float, float]) -> Filler:
    """Entries of these *factors* times *value* or -*value*: rows of a few have a norm below it, or above."""

    def fill(domain: Interval, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return _inside(domain, value * rng.uniform(*factors, size=shape) * rng.choice((-1.0, 1.0), size=shape), rng)

    return fill


def _next_to(side: str) -> Filler:
    def fill(domain: Interval, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        width = min(domain.typical[1] - domain.typical[0], domain.hi - domain.lo)
        edge, inward = (domain.lo, width) if side == "lo" else (domain.hi, -width)
        x = next_to(edge, inward, shape, rng)
        # A matrix of nothing else would be nearly singular.
        return x if len(shape) < 2 else np.where(rng.random(shape) < 0.5, x, _uniform(domain, shape, rng))

    return fill


def _some(values: Sequence[float], count: int | None) -> Filler:
    """*count* entries, all for None, take the *values* in turn; the rest stays ordinary."""

    def fill(domain: Interval, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        x = _uniform(domain, shape, rng)
        where = rng.permutation(x.size)[:count]
        x.reshape(-1)[where] = np.resize(values, where.size)
        return x

    return fill


def _at(numbers: str) -> Filler:
    """Some entries are these *numbers*, or their negatives: not beside a threshold but on it."""
    values = [sign * float(number) for number in numbers.split() for sign in (1.0, -1.0)]

    def fill(domain: Interval, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        inside = [value for value in values if domain.holds(value)]
        return _some(rng.permutation(inside).tolist(), len(inside))(domain, shape, rng)

    return fill


_FILLERS: dict[str, Filler] = {
    "uniform": _uniform,
    ANYWHERE: _anywhere,
    "log-uniform": _magnitudes(1e-3, 1e3),
    "small": _magnitudes(1e-8, 1e-3),
    "large": _magnitudes(1e3, 1e8),
    CLOSE_TOGETHER: _offset,
    "two large": _two_large,
    OVERFLOWING: lambda domain, shape, rng: _inside(domain, overflowing(shape, rng), rng),
    "tens": _magnitudes(10.0, 100.0),
    "up to 1000": _up_to(1000.0),
    "ties": _ties,
    "whole numbers": _whole,
    "equal rows": _equal_rows,
    IDENTITY: _identity,
}


def kinds(domain: Interval, params: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """The ways to fill an input with this domain, ordinary first, the most telling ones next.

    Args:
        domain: Where the values may lie.
        params: The op's params; a number among them may be a threshold.
    """
    wide = WIDE * (domain.typical[1] - domain.typical[0]) < domain.hi - domain.lo < math.inf
    if domain.integer:
        whole = [number for number in whole_numbers(domain.numbers) if domain.holds(number)]
        names = ["uniform", *[ANYWHERE] * wide, *([f"at {' '.join(map(str, whole))}"] if whole else [])]
        return (*names, "ties", "lowest", "highest")
    names = ["uniform"]
    if domain.holds(0.0):
        names += ["a zero"]
    names += near(domain, params)
    numbers = dict.fromkeys((*thresholds(params or {}), *domain.numbers))
    exact = [number for number in numbers if number not in SPECIAL and (domain.holds(number) or domain.holds(-number))]
    names += [f"at {' '.join(map(repr, exact))}"] if exact else []
    names += [ANYWHERE] * wide
    names += [
        f"next to {name}" for name, edge in (("hi", domain.hi), ("lo", domain.lo)) if edge and math.isfinite(edge)
    ]
    signed = (number if domain.holds(number) else -number for number in exact)
    inside = [*dict.fromkeys(point for point in (*domain.exclude, *signed) if point and domain.lo < point < domain.hi)]
    names += [f"around {' '.join(map(repr, inside))}"] if inside else []
    names += ["ties", "log-uniform"]
    names += [name for name, edge in _edges(domain).items() if domain.holds(edge)]
    if domain.holds(0.0):
        names += ["two zeros", "all zeros"]
        names += [IDENTITY] if domain.square else []
    names += ["two large", "up to 1000", "tens", "small", "large", "equal rows", "whole numbers"]
    names += [f"a {value!r}" for value in SPECIAL if domain.holds(value)]
    return tuple(names)


def near(domain: Interval, params: Mapping[str, Any] | None) -> list[str]:
    """The kinds for values around and below params that are numbers, with either sign."""
    sizes = [] if domain.integer else thresholds(params or {})
    return [f"{where} {value!r}" for where in THRESHOLD_KINDS for value in sizes]


def thresholds(params: Mapping[str, Any]) -> list[float]:
    """The magnitudes of the params that are numbers, each once; any may be a threshold."""
    numbers = (value for value in params.values() if isinstance(value, (int, float, np.number)))
    sizes = (abs(float(value)) for value in numbers if not isinstance(value, bool))
    return list(dict.fromkeys(size for size in sizes if SMALLEST < size < LARGEST))


def fill(domain: Interval, shape: tuple[int, ...], kind: str, rng: np.random.Generator) -> np.ndarray:
    """Draw one input of *shape* in the manner *kind*, in float64 (int64 for integers)."""
    if 0 in shape:  # the domain itself may be empty for these sizes
        return np.zeros(shape, dtype=np.int64 if domain.integer else np.float64)
    if domain.integer:
        return _filled_with_integers(domain, shape, kind, rng)
    x = np.asarray(_filler(domain, kind)(domain, shape, rng), dtype=np.float64)
    return domain.repaired(np.where((np.abs(x) < SMALLEST) & (x != 0.0), np.copysign(SMALLEST, x), x))


def _filled_with_integers(domain: Interval, shape: tuple[int, ...], kind: str, rng: np.random.Generator) -> np.ndarray:
    if kind == "ties":
        return rng.choice(_integers(domain, (2,), rng), size=shape)
    if kind == ANYWHERE:
        return _integers(replace(domain, typical=(domain.lo, domain.hi)), shape, rng)
    if kind.startswith("at "):
        numbers = [int(number) for number in kind.split()[1:]]
        return rng.permutation(np.resize(rng.permutation(numbers), math.prod(shape))).reshape(shape)
    if kind in ("lowest", "highest"):
        low, high, holes = domain.whole
        inside = (value for value in (range(low, high + 1) if kind == "lowest" else range(high, low - 1, -1)))
        return np.full(shape, next(value for value in inside if value not in holes), dtype=np.int64)
    return _integers(domain, shape, rng)


def _filler(domain: Interval, kind: str) -> Filler:
    if kind in _FILLERS:
        return _FILLERS[kind]
    where, _, value = kind.partition(" ")
    if where in SIDES:
        return _times(float(value), SIDES[where])
    if where == "near":
        return _near(float(value))
    if where == "at":
        return _at(value)
    if where == "around":
        points = [float(number) for number in value.split()]
        return lambda domain, shape, rng: _inside(domain, around(points, shape, rng), rng)
    if kind.startswith("next to"):
        return _next_to(kind.removeprefix("next to "))
    if kind in ("a zero", "two zeros", "all zeros"):
        return _some([0.0], {"a zero": 1, "two zeros": 2}.get(kind))
    edges = _edges(domain)
    return _some([edges[kind] if kind in edges else float(kind.removeprefix("a "))], 1)


def _edges(domain: Interval) -> dict[str, float]:
    """The finite edges and their neighbours one ulp inside, where those are no subnormals."""
    edges: dict[str, float] = {}
    for name, edge, inward in (("lo", domain.lo, math.inf), ("hi", domain.hi, -math.inf)):
        if math.isfinite(edge) and (edge == 0.0 or abs(edge) > SMALLEST):
            edges[f"the {name} edge"] = edge
            inside = math.nextafter(edge, inward)
            if abs(inside) > SMALLEST:
                edges[f"one ulp inside {name}"] = inside
    return edges
