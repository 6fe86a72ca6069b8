"""Cases on top of the systematic ones: special values and sizes together with params that are not the default."""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Iterator
from dataclasses import replace

from gradspec.constants import LEAST_INT, huge_in, scales_in
from gradspec.covering import every_value, telling_sizes
from gradspec.domains import LARGEST_SIZE, ONE_OUTPUT, Recipe, ordinary, sharing
from gradspec.intervals import interval
from gradspec.layouts import FULL, Combination, Space
from gradspec.related import SHARED
from gradspec.values import IDENTITY, OVERFLOWING, kinds

SINGLES = 3  # cases of one entry: a branch for negative numbers is seen by every other one
SQUARE = 2  # the size of axes that are to be equal
AROUND = 20  # cases around the numbers of the code that ordinary draws are far from
PAST = 8  # cases just past them, and beyond a huge one
OVERFLOWS = 8  # cases where exp just overflows
TWICE = 2  # one sign may be of no interest, and a case has few entries
TELLING = ("a zero", "ties", "all zeros", IDENTITY, "two large", "the lo edge", "the hi edge")
"""Kinds that matter for some values of a param only."""
WHOLE = ("lowest", "highest")  # the same of an input of integers: all labels are those that are ignored
OUTPUTS = 4  # cases in which y_bar looks at one output only


def beside_params(space: Space, seed: int) -> Iterator[Recipe]:
    """On top of :func:`systematic`: special values and sizes beside params that are not the default ones.

    Equal largest entries matter to a norm for one of its orders only, and 0 ** p where p is 1: each value of each
    param meets each of the most telling kinds of values, and of layouts. Sizes are all 1 at once, and those of
    :func:`gradspec.covering.telling_sizes`; and of several outputs y_bar looks at one alone.
    """
    seeds = itertools.count(zlib.crc32(f"{space.op.name} {seed} beside params".encode()))
    single = space.nearest_of_size(1)
    recipes = [] if single is None else [ordinary(space, single, lead=(1,) if len(space.leads) > 1 else None)] * SINGLES
    if "float32" in space.op.dtypes and space.op.sizes:
        recipes.append(ordinary(space, _long(space), dtype="float32"))
    recipes += _zeros_beside_whole_numbers(space)
    recipes += _rows_of_squares(space)
    recipes += [ordinary(space, combination) for combination in telling_sizes(space, seed)]
    recipes += [ordinary(space, space.default, cotangent=ONE_OUTPUT)] * OUTPUTS
    for turn, combination in enumerate(every_value(space, seed)):
        recipes += _layouts_beside(space, combination, turn)
        recipes += _kinds_beside(space, combination, turn)
    for recipe in recipes:
        yield replace(recipe, seed=next(seeds))


def _layouts_beside(space: Space, combination: Combination, turn: int) -> Iterator[Recipe]:
    """Params in float32, with each input broadcast that can be, without leading axes, and with each axis empty."""
    if "float32" in space.op.dtypes[1:]:
        yield ordinary(space, combination, dtype="float32")
    lead = max(space.leads, key=math.prod)
    for position in range(len(space.op.inputs)):
        alone = [p for p in space.patterns if all((cut != FULL) == (at == position) for at, cut in enumerate(p))]
        if alone:
            yield ordinary(space, combination, lead=lead, pattern=alone[turn % len(alone)])
    if len(space.leads) > 1:
        yield ordinary(space, combination, lead=())
    same = space.by_params[tuple(combination.keys.values())]
    for symbol in space.op.sizes:
        empty = next((one for one in same if one.sizes[symbol] == 0), None)
        if empty is not None:
            yield ordinary(space, empty)


def _kinds_beside(space: Space, combination: Combination, turn: int) -> Iterator[Recipe]:
    """Params with the most telling kinds of values, the inputs of floats and those of integers taking turns.

    And with inputs that coincide: 0 / 0 where the width of a Huber loss is 0.
    """
    inputs = [*space.op.inputs.items()]
    sharers = sharing(space.op)
    if sharers:
        yield ordinary(space, combination, kinds=tuple(SHARED if name in sharers else "uniform" for name, _ in inputs))
    for integer in (False, True):
        able = [position for position, (_, domain) in enumerate(inputs) if domain.integer is integer]
        if not able:
            continue
        position = able[turn % len(able)]
        available = kinds(interval(space.op, inputs[position][0], combination.sizes))
        for kind in WHOLE if integer else TELLING:
            if kind in available:
                chosen = ["uniform"] * len(inputs)
                chosen[position] = kind
                yield ordinary(space, combination, kinds=tuple(chosen))


def _floats(space: Space) -> list[int]:
    """The positions of the float inputs that are drawn as they are."""
    inputs = enumerate(space.op.inputs.values())
    return [position for position, domain in inputs if not domain.integer and domain.transform is None]


def around_numbers(space: Space, seed: int) -> Iterator[Recipe]:
    """All entries of an input below a number of the code, and above it: a cutoff at 20 matters for some params only.

    With the default params in each dtype, all inputs within it at once (two points that are closer than an eps), and
    each by itself; then with each value of each param, the float inputs taking turns. At most :data:`AROUND`. Then
    just past them, where what is left out has not vanished yet, and where exp overflows in float32. These are no
    samples of the domain: a number may be one that no input is ever near.
    """
    seeds = itertools.count(zlib.crc32(f"{space.op.name} {seed} around numbers".encode()))
    around, past = itertools.islice(_around(space, seed), AROUND), itertools.islice(_past(space), PAST)
    for recipe in itertools.chain(around, past, itertools.islice(_overflowing(space), OVERFLOWS)):
        yield replace(recipe, seed=next(seeds))


def _past(space: Space) -> Iterator[Recipe]:
    """Each float input beyond a huge number of the code, where it is not negative, and just past each that is large."""
    op, floats = space.op, _floats(space)
    lead = max(space.leads, key=math.prod)
    only = ["uniform"] * len(op.inputs)

    def alone(position: int, kind: str) -> tuple[str, ...]:
        return (*only[:position], kind, *only[position + 1 :])

    for position, number in itertools.product(floats, huge_in(op.forward, op.vjp)):
        if interval(op, [*op.inputs][position], space.default.sizes).lo >= 0:
            yield ordinary(space, space.default, kinds=alone(position, f"beyond {number!r}"), lead=lead)
    for number, position in itertools.product(scales_in(op.forward, op.vjp), floats):
        if number >= LEAST_INT:
            yield from [ordinary(space, space.default, kinds=alone(position, f"past {number!r}"), lead=lead)] * TWICE


def _overflowing(space: Space) -> Iterator[Recipe]:
    """Float inputs in float32 where exp has just overflowed, with the default params and with each other value of one.

    A threshold beyond which an exponential is left out may lie above what float32 holds, for some of its values only.
    """
    floats = _floats(space)
    if not floats or "float32" not in space.op.dtypes:
        return
    values = ((param, key) for param in space.op.params for key in space.values(param) if key != "0")
    others = (space.nearest(param, key) for param, key in values)
    turns = itertools.cycle(floats)
    default = [(space.default, position) for position in floats]
    for combination, position in itertools.chain(default, ((one, next(turns)) for one in others if one is not None)):
        chosen = ["uniform"] * len(space.op.inputs)
        chosen[position] = OVERFLOWING
        yield ordinary(space, combination, dtype="float32", kinds=tuple(chosen), lead=max(space.leads, key=math.prod))


def _around(space: Space, seed: int) -> Iterator[Recipe]:
    floats = _floats(space)
    numbers = scales_in(space.op.forward, space.op.vjp) if floats else ()
    where = [(space.default, dtype, floats) for dtype in space.op.dtypes]
    lead = max(space.leads, key=math.prod)
    turns = itertools.cycle(floats)
    where += [(one, space.op.dtypes[0], [next(turns)]) for one in every_value(space, seed)] if floats else []
    for (combination, dtype, positions), number in itertools.product(where, numbers):
        together = [(positions, "within")] if len(positions) > 1 else []
        singly = [([position], side) for position, side in itertools.product(positions, ("within", "beyond"))]
        for several, side in together + singly:
            chosen = ["uniform"] * len(space.op.inputs)
            for position in several:
                chosen[position] = f"{side} {number!r}"
            yield ordinary(space, combination, dtype=dtype, kinds=tuple(chosen), lead=lead)


def _zeros_beside_whole_numbers(space: Space) -> Iterator[Recipe]:
    """0 in one input where another one is 0, 1, 2: 0 ** 1, and a product whose other factors are 1."""
    able = [kinds(interval(space.op, name, space.default.sizes)) for name in space.op.inputs]
    for zeros, whole in itertools.permutations(range(len(able))[:2], 2):
        if "all zeros" in able[zeros] and "whole numbers" in able[whole]:
            chosen = ["uniform"] * len(able)
            chosen[zeros], chosen[whole] = "all zeros", "whole numbers"
            yield ordinary(space, space.default, kinds=tuple(chosen))


def _rows_of_squares(space: Space) -> Iterator[Recipe]:
    """One input without its first axis, or its first two, where all axes are equal: (2,) beside (2, 2).

    A sum over the wrong axis gives the right shape there, and only there.
    """
    equal = space.nearest_of_size(SQUARE) or space.default
    for pattern in space.patterns:
        cuts = [cut for cut in pattern if cut != FULL]
        if len(cuts) == 1 and 1 <= cuts[0].missing <= 2 and not cuts[0].ones:
            yield ordinary(space, equal, lead=(SQUARE, SQUARE) if len(space.leads) > 1 else None, pattern=pattern)


def _long(space: Space) -> Combination:
    """The most entries of small sizes, near to default params: there a sum in half precision shows itself."""

    def length(one: Combination) -> tuple[bool, int, int]:
        sizes = one.sizes.values()
        return max(sizes) <= LARGEST_SIZE, math.prod(sizes), -sum(key != "0" for key in one.keys.values())

    return max(space.combinations, key=length)
