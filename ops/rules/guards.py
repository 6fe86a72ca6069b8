"""Cheap refusals of what an op cannot take, worded with the op's name, and the axes that a param names."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

from ops.errors import InputTypeError, OutOfRangeError, ParamError, ShapeMismatchError


def require_floats(op: str, argument: str, value: Any) -> None:
    """Refuse what is not an array (or NumPy scalar) of real or complex floats.

    Complex numbers are let through because the complex step, an oracle of gradspec, calls forward with them.

    Raises:
        InputTypeError: *value* is something else.
    """
    dtype = getattr(value, "dtype", None)
    if dtype is None:
        got = f"is a Python {type(value).__name__}"
        raise InputTypeError(op, argument, got, "a NumPy array of floats, such as np.asarray(value, np.float64)")
    if dtype.kind not in "fc":
        raise InputTypeError(op, argument, f"has dtype {dtype}", "floats, such as value.astype(np.float64)")


def require_positions(op: str, argument: str, value: Any, count: int, size: int) -> None:
    """Refuse what is not *count* whole numbers, each from 0 to *size* - 1.

    Raises:
        InputTypeError: *value* is not an array of integers.
        ShapeMismatchError: Its shape is not (*count*,).
        OutOfRangeError: A number is negative or too large; a negative one would silently count from the end.
    """
    dtype = getattr(value, "dtype", None)
    if dtype is None or dtype.kind not in "iu":
        got = f"is a Python {type(value).__name__}" if dtype is None else f"has dtype {dtype}"
        raise InputTypeError(op, argument, got, "a NumPy array of integers")
    if value.shape != (count,):
        raise ShapeMismatchError(op, argument, f"has shape {value.shape}", f"({count},), one number per row")
    if count and (value.min() < 0 or value.max() >= size):
        wrong = int(np.flatnonzero((value < 0) | (value >= size))[0])
        got = f"holds {int(value[wrong])} at position {wrong}"
        raise OutOfRangeError(op, argument, got, f"0 to {size - 1}" if size else "nothing: there are no columns")


def require_rank(op: str, argument: str, value: Any, shape: str, rank: int) -> None:
    """Refuse an array that does not have *rank* axes; *shape* says which they are.

    Raises:
        ShapeMismatchError: It has another number of axes.
    """
    if value.ndim != rank:
        raise ShapeMismatchError(op, argument, f"has shape {value.shape}", shape)


def one_axis(op: str, axis: Any, rank: int) -> int:
    """Return *axis*, counted from 0, of an array with *rank* axes.

    Raises:
        ParamError: It is not a whole number.
        OutOfRangeError: There is no such axis.
    """
    try:
        position = index(axis)
    except TypeError:
        raise ParamError(op, "axis", f"is {axis!r}", "a whole number") from None
    if not -rank <= position < rank:
        allowed = f"{-rank} to {rank - 1}" if rank else "none: a 0-d array has no axis"
        raise OutOfRangeError(op, "axis", f"is {position}", allowed)
    return position % rank


def many_axes(op: str, axis: Any, rank: int) -> tuple[int, ...]:
    """Return the axes that *axis* (None for all, a number or a tuple) names, counted from 0.

    Raises:
        ParamError: It is no number, no tuple of numbers, or names an axis twice.
        OutOfRangeError: There is no such axis.
    """
    if axis is None:
        return tuple(range(rank))
    if not isinstance(axis, tuple):
        return (one_axis(op, axis, rank),)
    axes = tuple([one_axis(op, one, rank) for one in axis])
    if len(set(axes)) != len(axes):
        raise ParamError(op, "axis", f"is {axis!r}", "each axis once")
    return axes
