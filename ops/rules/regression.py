"""Losses of a regression: squared and absolute differences, and two that are squared near 0 and straight far off.

The target is differentiated like the prediction: what is fitted may be computed, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradspec.spec import Op, real
from ops.rules.broadcast import as_dtype
from ops.rules.guards import require_number
from ops.rules.reduction import REDUCTIONS, each, has_value, reduced, require_pair
from ops.rules.reference import functional


def _mse(x: Any, target: Any, reduction: str = "mean") -> tuple[Any, Any]:
    """Square the differences of *x* and *target*, and average or sum the squares."""
    require_pair("mse", x, target, reduction)
    d = x - target
    saved = (d, reduction, x.dtype, target.dtype)
    if reduction == "none":
        return d * d, saved
    flat = d.reshape(-1)
    total = flat @ flat  # a dot product needs no array of squares
    return total / d.size if reduction == "mean" else total, saved


def _mse_vjp(saved: Any, y_bar: Any, needs: tuple[bool, bool] = (True, True)) -> tuple[Any, Any]:
    d, reduction, *dtypes = saved
    return _differences(2 * each(y_bar, reduction, d.size) * d, dtypes, needs)


def _l1(x: Any, target: Any, reduction: str = "mean") -> tuple[Any, Any]:
    """Take the absolute differences of *x* and *target*, and average or sum them."""
    require_pair("l1", x, target, reduction)
    d = x - target
    return reduced(np.abs(d), reduction), (d, reduction, x.dtype, target.dtype)


def _l1_vjp(saved: Any, y_bar: Any, needs: tuple[bool, bool] = (True, True)) -> tuple[Any, Any]:
    d, reduction, *dtypes = saved
    return _differences(np.sign(d) * each(y_bar, reduction, d.size), dtypes, needs)


def _huber(x: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> tuple[Any, Any]:
    """Half the squared difference up to *delta*, and beyond it the straight line that goes on from there."""
    require_pair("huber", x, target, reduction)
    delta = require_number("huber", "delta", delta, 0, above=True)
    d = x - target
    slope = np.clip(d, -delta, delta)
    return _below_line(slope, d, 0.5, reduction), (slope, reduction, x.dtype, target.dtype)


def _smooth_l1(x: Any, target: Any, reduction: str = "mean", beta: float = 1.0) -> tuple[Any, Any]:
    """Huber's loss with delta = *beta*, divided by *beta*; with *beta* 0 the absolute difference, its limit."""
    require_pair("smooth_l1", x, target, reduction)
    beta = require_number("smooth_l1", "beta", beta, 0)
    d = x - target
    slope = np.clip(d, -beta, beta) if beta else np.sign(d)
    slope /= beta or 1
    return _below_line(slope, d, 0.5 * beta, reduction), (slope, reduction, x.dtype, target.dtype)


def _below_line(slope: Any, d: Any, half: float, reduction: str) -> Any:
    """Reduce slope (d - half slope): no square of a large difference, and no term of it hides the other."""
    if reduction == "none":
        return slope * (d - half * slope)
    slopes, flat = slope.reshape(-1), d.reshape(-1)
    total = slopes @ flat - half * (slopes @ slopes)  # dot products need no arrays of products
    return total / d.size if reduction == "mean" else total


def _slope_vjp(saved: Any, y_bar: Any, needs: tuple[bool, bool] = (True, True)) -> tuple[Any, Any]:
    slope, reduction, *dtypes = saved
    return _differences(slope * each(y_bar, reduction, slope.size), dtypes, needs)


def _differences(d_bar: Any, dtypes: Any, needs: tuple[bool, bool]) -> tuple[Any, Any]:
    """The cotangents of x and target, given that of x - target."""
    x_bar = as_dtype(d_bar, dtypes[0]) if needs[0] else None
    return x_bar, as_dtype(-d_bar, dtypes[1]) if needs[1] else None


_INPUTS = {"x": real("n d"), "target": real("n d")}  # of any shape: tests/ops/rules/test_regression.py
_REDUCED = r"y = \frac{1}{N} \sum_i \ell_i, \quad N = n \text{ (mean) or } 1 \text{ (sum)}; "
_EACH = r"\text{; } N = 1 \text{ and } \bar y_i \text{ for } \bar y \text{ with reduction none}"
_TARGET = r", \quad \bar t = -\bar x"

mse = Op(
    name="mse",
    forward=_mse,
    vjp=_mse_vjp,
    inputs=_INPUTS,
    where=has_value,
    params={"reduction": REDUCTIONS},
    torch=functional("mse_loss"),
    formula=_REDUCED + r"\ell_i = (x_i - t_i)^2",
    vjp_formula=r"\bar x_i = 2 (x_i - t_i) \bar y / N" + _TARGET + _EACH,
    source="Goodfellow, Bengio, Courville: Deep Learning (2016), section 5.1.4",
)

l1 = Op(
    name="l1",
    forward=_l1,
    vjp=_l1_vjp,
    inputs=_INPUTS,
    where=has_value,
    params={"reduction": REDUCTIONS},
    torch=functional("l1_loss"),
    formula=_REDUCED + r"\ell_i = |x_i - t_i|",
    vjp_formula=r"\bar x_i = \operatorname{sign}(x_i - t_i) \bar y / N" + _TARGET + _EACH,
    source="Boyd, Vandenberghe: Convex Optimization (2004), section 6.1.2",
    kinks="x = target, where the derivative is taken to be 0, as torch does",
)

huber = Op(
    name="huber",
    forward=_huber,
    vjp=_slope_vjp,
    inputs=_INPUTS,
    where=has_value,
    params={"reduction": REDUCTIONS, "delta": (1.0, 0.5, 3.0)},
    torch=functional("huber_loss"),
    formula=_REDUCED + r"\ell_i = s_i (d_i - s_i / 2), \quad d_i = x_i - t_i, "
    r"\quad s_i = \min(\max(d_i, -\delta), \delta)",
    vjp_formula=r"\bar x_i = s_i \bar y / N" + _TARGET + _EACH,
    source="Huber: Robust Estimation of a Location Parameter (1964), section 4",
)

smooth_l1 = Op(
    name="smooth_l1",
    forward=_smooth_l1,
    vjp=_slope_vjp,
    inputs=_INPUTS,
    where=has_value,
    params={"reduction": REDUCTIONS, "beta": (1.0, 0.5, 0.0)},
    torch=functional("smooth_l1_loss"),
    formula=_REDUCED + r"\ell_i = s_i (d_i - \beta s_i / 2), \quad d_i = x_i - t_i, "
    r"\quad s_i = \min(\max(d_i / \beta, -1), 1), \quad s_i = \operatorname{sign}(d_i) \text{ for } \beta = 0",
    vjp_formula=r"\bar x_i = s_i \bar y / N" + _TARGET + _EACH,
    source="Girshick: Fast R-CNN (2015), eq. 3, where beta is 1",
    kinks="x = target for beta = 0, where the derivative is taken to be 0, as torch does",
)
