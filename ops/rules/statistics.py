"""Reductions over any axes that are not linear: spread, extrema, log-sum-exp."""

from __future__ import annotations

import math
from operator import index
from typing import Any

import numpy as np

from gradspec.spec import Op, real
from ops.errors import ParamError, ShapeMismatchError
from ops.rules.guards import many_axes, require_floats
from ops.rules.reduce import AXES, average, count_along, finished, kept, reduces_some
from ops.rules.reference import over_axes
from ops.rules.vector_norm import euclidean


def _var(x: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> tuple[Any, Any]:  # noqa: FBT001, FBT002
    """Sum of the squared distances from the mean over *axis*, divided by their number less *ddof*."""
    centred, axes, count = _centred("var", x, axis, ddof)
    with np.errstate(over="ignore"):
        y = average((centred * centred).sum(axis=axes, keepdims=keepdims), count)
    return y, (centred, axes, count)


def _var_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    centred, axes, count = saved
    return (kept(y_bar, centred.shape, axes) * (2 / (count or 1)) * centred,)


def _std(x: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> tuple[Any, Any]:  # noqa: FBT001, FBT002
    """Square root of the variance; its cotangent is 0 where all elements are equal."""
    centred, axes, count = _centred("std", x, axis, ddof)
    y = average(euclidean(centred, axes), math.sqrt(count))
    return finished(y, axes, keepdims), (centred, y, axes, count)


def _std_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    centred, y, axes, count = saved
    return (kept(y_bar, centred.shape, axes) / (count or 1) * (centred / (y + (y == 0))),)


def _centred(op: str, x: Any, axis: Any, ddof: Any) -> tuple[Any, tuple[int, ...], int]:
    """The distances from the mean, the axes, and what their squares are divided by.

    The first element is subtracted before the mean is taken: what is left of equal elements is exactly 0.
    """
    require_floats(op, "x", x)
    axes = many_axes(op, axis, x.ndim)
    try:
        fewer = index(ddof)
    except TypeError:
        fewer = -1
    if fewer < 0:
        raise ParamError(op, "ddof", f"is {ddof!r}", "whole numbers from 0 on")
    size = count_along(x.shape, axes)
    with np.errstate(over="ignore", invalid="ignore"):
        shifted = x - x[tuple([slice(1) if i in axes else slice(None) for i in range(x.ndim)])]
        centred = shifted - average(shifted.sum(axis=axes, keepdims=True), size)
    return centred, axes, size - fewer if size > fewer else 0


def _max(x: Any, axis: Any = None, keepdims: bool = False) -> tuple[Any, Any]:  # noqa: FBT001, FBT002
    """Take the largest element over *axis*; NaN wins."""
    axes = _axes_with_elements("max", x, axis)
    y = x.max(axis=axes, keepdims=True, initial=-math.inf)
    return finished(y, axes, keepdims), (x == y, axes)


def _min(x: Any, axis: Any = None, keepdims: bool = False) -> tuple[Any, Any]:  # noqa: FBT001, FBT002
    """Take the smallest element over *axis*; NaN wins."""
    axes = _axes_with_elements("min", x, axis)
    y = x.min(axis=axes, keepdims=True, initial=math.inf)
    return finished(y, axes, keepdims), (x == y, axes)


def _extremum_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    winners, axes = saved
    count = np.maximum(winners.sum(axis=axes, keepdims=True), 1).astype(y_bar.dtype)  # of a row with a NaN it is 0
    return (kept(y_bar, winners.shape, axes) / count * winners,)


def _logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> tuple[Any, Any]:  # noqa: FBT001, FBT002
    """Logarithm of the sum of e^x over *axis*, for every finite x."""
    axes = _axes_with_elements("logsumexp", x, axis)
    largest = x.max(axis=axes, keepdims=True, initial=-math.inf)
    with np.errstate(over="ignore", invalid="ignore"):  # two huge numbers of unlike sign: e = 0, which is right
        e = np.exp(x - largest)
    winners = (x == largest).astype(x.dtype)
    # One 1 of the largest element, or of one of several, is left to log1p, in which it hides nothing.
    rest = (e - winners).sum(axis=axes, keepdims=True) + (winners.sum(axis=axes, keepdims=True) - 1)
    return finished(largest + np.log1p(rest), axes, keepdims), (e, 1 + rest, axes)


def _logsumexp_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    e, total, axes = saved
    return (kept(y_bar, e.shape, axes) / total * e,)


def _axes_with_elements(op: str, x: Any, axis: Any) -> tuple[int, ...]:
    """The axes to reduce; nothing cannot be reduced to a number.

    Raises:
        ShapeMismatchError: The reduced axes have no element, and the result has some.
    """
    require_floats(op, "x", x)
    axes = many_axes(op, axis, x.ndim)
    if x.size == 0 and all(size for i, size in enumerate(x.shape) if i not in axes):
        allowed = "at least one element along the axes that are reduced"
        raise ShapeMismatchError(op, "x", f"has shape {x.shape}", allowed)
    return axes


_SOURCE = "a subgradient of the maximum: Boyd, Vandenberghe, EE364b notes on subgradients (2008), section 3.4"
_REDUCTION: dict[str, Any] = {"axis": AXES, "keepdims": (False, True)}
_SPREAD: dict[str, Any] = {"axis": AXES, "ddof": (0, 1, 2), "keepdims": (False, True)}

var = Op(
    name="var",
    forward=_var,
    vjp=_var_vjp,
    inputs={"x": real("n m d")},
    params=_SPREAD,
    where=reduces_some,
    torch=over_axes(lambda x, dim, keepdim, ddof: x.var(dim, correction=ddof, keepdim=keepdim)),
    formula=r"y_i = \frac{1}{K - ddof} \sum_{k=1}^K (x_{ik} - \mu_i)^2, \quad \mu_i = \frac{1}{K} \sum_{k=1}^K x_{ik}",
    vjp_formula=r"\bar x_{ik} = \frac{2}{K - ddof} (x_{ik} - \mu_i) \bar y_i",
    source="the chain rule; the mean's own cotangent vanishes, since the distances from it sum to 0",
)

std = Op(
    name="std",
    forward=_std,
    vjp=_std_vjp,
    inputs={"x": real("n m d")},
    params=_SPREAD,
    where=reduces_some,
    torch=over_axes(lambda x, dim, keepdim, ddof: x.std(dim, correction=ddof, keepdim=keepdim)),
    formula=r"y_i = \sqrt{\frac{1}{K - ddof} \sum_{k=1}^K (x_{ik} - \mu_i)^2}, "
    r"\quad \mu_i = \frac{1}{K} \sum_{k=1}^K x_{ik}",
    vjp_formula=r"\bar x_{ik} = \frac{x_{ik} - \mu_i}{(K - ddof) y_i} \bar y_i, \quad 0 \text{ for } y_i = 0",
    source="the chain rule",
    kinks="rows of equal elements, where the cotangent is 0: torch says NaN there",
)

max = Op(  # noqa: A001 -- ops.max is the op's name
    name="max",
    forward=_max,
    vjp=_extremum_vjp,
    inputs={"x": real("n m d")},
    params=_REDUCTION,
    where=reduces_some,
    torch=over_axes(lambda x, dim, keepdim: x.amax(dim, keepdim)),
    formula=r"y_i = \max_k x_{ik}",
    vjp_formula=r"\bar x_{ik} = \bar y_i [x_{ik} = y_i] / \sum_l [x_{il} = y_i]",
    source=_SOURCE,
    kinks="equal largest elements: each gets an equal share, as in torch.amax",
)

min = Op(  # noqa: A001 -- ops.min is the op's name
    name="min",
    forward=_min,
    vjp=_extremum_vjp,
    inputs={"x": real("n m d")},
    params=_REDUCTION,
    where=reduces_some,
    torch=over_axes(lambda x, dim, keepdim: x.amin(dim, keepdim)),
    formula=r"y_i = \min_k x_{ik}",
    vjp_formula=r"\bar x_{ik} = \bar y_i [x_{ik} = y_i] / \sum_l [x_{il} = y_i]",
    source="min x = -max(-x); " + _SOURCE,
    kinks="equal smallest elements: each gets an equal share, as in torch.amin",
)

logsumexp = Op(
    name="logsumexp",
    forward=_logsumexp,
    vjp=_logsumexp_vjp,
    inputs={"x": real("n m d")},
    params=_REDUCTION,
    where=reduces_some,
    torch=over_axes(lambda x, dim, keepdim: x.logsumexp(dim, keepdim)),
    formula=r"y_i = \ln \sum_k e^{x_{ik}} = m_i + \ln \sum_k e^{x_{ik} - m_i}, \quad m_i = \max_k x_{ik}",
    vjp_formula=r"\bar x_{ik} = \bar y_i e^{x_{ik} - m_i} / \sum_l e^{x_{il} - m_i}",
    source="Goodfellow, Bengio, Courville: Deep Learning (2016), section 4.1",
)
