"""Ops that arrange elements anew: repeat along a new axis, reshape."""

from __future__ import annotations

from collections.abc import Mapping
from operator import index
from typing import Any

import numpy as np

from gradspec.spec import Op, real
from ops.errors import ParamError, ShapeMismatchError
from ops.rules.guards import one_axis, require_floats


def _expand(x: Any, axis: int = -1, count: int = 16) -> tuple[Any, Any]:
    """Repeat *x* *count* times along a new axis, which is number *axis* of the result."""
    require_floats("expand", "x", x)
    new = one_axis("expand", axis, x.ndim + 1)
    try:
        times = index(count)
    except TypeError:
        raise ParamError("expand", "count", f"is {count!r}", "a whole number from 0 on") from None
    if times < 0:
        raise ParamError("expand", "count", f"is {count!r}", "a whole number from 0 on")
    return np.repeat(np.expand_dims(x, new), times, axis=new), new


def _expand_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    return (y_bar.sum(axis=saved),)


def _reshape(x: Any, shape: tuple[int, ...] = (-1,)) -> tuple[Any, Any]:
    """Give *x* another *shape*, in row-major order; -1 stands for the size that is left. The result may be a view."""
    require_floats("reshape", "x", x)
    try:
        return x.reshape(shape), x.shape
    except TypeError:
        raise ParamError("reshape", "shape", f"is {shape!r}", "a tuple of whole numbers") from None
    except ValueError:
        raise ShapeMismatchError("reshape", "shape", f"is {shape!r}", f"{x.size} elements, as x {x.shape}") from None


def _reshape_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    return (y_bar.reshape(saved),)


def _swapped(sizes: Mapping[str, int]) -> tuple[int, ...]:
    return (sizes["d"], sizes["n"])


def _one_axis_more(sizes: Mapping[str, int]) -> tuple[int, ...]:
    return (sizes["n"], 1, sizes["d"])


def _flat_columns(sizes: Mapping[str, int]) -> tuple[int, ...]:
    return (sizes["n"] * sizes["d"], 1)


expand = Op(
    name="expand",
    forward=_expand,
    vjp=_expand_vjp,
    inputs={"x": real("n d")},
    params={"axis": (-1, 0, 1, 2, -2, -3), "count": (16, 1, 0, 3)},
    torch=lambda x, axis, count: x.unsqueeze(axis).repeat_interleave(count, dim=axis),
    formula=r"y_{ij} = x_i",
    vjp_formula=r"\bar x_i = \sum_j \bar y_{ij}",
    source="the chain rule: each copy of x_i contributes its cotangent",
    linear_in=frozenset({"x"}),
)

reshape = Op(
    name="reshape",
    forward=_reshape,
    vjp=_reshape_vjp,
    inputs={"x": real("n d")},
    params={"shape": ((-1,), _swapped, _one_axis_more, _flat_columns)},
    torch=lambda x, shape: x.reshape(shape),
    formula=r"y_k = x_k, \quad k \text{ in row-major order}",
    vjp_formula=r"\bar x_k = \bar y_k",
    source="the chain rule: no element changes",
    linear_in=frozenset({"x"}),
)
