"""Ops that put elements into another order: axes exchanged, an axis reversed or turned round."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradspec.spec import Op, real
from ops.errors import ParamError
from ops.rules.guards import axis_called, many_axes, require_floats, whole_number, whole_numbers


def _transpose(x: Any, axes: Any = None) -> tuple[Any, Any]:
    """Put the axes of *x* into the order *axes*; None reverses them. The result is a view."""
    require_floats("transpose", "x", x)
    order = _order(axes, x.ndim)
    return x.transpose(order), order


def _transpose_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    return (y_bar.transpose(sorted(range(len(saved)), key=saved.__getitem__)),)


def _swapaxes(x: Any, first: int = -1, second: int = -2) -> tuple[Any, Any]:
    """Exchange two axes of *x*. The result is a view."""
    require_floats("swapaxes", "x", x)
    axes = (axis_called("swapaxes", "first", first, x.ndim), axis_called("swapaxes", "second", second, x.ndim))
    return x.swapaxes(*axes), axes


def _swapaxes_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    return (y_bar.swapaxes(*saved),)


def _flip(x: Any, axis: Any = None) -> tuple[Any, Any]:
    """Reverse *x* along *axis*: None for all, a number, or a tuple. The result is a view."""
    require_floats("flip", "x", x)
    axes = many_axes("flip", axis, x.ndim)
    return np.flip(x, axes), axes


def _flip_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    return (np.flip(y_bar, saved),)


def _roll(x: Any, shift: Any = 1, axis: Any = None) -> tuple[Any, Any]:
    """Move the elements of *x* by *shift* places along *axis*; what leaves at the end comes in at the start.

    Args:
        x: Any array.
        shift: A whole number, or one for each axis.
        axis: A number or a tuple; None moves the elements in row-major order, over the ends of the rows.
    """
    require_floats("roll", "x", x)
    axes, shifts = _shifts(shift, axis, x.ndim)
    return np.roll(x, shifts, axes), (tuple([-places for places in shifts]), axes)


def _roll_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    return (np.roll(y_bar, *saved),)


def _order(axes: Any, rank: int) -> tuple[int, ...]:
    if axes is None:
        return tuple(range(rank))[::-1]
    listed = axes if isinstance(axes, (list, tuple)) else (axes,)
    order = tuple([axis_called("transpose", "axes", axis, rank) for axis in listed])
    if sorted(order) != [*range(rank)]:
        raise ParamError("transpose", "axes", f"is {axes!r}", f"None, or each of the {rank} axes once")
    return order


def _shifts(shift: Any, axis: Any, rank: int) -> tuple[Any, tuple[int, ...]]:
    """The axes (None: all as one) and a shift for each of them."""
    if axis is None:
        return None, (whole_number("roll", "shift", shift, "a whole number, where axis is None"),)
    axes = many_axes("roll", axis, rank)
    shifts = whole_numbers("roll", "shift", shift, "a whole number, or a tuple of them")
    if not isinstance(shift, (tuple, list)):
        shifts *= len(axes)
    if len(shifts) != len(axes):
        raise ParamError("roll", "shift", f"is {shift!r}", f"a whole number, or {len(axes)} of them, as axis has")
    return axes, shifts


def _torch_roll(x: Any, shift: Any, axis: Any) -> Any:
    axes, shifts = _shifts(shift, axis, x.ndim)
    return x.roll(shifts, axes)


_ONE_PLACE = "the chain rule: each element goes to one place"

transpose = Op(
    name="transpose",
    forward=_transpose,
    vjp=_transpose_vjp,
    inputs={"x": real("n m d")},
    params={"axes": (None, (1, 0, 2), (2, 0, 1), (1, 2, 0), (0, -1, 1), (-1, -2, -3), (0, 1, 2))},
    torch=lambda x, axes: x.permute(_order(axes, x.ndim)),
    formula=r"y_{i_{\pi(0)}, i_{\pi(1)}, \ldots} = x_{i_0, i_1, \ldots}, \quad \pi \text{ the order of the axes}",
    vjp_formula=r"\bar x_{i_0, i_1, \ldots} = \bar y_{i_{\pi(0)}, i_{\pi(1)}, \ldots}",
    source=_ONE_PLACE,
    linear_in=frozenset({"x"}),
)

swapaxes = Op(
    name="swapaxes",
    forward=_swapaxes,
    vjp=_swapaxes_vjp,
    inputs={"x": real("n m d")},
    params={"first": (-1, 0, 1, 2), "second": (-2, -3, 0, 1)},
    torch=lambda x, first, second: x.swapaxes(first, second),
    formula=r"y_{ji} = x_{ij}",
    vjp_formula=r"\bar x_{ij} = \bar y_{ji}",
    source=_ONE_PLACE,
    linear_in=frozenset({"x"}),
)

flip = Op(
    name="flip",
    forward=_flip,
    vjp=_flip_vjp,
    inputs={"x": real("n m d")},
    params={"axis": (None, 0, 1, -1, (0, 2), (-1, -2), ())},
    torch=lambda x, axis: x.flip(many_axes("flip", axis, x.ndim)),
    formula=r"y_i = x_{n - 1 - i}",
    vjp_formula=r"\bar x_i = \bar y_{n - 1 - i}",
    source=_ONE_PLACE,
    linear_in=frozenset({"x"}),
)

roll = Op(
    name="roll",
    forward=_roll,
    vjp=_roll_vjp,
    inputs={"x": real("n m d")},
    params={"shift": (1, -1, 2, 5, 0, (1, -2), (2, 1)), "axis": (None, 0, 1, -1, (0, 2), (-1, -2))},
    where=lambda _, params: not isinstance(params["shift"], tuple) or isinstance(params["axis"], tuple),
    torch=_torch_roll,
    formula=r"y_{(i + s) \operatorname{mod} n} = x_i",
    vjp_formula=r"\bar x_i = \bar y_{(i + s) \operatorname{mod} n}",
    source=_ONE_PLACE,
    linear_in=frozenset({"x"}),
)
