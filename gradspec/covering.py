"""Combinations of params: a few that have every value, or every pair of values, with sizes that hide nothing."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradspec.layouts import Combination, Space

SEVERAL = 8  # of the most generic sizes, one is taken at random
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


def _pairs_of(combination: Combination, params: Sequence[str]) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    return list(itertools.combinations([(param, combination.keys[param]) for param in params], 2))
