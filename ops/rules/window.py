"""The geometry of sliding windows: stride, padding and dilation per axis, and how many windows fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import index
from typing import Any

from ops.errors import ParamError, ShapeMismatchError


@dataclass(frozen=True)
class Window:
    """Windows over the rows and columns of an image.

    Attributes:
        size: Rows and columns of the window.
        stride: Steps from one window to the next.
        padding: Rows and columns added on each side.
        dilation: Steps from one element of a window to the next.
    """

    size: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)

    @property
    def reach(self) -> tuple[int, int]:
        """Rows and columns that one window spans."""
        return tuple((size - 1) * step + 1 for size, step in zip(self.size, self.dilation, strict=True))  # type: ignore[return-value]

    @property
    def is_plain(self) -> bool:
        """Whether neighbouring windows and neighbouring elements of a window are neighbours in the image."""
        return self.stride == (1, 1) and self.dilation == (1, 1)

    def count(self, op: str, argument: str, rows: int, columns: int) -> tuple[int, int]:
        """How many windows fit into an image of *rows* and *columns*.

        Raises:
            ShapeMismatchError: None does.
        """
        counts = []
        for axis, size in enumerate((rows, columns)):
            room = size + 2 * self.padding[axis] - self.reach[axis]
            if room < 0:
                got = f"has {rows} x {columns} pixels"
                most = " x ".join(str(max(r - 2 * p, 0)) for r, p in zip(self.reach, self.padding, strict=True))
                raise ShapeMismatchError(op, argument, got, f"at least {most}, for one window with this padding")
            counts.append(room // self.stride[axis] + 1)
        return counts[0], counts[1]


def pair(op: str, param: str, value: Any, least: int) -> tuple[int, int]:
    """*value*, a whole number or two of them, from *least* on, as a pair.

    Raises:
        ParamError: It is something else.
    """
    values = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    try:
        whole = tuple([index(one) for one in values])
    except TypeError:
        whole = ()
    if len(whole) != 2 or min(whole) < least:
        raise ParamError(op, param, f"is {value!r}", f"a whole number from {least} on, or a pair of them")
    return whole[0], whole[1]


def has_windows(rows: int, columns: int, window: Window) -> bool:
    """Whether at least one window fits."""
    sizes = zip((rows, columns), window.padding, window.reach, strict=True)
    return all(size + 2 * padding >= reach for size, padding, reach in sizes)


def sizes_of(sizes: Mapping[str, int], *names: str) -> tuple[int, ...]:
    """Some of the sizes of a declaration; 1 where a name is no symbol of it."""
    return tuple(sizes.get(name, 1) for name in names)
