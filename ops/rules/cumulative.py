"""Sums and products that run along an axis, and the product over axes; right where elements are 0.

A product without one of its factors is y / x where no product is near the ends of the range. Elsewhere, and at zeros,
it is the product of what is before and what is after that factor, which takes longer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradspec.spec import Op, real
from ops.rules.guards import many_axes, one_axis, require_floats
from ops.rules.reduce import AXES, finished, kept
from ops.rules.reference import over_axes


def _cumsum(x: Any, axis: int = -1) -> tuple[Any, Any]:
    """Sum of each element of *x* and those before it along *axis*."""
    require_floats("cumsum", "x", x)
    along = one_axis("cumsum", axis, x.ndim)
    return np.cumsum(x, axis=along), along


def _cumsum_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    axis = saved
    return (_sum_from_end(y_bar, axis),)


def _cumprod(x: Any, axis: int = -1) -> tuple[Any, Any]:
    """Product of each element of *x* and those before it along *axis*."""
    require_floats("cumprod", "x", x)
    along = one_axis("cumprod", axis, x.ndim)
    with np.errstate(over="ignore"):
        y = np.cumprod(x, axis=along)
    return y, (x, y, along)


def _cumprod_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    x, y, axis = saved
    if _is_ordinary(y):
        return (_sum_from_end(y_bar * y, axis) / x,)
    x, y, y_bar = (np.moveaxis(array, axis, -1) for array in (x, y, y_bar))
    before = np.ones_like(x)
    before[..., 1:] = y[..., :-1]
    with np.errstate(over="ignore", invalid="ignore"):
        x_bar = before * _products_from_here(x, y_bar)
    return (np.moveaxis(x_bar, -1, axis),)


def _products_from_here(x: Any, y_bar: Any) -> Any:
    """Along the last axis s_k = y_bar_k + x_{k+1} s_{k+1}, in steps that double: all k at once, log2(n) times."""
    s, factor = y_bar.copy(), np.zeros_like(x)
    factor[..., :-1] = x[..., 1:]
    step, size = 1, x.shape[-1]
    while step < size:
        s[..., :-step] += factor[..., :-step] * s[..., step:]
        factor[..., :-step] *= factor[..., step:].copy()
        step *= 2
    return s


def _prod(x: Any, axis: Any = None, keepdims: bool = False) -> tuple[Any, Any]:  # noqa: FBT001, FBT002 -- NumPy's keyword
    """Multiply the elements of *x* over *axis*: None for all, a number, or a tuple; the product of nothing is 1."""
    require_floats("prod", "x", x)
    axes = many_axes("prod", axis, x.ndim)
    with np.errstate(over="ignore"):
        y = x.prod(axis=axes, keepdims=True)
    return finished(y, axes, keepdims), (x, y, axes)


def _prod_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    x, y, axes = saved
    y_bar = kept(y_bar, x.shape, axes)
    if _is_ordinary(y):
        return (y_bar * (y / x),)
    order = [*(axis for axis in range(x.ndim) if axis not in axes), *axes]
    moved = x.transpose(order)
    rows = moved.reshape(*moved.shape[: x.ndim - len(axes)], -1)
    before, after = np.ones_like(rows), np.ones_like(rows)
    with np.errstate(over="ignore", invalid="ignore"):
        np.cumprod(rows[..., :-1], axis=-1, out=before[..., 1:])
        np.cumprod(rows[..., :0:-1], axis=-1, out=after[..., -2::-1])
        others = (before * after).reshape(moved.shape)
        return (y_bar * others.transpose(np.argsort(order)),)


def _sum_from_end(x: Any, axis: int) -> Any:
    return np.flip(np.cumsum(np.flip(x, axis), axis=axis), axis)


def _is_ordinary(y: Any) -> bool:
    """Whether all products are so far from 0 and from infinity that a division by a factor loses nothing."""
    limits, size = np.finfo(y.dtype), np.abs(y)
    return bool(((size > limits.tiny / limits.eps) & (size < limits.max * limits.eps)).all())


def _torch_prod(x: Any, dim: Any, keepdim: bool) -> Any:  # noqa: FBT001 -- torch multiplies over one axis only
    for one in sorted(many_axes("prod", dim, x.ndim), reverse=True):
        x = x.prod(one, keepdim)
    return x


cumsum = Op(
    name="cumsum",
    forward=_cumsum,
    vjp=_cumsum_vjp,
    inputs={"x": real("n d")},
    params={"axis": (-1, 0, 1, -2)},
    torch=lambda x, axis: x.cumsum(axis),
    formula=r"y_{ij} = \sum_{k \le j} x_{ik}",
    vjp_formula=r"\bar x_{ij} = \sum_{k \ge j} \bar y_{ik}",
    source="the chain rule",
    linear_in=frozenset({"x"}),
)

cumprod = Op(
    name="cumprod",
    forward=_cumprod,
    vjp=_cumprod_vjp,
    inputs={"x": real("n d", typical=(-3, 3))},
    params={"axis": (-1, 0, 1, -2)},
    sizes={"d": (0, 6)},  # more than one doubling of the steps
    torch=lambda x, axis: x.cumprod(axis),
    formula=r"y_{ij} = \prod_{k \le j} x_{ik}",
    vjp_formula=r"\bar x_{ij} = (\prod_{k < j} x_{ik}) s_{ij}, \quad s_{ij} = \bar y_{ij} + x_{i, j + 1} s_{i, j + 1}; "
    r"\quad \bar x_{ij} = \frac{1}{x_{ij}} \sum_{k \ge j} \bar y_{ik} y_{ik} \text{ without zeros}",
    source="the product rule; the recurrence in doubling steps: Hillis, Steele: Data Parallel Algorithms (1986)",
)

prod = Op(
    name="prod",
    forward=_prod,
    vjp=_prod_vjp,
    inputs={"x": real("n m d", typical=(-3, 3))},
    params={"axis": AXES, "keepdims": (False, True)},
    torch=over_axes(_torch_prod),
    formula=r"y_i = \prod_k x_{ik}",
    vjp_formula=r"\bar x_{ik} = \bar y_i \prod_{l \ne k} x_{il}",
    source="the product rule",
)
