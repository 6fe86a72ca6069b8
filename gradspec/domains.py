"""From a declaration to cases: what one is made of, and the systematic list of those that no run leaves out."""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradspec.covering import covering, generic
from gradspec.intervals import interval
from gradspec.layouts import FULL, Combination, Pattern, Space
from gradspec.related import BESIDE, SHARED, beside, shared
from gradspec.spec import Op
from gradspec.values import CLOSE_TOGETHER, THRESHOLD_KINDS, fill, kinds, near, thresholds

ONE_OUTPUT = "one output"
COTANGENTS = ("signed", "one-hot", "balanced", ONE_OUTPUT, "large", "small")
ROUNDS = 5  # what is wrong for some params may be so for some sizes only
LARGEST_SIZE = 8  # up to which each size has a case of its own, as has the largest; others are met by chance
LARGE, SMALL = 2.0**20, 2.0**-20  # powers of two: only the magnitude of y_bar changes, not its digits


@dataclass(frozen=True)
class Case:
    """One example: everything that decides what the op is given.

    Attributes:
        sizes: Size symbol -> size.
        lead: The axes that ``...`` stands for.
        params: Param -> value.
        keys: Param -> which listed value that is.
        drawn: The drawn values of each input, before its transform, in the case's dtype.
        dtype: "float64" or "float32".
        seed: Decides the cotangent and the directions of the finite differences.
        cotangent: How y_bar is drawn: one of COTANGENTS.
        label: What is particular about it, in words.
        ordinary: Drawn from the ordinary part of the domain.
        y_bar: The cotangent itself, where it is fixed (shrunk and replayed cases).
    """

    sizes: Mapping[str, int]
    lead: tuple[int, ...]
    params: Mapping[str, Any]
    keys: Mapping[str, str]
    drawn: tuple[np.ndarray, ...]
    dtype: str
    seed: int
    cotangent: str = "signed"
    label: str = "ordinary"
    ordinary: bool = False
    y_bar: tuple[np.ndarray | None, ...] | None = None


@dataclass(frozen=True)
class Recipe:
    """A case before its values are drawn: small enough to print, and always giving the same case."""

    combination: Combination
    lead: tuple[int, ...]
    pattern: tuple[Pattern, ...]
    dtype: str
    kinds: tuple[str, ...]
    cotangent: str
    seed: int

    @property
    def label(self) -> str:
        """What is particular about it, in words."""
        special = [kind for kind in self.kinds if kind != "uniform"]
        return ", ".join(special) or "ordinary"


def make_case(space: Space, recipe: Recipe) -> Case:
    """Draw the values that *recipe* asks for."""
    op = space.op
    rng = np.random.default_rng(recipe.seed)
    sizes = recipe.combination.sizes
    drawn: list[np.ndarray] = []
    shapes = space.shapes(sizes, recipe.lead, recipe.pattern)
    for name, shape, kind in zip(op.inputs, shapes, recipe.kinds, strict=True):
        domain = interval(op, name, sizes)
        if kind == SHARED:
            x = shared(drawn, domain, shape, rng)
        elif kind == BESIDE:
            x = beside(drawn, domain, shape, rng, recipe.combination.params)
        else:
            x = fill(domain, shape, kind, rng)
        with np.errstate(over="ignore"):  # what float32 does not hold is moved inside
            x = x if domain.integer else domain.repaired(x.astype(recipe.dtype))
        drawn.append(x)
    return Case(
        sizes=sizes,
        lead=recipe.lead,
        params=recipe.combination.params,
        keys=recipe.combination.keys,
        drawn=tuple(drawn),
        dtype=recipe.dtype,
        seed=recipe.seed,
        cotangent=recipe.cotangent,
        label=recipe.label,
        ordinary=all(kind == "uniform" for kind in recipe.kinds),
    )


def systematic(space: Space, seed: int) -> Iterator[Recipe]:
    """The cases that no run leaves out, the most telling first.

    Every param value, every pair of them and every dtype come first; then, taking turns, each size 0 and 1 in each
    position, each special value in one input while the others stay ordinary, float32, each broadcasting pattern, and
    further combinations of params.
    """
    seeds = itertools.count(zlib.crc32(f"{space.op.name} {seed}".encode()))
    first = required(space, seed)
    others = _taking_turns(space, np.random.default_rng((seed, 1)))
    for position, recipe in enumerate(_unique(itertools.chain(first, others))):
        # One entry of y_bar hides what is wrong elsewhere: not where only a few entries are telling.
        telling = any(kind == BESIDE or kind.startswith(THRESHOLD_KINDS) for kind in recipe.kinds)
        full = position % 5 or position < len(first) or telling
        cotangent = COTANGENTS[0] if full else COTANGENTS[1 + position // 5 % (len(COTANGENTS) - 1)]
        yield replace(recipe, seed=next(seeds), cotangent=cotangent)


def required(space: Space, seed: int) -> list[Recipe]:
    """The part of :func:`systematic` that even the shortest run makes: every param value, every pair, every dtype."""
    pairs = (ordinary(space, found) for found in covering(space, seed))
    return [*_unique(itertools.chain(_every_param(space), pairs))]


def _unique(recipes: Iterable[Recipe]) -> Iterator[Recipe]:
    seen: set[tuple[Any, ...]] = set()
    for recipe in recipes:
        key = (id(recipe.combination), recipe.lead, recipe.pattern, recipe.dtype, recipe.kinds)
        if key not in seen:
            seen.add(key)
            yield recipe


def _every_param(space: Space) -> Iterator[Recipe]:
    yield from (ordinary(space, space.default, dtype=dtype) for dtype in space.op.dtypes)
    for param in space.op.params:
        for key in space.values(param):
            yield ordinary(space, space.nearest(param, key) or space.default)


def _taking_turns(space: Space, rng: np.random.Generator) -> Iterator[Recipe]:
    groups = (
        _special_values(space),
        _sizes(space),
        _float32(space),
        _broadcasting(space),
        _params_again(space),
        _combinations(space, rng),
    )
    for turn in itertools.zip_longest(*groups):
        yield from (recipe for recipe in turn if recipe is not None)


def sharing(op: Op) -> set[str]:
    """The float inputs that another float input comes before: they can hold some of the same numbers."""
    floats = [name for name, domain in op.inputs.items() if not domain.integer and domain.transform is None]
    return set(floats[1:])


def _sizes(space: Space) -> Iterator[Recipe]:
    """1 and 0 in each position, each number of leading axes, and every other size that is declared."""
    yield from _each_size(space, (1, 0))
    available = [kinds(interval(space.op, name, space.default.sizes)) for name in space.op.inputs]
    zeros = tuple("all zeros" if "all zeros" in special else "uniform" for special in available)
    if "all zeros" in zeros:  # one entry, and that a 0
        yield from (replace(recipe, kinds=zeros) for recipe in _each_size(space, (1,)))
    for lead in space.leads:
        yield ordinary(space, space.default, lead=lead)
    highest = max((hi for _, hi in space.op.sizes.values()), default=0)
    yield from _each_size(space, sorted({hi for _, hi in space.op.sizes.values() if hi > LARGEST_SIZE}, reverse=True))
    yield from _each_size(space, range(min(highest, LARGEST_SIZE), 1, -1))


def _each_size(space: Space, sizes: Iterable[int]) -> Iterator[Recipe]:
    for size in sizes:
        for symbol, (lo, hi) in space.op.sizes.items():
            found = space.nearest(symbol, size) if lo <= size <= hi else None
            if found is not None:
                yield ordinary(space, found)


def _special_values(space: Space) -> Iterator[Recipe]:
    """One input special while the others stay ordinary, inputs taking turns; then all inputs alike."""
    combination = space.default
    available = [kinds(interval(space.op, name, combination.sizes)) for name in space.op.inputs]
    plain = tuple("uniform" for _ in available)
    alike = [(SHARED, BESIDE) if name in sharing(space.op) else () for name in space.op.inputs]
    turns = [
        [(*plain[:position], kind, *plain[position + 1 :]) for kind in (*first, *special) if kind != "uniform"]
        for position, (first, special) in enumerate(zip(alike, available, strict=True))
    ]
    together = []
    if len(available) > 1:
        same = [tuple(kind if kind in special else "uniform" for special in available) for kind in available[0]]
        together = [ordinary(space, combination, kinds=kinds) for kinds in sorted(same, key=_all_zeros, reverse=True)]
    for position, turn in enumerate(itertools.zip_longest(*turns)):
        if position == 1:
            yield from together[:1]
        yield from (ordinary(space, combination, kinds=kinds) for kinds in turn if kinds is not None)
    yield from together


def _all_zeros(kinds: tuple[str, ...]) -> bool:
    """Whether the inputs are 0 together: where hypot, atan2 and quotients of norms have their singular point."""
    return "all zeros" in kinds


def _float32(space: Space) -> Iterator[Recipe]:
    if "float32" in space.op.dtypes:
        kinds = ["uniform"] * len(space.op.inputs)
        for position, domain in enumerate(space.op.inputs.values()):
            if not domain.integer:
                offset = (*kinds[:position], CLOSE_TOGETHER, *kinds[position + 1 :])
                yield ordinary(space, space.default, kinds=offset, dtype="float32")
        yield from (replace(recipe, dtype="float32") for recipe in _special_values(space))


def _broadcasting(space: Space) -> Iterator[Recipe]:
    lead, longest = max(space.leads, key=math.prod), max(space.leads, key=len)
    mixed = (any(cut.is_mixed for cut in pattern) for pattern in space.patterns)
    for pattern, is_mixed in zip(space.patterns, mixed, strict=True):
        yield ordinary(space, space.default, lead=longest if is_mixed else lead, pattern=pattern)


def _params_again(space: Space) -> Iterator[Recipe]:
    """Each param value once more with inputs close to each other, in float32, and with a special value."""
    close = tuple(BESIDE if name in sharing(space.op) else "uniform" for name in space.op.inputs)
    again = list(_every_param(space))
    if BESIDE in close:  # distances below a threshold are met by no other draw
        found = (recipe for recipe in again if thresholds(recipe.combination.params))
        yield from (replace(recipe, kinds=close, lead=max(space.leads, key=math.prod)) for recipe in found)
    for recipe in again:
        domain = interval(space.op, next(iter(space.op.inputs)), recipe.combination.sizes)
        first = kinds(domain, recipe.combination.params)
        telling = near(domain, recipe.combination.params) or [first[min(1, len(first) - 1)]]
        for kind in telling:
            special = replace(recipe, kinds=(kind, *recipe.kinds[1:]), lead=max(space.leads, key=math.prod))
            yield special
            if "float32" in space.op.dtypes:
                yield replace(special, dtype="float32")
        if "float32" in space.op.dtypes:
            yield replace(recipe, dtype="float32")


def _combinations(space: Space, rng: np.random.Generator) -> Iterator[Recipe]:
    """Every combination of param values a few times, in random order, with generic sizes where there are some."""
    found = list(space.by_params.values())
    for _ in range(ROUNDS if len(found) > 1 else 1):
        for position in rng.permutation(len(found)):
            yield ordinary(space, generic(found[position], rng))


def ordinary(
    space: Space,
    combination: Combination,
    *,
    dtype: str | None = None,
    lead: tuple[int, ...] | None = None,
    pattern: tuple[Pattern, ...] | None = None,
    kinds: tuple[str, ...] | None = None,
    cotangent: str = "signed",
) -> Recipe:
    """A recipe of ordinary values for these sizes and params, but for what is given."""
    inputs = len(space.op.inputs)
    return Recipe(
        combination=combination,
        lead=space.leads[min(1, len(space.leads) - 1)] if lead is None else lead,
        pattern=(FULL,) * inputs if pattern is None else pattern,
        dtype=space.op.dtypes[0] if dtype is None else dtype,
        kinds=("uniform",) * inputs if kinds is None else kinds,
        cotangent=cotangent,
        seed=0,
    )
