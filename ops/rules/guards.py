"""Cheap refusals of what an op cannot take, worded with the op's name, and the axes that a param names."""

from __future__ import annotations

import math
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


def require_choice(op: str, param: str, value: Any, allowed: tuple[str, ...]) -> None:
    """Refuse a word that is none of the *allowed* ones.

    Raises:
        ParamError: It is another word, or no word.
    """
    if not isinstance(value, str) or value not in allowed:
        raise ParamError(op, param, f"is {value!r}", " or ".join(map(repr, allowed)))


def require_number(op: str, param: str, value: Any, lo: float, hi: float = math.inf, *, above: bool = False) -> float:
    """Return *value*, a finite number from *lo* (or *above* it) to *hi*, as a Python float, which widens no float32.

    Raises:
        ParamError: It is no number, or one outside.
    """
    inside = (
        isinstance(value, (float, int, np.floating, np.integer))
        and (lo < value if above else lo <= value)
        and value <= hi
    )
    if not inside or value == math.inf:
        start = f"above {lo:g}" if above else f"from {lo:g}"
        end = " on" if hi == math.inf and not above else f" to {hi:g}" if hi != math.inf else ""
        raise ParamError(op, param, f"is {value!r}", f"finite numbers {start}{end}")
    return float(value)


def require_shape(op: str, argument: str, value: Any, shape: tuple[int, ...], reason: str) -> None:
    """Refuse an array of another shape than *shape*; *reason* says why it has to be that one.

    Raises:
        ShapeMismatchError: It has another one.
    """
    if value.shape != shape:
        raise ShapeMismatchError(op, argument, f"has shape {value.shape}", f"{shape}, {reason}")


def require_whole_numbers(op: str, argument: str, value: Any, *, booleans: bool = False) -> None:
    """Refuse what is not an array of integers, or of *booleans* where those fit as well.

    Raises:
        InputTypeError: *value* is something else.
    """
    dtype = getattr(value, "dtype", None)
    if dtype is None or dtype.kind not in ("biu" if booleans else "iu"):
        got = f"is a Python {type(value).__name__}" if dtype is None else f"has dtype {dtype}"
        raise InputTypeError(
            op, argument, got, f"a NumPy array of {'booleans or integers' if booleans else 'integers'}"
        )


def require_between(op: str, argument: str, value: Any, lo: float, hi: float) -> None:
    """Refuse an array of floats with an entry outside [*lo*, *hi*]; NaN is let through, to show in the result.

    Raises:
        OutOfRangeError: An entry is outside.
    """
    if not value.size or value.dtype.kind == "c":  # the complex step stays inside, as every evaluation of gradspec
        return
    for worst in (value.min(), value.max()):
        if worst < lo or worst > hi:
            end = " on" if hi == math.inf else f" to {hi:g}"
            raise OutOfRangeError(op, argument, f"holds {float(worst):g}", f"numbers from {lo:g}{end}")


def whole_number(op: str, param: str, value: Any, allowed: str, lo: int | None = None) -> int:
    """Return *value*, a whole number from *lo* on, as a Python int; *allowed* says in words which ones fit.

    Raises:
        ParamError: It is no whole number, or a smaller one.
    """
    try:
        number = index(value)
    except TypeError:
        raise ParamError(op, param, f"is {value!r}", allowed) from None
    if isinstance(value, bool) or (lo is not None and number < lo):
        raise ParamError(op, param, f"is {value!r}", allowed)
    return number


def whole_numbers(op: str, param: str, value: Any, allowed: str, lo: int | None = None) -> tuple[int, ...]:
    """Return *value*, one whole number from *lo* on or a tuple (or list) of them, as a tuple.

    Raises:
        ParamError: A part of it is no whole number, or a smaller one.
    """
    parts = value if isinstance(value, (tuple, list)) else (value,)
    try:
        return tuple([whole_number(op, param, part, allowed, lo) for part in parts])
    except ParamError:
        raise ParamError(op, param, f"is {value!r}", allowed) from None


def require_square(op: str, argument: str, value: Any) -> None:
    """Refuse what is not a matrix, or an array of them, with as many rows as columns.

    Raises:
        ShapeMismatchError: The last two axes are not there, or differ.
    """
    if value.ndim < 2 or value.shape[-1] != value.shape[-2]:
        raise ShapeMismatchError(op, argument, f"has shape {value.shape}", "(..., n, n)")


def require_indices(op: str, argument: str, value: Any, size: int) -> None:
    """Refuse what is not an array of whole numbers, of any shape, each from 0 to *size* - 1.

    Raises:
        InputTypeError: *value* is not an array of integers.
        OutOfRangeError: A number is negative or too large; a negative one would silently count from the end.
    """
    require_whole_numbers(op, argument, value)
    if value.size and (value.min() < 0 or value.max() >= size):
        where = tuple([int(axis) for axis in np.argwhere((value < 0) | (value >= size))[0]])
        place = f" at position {where[0] if len(where) == 1 else where}" if where else ""
        allowed = f"0 to {size - 1}" if size else "nothing: there is no element"
        raise OutOfRangeError(op, argument, f"holds {int(value[where])}{place}", allowed)


def axis_called(op: str, param: str, axis: Any, rank: int) -> int:
    """Return *axis* as :func:`one_axis` does, for a param of another name than axis.

    Raises:
        ParamError: It is not a whole number.
        OutOfRangeError: There is no such axis.
    """
    try:
        return one_axis(op, axis, rank)
    except (ParamError, OutOfRangeError) as error:
        raise type(error)(op, param, error.got, error.allowed) from None
