"""Cases on top of the systematic ones: what is special together with params that are not the default."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator
from dataclasses import replace

from gradspec.covering import every_value
from gradspec.domains import Recipe, ordinary
from gradspec.layouts import Space
from gradspec.values import interval, kinds

TELLING = ("a zero", "ties", "all zeros")  # kinds that matter for some values of a param only


def beside_params(space: Space, seed: int) -> Iterator[Recipe]:
    """On top of :func:`systematic`: what is special together with params that are not, and every size 1 at once.

    Equal largest entries matter to a norm for one of its orders only, and 0 ** p where p is 1: each value of each
    param meets each of the most telling kinds of values, the float inputs taking turns.
    """
    seeds = itertools.count(zlib.crc32(f"{space.op.name} {seed} beside params".encode()))
    single = space.nearest_of_size(1)
    recipes = [] if single is None else [ordinary(space, single, lead=(1,) if len(space.leads) > 1 else None)]
    floats = [
        position
        for position, (name, domain) in enumerate(space.op.inputs.items())
        if not domain.integer and domain.transform is None
    ]
    turns = itertools.cycle(floats)
    for combination in every_value(space, seed) if floats else ():
        position = next(turns)
        available = kinds(interval(space.op, [*space.op.inputs][position], combination.sizes))
        for kind in TELLING:
            if kind in available:
                chosen = ["uniform"] * len(space.op.inputs)
                chosen[position] = kind
                recipes.append(ordinary(space, combination, kinds=tuple(chosen)))
    for recipe in recipes:
        yield replace(recipe, seed=next(seeds))
