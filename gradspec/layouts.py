"""Which sizes, params and broadcasting patterns an op has: enumerated, never found by rejection."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from gradspec.errors import DeclarationError
from gradspec.spec import Op

MAX_SIZES = 2048  # more assignments of sizes than this are sampled, evenly and always the same ones
MAX_PARAMS = 512  # more combinations of params than this are sampled, too
MAX_COMBINATIONS = 1 << 14  # of both; a long list of params leaves fewer for each assignment of sizes
LEADS: tuple[tuple[int, ...], ...] = ((), (2,), (3, 2), (1,), (0,), (2, 1, 2))
MAX_LEAD = max(map(len, LEADS))


@dataclass(frozen=True)
class Combination:
    """One valid choice of sizes and params.

    Attributes:
        sizes: Size symbol -> size.
        params: Param -> value.
        keys: Param -> which of the listed values it is: what "every value is tried" counts.
    """

    sizes: Mapping[str, int]
    params: Mapping[str, Any]
    keys: Mapping[str, str]

    @cached_property
    def rank(self) -> tuple[int, int, int]:
        """Order of preference: no size below 2, all sizes different (axes tell apart), small."""
        sizes = self.sizes.values()
        return (-sum(size >= 2 for size in sizes), -len(set(sizes)), sum(sizes))


@dataclass(frozen=True)
class Pattern:
    """How one broadcastable input is cut down: leading axes missing, and axes of size 1."""

    missing: int = 0
    ones: tuple[int, ...] = ()

    @property
    def is_mixed(self) -> bool:
        """Whether axes are missing and others have size 1."""
        return bool(self.missing and self.ones)

    def apply(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The input's shape, given its full shape."""
        cut = [1 if axis in self.ones else size for axis, size in enumerate(shape)]
        return tuple(cut[min(self.missing, len(cut)) :])


FULL = Pattern()


class Space:
    """All layouts of one op.

    Attributes:
        combinations: The valid choices of sizes and params, preferred ones first.
        leads: What ``...`` may stand for; ``((),)`` if no input has it.
        patterns: Broadcasting patterns, one Pattern per input; the first is full sizes for all.

    Raises:
        DeclarationError: Nothing is left to draw from, or a function of the sizes failed.
    """

    def __init__(self, op: Op) -> None:
        self.op = op
        assignments = [*_assignments(op)]
        share = max(MAX_COMBINATIONS // len(assignments), 1)
        found = [combination for sizes in assignments for combination in _combinations(op, sizes, share)]
        if not found:
            raise DeclarationError(
                op.name,
                "sizes, params, where and bounds",
                "together they leave no combination to draw from; allowed: at least one, with lo <= hi",
            )
        self.combinations = sorted(found, key=lambda combination: combination.rank)
        leading = any(domain.dims.leading for domain in op.inputs.values())
        self.leads = LEADS if leading else ((),)
        self.patterns = _patterns(op, max_lead=2 if leading else 0)

    @cached_property
    def default(self) -> Combination:
        """Generic sizes with every param at its default, or as near to that as there is."""
        return self.nearest() or self.combinations[0]

    def nearest(self, name: str = "", value: int | str = 0) -> Combination | None:
        """The combination nearest to generic sizes and default params in which *name* has one value; None if none has.

        Args:
            name: A size symbol or a param; "" for none in particular.
            value: A size, or the key of a param's value.
        """
        best, fewest = None, math.inf
        for combination in self.combinations:  # preferred ones first: of equal ones the first is kept
            if name and (combination.sizes if isinstance(value, int) else combination.keys).get(name) != value:
                continue
            strays = sum([key != "0" for param, key in combination.keys.items() if param != name])
            if strays < fewest:
                best, fewest = combination, strays
            if not strays:
                break
        return best

    def nearest_of_size(self, size: int) -> Combination | None:
        """The combination nearest to default params in which every axis has this size; None if there is none."""
        found = [one for one in self.combinations if one.sizes and all(n == size for n in one.sizes.values())]
        return min(found, key=lambda one: sum(key != "0" for key in one.keys.values()), default=None)

    @cached_property
    def by_params(self) -> Mapping[tuple[str, ...], list[Combination]]:
        """The combinations by their params' keys, preferred sizes first."""
        found: dict[tuple[str, ...], list[Combination]] = {}
        for combination in self.combinations:
            found.setdefault(tuple(combination.keys.values()), []).append(combination)
        return found

    @cached_property
    def roomy(self) -> list[Combination]:
        """The combinations without an empty axis, or all if each has one."""
        return [combination for combination in self.combinations if 0 not in combination.sizes.values()] or list(
            self.combinations
        )

    @cached_property
    def _values(self) -> Mapping[str, list[str]]:
        found = {param: {combination.keys[param] for combination in self.combinations} for param in self.op.params}
        return {param: sorted(keys, key=_key_order) for param, keys in found.items()}

    def values(self, param: str) -> list[str]:
        """The keys of the values that *param* takes, the default first."""
        return self._values[param]

    def shapes(
        self, sizes: Mapping[str, int], lead: tuple[int, ...], pattern: Sequence[Pattern]
    ) -> tuple[tuple[int, ...], ...]:
        """The shape of every input."""
        domains = self.op.inputs.values()
        return tuple(cut.apply(domain.dims.sizes(sizes, lead)) for domain, cut in zip(domains, pattern, strict=True))


def _key_order(key: str) -> tuple[int, str]:
    return (int(key), "") if key.isdecimal() else (1 << 30, key)


def _assignments(op: Op) -> Iterator[dict[str, int]]:
    symbols = [*op.sizes]
    ranges = [range(lo, hi + 1) for lo, hi in op.sizes.values()]
    count = math.prod(len(choices) for choices in ranges)
    if count <= MAX_SIZES:
        yield from (dict(zip(symbols, sizes, strict=True)) for sizes in itertools.product(*ranges))
        return
    rng = np.random.default_rng(count)
    for symbol, choices in zip(symbols, ranges, strict=True):  # each size in each position, the rest at random
        for size in choices:
            yield {s: size if s == symbol else int(rng.choice(c)) for s, c in zip(symbols, ranges, strict=True)}
    for _ in range(MAX_SIZES):
        yield {symbol: int(rng.choice(choices)) for symbol, choices in zip(symbols, ranges, strict=True)}


def _combinations(op: Op, sizes: dict[str, int], share: int) -> Iterator[Combination]:
    if not _drawable(op, sizes):
        return
    choices = [[(name, key, value) for key, value in _values(op, name, sizes)] for name in op.params]
    for chosen in _chosen(choices, min(MAX_PARAMS, share)):
        params = {name: value for name, _, value in chosen}
        if op.where is None or _evaluate(op, "where", op.where, sizes, params):
            yield Combination(sizes, params, {name: key for name, key, _ in chosen})


def _chosen(choices: list[list[Any]], limit: int) -> Iterator[tuple[Any, ...]]:
    """All products of the choices; above *limit*, each value beside defaults, and then a fixed sample."""
    lengths = tuple(map(len, choices))
    if math.prod(lengths) <= limit:
        yield from itertools.product(*choices)
        return
    for indices in _sampled(lengths, limit):
        yield tuple(values[index] for values, index in zip(choices, indices, strict=True))


@lru_cache(maxsize=64)
def _sampled(lengths: tuple[int, ...], limit: int) -> tuple[tuple[int, ...], ...]:
    """Indices into lists of these lengths: each alone beside first ones, and *limit* at random, the same ones always.

    Remembered, because most assignments of sizes leave as many values of each param as the others do.
    """
    rng = np.random.default_rng(math.prod(lengths))
    alone = [
        tuple(index if position == which else 0 for position in range(len(lengths)))
        for which, length in enumerate(lengths)
        for index in range(length)
    ]
    sampled = [tuple(int(rng.integers(length)) for length in lengths) for _ in range(limit)]
    return tuple(dict.fromkeys([*alone, *sampled]))


def _values(op: Op, name: str, sizes: dict[str, int]) -> list[tuple[str, Any]]:
    declared = op.params[name]
    field = f"params[{name!r}]"
    listed = _evaluate(op, field, declared, sizes) if callable(declared) else declared
    try:
        values = list(listed)
    except TypeError:
        raise DeclarationError(op.name, field, f"got {listed!r} for sizes {sizes}; allowed: a list of values") from None
    return [
        (str(position), _evaluate(op, field, value, sizes) if callable(value) else value)
        for position, value in enumerate(values)
    ]


def _drawable(op: Op, sizes: dict[str, int]) -> bool:
    """Whether every input that holds an entry has a value for it."""
    for name, domain in op.inputs.items():
        # A broadcastable input may be cut down to size 1 where the declared size is 0.
        if (domain.broadcastable or math.prod(domain.dims.sizes(sizes)) > 0) and not _has_values(op, name, sizes):
            return False
    return True


def _has_values(op: Op, name: str, sizes: Mapping[str, int]) -> bool:
    lo, hi = bounds(op, name, sizes)
    excluded = {point for point in op.inputs[name].exclude if lo <= point <= hi}
    if op.inputs[name].integer and math.isfinite(lo) and math.isfinite(hi):
        return math.floor(hi) - math.ceil(lo) + 1 > sum(point % 1 == 0 for point in excluded)
    return lo < hi or (lo == hi and not excluded)


def bounds(op: Op, name: str, sizes: Mapping[str, int]) -> tuple[float, float]:
    """The domain [lo, hi] of input *name* once the sizes are known."""
    domain = op.inputs[name]
    ends = []
    for end in ("lo", "hi"):
        bound = getattr(domain, end)
        field = f"inputs[{name!r}].{end}"
        value = _evaluate(op, field, bound, sizes) if callable(bound) else bound
        try:
            ends.append(float(value))
        except (TypeError, ValueError):
            ends.append(math.nan)
        if math.isnan(ends[-1]):
            raise DeclarationError(
                op.name, field, f"got {value!r} for sizes {dict(sizes)}; allowed: a number"
            ) from None
    return ends[0], ends[1]


def _evaluate(op: Op, field: str, function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except Exception as error:
        raise DeclarationError(
            op.name,
            field,
            f"raised {type(error).__name__}: {error} for {', '.join(repr(a) for a in arguments)}; "
            f"allowed: a function of a mapping from size symbols ({', '.join(op.sizes) or 'none here'}) to sizes",
        ) from error


def _patterns(op: Op, max_lead: int) -> list[tuple[Pattern, ...]]:
    """Full sizes; then one input cut at a time; then two inputs cut in different axes."""
    per_input: list[list[Pattern]] = []
    for domain in op.inputs.values():
        rank = len(domain.dims.axes) + (max_lead if domain.dims.leading else 0)
        cuts = []
        if domain.broadcastable:
            cuts = [Pattern(ones=(axis,)) for axis in range(rank)]
            cuts += [Pattern(missing=count) for count in range(1, rank + 1)]
            cuts += [Pattern(ones=tuple(range(rank)))] if rank > 1 else []
            # An axis of size 1 behind one that is missing: their positions are not those in the full shape.
            last = len(domain.dims.axes) + (MAX_LEAD if domain.dims.leading else 0) - 1
            cuts += [Pattern(missing=1, ones=(last,))] if last > 0 else []
        per_input.append(cuts)
    full = tuple(FULL for _ in per_input)
    patterns = [full]
    for position, cuts in enumerate(per_input):
        patterns += [(*full[:position], cut, *full[position + 1 :]) for cut in cuts]
    for first, second in itertools.combinations(range(len(per_input)), 2):
        for cut, other in itertools.product(per_input[first], per_input[second]):
            if cut != other:
                both = list(full)
                both[first], both[second] = cut, other
                patterns.append(tuple(both))
    return patterns
