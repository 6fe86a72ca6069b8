"""Which cases fail: what all of them have in common and the others have not."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gradspec.domains import LARGE, SMALL, Case
from gradspec.intervals import Interval, interval
from gradspec.spec import Op

CHANCE = 1e-2  # that so many failing cases share any of the traits that are looked at by accident
FEW = 3  # failing cases: what they have in common and no other has is told, chance or not
MAY_BE = " (few cases: it may be chance)"
RARE = 0.5  # a trait that more of the passing cases have is not worth a line by itself
SPARED = 5  # passing cases without a trait, at least: of three or four that pass something is always true
WORTH = 3  # a second trait is told if it leaves at most one in so many of the passing cases
MAGNITUDES = (1e6, 1e4, 1e3, 1e2, 1e1)  # the most telling first
NEAR_ZERO = (1e-6, 1e-4, 1e-2)
RANDOM_ONLY = "random draws only: no systematic case shows it"
COTANGENTS = {
    "one-hot": "one entry that is not 0",
    "balanced": "entries that sum to 0",
    "one output": "one output alone, the others' being 0",
    "large": "large entries",
    "small": "small entries",
}
PAIRED = 30  # traits, the most telling ones, of which pairs are looked at
REMEMBERED = 2**16  # entries up to which a case is kept as it is: a hundred larger ones would fill the memory
MANY = 60  # characters of a param's value: a longer one is not told


@dataclass(frozen=True, eq=False)
class Seen:
    """A case that checks have looked at, as far as it has to be remembered.

    Attributes:
        case: The case; a large one without its values.
        of_values: What could be said of these.
        whole: Whether the case is all there.
        sampled: Whether it is of the systematic ones; others are sought out, and no sample of the domain.
    """

    case: Case
    of_values: tuple[str, ...] = ()
    whole: bool = True
    sampled: bool = True

    @classmethod
    def of(cls, op: Op, case: Case, *, sampled: bool) -> Seen:
        """Remember a case."""
        if sum(u.size for u in case.drawn) <= REMEMBERED:
            return cls(case, sampled=sampled)
        return cls(replace(case, drawn=()), tuple(_of_the_values(op, case)), whole=False, sampled=sampled)

    def traits(self, op: Op, levels: Mapping[str, Collection[int]]) -> Iterator[str]:
        """What can be said of it, the plainest first.

        Args:
            op: The op.
            levels: Size symbol -> the sizes that are told apart.
        """
        case = self.case
        for name, value in case.params.items():
            text = f"{name}={value!r}"
            if len(text) <= MANY and " at 0x" not in text:
                yield f"with {text}"
        yield from _of_sizes(case, levels)
        kind = case.cotangent if case.y_bar is None else _kind_of(case.y_bar)
        if kind in COTANGENTS:
            yield f"with a y_bar of {COTANGENTS[kind]}"
        yield from _of_the_values(op, case) if self.whole else self.of_values
        if len(op.dtypes) > 1:
            yield f"in {case.dtype}"


def located(
    op: Op, failing: Sequence[Seen], passing: Sequence[Seen], *, shown: Case | None = None, first: bool = False
) -> str:
    """How many of the systematic cases fail, and what tells them from the others: a fact, not a guess.

    Args:
        op: The op.
        failing: The cases in which a check failed.
        passing: Those in which it compared something and found nothing.
        shown: The case that the text shows: what it has not is not what makes a case fail.
        first: Whether further cases were not looked at.

    Returns:
        Such as "14 of 66 cases, exactly those with axis=1"; "" where most fail and nothing tells them from the rest.
    """
    bad, good = ([seen for seen in cases if seen.sampled] for cases in (failing, passing))
    if not bad:
        return RANDOM_ONLY if failing else ""
    text = f"{len(bad)} of {'the first ' * first}{len(bad) + len(good)} cases"
    levels = {symbol: sorted({seen.case.sizes[symbol] for seen in passing}) for symbol in op.sizes}
    mine = [dict.fromkeys(seen.traits(op, levels)) for seen in bad]
    # A trait that a failing case of any kind lacks is not told, though only systematic ones are counted.
    more = [seen for seen in failing if not seen.sampled] + ([] if shown is None else [Seen(shown)])
    mine += [dict.fromkeys(seen.traits(op, levels)) for seen in more]
    others = [set(seen.traits(op, levels)) for seen in good]
    shared = [trait for trait in mine[0] if all(trait in traits for traits in mine)]
    having = {trait: [trait in traits for traits in others] for trait in shared}
    having |= _of_several_values(mine, others, op)
    found, chance = _telling(having, len(bad))
    if not found or (chance > CHANCE and len(bad) > FEW):
        return text if len(bad) <= len(good) else ""
    also = int(np.logical_and.reduce([having[trait] for trait in found]).sum())
    together = " and ".join(found).replace(" and with ", " and ")
    if not also:
        return f"{text}, exactly those {together}{MAY_BE * (chance > CHANCE)}"
    if chance > CHANCE:
        return text
    return f"{text}, all of them {together} ({len(bad)} of {len(bad) + also} such cases)"


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
        if any(not any(t.startswith(prefix) for t in traits) for traits in (*failing, *passing)):
            continue  # a value that is too long to tell
        spared = [trait for trait in good if trait not in bad]
        if len(bad) > 1 and spared:
            sign, told = (" other than ", spared) if len(spared) < len(bad) else ("=", [*bad])
            values = " or ".join(sorted(trait.removeprefix(prefix) for trait in told))
            having[f"with {name}{sign}{values}"] = [any(one in traits for one in bad) for traits in passing]
    return having


def _telling(having: dict[str, list[bool]], failing: int) -> tuple[tuple[str, ...], float]:
    """The one or two traits of all failing cases that the fewest passing ones have, and how likely that is by chance.

    Args:
        having: Trait -> which of the passing cases have it.
        failing: Number of failing cases.
    """
    counts = {trait: sum(has) for trait, has in having.items()}
    total = max((len(has) for has in having.values()), default=0)
    if not total:
        return (), 1.0
    ranked = sorted(counts, key=lambda trait: counts[trait])  # stable: what is told first of a case wins
    found: tuple[str, ...] = (ranked[0],)
    count, looked_at = counts[ranked[0]], len(ranked)
    pairs = {}
    for pair in itertools.combinations(ranked[:PAIRED], 2):
        pairs[pair] = sum(one and other for one, other in zip(having[pair[0]], having[pair[1]], strict=True))
    if pairs and count and WORTH * min(pairs.values()) <= count:
        best = min(pairs, key=lambda pair: pairs[pair])
        found, count, looked_at = best, pairs[best], len(pairs)
    share = (count + 1) / (total + 2)
    if total - count < SPARED or share > RARE or failing == 1:
        return (), 1.0
    return found, looked_at * share**failing


def _kind_of(y_bar: Sequence[np.ndarray | None]) -> str:
    """What a cotangent that is given would be drawn as."""
    entries = np.concatenate([np.abs(bar).reshape(-1) for bar in y_bar if bar is not None] or [np.zeros(0)])
    if np.count_nonzero(entries) == 1:
        return "one-hot"
    if entries.any() and all(bar is None or bar.sum() == 0 for bar in y_bar):
        return "balanced"
    largest = float(entries.max(initial=0.0))
    return "large" if largest > LARGE / 4 else "small" if 0 < largest < 4 * SMALL else "signed"


def _of_sizes(case: Case, levels: Mapping[str, Collection[int]]) -> Iterator[str]:
    for symbol, size in case.sizes.items():
        yield f"with {symbol} = {size}"
        below = sorted((level for level in levels.get(symbol, ()) if level < size), reverse=True)
        yield from (f"with {symbol} > {level}" for level in below)
    for one, other in itertools.combinations(case.sizes, 2):
        sign = "<" if case.sizes[one] < case.sizes[other] else ">" if case.sizes[one] > case.sizes[other] else "="
        yield f"with {one} {sign} {other}"


def _of_the_values(op: Op, case: Case) -> Iterator[str]:
    yield from _of_shapes(op, case)
    for (name, domain), x in zip(op.inputs.items(), case.drawn, strict=True):
        if x.size:
            yield from _of_values(name, x)
            if domain.transform is None and not domain.integer:
                yield from _of_edges(name, interval(op, name, case.sizes), x)
    for (one, x), (other, y) in itertools.combinations(zip(op.inputs, case.drawn, strict=True), 2):
        if _meet(x, y):
            yield f"with {one} = {other} in some place"


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
        yield f"where {name} is {x.reshape(-1)[0] if x.dtype.kind == 'i' else 0}"
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


def _of_edges(name: str, domain: Interval, x: np.ndarray) -> Iterator[str]:
    for edge in filter(domain.holds, (domain.lo, domain.hi)):
        with np.errstate(over="ignore"):  # one beyond float32
            nearest = np.array(edge).astype(x.dtype)
        if (x == domain.repaired(nearest)).any():  # as it is drawn in x's dtype
            yield f"with an entry of {name} at {edge:g}, an edge of its domain"


def _meet(x: np.ndarray, y: np.ndarray) -> bool:
    try:
        return bool((x == y).any())
    except ValueError:  # shapes that do not broadcast
        return False
