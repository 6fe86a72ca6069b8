"""Ops that reduce axes: sum, mean, and the largest element of each row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from gradspec.spec import Op, real
from ops.errors import ShapeMismatchError
from ops.rules.guards import many_axes, require_floats
from ops.rules.reference import over_axes

AXES = (None, 0, 1, -1, (0, 2), (-1, -2), ())


def _sum(x: Any, axis: Any = None, keepdims: bool = False) -> tuple[Any, Any]:  # noqa: FBT001, FBT002 -- NumPy's keyword
    """Sum *x* over *axis*: None for all, a number, or a tuple; the empty one reduces nothing."""
    require_floats("sum", "x", x)
    axes = many_axes("sum", axis, x.ndim)
    return x.sum(axis=axes, keepdims=keepdims), (x.shape, axes)


def _sum_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    shape, axes = saved
    return (_spread(y_bar, shape, axes),)


def _mean(x: Any, axis: Any = None, keepdims: bool = False) -> tuple[Any, Any]:  # noqa: FBT001, FBT002 -- NumPy's keyword
    """Average *x* over *axis*: None for all, a number, or a tuple. The mean of nothing is NaN."""
    require_floats("mean", "x", x)
    axes = many_axes("mean", axis, x.ndim)
    count = count_along(x.shape, axes)
    return average(x.sum(axis=axes, keepdims=keepdims), count), (x.shape, axes, count)


def _mean_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    shape, axes, count = saved
    return (_spread(y_bar / max(count, 1), shape, axes),)  # a mean of nothing has no cotangent to spread


def _row_max(x: Any) -> tuple[Any, Any]:
    """Take the largest element of each row of *x* (..., d); of equal ones the first is taken. NaN wins."""
    require_floats("row_max", "x", x)
    if x.ndim == 0 or x.shape[-1] == 0:
        raise ShapeMismatchError("row_max", "x", f"has shape {x.shape}", "(..., d) with d at least 1")
    winner = np.expand_dims(x.argmax(axis=-1), -1)
    return np.take_along_axis(x, winner, -1)[..., 0], (winner, x.shape)


def _row_max_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    winner, shape = saved
    x_bar = np.zeros(shape, y_bar.dtype)
    np.put_along_axis(x_bar, winner, y_bar[..., None], -1)
    return (x_bar,)


def average(total: Any, count: float) -> Any:
    """Divide *total* by *count*; NaN for a count of 0, without the warning that 0 / 0 gives."""
    return total / count if count else total + math.nan


def kept(y_bar: Any, shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    """*y_bar* of an input of *shape*, with the reduced *axes* as axes of size 1."""
    return y_bar.reshape([1 if axis in axes else size for axis, size in enumerate(shape)])


def finished(y: Any, axes: tuple[int, ...], keepdims: bool) -> Any:  # noqa: FBT001 -- NumPy's keyword
    """*y*, whose reduced *axes* are still there with size 1, in the shape that *keepdims* asks for."""
    return y if keepdims else y.squeeze(axes)


def count_along(shape: tuple[int, ...], axes: tuple[int, ...]) -> int:
    """How many elements become one."""
    return math.prod([shape[axis] for axis in axes])


def _spread(y_bar: Any, shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    x_bar = np.empty(shape, y_bar.dtype)
    x_bar[...] = kept(y_bar, shape, axes)
    return x_bar


def reduces_some(sizes: Mapping[str, int], params: Mapping[str, Any]) -> bool:
    """Whether there are more elements to reduce than ddof, for declarations of ops of x (n, m, d)."""
    shape = (sizes["n"], sizes["m"], sizes["d"])
    return count_along(shape, many_axes("mean", params["axis"], len(shape))) > int(params.get("ddof", 0))


sum = Op(  # noqa: A001 -- ops.sum is the op's name
    name="sum",
    forward=_sum,
    vjp=_sum_vjp,
    inputs={"x": real("n m d")},
    params={"axis": AXES, "keepdims": (False, True)},
    torch=over_axes(lambda x, dim, keepdim: x.sum(dim, keepdim)),
    formula=r"y_i = \sum_k x_{ik}",
    vjp_formula=r"\bar x_{ik} = \bar y_i",
    source="the chain rule",
    linear_in=frozenset({"x"}),
)

mean = Op(
    name="mean",
    forward=_mean,
    vjp=_mean_vjp,
    inputs={"x": real("n m d")},
    params={"axis": AXES, "keepdims": (False, True)},
    where=reduces_some,
    torch=over_axes(lambda x, dim, keepdim: x.mean(dim, keepdim)),
    formula=r"y_i = \frac{1}{K} \sum_{k=1}^{K} x_{ik}",
    vjp_formula=r"\bar x_{ik} = \bar y_i / K",
    source="the chain rule",
    linear_in=frozenset({"x"}),
)

row_max = Op(
    name="row_max",
    forward=_row_max,
    vjp=_row_max_vjp,
    inputs={"x": real("... d")},
    sizes={"d": (1, 4)},  # the largest of nothing is not defined
    torch=lambda x: x.max(dim=-1).values,
    formula=r"y_i = \max_k x_{ik}",
    vjp_formula=r"\bar x_{ik} = \bar y_i [k = \min \arg\max_l x_{il}]",
    source="a subgradient of the maximum: Boyd, Vandenberghe, EE364b notes on subgradients (2008), section 3.4",
    kinks="rows whose largest elements are equal: the first of them gets the whole cotangent, as in torch.max(dim)",
)
