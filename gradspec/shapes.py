"""Shape strings: ``"... n g*i 3"`` -> axes, and back to numbers once the sizes are known."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

_SYMBOL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
GRAMMAR = "size symbols, integers and products such as g*i, separated by spaces; '...' only first; '' for 0-d"


class ShapeError(ValueError):
    """A shape string that cannot be read."""


@dataclass(frozen=True)
class Axis:
    """One axis: a whole number times size symbols."""

    factor: int
    symbols: tuple[str, ...]

    def size(self, sizes: Mapping[str, int]) -> int:
        """Its length once the *sizes* are known."""
        return self.factor * math.prod(sizes[symbol] for symbol in self.symbols)


@dataclass(frozen=True)
class Shape:
    """A parsed shape string."""

    leading: bool
    axes: tuple[Axis, ...]

    @property
    def symbols(self) -> tuple[str, ...]:
        """Its size symbols in order of appearance, each once."""
        return tuple(dict.fromkeys(symbol for axis in self.axes for symbol in axis.symbols))

    @property
    def is_square(self) -> bool:
        """Whether its last two axes are declared to be equal."""
        return len(self.axes) > 1 and self.axes[-1] == self.axes[-2]

    def sizes(self, sizes: Mapping[str, int], lead: tuple[int, ...] = ()) -> tuple[int, ...]:
        """The shape in numbers; *lead* stands for ``...``."""
        return (lead if self.leading else ()) + tuple(axis.size(sizes) for axis in self.axes)


@lru_cache(maxsize=1024)
def parse_shape(text: str) -> Shape:
    """Read a shape string.

    Raises:
        ShapeError: A part of it is not a symbol, an integer or a product of these.
    """
    parts = text.split()
    leading = parts[:1] == ["..."]
    return Shape(leading, tuple(_axis(part) for part in parts[1 if leading else 0 :]))


def _axis(part: str) -> Axis:
    factor = 1
    symbols: list[str] = []
    for item in part.split("*"):
        if item.isdecimal():
            factor *= int(item)
        elif _SYMBOL.match(item):
            symbols.append(item)
        else:
            raise ShapeError(f"{part!r} is not a size")
    return Axis(factor, tuple(symbols))
