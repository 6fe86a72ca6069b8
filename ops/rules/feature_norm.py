"""Norms of each example by itself: over its last axes, by the root of the mean square, and over groups of channels.

All of them standardize the rows of a matrix: less the mean, over the standard deviation. The first element of a row is
subtracted before the mean is taken, so that rows of equal or nearly equal elements far from 0 keep their digits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from gradspec.spec import Op, real
from ops.errors import ParamError, ShapeMismatchError
from ops.rules.batch_norm import channel_dot, channel_sum, plus
from ops.rules.broadcast import as_dtype
from ops.rules.guards import require_floats, require_number, require_shape
from ops.rules.reference import functional


def _layer_norm(x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> tuple[Any, Any]:
    """Standardize *x* over its last axes, those of *weight* and *bias*; then multiply by one and add the other."""
    rows = _last_axes("layer_norm", x, weight)
    require_floats("layer_norm", "bias", bias)
    require_shape("layer_norm", "bias", bias, weight.shape, "the shape of weight")
    eps = require_number("layer_norm", "eps", eps, 0, above=True)
    x_hat, scale = _standardized(rows, eps)
    y = plus(x_hat * weight.reshape(-1), bias.reshape(-1))
    return y.reshape(x.shape), (x_hat, scale, weight, x.dtype, bias.dtype)


def _layer_norm_vjp(saved: Any, y_bar: Any, needs: tuple[bool, bool, bool] = (True, True, True)) -> tuple[Any, ...]:
    x_hat, scale, weight, x_dtype, b_dtype = saved
    rows = np.ascontiguousarray(y_bar).reshape(x_hat.shape)  # the same sums in the same order for any strides
    x_bar = w_bar = b_bar = None
    if needs[0]:
        x_bar = as_dtype(_standardized_vjp(x_hat, scale, rows * weight.reshape(-1)), x_dtype).reshape(y_bar.shape)
    if needs[1]:
        w_bar = as_dtype(np.einsum("rk,rk->k", rows, x_hat), weight.dtype).reshape(weight.shape)
    if needs[2]:
        b_bar = as_dtype(rows.sum(axis=0), b_dtype).reshape(weight.shape)
    return x_bar, w_bar, b_bar


def _rms_norm(x: Any, weight: Any, eps: float = 1e-5) -> tuple[Any, Any]:
    """Divide *x* by the root of its mean square over its last axes, those of *weight*; then multiply by *weight*."""
    rows = _last_axes("rms_norm", x, weight)
    eps = require_number("rms_norm", "eps", eps, 0, above=True)
    scale = 1 / np.sqrt(_row_dots(rows, rows) / max(rows.shape[1], 1) + eps)
    x_hat = rows * scale[:, None]
    return (x_hat * weight.reshape(-1)).reshape(x.shape), (x_hat, scale, weight, x.dtype)


def _rms_norm_vjp(saved: Any, y_bar: Any, needs: tuple[bool, bool] = (True, True)) -> tuple[Any, Any]:
    x_hat, scale, weight, x_dtype = saved
    rows = np.ascontiguousarray(y_bar).reshape(x_hat.shape)  # the same sums in the same order for any strides
    x_bar = w_bar = None
    if needs[0]:
        x_hat_bar = _less_projection(rows * weight.reshape(-1), x_hat)
        x_hat_bar *= scale[:, None]
        x_bar = as_dtype(x_hat_bar, x_dtype).reshape(y_bar.shape)
    if needs[1]:
        w_bar = as_dtype(np.einsum("rk,rk->k", rows, x_hat), weight.dtype).reshape(weight.shape)
    return x_bar, w_bar


def _group_norm(x: Any, weight: Any, bias: Any, groups: int = 1, eps: float = 1e-5) -> tuple[Any, Any]:
    """Standardize each example of *x* (n, c, ...) over each of *groups* groups of neighbouring channels.

    Then multiply each channel by its *weight* (c,) and add its *bias* (c,). With as many groups as channels this is
    instance normalization.
    """
    require_floats("group_norm", "x", x)
    require_floats("group_norm", "weight", weight)
    require_floats("group_norm", "bias", bias)
    if x.ndim < 2:
        raise ShapeMismatchError("group_norm", "x", f"has shape {x.shape}", "(n, c, ...)")
    n, c = x.shape[:2]
    require_shape("group_norm", "weight", weight, (c,), f"to fit x {x.shape}")
    require_shape("group_norm", "bias", bias, (c,), f"to fit x {x.shape}")
    if not isinstance(groups, (int, np.integer)) or groups < 1 or c % groups:
        raise ParamError("group_norm", "groups", f"is {groups!r}", f"whole numbers from 1 on that divide {c} channels")
    eps = require_number("group_norm", "eps", eps, 0, above=True)
    inner = math.prod(x.shape[2:])
    x_hat, scale = _standardized(x.reshape(n * groups, c // groups * inner), eps)
    y = plus(x_hat.reshape(n, c, inner) * weight[:, None], bias[:, None])
    return y.reshape(x.shape), (x_hat, scale, weight, (n, c, inner), x.dtype, bias.dtype)


def _group_norm_vjp(saved: Any, y_bar: Any, needs: tuple[bool, bool, bool] = (True, True, True)) -> tuple[Any, ...]:
    x_hat, scale, weight, shape, x_dtype, b_dtype = saved
    channels = np.ascontiguousarray(y_bar).reshape(shape)
    x_bar = w_bar = b_bar = None
    if needs[0]:
        x_hat_bar = (channels * weight[:, None]).reshape(x_hat.shape)
        x_bar = as_dtype(_standardized_vjp(x_hat, scale, x_hat_bar), x_dtype).reshape(y_bar.shape)
    if needs[1]:
        w_bar = as_dtype(channel_dot(channels, x_hat.reshape(shape)), weight.dtype)
    if needs[2]:
        b_bar = as_dtype(channel_sum(channels), b_dtype)
    return x_bar, w_bar, b_bar


def _last_axes(op: str, x: Any, weight: Any) -> Any:
    """Refuse what does not fit; return *x* as a matrix whose rows are the axes of *weight*."""
    require_floats(op, "x", x)
    require_floats(op, "weight", weight)
    if not weight.ndim or x.shape[max(x.ndim - weight.ndim, 0) :] != weight.shape:
        allowed = f"that of the last axes of x {x.shape}, at least one of them"
        raise ShapeMismatchError(op, "weight", f"has shape {weight.shape}", allowed)
    leading = math.prod(x.shape[: x.ndim - weight.ndim])
    return x.reshape(leading, weight.size)


def _standardized(rows: Any, eps: float) -> tuple[Any, Any]:
    """Each row (r, k) less its mean, times its scale; and the scales (r,), 1 over its standard deviation."""
    x_hat = rows - rows[:, :1]
    x_hat -= _row_means(x_hat)
    scale = 1 / np.sqrt(_row_dots(x_hat, x_hat) / max(rows.shape[1], 1) + eps)
    x_hat *= scale[:, None]
    return x_hat, scale


def _standardized_vjp(x_hat: Any, scale: Any, x_hat_bar: Any) -> Any:
    """The cotangent of the rows, written into *x_hat_bar*."""
    means = _row_means(x_hat_bar)
    x_hat_bar = _less_projection(x_hat_bar, x_hat)
    x_hat_bar -= means
    x_hat_bar *= scale[:, None]
    return x_hat_bar


def _less_projection(x_hat_bar: Any, x_hat: Any) -> Any:
    """*x_hat_bar* less its mean product with *x_hat* times *x_hat*, in place: what the scale gives back."""
    x_hat_bar -= x_hat * (_row_dots(x_hat_bar, x_hat) / max(x_hat.shape[1], 1))[:, None]
    return x_hat_bar


def _row_means(rows: Any) -> Any:
    count = rows.shape[1]
    return (rows @ np.full(count, 1 / max(count, 1), rows.dtype))[:, None]


def _row_dots(a: Any, b: Any) -> Any:
    return (a * b).sum(axis=1) if a.dtype.kind == "c" else np.vecdot(a, b)  # vecdot conjugates complex numbers


def _each_channel(sizes: Mapping[str, int]) -> int:
    return max(sizes["g"] * sizes["k"], 1)


def _torch_layer_norm(x: Any, weight: Any, bias: Any, eps: float) -> Any:
    if weight.numel() == 1:  # its own mean: where the derivative is 0, torch gives what its rounding leaves
        return 0 * x * weight + bias
    return functional("layer_norm")(x, weight.shape, weight, bias, eps)


def _torch_group_norm(x: Any, weight: Any, bias: Any, groups: int, eps: float) -> Any:
    if not x.numel():
        return 0 * x  # torch 2.13 gives as gradient of weight memory that it never wrote to
    return functional("group_norm")(x, groups, weight, bias, eps)


_SCALE = r"s_i = 1 / \sqrt{\frac{1}{K} \sum_k (x_{ik} - \mu_i)^2 + \epsilon}"
_VJP = r"\bar x_{ik} = s_i (g_{ik} - \frac{1}{K} \sum_l g_{il} - \frac{\hat x_{ik}}{K} \sum_l g_{il} \hat x_{il})"

layer_norm = Op(
    name="layer_norm",
    forward=_layer_norm,
    vjp=_layer_norm_vjp,
    inputs={"x": real("... m d"), "weight": real("m d"), "bias": real("m d")},
    params={"eps": (1e-5, 1e-3, 0.5)},
    torch=_torch_layer_norm,
    formula=r"y_{ik} = w_k \hat x_{ik} + b_k, \quad \hat x_{ik} = s_i (x_{ik} - \mu_i), "
    r"\quad \mu_i = \frac{1}{K} \sum_k x_{ik}, \quad " + _SCALE,
    vjp_formula=_VJP + r", \quad g_{ik} = w_k \bar y_{ik}, "
    r"\quad \bar w_k = \sum_i \bar y_{ik} \hat x_{ik}, \quad \bar b_k = \sum_i \bar y_{ik}",
    source="Ba, Kiros, Hinton: Layer Normalization (2016), eq. 4",
    linear_in=frozenset({"weight", "bias"}),
)

rms_norm = Op(
    name="rms_norm",
    forward=_rms_norm,
    vjp=_rms_norm_vjp,
    inputs={"x": real("... m d"), "weight": real("m d")},
    params={"eps": (1e-5, 1e-3, 0.5)},
    torch=lambda x, weight, eps: functional("rms_norm")(x, weight.shape, weight, eps),
    formula=r"y_{ik} = w_k \hat x_{ik}, \quad \hat x_{ik} = s_i x_{ik}, "
    r"\quad s_i = 1 / \sqrt{\frac{1}{K} \sum_k x_{ik}^2 + \epsilon}",
    vjp_formula=r"\bar x_{ik} = s_i (g_{ik} - \frac{\hat x_{ik}}{K} \sum_l g_{il} \hat x_{il}), "
    r"\quad g_{ik} = w_k \bar y_{ik}, \quad \bar w_k = \sum_i \bar y_{ik} \hat x_{ik}",
    source="Zhang, Sennrich: Root Mean Square Layer Normalization (2019), eq. 4",
    linear_in=frozenset({"weight"}),
)

group_norm = Op(
    name="group_norm",
    forward=_group_norm,
    vjp=_group_norm_vjp,
    # Other numbers of trailing axes are verified by tests/ops/rules/test_feature_norm.py.
    inputs={"x": real("n g*k h w"), "weight": real("g*k"), "bias": real("g*k")},
    # Called without groups there is one; several tell more, and lead the list.
    params={"groups": (lambda sizes: sizes["g"], 1, _each_channel), "eps": (1e-5, 1e-3, 0.5)},
    sizes={"g": (1, 3), "k": (0, 3), "h": (0, 3), "w": (0, 2)},
    torch=_torch_group_norm,
    formula=r"y_{ik} = w_{c(k)} \hat x_{ik} + b_{c(k)}, \quad \hat x_{ik} = s_i (x_{ik} - \mu_i), "
    r"\quad \mu_i = \frac{1}{K} \sum_k x_{ik}, \quad " + _SCALE + r", \quad i \text{ an example and a group, } "
    r"k \text{ its elements, } c(k) \text{ their channel}",
    vjp_formula=_VJP + r", \quad g_{ik} = w_{c(k)} \bar y_{ik}, "
    r"\quad \bar w_c = \sum_{c(k) = c} \bar y_{ik} \hat x_{ik}, \quad \bar b_c = \sum_{c(k) = c} \bar y_{ik}",
    source="Wu, He: Group Normalization (2018), eq. 1-3 and 6",
    linear_in=frozenset({"weight", "bias"}),
)
