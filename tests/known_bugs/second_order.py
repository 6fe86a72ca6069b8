"""Second order: the op is a backward formula, and its own vjp, the double backward, is wrong."""

from __future__ import annotations

import math

import numpy as np

from gradspec import Op, array, nonnegative, real
from tests.known_bugs.bug import KnownBug


def _elu_slope(x):
    return np.where(x > 0, 1, np.exp(np.minimum(x, 0))).astype(x.dtype)


def _elu_backward(x, g):
    return g * _elu_slope(x), (x, g)


def _elu_curve(x):
    return np.where(x > 0, 0, np.exp(np.minimum(x, 0))).astype(x.dtype)


def _elu_backward_vjp(saved, c):
    x, g = saved
    return c * g * _elu_curve(x), c * _elu_slope(x)


def _tf_elu_backward_vjp(saved, c):
    x, _ = saved
    return c * _elu_curve(x), c * _elu_slope(x)


elu_backward = Op(
    name="elu_backward",
    forward=_elu_backward,
    vjp=_elu_backward_vjp,
    inputs={"x": real("..."), "g": real("...")},
    torch=lambda x, g: g * x.clamp(max=0).exp(),
    linear_in=frozenset({"g"}),
    kinks="x = 0",
)


def _bce_backward(p, t, g, reduction="mean"):
    count = max(p.size, 1) if reduction == "mean" else 1
    return g * ((p - t) / (p * (1 - p))) / p.dtype.type(count), (p, t, g, count, reduction)


def _bce_backward_bars(saved, c):
    p, t, g, count, _ = saved
    q, count = 1 - p, p.dtype.type(count)
    p_bar = c * g * ((1 - t) / q / q + t / p / p) / count
    return p_bar, -c * g / (p * q) / count, (c * ((p - t) / (p * q))).sum() / count


def _bce_backward_vjp(saved, c):
    return _bce_backward_bars(saved, c)


def _torch_bce_backward_vjp(saved, c):
    p_bar, t_bar, g_bar = _bce_backward_bars(saved, c)
    if saved[-1] == "sum":
        p_bar = np.full_like(p_bar, p_bar.sum())
    return p_bar, t_bar, g_bar


def _torch_bce_backward(p, t, g, reduction):
    y = g * (p - t) / (p * (1 - p))
    return y / max(p.numel(), 1) if reduction == "mean" else y


bce_backward = Op(
    name="bce_backward",
    forward=_bce_backward,
    vjp=_bce_backward_vjp,
    inputs={
        "p": array("n d", lo=0, hi=1, exclude=(0, 1), typical=(0.05, 0.95)),
        "t": array("n d", lo=0, hi=1, typical=(0, 1)),
        "g": real(""),
    },
    params={"reduction": ("mean", "sum")},
    torch=_torch_bce_backward,
    linear_in=frozenset({"t", "g"}),
)


def _kl_backward(log_p, t, g):
    return -t * g, (t, g)


def _kl_backward_vjp(saved, c):
    t, g = saved
    return np.zeros_like(c), -g * c, -t * c


def _torch_kl_backward_vjp(saved, c):
    t, _ = saved
    return np.zeros_like(c), np.zeros_like(c), -t * c


kl_backward = Op(
    name="kl_backward",
    forward=_kl_backward,
    vjp=_kl_backward_vjp,
    inputs={"log_p": real("n d"), "t": nonnegative("n d"), "g": real("n d")},
    torch=lambda log_p, t, g: -t * g + 0 * log_p.sign(),
    linear_in=frozenset({"t", "g"}),
)


def _sinc_derivatives(x):
    """The first and second derivative of sin(pi x) / (pi x)."""
    u = np.pi * x
    near = np.abs(u) < 1.5
    v, w = np.where(near, u, 0), np.where(near, 1, x)
    first, second = np.zeros_like(v), np.zeros_like(v)
    for k in range(11, 0, -1):
        c = (-1) ** k * 2 * k / math.factorial(2 * k + 1)
        first += c * v ** (2 * k - 1)
        second += c * (2 * k - 1) * v ** (2 * k - 2)
    r = np.fmod(w, 2) * np.pi
    s, far = np.sin(r) / (np.pi * w), (np.cos(r) - np.sin(r) / (np.pi * w)) / w
    return (
        np.where(near, np.pi * first, far).astype(x.dtype),
        np.where(near, np.pi**2 * second, -(np.pi**2) * s - 2 * far / w).astype(x.dtype),
    )


def _sinc_backward(x, g):
    first, second = _sinc_derivatives(np.asarray(x))
    return g * first, (x, g, first, second)


def _sinc_backward_vjp(saved, c):
    _, g, first, second = saved
    return c * g * second, c * first


def _jax_sinc_backward_vjp(saved, c):
    x, g, first, second = saved
    return c * g * np.where(x == 0, 0, second), c * first


sinc_backward = Op(
    name="sinc_backward",
    forward=_sinc_backward,
    vjp=_sinc_backward_vjp,
    inputs={"x": real("..."), "g": real("...")},
    linear_in=frozenset({"g"}),
)

BUGS = (
    KnownBug(
        "tensorflow-11091",
        "second order",
        "https://github.com/tensorflow/tensorflow/issues/11091",
        "The second derivative of elu left out the first upstream gradient.",
        elu_backward,
        elu_backward.replace(vjp=_tf_elu_backward_vjp),
        second_order=True,
    ),
    KnownBug(
        "pytorch-59477",
        "second order",
        "https://github.com/pytorch/pytorch/issues/59477",
        "binary_cross_entropy's double backward was summed up for reduction='sum'.",
        bce_backward,
        bce_backward.replace(vjp=_torch_bce_backward_vjp),
        second_order=True,
    ),
    KnownBug(
        "pytorch-65466",
        "second order",
        "https://github.com/pytorch/pytorch/issues/65466",
        "kl_div's double backward took the target for a constant.",
        kl_backward,
        kl_backward.replace(vjp=_torch_kl_backward_vjp),
        second_order=True,
    ),
    KnownBug(
        "jax-5054",
        "second order",
        "https://github.com/jax-ml/jax/issues/5054",
        "The second derivative of sinc was 0 at 0; it is -pi^2 / 3.",
        sinc_backward,
        sinc_backward.replace(vjp=_jax_sinc_backward_vjp),
        second_order=True,
    ),
)
