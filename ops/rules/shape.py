"""Ops that change the shape alone, or repeat along a new axis: expand, reshape, squeeze, expand_dims."""

from __future__ import annotations

from collections.abc import Mapping
from operator import index
from typing import Any

import numpy as np

from gradspec.spec import Op, real
from ops.errors import ParamError, ShapeMismatchError
from ops.rules.guards import many_axes, one_axis, require_floats


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


def _squeeze(x: Any, axis: Any = None) -> tuple[Any, Any]:
    """Leave out axes of size 1: all of them (None), one, or a tuple. The result may be a view."""
    require_floats("squeeze", "x", x)
    axes = many_axes("squeeze", axis, x.ndim)
    if axis is None:
        axes = tuple([one for one in axes if x.shape[one] == 1])
    for one in axes:
        if x.shape[one] != 1:
            raise ShapeMismatchError("squeeze", "x", f"has size {x.shape[one]} along axis {one}", "1, to be left out")
    return x.reshape([size for one, size in enumerate(x.shape) if one not in axes]), x.shape


def _expand_dims(x: Any, axis: Any = 0) -> tuple[Any, Any]:
    """Put in new axes of size 1, which are number *axis* (or a tuple) of the result. The result may be a view."""
    require_floats("expand_dims", "x", x)
    several = axis if isinstance(axis, tuple) else (axis,)
    new = len(several)
    axes = many_axes("expand_dims", several, x.ndim + new)
    sizes = iter(x.shape)
    return x.reshape([1 if one in axes else next(sizes) for one in range(x.ndim + new)]), x.shape


def _swapped(sizes: Mapping[str, int]) -> tuple[int, ...]:
    return (sizes["d"], sizes["n"])


def _one_axis_more(sizes: Mapping[str, int]) -> tuple[int, ...]:
    return (sizes["n"], 1, sizes["d"])


def _is_squeezable(sizes: Mapping[str, int], params: Mapping[str, Any]) -> bool:
    """Whether the axes that are named have size 1."""
    axis = params["axis"]
    named = axis if isinstance(axis, tuple) else () if axis is None else (axis,)
    return 0 not in named or sizes["n"] == 1


def _torch_expand_dims(x: Any, axis: Any) -> Any:
    axes = axis if isinstance(axis, tuple) else (axis,)
    for one in sorted([one % (x.ndim + len(axes)) for one in axes]):
        x = x.unsqueeze(one)
    return x


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

squeeze = Op(
    name="squeeze",
    forward=_squeeze,
    vjp=_reshape_vjp,
    inputs={"x": real("n 1 d 1")},
    params={"axis": (None, 1, -1, 3, (1, 3), (-1, 1), 0, (0, -3), ())},
    where=_is_squeezable,
    torch=lambda x, axis: x.squeeze() if axis is None else x.squeeze(axis),
    formula=r"y_i = x_{i 0}",
    vjp_formula=r"\bar x_{i 0} = \bar y_i",
    source="the chain rule: no element changes",
    linear_in=frozenset({"x"}),
)

expand_dims = Op(
    name="expand_dims",
    forward=_expand_dims,
    vjp=_reshape_vjp,
    inputs={"x": real("n d")},
    params={"axis": (0, 1, 2, -1, -3, (0, 1), (1, -1), (-2, 0), ())},
    torch=_torch_expand_dims,
    formula=r"y_{i 0} = x_i",
    vjp_formula=r"\bar x_i = \bar y_{i 0}",
    source="the chain rule: no element changes",
    linear_in=frozenset({"x"}),
)
