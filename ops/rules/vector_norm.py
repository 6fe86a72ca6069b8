"""Norms of vectors over any axes, for every finite x: no square of a large or a small number leaves the range."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np

from gradspec.spec import Op, real
from ops.errors import ParamError
from ops.rules.guards import many_axes, require_floats
from ops.rules.reduce import AXES, finished, kept, reduces_some
from ops.rules.reference import over_axes


def _vector_norm(
    x: Any,
    ord: float = 2,  # noqa: A002 -- NumPy's keyword
    axis: Any = None,
    keepdims: bool = False,  # noqa: FBT001, FBT002 -- NumPy's keyword
) -> tuple[Any, Any]:
    """Norm of *x* over *axis*: None for all, a number, or a tuple; the norm of nothing is 0.

    Its cotangent is 0 where all elements are 0, and shared where several are the largest of an infinity norm.
    """
    require_floats("vector_norm", "x", x)
    if not isinstance(ord, (float, int, Real)) or not ord >= 1:
        raise ParamError("vector_norm", "ord", f"is {ord!r}", "numbers from 1 on, and math.inf")
    axes, power = many_axes("vector_norm", axis, x.ndim), float(ord)
    with np.errstate(over="ignore", invalid="ignore"):
        y = _norm(x, axes, power)
    return finished(y, axes, keepdims), (x, y, axes, power)


def _norm(x: Any, axes: tuple[int, ...], power: float) -> Any:
    if power == 2:
        return euclidean(x, axes)
    size = np.abs(x)
    if power == 1:
        return size.sum(axis=axes, keepdims=True)
    largest = size.max(axis=axes, keepdims=True, initial=0)
    if power == math.inf:
        return largest
    return largest * ((size / _or_one(largest)) ** power).sum(axis=axes, keepdims=True) ** (1 / power)


def _vector_norm_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    x, y, axes, power = saved
    if power == 1:
        slope = np.sign(x)
    elif power == 2:
        slope = x / _or_one(y)
    elif power == math.inf:
        largest = (np.abs(x) == y).astype(x.dtype)
        slope = np.sign(x) * largest / _or_one(largest.sum(axis=axes, keepdims=True))
    else:
        slope = np.sign(x) * (np.abs(x) / _or_one(y)) ** (power - 1)
    return (kept(y_bar, x.shape, axes) * slope,)


def euclidean(x: Any, axes: tuple[int, ...]) -> Any:
    """The root of the sum of squares over *axes*, which stay with size 1."""
    with np.errstate(over="ignore", invalid="ignore"):
        squares = (x * x).sum(axis=axes, keepdims=True)
    limits = np.finfo(x.dtype)
    if ((squares > limits.tiny / limits.eps) & (squares < math.inf)).all():
        return np.sqrt(squares)
    largest = np.abs(x).max(axis=axes, keepdims=True, initial=0)
    with np.errstate(over="ignore", invalid="ignore"):
        unit = x / _or_one(largest)
        return largest * np.sqrt((unit * unit).sum(axis=axes, keepdims=True))


def _or_one(x: Any) -> Any:
    """*x* as a divisor: 1 where it is 0, since what is divided is 0 there as well."""
    return x + (x == 0)


def _has_norm(sizes: Mapping[str, int], params: Mapping[str, Any]) -> bool:
    return params["ord"] != math.inf or reduces_some(sizes, params)  # torch refuses the largest of nothing


def _torch_norm(x: Any, dim: Any, keepdim: bool, ord: float) -> Any:  # noqa: A002, FBT001 -- torch's keywords
    import torch

    return torch.linalg.vector_norm(x, ord, dim, keepdim)


vector_norm = Op(
    name="vector_norm",
    forward=_vector_norm,
    vjp=_vector_norm_vjp,
    inputs={"x": real("n m d")},
    params={"ord": (2, 1, math.inf, 3, 2.5), "axis": AXES, "keepdims": (False, True)},
    where=_has_norm,
    torch=over_axes(_torch_norm),
    formula=r"y_i = (\sum_k |x_{ik}|^p)^{1 / p}, \quad \max_k |x_{ik}| \text{ for } p = \infty",
    vjp_formula=r"\bar x_{ik} = \bar y_i s_{ik} (|x_{ik}| / y_i)^{p - 1}, \quad s_{ik} = \operatorname{sign}(x_{ik}), "
    r"\quad 0 \text{ for } y_i = 0; \quad "
    r"p = \infty \text{: } \bar x_{ik} = \bar y_i s_{ik} [|x_{ik}| = y_i] / \sum_l [|x_{il}| = y_i]",
    source="the chain rule; subgradients of norms: Boyd, Vandenberghe, EE364b notes on subgradients (2008), section 2",
    kinks="zero vectors for every ord, zeros for ord 1, equal largest elements for ord inf",
)
