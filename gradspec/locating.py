"""Which cases fail: what all of them have in common and the others have not."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from gradspec.domains import LARGE, SMALL, Case
from gradspec.spec import Op

CHANCE = 1e-3  # that so many failing cases share a trait by accident; some dozens of traits are looked at
RARE = 0.5  # a trait that more of the passing cases have is not worth a line by itself
SPARED = 5  # passing cases without a trait, at least: of three or four that pass something is always true
WORTH = 3  # a second trait is told if it leaves at most one in so many of the passing cases
MAGNITUDES = (1e6, 1e4, 1e3, 1e2, 1e1)  # the most telling first
NEAR_ZERO = (1e-6, 1e-4, 1e-2)
COTANGENTS = {
    "one-hot": "one entry that is not 0",
    "balanced": "entries that sum to 0",
    "large": "large entries",
    "small": "small entries",
}
MANY = 60  # characters of a param's value: a longer one is not told


def located(
    op: Op, failing: Sequence[Case], passing: Sequence[Case], *, shown: Case | None = None, first: bool = False
) -> str:
    """How many of the cases fail, and what tells them from the others: a fact about this run, not a guess.

    Args:
        op: The op.
        failing: The cases in which a check failed.
        passing: Those in which it compared something and found nothing.
        shown: The case that the text shows: what it has not is not what makes a case fail.
        first: Whether further cases were not looked at.

    Returns:
        Such as "14 of 66 cases, exactly those with axis=1"; "" where most fail and nothing tells them from the rest.
    """
    if not failing:
        return ""
    text = f"{len(failing)} of {'the first ' * first}{len(failing) + len(passing)} cases"
    mine = [dict.fromkeys(_traits(op, case)) for case in (*failing, *([] if shown is None else [shown]))]
    others = [set(_traits(op, case)) for case in passing]
    shared = [trait for trait in mine[0] if all(trait in traits for traits in mine)]
    having = {trait: [trait in traits for traits in others] for trait in shared}
    having |= _of_several_values(mine, others, op)
    found = _telling(having, len(failing))
    if not found:
        return text if len(failing) <= len(passing) else ""
    also = int(np.logical_and.reduce([having[trait] for trait in found]).sum())
    together = " and ".join(found).replace(" and with ", " and ")
    if not also:
        return f"{text}, exactly those {together}"
    return f"{text}, all of them {together} ({len(failing)} of {len(failing) + also} such cases)"


def _of_several_values(
    failing: Sequence[dict[str, None]], passing: Sequence[set[str]], op: Op
) -> dict[str, list[bool]]:
    """A trait for each param of which the failing cases have several values, but not all."""
    having = {}
    for name in op.params:
        prefix = f"with {name}="
        bad, good = (
            dict.fromkeys(trait for traits in cases for trait in traits if trait.startswith(prefix))
            for cases in (failing, passing)
        )
        spared = [trait for trait in good if trait not in bad]
        if len(bad) > 1 and spared:
            sign, told = (" other than ", spared) if len(spared) < len(bad) else ("=", [*bad])
            values = " or ".join(sorted(trait.removeprefix(prefix) for trait in told))
            having[f"with {name}{sign}{values}"] = [any(one in traits for one in bad) for traits in passing]
    return having


def _telling(having: dict[str, list[bool]], failing: int) -> tuple[str, ...]:
    """The one or two traits of all failing cases that the fewest passing ones have; () if that may be chance.

    Args:
        having: Trait -> which of the passing cases have it.
        failing: Number of failing cases.
    """
    counts = {trait: sum(has) for trait, has in having.items()}
    total = max((len(has) for has in having.values()), default=0)
    if not total:
        return ()
    ranked = sorted(counts, key=lambda trait: counts[trait])  # stable: what is told first in _traits wins
    best = ranked[0]
    pairs = itertools.combinations(ranked, 2)
    together = {pair: sum(map(all, zip(*(having[trait] for trait in pair), strict=True))) for pair in pairs}
    found: tuple[str, ...] = (best,)
    count = counts[best]
    if together and count and WORTH * min(together.values()) <= count:
        found, count = min(together.items(), key=lambda pair: pair[1])
    share = (count + 1) / (total + 2)
    return found if total - count >= SPARED and share <= RARE and share**failing <= CHANCE else ()


def _traits(op: Op, case: Case) -> Iterator[str]:
    """What can be said of a case, the plainest first."""
    for name, value in case.params.items():
        text = f"{name}={value!r}"
        if len(text) <= MANY and " at 0x" not in text:
            yield f"with {text}"
    yield from _of_sizes(op, case)
    kind = case.cotangent if case.y_bar is None else _kind_of(case.y_bar)
    if kind in COTANGENTS:
        yield f"with a y_bar of {COTANGENTS[kind]}"
    yield from _of_shapes(op, case)
    for name, x in zip(op.inputs, case.drawn, strict=True):
        if x.size:
            yield from _of_values(name, x)
    for (one, x), (other, y) in itertools.combinations(zip(op.inputs, case.drawn, strict=True), 2):
        if _meet(x, y):
            yield f"with {one} = {other} in some place"
    if len(op.dtypes) > 1:
        yield f"in {case.dtype}"


def _kind_of(y_bar: Sequence[np.ndarray | None]) -> str:
    """What a cotangent that is given would be drawn as."""
    entries = np.concatenate([np.abs(bar).reshape(-1) for bar in y_bar if bar is not None] or [np.zeros(0)])
    if np.count_nonzero(entries) == 1:
        return "one-hot"
    if entries.any() and all(bar is None or bar.sum() == 0 for bar in y_bar):
        return "balanced"
    largest = float(entries.max(initial=0.0))
    return "large" if largest > LARGE / 4 else "small" if 0 < largest < 4 * SMALL else "signed"


def _of_sizes(op: Op, case: Case) -> Iterator[str]:
    for symbol, size in case.sizes.items():
        yield f"with {symbol} = {size}"
        yield from (f"with {symbol} > {least}" for least in reversed(range(max(op.sizes[symbol][0], 0), size)))
    for one, other in itertools.combinations(case.sizes, 2):
        sign = "<" if case.sizes[one] < case.sizes[other] else ">" if case.sizes[one] > case.sizes[other] else "="
        yield f"with {one} {sign} {other}"


def _of_shapes(op: Op, case: Case) -> Iterator[str]:
    if any("..." in domain.shape for domain in op.inputs.values()):
        yield "with leading axes" if case.lead else "without leading axes"
        if 0 in case.lead:
            yield "with an empty leading axis"
    shapes = {
        name: x.shape for (name, domain), x in zip(op.inputs.items(), case.drawn, strict=True) if domain.broadcastable
    }
    try:
        full = np.broadcast_shapes(*shapes.values())
    except ValueError:  # only some of the axes broadcast
        return
    stretched = [name for name, shape in shapes.items() if shape != full]
    if stretched:
        yield "where something is broadcast"
    yield from (f"where {name} is broadcast" for name in stretched)


def _of_values(name: str, x: np.ndarray) -> Iterator[str]:
    size = np.abs(x)
    if not size.all():
        yield f"with a 0 in {name}"
        if (size == 0).sum() > 1:
            yield f"with several zeros in {name}"
    if x.min() == x.max() and (not size.any() or x.dtype.kind == "i"):
        yield f"where {name} is {x.reshape(-1)[0]:g}"
    different = len(np.unique(x))
    if different < x.size:
        yield f"with equal entries in {name}"
        if different == 1:
            yield f"where all entries of {name} are equal"
    yield f"with a negative entry in {name}" if (x < 0).any() else f"without a negative entry in {name}"
    yield from (f"with an entry above {limit:g} in {name}" for limit in MAGNITUDES if x.max() > limit)
    yield from (f"with an entry below -{limit:g} in {name}" for limit in MAGNITUDES if x.min() < -limit)
    small = size[size > 0]
    yield from (f"with an entry within {limit:g} of 0 in {name}" for limit in NEAR_ZERO if (small < limit).any())


def _meet(x: np.ndarray, y: np.ndarray) -> bool:
    try:
        return bool((x == y).any())
    except ValueError:  # shapes that do not broadcast
        return False
