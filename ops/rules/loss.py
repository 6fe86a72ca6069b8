"""Losses of a classifier: from log-probabilities, and from logits. Labels are class numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradspec.spec import Op, index, real
from ops.errors import ParamError, ShapeMismatchError
from ops.rules.guards import require_floats, require_positions, require_rank
from ops.rules.reduce import average

_REDUCTIONS = ("mean", "sum")


def _nll(log_p: Any, labels: Any, reduction: str = "mean") -> tuple[Any, Any]:
    """Return the negative log-probability of the *labels* (n,) under *log_p* (n, c), averaged or summed over the batch.

    The mean over an empty batch is NaN, the sum is 0.
    """
    count = _batch("nll", "log_p", log_p, labels, reduction)
    picked = log_p[np.arange(len(labels)), labels]
    return -average(picked.sum(), count), (log_p.shape, labels, count)


def _nll_vjp(saved: Any, y_bar: Any) -> tuple[Any, None]:
    shape, labels, count = saved
    log_p_bar = np.zeros(shape, y_bar.dtype)
    log_p_bar[np.arange(len(labels)), labels] = -y_bar / max(count, 1)  # an empty batch has no entry to fill
    return log_p_bar, None


def _cross_entropy(logits: Any, labels: Any, reduction: str = "mean") -> tuple[Any, Any]:
    """Return the negative log-softmax of the *labels* (n,) under *logits* (n, c), averaged or summed over the batch.

    The mean over an empty batch is NaN, the sum is 0. A confident right answer keeps its digits: the loss at a margin
    of 40 is 4e-18, not 0 (see activation.py).
    """
    count = _batch("cross_entropy", "logits", logits, labels, reduction)
    if logits.shape[1] == 0:
        raise ShapeMismatchError("cross_entropy", "logits", f"has shape {logits.shape}", "(n, c) with c at least 1")
    each = np.arange(len(labels))
    peak = logits.argmax(axis=1)
    with np.errstate(
        over="ignore"
    ):  # two huge numbers of unlike sign: p is 0, and the loss is inf if that is the label
        shifted = logits - logits[each, peak][:, None]
    p = np.exp(shifted)
    p[each, peak] = 0  # its 1 is left to log1p, in which it hides nothing
    rest = p.sum(axis=1)
    p[each, peak] = 1
    p /= (1 + rest)[:, None]
    losses = np.log1p(rest) - shifted[each, labels]
    return average(losses.sum(), count), (p, labels, count)


def _cross_entropy_vjp(saved: Any, y_bar: Any) -> tuple[Any, None]:
    p, labels, count = saved
    each = np.arange(len(labels))
    logits_bar = p * (y_bar / max(count, 1))  # an empty batch has no entry to fill
    logits_bar[each, labels] = 0
    logits_bar[each, labels] = -logits_bar.sum(axis=1)  # p - 1, without its cancellation
    return logits_bar, None


def _batch(op: str, argument: str, scores: Any, labels: Any, reduction: str) -> int:
    """Refuse what does not fit; return by what the sum over the batch is divided."""
    if reduction not in _REDUCTIONS:
        raise ParamError(op, "reduction", f"is {reduction!r}", " or ".join(map(repr, _REDUCTIONS)))
    require_floats(op, argument, scores)
    require_rank(op, argument, scores, "(n, c)", 2)
    require_positions(op, "labels", labels, *scores.shape)
    return len(labels) if reduction == "mean" else 1


def _has_value(sizes: Mapping[str, int], params: Mapping[str, Any]) -> bool:
    return sizes["n"] > 0 or params["reduction"] == "sum"


nll = Op(
    name="nll",
    forward=_nll,
    vjp=_nll_vjp,
    inputs={"log_p": real("n c"), "labels": index("n", "c")},
    params={"reduction": _REDUCTIONS},
    sizes={"c": (1, 4)},  # there is no label without a class
    where=_has_value,
    torch="torch.nn.functional.nll_loss",
    formula=r"y = -\frac{1}{N} \sum_i \ell_{i k_i}, \quad N = n \text{ (mean) or } 1 \text{ (sum)}",
    vjp_formula=r"\bar \ell_{ij} = -\bar y [j = k_i] / N",
    source="Goodfellow, Bengio, Courville: Deep Learning (2016), section 5.5",
    linear_in=frozenset({"log_p"}),
)

cross_entropy = Op(
    name="cross_entropy",
    forward=_cross_entropy,
    vjp=_cross_entropy_vjp,
    inputs={"logits": real("n c"), "labels": index("n", "c")},
    params={"reduction": _REDUCTIONS},
    sizes={"c": (1, 4)},  # there is no label without a class
    where=_has_value,
    torch="torch.nn.functional.cross_entropy",
    formula=r"y = \frac{1}{N} \sum_i (\ln \sum_j e^{x_{ij}} - x_{i k_i}), "
    r"\quad N = n \text{ (mean) or } 1 \text{ (sum)}",
    vjp_formula=r"\bar x_{ij} = p_{ij} \bar y / N \; (j \ne k_i), \quad \bar x_{i k_i} = -\sum_{j \ne k_i} \bar x_{ij} "
    r"= (p_{i k_i} - 1) \bar y / N",
    source="Goodfellow, Bengio, Courville: Deep Learning (2016), section 6.2.2.3",
)
