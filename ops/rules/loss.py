"""Losses of a classifier: from log-probabilities, and from logits. Labels are class numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradspec.spec import Op, index, real
from ops.errors import ParamError, ShapeMismatchError
from ops.rules.guards import (
    require_choice,
    require_floats,
    require_number,
    require_positions,
    require_rank,
    require_whole_numbers,
)
from ops.rules.reduce import average
from ops.rules.reduction import REDUCTIONS, require_examples
from ops.rules.reference import functional


def _nll(log_p: Any, labels: Any, reduction: str = "mean", ignore_index: int | None = None) -> tuple[Any, Any]:
    """Return the negative log-probability of the *labels* (n,) under *log_p* (n, c): its mean, its sum, or for each.

    Rows whose label is *ignore_index*, which may be no class at all, count for nothing. Where all are ignored the mean
    is NaN, the sum 0; the mean over an empty batch is refused.
    """
    rows, columns = _batch("nll", "log_p", log_p, labels, reduction, ignore_index)
    if not len(log_p):
        require_examples("nll", "log_p", log_p, reduction)
    picked = log_p[rows, columns]
    saved = (log_p.shape, rows, columns, reduction)
    if reduction == "none":
        y = np.zeros(len(labels), log_p.dtype)
        y[rows] -= picked
        return y, saved
    return -_total(picked, reduction), saved


def _nll_vjp(saved: Any, y_bar: Any) -> tuple[Any, None]:
    shape, rows, columns, reduction = saved
    log_p_bar = np.zeros(shape, y_bar.dtype)
    log_p_bar[rows, columns] = -_per_row(y_bar, rows, reduction)
    return log_p_bar, None


def _cross_entropy(
    logits: Any,
    labels: Any,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    ignore_index: int | None = None,
) -> tuple[Any, Any]:
    """Return the negative log-softmax of the *labels* (n,) under *logits* (n, c): its mean, its sum, or for each.

    Of each label's weight the share *label_smoothing* goes to all c classes alike. Rows whose label is *ignore_index*,
    which may be no class at all, count for nothing. Where all are ignored the mean is NaN, the sum 0; the mean over an
    empty batch is refused. A confident right answer keeps its digits: the loss at a margin of 40 is 4e-18, not 0 (see
    activation.py).
    """
    rows, columns = _batch("cross_entropy", "logits", logits, labels, reduction, ignore_index)
    smoothing = require_number("cross_entropy", "label_smoothing", label_smoothing, 0, 1)
    if logits.shape[1] == 0:
        raise ShapeMismatchError("cross_entropy", "logits", f"has shape {logits.shape}", "(n, c) with c at least 1")
    require_examples("cross_entropy", "logits", logits, reduction)
    kept = logits if len(rows) == len(labels) else logits[rows]
    each = rows if kept is logits else np.arange(len(kept))
    p, shifted, rest = _softmax_parts(kept, each)
    losses = np.log1p(rest)  # nothing negative is added to it, so that nothing cancels
    if smoothing == 0:
        losses -= shifted[each, columns]
    else:
        losses -= (1 - smoothing) * shifted[each, columns] if smoothing < 1 else 0
        with np.errstate(over="ignore"):
            losses -= shifted @ np.full(kept.shape[1], smoothing / kept.shape[1], kept.dtype)
    saved = (p, logits.shape, rows, columns, reduction, smoothing)
    if reduction == "none":
        y = np.zeros(len(labels), logits.dtype)
        y[rows] = losses
        return y, saved
    return _total(losses, reduction), saved


def _softmax_parts(x: Any, each: Any) -> tuple[Any, Any, Any]:
    """The softmax of each row; *x* less the row's largest element; and the sum of e^ of that, but for the largest."""
    peak = x.argmax(axis=1)
    with np.errstate(
        over="ignore"
    ):  # two huge numbers of unlike sign: p is 0, and the loss is inf if that is the label
        shifted = x - x[each, peak][:, None]
    p = np.exp(shifted)
    p[each, peak] = 0  # its 1 is left to log1p, in which it hides nothing
    rest = p.sum(axis=1)
    p[each, peak] = 1
    p /= (1 + rest)[:, None]
    return p, shifted, rest


def _cross_entropy_vjp(saved: Any, y_bar: Any) -> tuple[Any, None]:
    p, shape, rows, columns, reduction, smoothing = saved
    each = np.arange(len(rows))
    scale = _per_row(y_bar, rows, reduction)
    if reduction == "none":
        scale = scale[:, None]
    kept_bar = p * scale if smoothing == 0 else (p - smoothing / shape[1]) * scale
    kept_bar[each, columns] = 0
    kept_bar[each, columns] = -kept_bar.sum(axis=1)  # p - 1 without its cancellation: a row's cotangents sum to 0
    if len(rows) == shape[0]:
        return kept_bar, None
    logits_bar = np.zeros(shape, kept_bar.dtype)
    logits_bar[rows] = kept_bar
    return logits_bar, None


def _batch(op: str, argument: str, scores: Any, labels: Any, reduction: Any, ignored: Any) -> tuple[Any, Any]:
    """Refuse what does not fit; return which rows count, and the labels of these."""
    require_choice(op, "reduction", reduction, REDUCTIONS)
    require_floats(op, argument, scores)
    require_rank(op, argument, scores, "(n, c)", 2)
    if ignored is None:
        require_positions(op, "labels", labels, *scores.shape)
        return np.arange(len(labels)), labels
    if not isinstance(ignored, (int, np.integer)):
        raise ParamError(op, "ignore_index", f"is {ignored!r}", "None or a whole number")
    require_whole_numbers(op, "labels", labels)
    counts = labels != ignored
    require_positions(op, "labels", np.where(counts, labels, 0), *scores.shape)
    (rows,) = np.nonzero(counts)
    return rows, labels[rows]


def _total(losses: Any, reduction: str) -> Any:
    total = losses.sum()
    return average(total, len(losses)) if reduction == "mean" else total


def _per_row(y_bar: Any, rows: Any, reduction: str) -> Any:
    """The cotangent of the loss of each row that counts: one number for all, or with reduction none an array."""
    if reduction == "none":
        return y_bar[rows]
    return y_bar / max(len(rows), 1) if reduction == "mean" else y_bar


def _has_value(sizes: Mapping[str, int], params: Mapping[str, Any]) -> bool:
    if params["reduction"] != "mean":
        return True
    return sizes["n"] > 0 and (params["ignore_index"] is None or sizes["c"] > 1)


def _torch_loss(name: str) -> Any:
    def reference(scores: Any, labels: Any, ignore_index: int | None = None, **params: Any) -> Any:
        return functional(name)(scores, labels, ignore_index=-100 if ignore_index is None else ignore_index, **params)

    return reference


_IGNORED = (None, 0, 1, -1)  # the first classes, which labels are drawn from, and a number that is no class
_COUNTED = (
    r"N = \text{the number of rows that count (mean) or } 1 \text{ (sum); rows with } k_i = \text{ignore index do not}"
)
_EACH = r"\text{; } N = 1 \text{ and } \bar y_i \text{ for } \bar y \text{ with reduction none}"

nll = Op(
    name="nll",
    forward=_nll,
    vjp=_nll_vjp,
    inputs={"log_p": real("n c"), "labels": index("n", "c")},
    params={"reduction": REDUCTIONS, "ignore_index": _IGNORED},
    sizes={"c": (1, 4)},  # there is no label without a class
    where=_has_value,
    torch=_torch_loss("nll_loss"),
    formula=r"y = -\frac{1}{N} \sum_i \ell_{i k_i}, \quad " + _COUNTED,
    vjp_formula=r"\bar \ell_{ij} = -\bar y [j = k_i] / N" + _EACH,
    source="Goodfellow, Bengio, Courville: Deep Learning (2016), section 5.5",
    linear_in=frozenset({"log_p"}),
)

cross_entropy = Op(
    name="cross_entropy",
    forward=_cross_entropy,
    vjp=_cross_entropy_vjp,
    inputs={"logits": real("n c"), "labels": index("n", "c")},
    params={"reduction": REDUCTIONS, "label_smoothing": (0.0, 0.1, 0.5, 1.0), "ignore_index": _IGNORED},
    sizes={"c": (1, 4)},  # there is no label without a class
    where=_has_value,
    torch=_torch_loss("cross_entropy"),
    formula=r"y = \frac{1}{N} \sum_i (\ln \sum_j e^{x_{ij}} - \sum_j q_{ij} x_{ij}), "
    r"\quad q_{ij} = (1 - \alpha) [j = k_i] + \alpha / c, \quad \alpha \text{ the label smoothing}, \quad " + _COUNTED,
    vjp_formula=r"\bar x_{ij} = (p_{ij} - \alpha / c) \bar y / N \; (j \ne k_i), "
    r"\quad \bar x_{i k_i} = -\sum_{j \ne k_i} \bar x_{ij} = (p_{i k_i} - q_{i k_i}) \bar y / N, "
    r"\quad p_{ij} = e^{x_{ij}} / \sum_l e^{x_{il}}" + _EACH,
    source="Goodfellow, Bengio, Courville: Deep Learning (2016), section 6.2.2.3; "
    "Szegedy et al.: Rethinking the Inception Architecture for Computer Vision (2016), section 7",
)
