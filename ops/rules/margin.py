"""Losses that ask for a margin: of two classes with labels -1 and 1, and of many with class numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradspec.spec import Op, array, index, real
from ops.errors import OutOfRangeError, ParamError, ShapeMismatchError
from ops.rules.guards import (
    require_choice,
    require_floats,
    require_number,
    require_positions,
    require_rank,
    require_shape,
    require_whole_numbers,
)
from ops.rules.reduction import REDUCTIONS, each, has_value, reduced, require_examples
from ops.rules.reference import functional


def _hinge(x: Any, labels: Any, reduction: str = "mean", margin: float = 1.0) -> tuple[Any, Any]:
    """What the score *x* lacks to lie by *margin* on the side of its label, -1 or 1; 0 if it lies there."""
    require_choice("hinge", "reduction", reduction, REDUCTIONS)
    require_floats("hinge", "x", x)
    require_whole_numbers("hinge", "labels", labels)
    require_shape("hinge", "labels", labels, x.shape, "the shape of x")
    margin = require_number("hinge", "margin", margin, 0)
    foreign = np.abs(labels) != 1
    if foreign.any():
        raise OutOfRangeError("hinge", "labels", f"holds {int(np.asarray(labels)[foreign][0])}", "-1 and 1")
    require_examples("hinge", "x", x, reduction)
    away = labels.astype(x.dtype)
    away *= -1
    lack = away * x
    lack += margin
    lack = np.maximum(lack, 0)
    return reduced(lack, reduction), (away, lack > 0, reduction)


def _hinge_vjp(saved: Any, y_bar: Any) -> tuple[Any, None]:
    away, lacks, reduction = saved
    return each(y_bar, reduction, away.size) * (away * lacks), None


def _multi_margin(x: Any, labels: Any, reduction: str = "mean", p: int = 1, margin: float = 1.0) -> tuple[Any, Any]:
    """By how much the scores *x* (n, c) of the other classes, plus *margin*, exceed the label's: to the power *p*.

    Per row that is averaged over the c classes, of which the label's own counts as 0.
    """
    require_choice("multi_margin", "reduction", reduction, REDUCTIONS)
    require_floats("multi_margin", "x", x)
    require_rank("multi_margin", "x", x, "(n, c)", 2)
    require_positions("multi_margin", "labels", labels, *x.shape)
    margin = require_number("multi_margin", "margin", margin, 0)
    if not isinstance(p, (int, np.integer)) or p not in (1, 2):
        raise ParamError("multi_margin", "p", f"is {p!r}", "1 or 2")
    if x.shape[1] == 0:
        raise ShapeMismatchError("multi_margin", "x", f"has shape {x.shape}", "(n, c) with c at least 1")
    require_examples("multi_margin", "x", x, reduction)
    rows = np.arange(len(labels))
    excess = x - (x[rows, labels] - margin)[:, None]
    np.maximum(excess, 0, out=excess)
    excess[rows, labels] = 0
    losses = (excess if p == 1 else excess * excess).sum(axis=1) / x.shape[1]
    return reduced(losses, reduction), (excess, labels, reduction, p)


def _multi_margin_vjp(saved: Any, y_bar: Any) -> tuple[Any, None]:
    excess, labels, reduction, p = saved
    count, classes = excess.shape
    loss_bar = np.reshape(each(y_bar, reduction, count) / classes, (-1, 1))
    x_bar = loss_bar * (excess > 0) if p == 1 else 2 * loss_bar * excess
    x_bar[np.arange(count), labels] = -x_bar.sum(axis=1)  # moving all scores alike changes nothing
    return x_bar, None


def _torch_hinge(x: Any, labels: Any, reduction: str, margin: float) -> Any:
    lack = (margin - labels * x).relu()
    return lack if reduction == "none" else getattr(lack, reduction)()


def _torch_multi_margin(x: Any, labels: Any, reduction: str = "mean", **params: Any) -> Any:
    if not len(x) and reduction == "sum":
        return x.sum()  # torch 2.13 returns memory that it never wrote to
    return functional("multi_margin_loss")(x, labels, reduction=reduction, **params)


def _has_batch(sizes: Mapping[str, int], params: Mapping[str, Any]) -> bool:
    return sizes["n"] > 0 or params["reduction"] != "mean"


hinge = Op(
    name="hinge",
    forward=_hinge,
    vjp=_hinge_vjp,
    inputs={"x": real("n m"), "labels": array("n m", lo=-1, hi=1, exclude=(0,), integer=True)},
    params={"reduction": REDUCTIONS, "margin": (1.0, 0.5, 0.0)},
    where=has_value,
    torch=_torch_hinge,
    formula=r"y = \frac{1}{N} \sum_i \max(\mu - k_i x_i, 0), \quad k_i = \pm 1, \quad \mu \text{ the margin}, "
    r"\quad N = n \text{ (mean) or } 1 \text{ (sum)}",
    vjp_formula=r"\bar x_i = -k_i [k_i x_i < \mu] \bar y / N"
    r"\text{; } N = 1 \text{ and } \bar y_i \text{ for } \bar y \text{ with reduction none}",
    source="Hastie, Tibshirani, Friedman: The Elements of Statistical Learning (2009), eq. 12.25",
    kinks="k x = margin, where the derivative is taken to be 0",
)

multi_margin = Op(
    name="multi_margin",
    forward=_multi_margin,
    vjp=_multi_margin_vjp,
    inputs={"x": real("n c"), "labels": index("n", "c")},
    params={"reduction": REDUCTIONS, "p": (1, 2), "margin": (1.0, 0.5, 0.0)},
    sizes={"c": (1, 4)},  # there is no label without a class
    where=_has_batch,
    torch=_torch_multi_margin,
    formula=r"y = \frac{1}{N c} \sum_i \sum_{j \ne k_i} e_{ij}^p, \quad e_{ij} = \max(x_{ij} - x_{i k_i} + \mu, 0), "
    r"\quad \mu \text{ the margin}, \quad N = n \text{ (mean) or } 1 \text{ (sum)}",
    vjp_formula=r"\bar x_{ij} = p \, e_{ij}^{p - 1} [e_{ij} > 0] \bar y / (N c) \; (j \ne k_i), "
    r"\quad \bar x_{i k_i} = -\sum_{j \ne k_i} \bar x_{ij}"
    r"\text{; } N = 1 \text{ and } \bar y_i \text{ for } \bar y \text{ with reduction none}",
    source="Crammer, Singer: On the Algorithmic Implementation of Multiclass Kernel-based Vector Machines (2001); "
    "summed over the classes as in torch",
    kinks="e = 0 for p = 1, where the derivative is taken to be 0, as torch does",
)
