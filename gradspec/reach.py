"""How much of an op a run has seen: magnitudes of its inputs, sizes, params; and how much there would be to see.

A verification is worth what it compared. A declaration that is narrower than the op (a domain that leaves out the
magnitudes where the rule is wrong) buys a PASS; the share of what the reference could have been asked tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gradspec.intervals import interval
from gradspec.layouts import FULL, Space
from gradspec.oracles.torch_autograd import available, torch_autograd
from gradspec.spec import DEFAULT_SIZES, Op
from gradspec.values import fill

if TYPE_CHECKING:
    from gradspec.domains import Case

BANDS = (1e-8, 1e-3, 0.1, 1.0, 10.0, 100.0, 1e3, 1e8)  # where one band of magnitudes ends and the next begins
MIDDLES = (1e-12, 1e-5, 1e-2, 0.4, 4.0, 40.0, 400.0, 4e5, 1e12)  # a value in each of them
Cell = tuple[int, int]  # sign and band; (0, 0) for zero


@dataclass
class Reach:
    """What was looked at, or could be.

    Attributes:
        cells: Input -> the signs and magnitudes of entries that were compared with an oracle, as (sign, band).
        sizes: Size symbol -> the sizes that a check had something to say of; an empty array has no derivative.
        params: Param -> the keys of its values, likewise.
    """

    cells: dict[str, set[Cell]] = field(default_factory=dict)
    sizes: dict[str, set[int]] = field(default_factory=dict)
    params: dict[str, set[str]] = field(default_factory=dict)

    def add_layout(self, case: Case) -> None:
        """Count the sizes and params of this case."""
        for symbol, size in case.sizes.items():
            self.sizes.setdefault(symbol, set()).add(size)
        for param, key in case.keys.items():
            self.params.setdefault(param, set()).add(key)

    def add_values(self, op: Op, case: Case) -> None:
        """Count the magnitudes that this case holds."""
        for (name, domain), u in zip(op.inputs.items(), case.drawn, strict=True):
            if _has_magnitudes(domain):
                self.cells.setdefault(name, set()).update(cells(u))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "cells": {name: [list(cell) for cell in sorted(found)] for name, found in self.cells.items()},
            "sizes": {symbol: sorted(found) for symbol, found in self.sizes.items()},
            "params": {param: sorted(found) for param, found in self.params.items()},
        }


@dataclass(frozen=True)
class Share:
    """How many were reached of how many are possible."""

    reached: int
    possible: int

    def __str__(self) -> str:
        return f"{self.reached} of {self.possible}"


def cells(x: np.ndarray) -> set[Cell]:
    """The signs and bands of magnitude in an array."""
    x = x.reshape(-1).astype(np.float64)
    bands = np.where(x == 0, 0, np.searchsorted(BANDS, np.abs(x), side="right"))
    return set(zip(np.sign(x).astype(int).tolist(), bands.tolist(), strict=True))


def shares(op: Op, reached: Reach) -> dict[str, Share]:
    """Of the magnitudes ("domain"), sizes and params that the reference takes, how many were reached.

    The reference is the op's torch reference, where there is one, or else its forward. A magnitude counts where it is
    finite with one entry of that magnitude, the rest being ordinary; a size, from 0 to at least 4, where it does not
    raise and is finite. Neither asks what the declaration says.
    """
    space = Space(op)
    there = possible(op, space)
    found = {}
    for title, mine, theirs in (
        ("domain", reached.cells, there.cells),
        ("sizes", reached.sizes, there.sizes),
        ("params", reached.params, there.params),
    ):
        hit = sum(len(set(mine.get(name, ())) & set(values)) for name, values in theirs.items())
        found[title] = Share(hit, sum(len(values) for values in theirs.values()))
    return found


def possible(op: Op, space: Space) -> Reach:
    """What the reference takes, whatever the declaration says."""
    sizes, params = space.default.sizes, space.default.params
    reach = Reach(params={param: set(space.values(param)) for param in op.params})
    for name, domain in op.inputs.items():
        if _has_magnitudes(domain):
            reach.cells[name] = {
                cell for cell, value in _representatives() if _is_finite(op, space, sizes, params, {name: value})
            }
    for symbol, (_, largest) in op.sizes.items():
        counts = range(max(DEFAULT_SIZES[1], largest) + 1)
        reach.sizes[symbol] = {n for n in counts if _is_finite(op, space, {**sizes, symbol: n}, params, {})}
    return reach


def _has_magnitudes(domain: Any) -> bool:
    return not domain.integer and domain.transform is None


def _representatives() -> Iterator[tuple[Cell, float]]:
    yield (0, 0), 0.0
    for sign in (1, -1):
        yield from (((sign, band), sign * middle) for band, middle in enumerate(MIDDLES))


def _is_finite(
    op: Op, space: Space, sizes: Mapping[str, int], params: Mapping[str, Any], special: Mapping[str, float]
) -> bool:
    """Whether the reference gives finite numbers, with one entry of an input set to a *special* value."""
    rng = np.random.default_rng(0)
    try:
        shapes = space.shapes(sizes, space.leads[min(1, len(space.leads) - 1)], (FULL,) * len(op.inputs))
        drawn = []
        for name, shape in zip(op.inputs, shapes, strict=True):
            x = fill(interval(op, name, sizes), shape, "uniform", rng)
            if name in special and x.size:
                x.reshape(-1)[x.size // 2] = special[name]
            domain = op.inputs[name]
            drawn.append(x if domain.transform is None else np.asarray(domain.transform(x)))
        with np.errstate(all="ignore"):
            return all(bool(np.isfinite(value).all()) for value in _reference(op)(drawn, params))
    except Exception:  # the op is asked what it was never declared for: whatever it raises means that it is not defined
        return False


def _reference(op: Op) -> Callable[[list[np.ndarray], Mapping[str, Any]], tuple[Any, ...]]:
    def by_torch(drawn: list[np.ndarray], params: Mapping[str, Any]) -> tuple[Any, ...]:
        return torch_autograd(op, drawn, params, None).values

    def by_forward(drawn: list[np.ndarray], params: Mapping[str, Any]) -> tuple[Any, ...]:
        y, _ = op.forward(*drawn, **params)
        return y if isinstance(y, tuple) else (y,)

    return by_torch if op.torch is not None and available() else by_forward
