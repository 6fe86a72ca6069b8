"""Combinations of params and sizes: a few that have every value, every pair of values, or sizes that tell."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradspec.layouts import Combination, Space

SEVERAL = 8  # of the most generic sizes, one is taken at random
MOST = 12  # combinations of sizes on top of all others
LOOKED_AT = 1000  # combinations, of many
CANDIDATES = 30  # combinations looked at for each pair of values


def generic(combinations: Sequence[Combination], rng: np.random.Generator) -> Combination:
    """One of the first few: sizes that are as generic as there are, but not the same ones every time."""
    generic = [one for one in combinations[:SEVERAL] if one.rank[0] == combinations[0].rank[0]]
    return generic[rng.integers(len(generic))]


def covering(space: Space, seed: int) -> list[Combination]:
    """A few combinations that have, together, every pair of values of two params that any combination has.

    What goes wrong only for two values together (a stride with a padding) is seen by every run, then; a bug that needs
    more values is met by chance. Source: Cohen, Dalal, Fredman, Patton: The AETG System (1997), section 4.
    """
    params = [param for param in space.op.params if len(space.values(param)) > 1]
    if len(params) < 2:
        return []
    rng = np.random.default_rng((seed, 2))
    rows = {key: _pairs_of(found[0], params) for key, found in space.by_params.items()}
    keys = list(rows)
    left: dict[Any, list[tuple[str, ...]]] = {}
    for position in rng.permutation(len(keys)):
        for pair in rows[keys[position]]:
            left.setdefault(pair, []).append(keys[position])
    chosen = []
    while left:
        rarest = min(left, key=lambda pair: len(left[pair]))
        best = max(left[rarest][:CANDIDATES], key=lambda key: sum(pair in left for pair in rows[key]))
        chosen.append(generic(space.by_params[best], rng))
        for pair in rows[best]:
            left.pop(pair, None)
    return chosen


def every_value(space: Space, seed: int) -> list[Combination]:
    """A few combinations that have, together, every value of every param that the default combination has not."""
    rng = np.random.default_rng((seed, 3))
    left = {(param, key) for param in space.op.params for key in space.values(param)} - {*space.default.keys.items()}
    rows = [(frozenset(found[0].keys.items()), found) for found in space.by_params.values()]
    chosen = []
    while left:
        rarest = min(left)
        able = [row for row in rows if rarest in row[0]]
        some = [able[position] for position in rng.permutation(len(able))[:CANDIDATES]]
        values, found = max(some, key=lambda row: len(left & row[0]))
        chosen.append(generic(found, rng))
        left -= values
    return chosen


def telling_sizes(space: Space, seed: int) -> list[Combination]:
    """At most :data:`MOST` combinations whose sizes show what generic ones hide, together as much of it as they can.

    Axes of equal size, for each pair of axes: a rule that guesses which is which by their sizes is right until then.
    And an axis of size 1 beside every value of a param that is not the default: a shorter way for a kernel of one
    entry may forget the stride.
    """
    rng = np.random.default_rng((seed, 4))
    able = [one for one in space.combinations if one.sizes and min(one.sizes.values()) >= 1]
    able = [able[position] for position in rng.permutation(len(able))[:LOOKED_AT]]
    ones = [sum(size == 1 for size in one.sizes.values()) for one in able]
    most = max(1, (len(space.op.sizes) - 1) // 2)  # axes of size 1: with more, there is little left that could be wrong
    generic = [(_equal_axes(one), one) for one, count in zip(able, ones, strict=True) if not count]
    narrow = [(_single_beside(space, one), one) for one, count in zip(able, ones, strict=True) if 1 <= count <= most]
    chosen = _greedy(generic, MOST // 3)
    return chosen + _greedy(narrow, MOST - len(chosen))


def _greedy(rows: Sequence[tuple[frozenset[Any], Combination]], most: int) -> list[Combination]:
    """At most so many of the combinations, each showing as much as it can of what those before it have not shown."""
    left = {*itertools.chain.from_iterable(shown for shown, _ in rows)}
    chosen: list[Combination] = []
    while left and len(chosen) < most:
        shown, best = max(rows, key=lambda row: len(left & row[0]))
        chosen.append(best)
        left -= shown
    return chosen


def _equal_axes(combination: Combination) -> frozenset[Any]:
    pairs = itertools.combinations(combination.sizes.items(), 2)
    return frozenset((first, second) for (first, size), (second, other) in pairs if size == other)


def _single_beside(space: Space, combination: Combination) -> frozenset[Any]:
    """What an axis of size 1, that could be longer, stands beside: a param alone, or one of several."""
    single = [symbol for symbol, size in combination.sizes.items() if size == 1 < space.op.sizes[symbol][1]]
    special = [(param, key) for param, key in combination.keys.items() if key != "0"]
    beside: list[Any] = [*special, ("alone", *special)] if len(special) == 1 else [*special]
    return frozenset(itertools.product(single, beside))


def _pairs_of(combination: Combination, params: Sequence[str]) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    return list(itertools.combinations([(param, combination.keys[param]) for param in params], 2))
