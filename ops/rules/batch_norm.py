"""Batch normalization of the channels, axis 1: with the statistics of the batch, and with given ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradspec.spec import Op, nonnegative, real
from ops.errors import ShapeMismatchError
from ops.rules.broadcast import as_dtype
from ops.rules.guards import require_between, require_floats, require_number, require_shape
from ops.rules.reference import functional


def _batch_norm(x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> tuple[tuple[Any, Any, Any], Any]:
    """Standardize each channel of *x* (n, c, ...) over the batch; multiply by *weight* (c,), add *bias* (c,).

    Returns y, and the mean (c,) and the variance (c,) of each channel. It is the mean square of the distances from the
    mean, as y is scaled by it; times N / (N - 1) it is what torch keeps as running_var. All three are differentiable.
    The first number of a channel is subtracted before the mean is taken: what lies close together far from 0 keeps its
    digits.
    """
    eps = _require_channels("batch_norm", x, eps, weight=weight, bias=bias)
    if not x.size:
        raise ShapeMismatchError(
            "batch_norm", "x", f"has shape {x.shape}", "(n, c, ...) without 0: there is no mean of nothing"
        )
    channels = _channels(x)
    count = x.size // len(weight)
    first = channels[:1, :, :1]
    x_hat = channels - first
    shift = channel_sum(x_hat) / count
    x_hat -= shift[:, None]
    var = channel_dot(x_hat, x_hat) / count
    scale = 1 / np.sqrt(var + eps)
    x_hat *= scale[:, None]
    y = plus(x_hat * weight[:, None], bias[:, None])
    return (y.reshape(x.shape), first[0, :, 0] + shift, var), (x_hat, scale, weight, count, x.dtype, bias.dtype)


def _batch_norm_vjp(saved: Any, y_bar: Any, needs: tuple[bool, bool, bool] = (True, True, True)) -> tuple[Any, ...]:
    x_hat, scale, weight, count, x_dtype, b_dtype = saved
    whole_bar, mean_bar, var_bar = y_bar
    channels = np.ascontiguousarray(whole_bar).reshape(x_hat.shape)  # the same order of sums for any strides
    b_bar = channel_sum(channels) if needs[0] or needs[2] else None
    w_bar = channel_dot(channels, x_hat) if needs[0] or needs[1] else None
    x_bar = None
    if needs[0]:
        inner = channels - (b_bar / count)[:, None]
        inner -= x_hat * (w_bar / count)[:, None]
        inner *= (weight * scale)[:, None]
        if mean_bar.any() or var_bar.any():  # a network leaves them alone
            inner += x_hat * (2 / count * var_bar / scale)[:, None]
            inner += (mean_bar / count)[:, None]
        x_bar = as_dtype(inner, x_dtype).reshape(whole_bar.shape)
    return x_bar, as_dtype(w_bar, weight.dtype) if needs[1] else None, as_dtype(b_bar, b_dtype) if needs[2] else None


def _batch_norm_inference(x: Any, weight: Any, bias: Any, mean: Any, var: Any, eps: float = 1e-5) -> tuple[Any, Any]:
    """Standardize each channel of *x* (n, c, ...) with the given *mean* and *var*, all (c,), as after training."""
    eps = _require_channels("batch_norm_inference", x, eps, weight=weight, bias=bias, mean=mean, var=var)
    require_between("batch_norm_inference", "var", var, 0, math.inf)
    channels = _channels(x)
    scale = 1 / np.sqrt(var + eps)
    y = plus(times(channels - mean[:, None], (weight * scale)[:, None]), bias[:, None])
    return y.reshape(x.shape), (channels, mean, scale, weight, [one.dtype for one in (x, weight, bias, mean, var)])


def _batch_norm_inference_vjp(
    saved: Any, y_bar: Any, needs: tuple[bool, ...] = (True, True, True, True, True)
) -> tuple[Any, ...]:
    x, mean, scale, weight, dtypes = saved
    channels = np.ascontiguousarray(y_bar).reshape(x.shape)
    slope = weight * scale
    bars: list[Any] = [None] * 5
    if needs[0]:
        bars[0] = (channels * slope[:, None]).reshape(y_bar.shape)
    if needs[1] or needs[4]:
        bars[1] = channel_dot(channels, x - mean[:, None]) * scale
        bars[4] = -0.5 * weight * scale * scale * bars[1]
    if needs[2] or needs[3]:
        bars[2] = channel_sum(channels)
        bars[3] = -slope * bars[2]
    return tuple([as_dtype(bar, dtype) if need else None for bar, dtype, need in zip(bars, dtypes, needs, strict=True)])


def plus(x: Any, bias: Any) -> Any:
    """Add *bias* to *x*, in its memory where its dtype is wide enough."""
    return np.add(x, bias, out=x if np.result_type(x, bias) == x.dtype else None)


def times(x: Any, factor: Any) -> Any:
    """Multiply *x* by *factor*, in its memory where its dtype is wide enough."""
    return np.multiply(x, factor, out=x if np.result_type(x, factor) == x.dtype else None)


def channel_sum(x: Any) -> Any:
    """Sum *x* (n, c, k) over all but the channels."""
    n, c, k = x.shape
    per_example = x.reshape(n, c) if k == 1 else (x.reshape(n * c, k) @ np.ones(k, x.dtype)).reshape(n, c)
    return np.ones(n, x.dtype) @ per_example


def channel_dot(a: Any, b: Any) -> Any:
    """Sum the products of *a* and *b*, both (n, c, k), over all but the channels."""
    return np.einsum("nck,nck->c", a, b)


def _channels(x: Any) -> Any:
    return x.reshape(*x.shape[:2], math.prod(x.shape[2:]))


def _require_channels(op: str, x: Any, eps: Any, **arguments: Any) -> float:
    """Refuse what does not fit *x* (n, c, ...); return *eps*."""
    require_floats(op, "x", x)
    if x.ndim < 2:
        raise ShapeMismatchError(op, "x", f"has shape {x.shape}", "(n, c, ...)")
    for name, argument in arguments.items():
        require_floats(op, name, argument)
        require_shape(op, name, argument, x.shape[1:2], f"to fit x {x.shape}")
    return require_number(op, "eps", eps, 0, above=True)


def _torch_batch_norm(x: Any, weight: Any, bias: Any, eps: float) -> Any:
    axes = [0, *range(2, x.ndim)]
    mean, var = x.mean(axes), x.var(axes, correction=0)
    if x.numel() == len(weight):  # torch refuses one number per channel, which is its own mean
        y = 0 * x + bias.reshape(-1, *[1] * (x.ndim - 2))
    else:
        y = functional("batch_norm")(x, None, None, weight, bias, training=True, eps=eps)
    return y, mean, var


def _torch_inference(x: Any, weight: Any, bias: Any, mean: Any, var: Any, eps: float) -> Any:
    shape = (-1, *[1] * (x.ndim - 2))  # torch's own gives no gradient for mean and var
    mean, std, weight, bias = (one.reshape(shape) for one in (mean, (var + eps).sqrt(), weight, bias))
    return (x - mean) / std * weight + bias


# Other numbers of trailing axes are verified by tests/ops/rules/test_batch_norm.py.
batch_norm = Op(
    name="batch_norm",
    forward=_batch_norm,
    vjp=_batch_norm_vjp,
    inputs={"x": real("n c h w"), "weight": real("c"), "bias": real("c")},
    params={"eps": (1e-5, 1e-3, 0.5)},
    sizes={"n": (1, 4), "c": (1, 3), "h": (1, 3), "w": (1, 2)},  # there is no mean of nothing
    torch=_torch_batch_norm,
    formula=r"y_{ic} = w_c \hat x_{ic} + b_c, \quad \hat x_{ic} = s_c (x_{ic} - \mu_c), "
    r"\quad \mu_c = \frac{1}{N} \sum_i x_{ic}, \quad v_c = \frac{1}{N} \sum_i (x_{ic} - \mu_c)^2, "
    r"\quad s_c = 1 / \sqrt{v_c + \epsilon}",
    vjp_formula=r"\bar x_{ic} = w_c s_c (\bar y_{ic} - \bar b_c / N - \hat x_{ic} \bar w_c / N) + \bar \mu_c / N "
    r"+ 2 (x_{ic} - \mu_c) \bar v_c / N, \quad \bar w_c = \sum_i \bar y_{ic} \hat x_{ic}, "
    r"\quad \bar b_c = \sum_i \bar y_{ic}",
    source="Ioffe, Szegedy: Batch Normalization (2015), algorithm 1 and section 3",
    linear_in=frozenset({"weight", "bias"}),
)

batch_norm_inference = Op(
    name="batch_norm_inference",
    forward=_batch_norm_inference,
    vjp=_batch_norm_inference_vjp,
    inputs={"x": real("n c h w"), "weight": real("c"), "bias": real("c"), "mean": real("c"), "var": nonnegative("c")},
    params={"eps": (1e-5, 1e-3, 0.5)},
    sizes={"h": (0, 3), "w": (0, 2)},
    torch=_torch_inference,
    formula=r"y_{ic} = w_c s_c (x_{ic} - \mu_c) + b_c, \quad s_c = 1 / \sqrt{v_c + \epsilon}",
    vjp_formula=r"\bar x_{ic} = w_c s_c \bar y_{ic}, \quad \bar w_c = s_c \sum_i \bar y_{ic} (x_{ic} - \mu_c), "
    r"\quad \bar b_c = \sum_i \bar y_{ic}, \quad \bar \mu_c = -w_c s_c \bar b_c, "
    r"\quad \bar v_c = -\frac{1}{2} w_c s_c^2 \bar w_c",
    source="Ioffe, Szegedy: Batch Normalization (2015), algorithm 2",
    linear_in=frozenset({"x", "weight", "bias", "mean"}),
)
