"""Losses of probabilities: binary cross-entropy from logits, and the divergence of two distributions."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradspec.spec import Op, array, nonnegative
from ops.errors import ParamError, ShapeMismatchError
from ops.rules.broadcast import as_dtype
from ops.rules.guards import require_between, require_number
from ops.rules.reduction import REDUCTIONS, each, has_value, reduced, require_pair
from ops.rules.reference import functional

_KL_REDUCTIONS = ("batchmean", "mean", "sum", "none")


def _bce_with_logits(x: Any, target: Any, reduction: str = "mean", pos_weight: float = 1.0) -> tuple[Any, Any]:
    """Binary cross-entropy of the probabilities *target*, in [0, 1], and those with the logits *x*.

    Both are differentiated. *pos_weight* multiplies what the positive part of a target contributes. No large logit
    overflows, and a confident right answer keeps its digits: no sum has terms of unlike sign.
    """
    require_pair("bce_with_logits", x, target, reduction)
    require_between("bce_with_logits", "target", target, 0, 1)
    pos_weight = require_number("bce_with_logits", "pos_weight", pos_weight, 0)
    (logits, p), shape = _flat(x, target), x.shape
    up, down = _softplus_both(logits)
    saved = (logits, p, shape, reduction, pos_weight, x.dtype, target.dtype)
    if reduction == "none":
        return (up * (1 - p) + pos_weight * (down * p)).reshape(shape), saved
    total = up @ (1 - p) + pos_weight * (down @ p)
    return total / x.size if reduction == "mean" else total, saved


def _bce_with_logits_vjp(saved: Any, y_bar: Any, needs: tuple[bool, bool] = (True, True)) -> tuple[Any, Any]:
    x, target, shape, reduction, pos_weight, x_dtype, target_dtype = saved
    loss_bar = each(y_bar.reshape(-1), reduction, x.size)
    x_bar = target_bar = None
    if needs[0]:
        x_bar = as_dtype(_bce_slope(x, target, pos_weight) * loss_bar, x_dtype).reshape(shape)
    if needs[1]:
        if pos_weight == 1:
            slope = -x
        else:
            up, down = _softplus_both(x)
            slope = pos_weight * down - up
        target_bar = as_dtype(slope * loss_bar, target_dtype).reshape(shape)
    return x_bar, target_bar


def _flat(x: Any, target: Any) -> tuple[Any, Any]:
    dtype = np.result_type(x, target)
    return x.reshape(-1).astype(dtype, copy=False), target.reshape(-1).astype(dtype, copy=False)


def _softplus_both(x: Any) -> tuple[Any, Any]:
    """-ln σ(-x) and -ln σ(x): max(±x, 0) + ln(1 + e^-|x|)."""
    rest = _decay(x)
    np.log1p(rest, out=rest)
    up = np.maximum(x, 0)
    down = up - x
    up += rest
    down += rest
    return up, down


def _bce_slope(x: Any, target: Any, pos_weight: float) -> Any:
    """(1 - t) σ(x) - w t σ(-x), where neither σ is formed as 1 minus the other, which loses digits."""
    decay = _decay(x)
    p = np.maximum(decay, x >= 0)  # 1 or e^-|x|, for σ(x); the other of the two for σ(-x)
    q = np.maximum(decay, x < 0)
    p *= 1 - target
    q *= target
    q *= pos_weight
    p -= q
    decay += 1
    p /= decay
    return p


def _decay(x: Any) -> Any:
    """e^-|x|, which never overflows."""
    decay = np.abs(x)
    np.negative(decay, out=decay)
    return np.exp(decay, out=decay)


def _kl_div(x: Any, target: Any, reduction: str = "batchmean", log_target: bool = False) -> tuple[Any, Any]:  # noqa: FBT001, FBT002 -- torch's keyword
    """Divergence of the distributions *target* from those with the log-probabilities *x*, both (n, ...).

    *target* holds probabilities, exact zeros included, or their logarithms. It is given, not learned, and has no
    cotangent: at an exact zero the derivative is -inf.
    """
    require_pair("kl_div", x, target, reduction, _KL_REDUCTIONS)
    if not isinstance(log_target, (bool, np.bool_)):
        raise ParamError("kl_div", "log_target", f"is {log_target!r}", "True or False")
    if reduction == "batchmean" and not x.ndim:
        raise ShapeMismatchError("kl_div", "x", "has shape ()", "(n, ...), to average over the batch")
    if log_target:
        p = np.exp(target)
        losses = p * (target - x)
    else:
        require_between("kl_div", "target", target, 0, np.inf)
        p = target
        losses = p * (np.log(p + (p == 0)) - x)  # 0 ln 0 is 0
    if reduction != "batchmean":
        return reduced(losses, reduction), (p, reduction, x.size, x.dtype)
    return losses.sum() / len(x), (p, "mean", len(x), x.dtype)


def _kl_div_vjp(saved: Any, y_bar: Any) -> tuple[Any, None]:
    p, reduction, count, dtype = saved
    return as_dtype(-each(y_bar, reduction, count) * p, dtype), None


def _torch_bce(x: Any, target: Any, reduction: str, pos_weight: float) -> Any:
    return functional("binary_cross_entropy_with_logits")(
        x, target, reduction=reduction, pos_weight=None if pos_weight == 1 else x.new_tensor(pos_weight)
    )


def _torch_kl_div(x: Any, target: Any, reduction: str, log_target: bool) -> Any:  # noqa: FBT001 -- torch's keyword
    if reduction == "mean":  # torch warns that this mean will become the one over the batch
        return _torch_kl_div(x, target, "sum", log_target) / x.numel()
    return functional("kl_div")(x, target, reduction=reduction, log_target=log_target)


bce_with_logits = Op(
    name="bce_with_logits",
    forward=_bce_with_logits,
    vjp=_bce_with_logits_vjp,
    inputs={"x": array("n d"), "target": array("n d", lo=0.0, hi=1.0, typical=(0.0, 1.0))},
    where=has_value,
    params={"reduction": REDUCTIONS, "pos_weight": (1.0, 3.0, 0.25)},
    torch=_torch_bce,
    formula=r"y = \frac{1}{N} \sum_i ((1 - t_i) s(x_i) + w t_i s(-x_i)), \quad s(x) = \max(x, 0) + \ln(1 + e^{-|x|}), "
    r"\quad N = n \text{ (mean) or } 1 \text{ (sum)}",
    vjp_formula=r"\bar x_i = ((1 - t_i) \sigma(x_i) - w t_i \sigma(-x_i)) \bar y / N, "
    r"\quad \bar t_i = (w s(-x_i) - s(x_i)) \bar y / N"
    r"\text{; } N = 1 \text{ and } \bar y_i \text{ for } \bar y \text{ with reduction none}",
    source="Goodfellow, Bengio, Courville: Deep Learning (2016), section 6.2.2.2",
    linear_in=frozenset({"target"}),
)

kl_div = Op(
    name="kl_div",
    forward=_kl_div,
    vjp=_kl_div_vjp,
    # With log_target every number is allowed: verified by tests/ops/rules/test_classification.py.
    inputs={
        "x": array("n c", typical=(-10.0, 0.0)),
        "target": nonnegative("n c", typical=(0.0, 1.0), differentiable=False),
    },
    params={"reduction": _KL_REDUCTIONS, "log_target": (False, True)},
    where=has_value,
    torch=_torch_kl_div,
    formula=r"y = \frac{1}{N} \sum_{ij} p_{ij} (\ln p_{ij} - x_{ij}), \quad 0 \ln 0 = 0, "
    r"\quad p = t \text{ or } e^t \text{ (log target)}, "
    r"\quad N = n \text{ (batchmean), } n c \text{ (mean) or } 1 \text{ (sum)}",
    vjp_formula=r"\bar x_{ij} = -p_{ij} \bar y / N"
    r"\text{; } N = 1 \text{ and } \bar y_{ij} \text{ for } \bar y \text{ with reduction none}",
    source="Kullback, Leibler: On Information and Sufficiency (1951), eq. 2.4",
    linear_in=frozenset({"x"}),
)
