"""Correct ops of single numbers and rows that bugs of several classes share."""

from __future__ import annotations

import numpy as np

from gradspec import Op, nonzero, real


def sigmoid(x):
    """1 / (1 + exp(-x)), without overflow."""
    decay = np.exp(-np.abs(x))
    return np.where(x < 0, decay, 1) / (1 + decay)


def sigmoid_prime(x):
    """The derivative of the sigmoid, right to rounding everywhere."""
    decay = np.exp(-np.abs(x))
    return decay / ((1 + decay) * (1 + decay))


def length(x, axis):
    """The Euclidean length along *axis* (kept), without overflow or underflow."""
    scale = np.max(np.abs(x), axis=axis, keepdims=True, initial=0)
    safe = np.where(scale > 0, scale, 1)
    return scale * np.sqrt(np.sum((x / safe) ** 2, axis=axis, keepdims=True))


def unbroadcast(x_bar, shape):
    """Sum what broadcasting has spread."""
    extra = x_bar.ndim - len(shape)
    x_bar = x_bar.sum(axis=tuple(range(extra)))
    return x_bar.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True).reshape(shape)


def _softmax(x, scale=1.0):
    z = scale * x
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    y = e / e.sum(axis=-1, keepdims=True)
    return y.copy(), (y, scale)


def _softmax_vjp(saved, y_bar):
    y, scale = saved
    return (scale * y * (y_bar - (y_bar * y).sum(axis=-1, keepdims=True)),)


softmax = Op(
    name="softmax",
    forward=_softmax,
    vjp=_softmax_vjp,
    inputs={"x": real("n d")},
    params={"scale": (1.0, 0.5)},
    sizes={"d": (1, 4)},
    torch=lambda x, scale: (scale * x).softmax(dim=-1),
)


def _log_softmax(x, axis=-1):
    z = x - x.max(axis=axis, keepdims=True)
    y = z - np.log(np.exp(z).sum(axis=axis, keepdims=True))
    return y, (np.exp(y), axis)


def _log_softmax_vjp(saved, y_bar):
    s, axis = saved
    return (y_bar - s * y_bar.sum(axis=axis, keepdims=True),)


log_softmax = Op(
    name="log_softmax",
    forward=_log_softmax,
    vjp=_log_softmax_vjp,
    inputs={"x": real("n d")},
    params={"axis": (-1, 0, 1, -2)},
    sizes={"n": (1, 4), "d": (1, 4)},
    torch=lambda x, axis: x.log_softmax(dim=axis),
)


def _leaky_relu(x, slope=0.01):
    y = np.where(x > 0, x, slope * x)
    return y, (x, y, slope)


def _leaky_relu_vjp(saved, y_bar):
    x, _, slope = saved
    return (np.where(x > 0, y_bar, slope * y_bar),)


def _torch_leaky_relu(x, slope):
    from torch.nn.functional import leaky_relu

    return leaky_relu(x, slope)


leaky_relu = Op(
    name="leaky_relu",
    forward=_leaky_relu,
    vjp=_leaky_relu_vjp,
    inputs={"x": real("...")},
    params={"slope": (0.01, 0.0, 0.2, 1.0, -2.0)},
    torch=_torch_leaky_relu,
    kinks="x = 0",
)


def _elu(x, alpha=1.0):
    y = np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))
    return y, (x, y, alpha)


def _elu_vjp(saved, y_bar):
    x, _, alpha = saved
    return (np.where(x > 0, y_bar, y_bar * (alpha * np.exp(np.minimum(x, 0)))),)


def _torch_elu(x, alpha):
    from torch.nn.functional import elu as torch_elu

    return torch_elu(x, alpha)


elu = Op(
    name="elu",
    forward=_elu,
    vjp=_elu_vjp,
    inputs={"x": real("...")},
    params={"alpha": (1.0, 0.25, 2.0, -2.0)},
    torch=_torch_elu,
    kinks="x = 0 for alpha != 1",
)


def _prod(x, keepdims=False):
    return x.prod(axis=-1, keepdims=keepdims), (x, keepdims)


def others(x):
    """For each element of the last axis, the product of the others; no division."""
    left, right = np.ones_like(x), np.ones_like(x)
    left[..., 1:] = np.cumprod(x[..., :-1], axis=-1)
    right[..., :-1] = np.cumprod(x[..., :0:-1], axis=-1)[..., ::-1]
    return left * right


def _prod_vjp(saved, y_bar):
    x, keepdims = saved
    return ((y_bar if keepdims else np.expand_dims(y_bar, -1)) * others(x),)


prod = Op(
    name="prod",
    forward=_prod,
    vjp=_prod_vjp,
    inputs={"x": real("n d")},
    params={"keepdims": (False, True)},
    torch=lambda x, keepdims: x.prod(dim=-1, keepdim=keepdims),
)


def _cdist(x, z, p=2.0):
    diff = x[:, None, :] - z[None, :, :]
    size = np.abs(diff)
    scale = size.max(axis=-1, keepdims=True, initial=0)
    safe = np.where(scale > 0, scale, 1)
    y = scale * ((size / safe) ** p).sum(axis=-1, keepdims=True) ** (1 / p)
    return y[..., 0], (diff, y, p)


def _cdist_vjp(saved, y_bar):
    diff, y, p = saved
    slope = np.sign(diff) * (np.abs(diff) / np.where(y > 0, y, 1)) ** (p - 1)
    d_bar = y_bar[..., None] * slope
    return d_bar.sum(axis=1), -d_bar.sum(axis=0)


def _torch_cdist(x, z, p):
    import torch

    return torch.cdist(x, z, p=p)


cdist = Op(
    name="cdist",
    forward=_cdist,
    vjp=_cdist_vjp,
    inputs={"x": real("n d"), "z": real("m d")},
    params={"p": (2.0, 1.0, 3.0)},
    torch=_torch_cdist,
    kinks="rows that coincide; for p = 1 also equal coordinates",
)


def _softplus(x, beta=1.0, threshold=20.0):
    z = beta * x
    y = np.where(z > threshold, x, (np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))) / beta)
    return y, (z, threshold)


def _softplus_vjp(saved, y_bar):
    z, threshold = saved
    return (np.where(z > threshold, y_bar, y_bar * sigmoid(z)),)


def _torch_softplus(x, beta, threshold):
    from torch.nn.functional import softplus as torch_softplus

    return torch_softplus(x, beta, threshold)


softplus = Op(
    name="softplus",
    forward=_softplus,
    vjp=_softplus_vjp,
    inputs={"x": real("...")},
    params={"beta": (1.0, 5.0, 0.5), "threshold": (20.0, 100.0)},
    torch=_torch_softplus,
    kinks="beta x = threshold, where it jumps by a little",
)


def _fmod(x, y):
    z = np.fmod(x, y)
    return z, np.rint((x - z) / y)


def _fmod_vjp(saved, z_bar):
    return z_bar, -z_bar * saved


def _torch_fmod(x, y):
    import torch

    return torch.fmod(x, y)


fmod = Op(
    name="fmod",
    forward=_fmod,
    vjp=_fmod_vjp,
    inputs={"x": real("..."), "y": nonzero("...")},
    torch=_torch_fmod,
    kinks="x / y whole, where it jumps",
)
