"""Where the values of one input may lie, once the sizes are known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gradspec.constants import numbers_in
from gradspec.layouts import bounds
from gradspec.spec import TYPICAL, Op

SPREAD = 20.0  # width of the ordinary draws where the domain lies apart from `typical`


@dataclass(frozen=True)
class Interval:
    """The domain of one input.

    Attributes:
        lo: The smallest value.
        hi: The largest value.
        exclude: Values between them that are not inside.
        typical: Where ordinary draws lie.
        integer: Whether only whole numbers are inside.
        numbers: Those in the op's code, which may be thresholds.
        square: Whether the input holds square matrices.
    """

    lo: float
    hi: float
    exclude: tuple[float, ...]
    typical: tuple[float, float]
    integer: bool
    numbers: tuple[float, ...] = ()
    square: bool = False

    def holds(self, value: float) -> bool:
        """Whether *value* is inside."""
        return self.lo <= value <= self.hi and value not in self.exclude

    def room(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How far each entry of *x* can go down and up before it meets an edge or an excluded point."""
        down, up = x - self.lo, self.hi - x
        for point in self.exclude:
            down = np.where(x > point, np.minimum(down, x - point), down)
            up = np.where(x < point, np.minimum(up, point - x), up)
        return down, up

    def repaired(self, x: np.ndarray) -> np.ndarray:
        """*x* with every entry that fell outside moved to a value inside, in x's own dtype."""
        if self.integer:
            return x
        low, high = _edges_in(self.lo, self.hi, x.dtype)
        x = np.asarray(np.minimum(np.maximum(x, low), high))
        if not self.exclude:
            return x
        outside = np.isin(x, np.asarray(self.exclude, dtype=x.dtype))
        return np.asarray(np.where(outside, x.dtype.type(self._aside(x.dtype)), x) if outside.any() else x)

    def _aside(self, dtype: np.dtype) -> float:
        """An ordinary value that is no excluded point, in *dtype*."""
        low, high = self.typical
        count = len(self.exclude) + 2  # more places than points to avoid
        places = (low + (high - low) * step / count for step in (1, *range(2, count), 0, count))
        return next((place for place in places if self.holds(float(dtype.type(place)))), low)

    @property
    def whole(self) -> tuple[int, int, list[int]]:
        """Of an integer input: the smallest and the largest ordinary value, and the excluded ones between them."""
        low, high = math.ceil(self.typical[0]), math.floor(self.typical[1])
        return low, high, sorted(int(point) for point in set(self.exclude) if low <= point <= high and point % 1 == 0)


@lru_cache(maxsize=256)
def _edges_in(lo: float, hi: float, dtype: np.dtype) -> tuple[np.floating, np.floating]:
    """The edges of a domain as numbers of *dtype*, rounded inward: the ops have few domains and ask often."""
    number = dtype.type
    with np.errstate(over="ignore"):  # an edge beyond float32 is inf there
        low, high = number(lo), number(hi)
    if float(low) < lo:  # compared as Python floats: NumPy would round lo to the dtype first
        low = np.nextafter(low, number(np.inf))
    if float(high) > hi:
        high = np.nextafter(high, number(-np.inf))
    return low, high


def interval(op: Op, name: str, sizes: Mapping[str, int]) -> Interval:
    """The domain of input *name* for these sizes, with ordinary draws that lie inside it."""
    domain = op.inputs[name]
    lo, hi = bounds(op, name, sizes)
    low, high = max(domain.typical[0], lo), min(domain.typical[1], hi)
    if low > high or (low == high and lo < hi and domain.typical == TYPICAL):  # the default range misses the domain
        low, high = (lo, min(hi, lo + SPREAD)) if lo > -math.inf else (max(lo, hi - SPREAD), hi)
    numbers = numbers_in(op.forward, op.vjp)
    return Interval(lo, hi, domain.exclude, (low, high), domain.integer, numbers, domain.dims.is_square)
