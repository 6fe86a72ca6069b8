"""Softmax and its logarithm along an axis, right for every finite x.

With p the softmax, 1 - p of the largest element cancels to 0 once p rounds to 1. What is small there is therefore
never formed as a difference: the forward sums the other exponentials and uses log1p, and the vjp takes the entry from
the others, since the cotangents along the axis sum to 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradspec.spec import Op, real
from ops.rules.guards import one_axis, require_floats


def _softmax(x: Any, axis: int = -1) -> tuple[Any, Any]:
    """Return e^x over its sum along *axis*."""
    require_floats("softmax", "x", x)
    along = one_axis("softmax", axis, x.ndim)
    if x.size == 0:  # no largest element to subtract
        return x.copy(), (x, along)
    with np.errstate(over="ignore", invalid="ignore"):  # huge numbers of unlike sign: e^-inf = 0, which is right
        y = x - x.max(axis=along, keepdims=True)
        np.exp(y, out=y)
    y /= y.sum(axis=along, keepdims=True)
    return y, (y, along)


def _softmax_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    y, axis = saved
    x_bar = y_bar * y
    np.subtract(y_bar, x_bar.sum(axis=axis, keepdims=True), out=x_bar)
    x_bar *= y
    return (x_bar,)


def _logsoftmax(x: Any, axis: int = -1) -> tuple[Any, Any]:
    """Return x minus the logarithm of the sum of e^x along *axis*."""
    require_floats("logsoftmax", "x", x)
    along = one_axis("logsoftmax", axis, x.ndim)
    if x.size == 0:  # no largest element to subtract
        return x.copy(), None
    peak = x.argmax(axis=along, keepdims=True)
    with np.errstate(over="ignore", invalid="ignore"):  # two huge numbers of unlike sign: y is -inf, p is 0
        shifted = x - np.take_along_axis(x, peak, along)
    p = np.exp(shifted)
    np.put_along_axis(p, peak, 0, along)  # its 1 is left to log1p, in which it hides nothing
    rest = p.sum(axis=along, keepdims=True)
    p /= 1 + rest
    return shifted - np.log1p(rest), (p, peak, along)


def _logsoftmax_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    if saved is None:
        return (y_bar,)
    p, peak, axis = saved
    x_bar = y_bar - p * y_bar.sum(axis=axis, keepdims=True)
    np.put_along_axis(x_bar, peak, 0, axis)
    np.put_along_axis(x_bar, peak, -x_bar.sum(axis=axis, keepdims=True), axis)
    return (x_bar,)


softmax = Op(
    name="softmax",
    forward=_softmax,
    vjp=_softmax_vjp,
    inputs={"x": real("n d")},
    params={"axis": (-1, 0, 1, -2)},
    torch=lambda x, axis: x.softmax(axis),
    formula=r"y_{ij} = e^{x_{ij}} / \sum_k e^{x_{ik}}",
    vjp_formula=r"\bar x_{ij} = y_{ij} (\bar y_{ij} - \sum_k \bar y_{ik} y_{ik})",
    source="Goodfellow, Bengio, Courville: Deep Learning (2016), section 6.2.2.3",
)

logsoftmax = Op(
    name="logsoftmax",
    forward=_logsoftmax,
    vjp=_logsoftmax_vjp,
    inputs={"x": real("n d")},
    params={"axis": (-1, 0, 1, -2)},
    torch=lambda x, axis: x.log_softmax(axis),
    formula=r"y_{ij} = x_{ij} - \ln \sum_k e^{x_{ik}}",
    vjp_formula=r"\bar x_{ij} = \bar y_{ij} - p_{ij} \sum_k \bar y_{ik}, \quad p = e^{y}; "
    r"\text{ at the largest } x_{ij}: \; \bar x_{ij} = -\sum_{k \ne j} \bar x_{ik}",
    source="Goodfellow, Bengio, Courville: Deep Learning (2016), section 6.2.2.3",
)
