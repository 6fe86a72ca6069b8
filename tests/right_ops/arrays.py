"""Right ops of arrays: windows, kernels, series, masks and means."""

from __future__ import annotations

from functools import reduce

import numpy as np

from gradspec import Op, array, real


def _softmax_2d(x, temperature=1.0):
    z = x / temperature
    e = np.exp(z - z.max(axis=(-2, -1), keepdims=True))
    y = e / e.sum(axis=(-2, -1), keepdims=True)
    return y, (y, temperature)


def _softmax_2d_vjp(saved, y_bar):
    y, temperature = saved
    mean = np.einsum("...hw,...hw->...", y, y_bar)[..., None, None]
    return (y * (y_bar - mean) / temperature,)


softmax_2d = Op(
    name="softmax_2d",
    forward=_softmax_2d,
    vjp=_softmax_2d_vjp,
    inputs={"x": real("n h w")},
    params={"temperature": (1.0, 4.0)},
    sizes={"h": (1, 3), "w": (1, 3)},
    torch=lambda x, temperature: (x / temperature).flatten(1).softmax(1).reshape(x.shape),
)


def _fold(x, step=1):
    n, width, count = x.shape
    y = np.zeros((n, (count - 1) * step + width), dtype=x.dtype)
    for k in range(count):
        y[:, k * step : k * step + width] += x[:, :, k]
    return y, (x.shape, step)


def _fold_vjp(saved, y_bar):
    (_, width, count), step = saved
    windows = np.lib.stride_tricks.sliding_window_view(y_bar, width, axis=1)[:, ::step][:, :count]
    return (windows.swapaxes(1, 2).copy(),)


fold = Op(
    name="fold",
    forward=_fold,
    vjp=_fold_vjp,
    inputs={"x": real("n w k")},
    params={"step": (1, 2, 3)},
    sizes={"w": (1, 3), "k": (1, 4)},
    linear_in=("x",),
)


def _periodic(x, y, box):
    turns = np.round((x - y) / box)
    d = x - y - box * turns
    return (d * d).sum(axis=-1), (d, turns)


def _periodic_vjp(saved, bar):
    d, turns = saved
    d_bar = 2 * d * bar[..., None]
    return d_bar, -d_bar, -(d_bar * turns).sum(axis=0)


periodic = Op(
    name="periodic",
    forward=_periodic,
    vjp=_periodic_vjp,
    inputs={"x": array("n d", lo=-100, hi=100), "y": array("n d", lo=-100, hi=100), "box": array("d", lo=1, hi=50)},
    kinks="half a box apart",
    torch=lambda x, y, box: ((x - y - box * ((x - y) / box).round()) ** 2).sum(-1),
)


def _wrap(x):
    turns = np.floor((x + np.pi) / (2 * np.pi))
    return x - 2 * np.pi * turns, ()


wrap = Op(
    name="wrap",
    forward=_wrap,
    vjp=lambda saved, y_bar: (y_bar,),
    inputs={"x": array("...", lo=-1000, hi=1000)},
    kinks="odd multiples of pi, where it jumps",
    torch=lambda x: (x + np.pi).remainder(2 * np.pi) - np.pi,
)


def _soft_clip(x, low=-1.0, high=2.0, p=4.0):
    a, b = p * (x - low), p * (x - high)
    y = np.clip(x, low, high) + (np.log1p(np.exp(-np.abs(a))) - np.log1p(np.exp(-np.abs(b)))) / p
    return y, (a, b)


def _soft_clip_vjp(saved, y_bar):
    a, b = saved
    ea, eb = np.exp(-np.abs(a)), np.exp(-np.abs(b))
    slope = np.where(a < 0, ea, 1) / (1 + ea) * (np.where(b > 0, eb, 1) / (1 + eb)) * -np.expm1(b - a)
    return (y_bar * slope,)


def _plus(z):
    return __import__("torch").nn.functional.softplus(z)


soft_clip = Op(
    name="soft_clip",
    forward=_soft_clip,
    vjp=_soft_clip_vjp,
    inputs={"x": array("...", lo=-1e4, hi=1e4)},
    params={"low": (-1.0, 0.0), "high": (2.0, 1.0), "p": (4.0, 0.5)},
    torch=lambda x, low, high, p: low + (_plus(p * (x - low)) - _plus(p * (x - high))) / p,
)


def _continued_fraction(a):
    t = a.copy()
    for k in range(a.shape[1] - 2, -1, -1):
        t[:, k] += 1 / t[:, k + 1]
    return t[:, 0].copy(), t


def _continued_fraction_vjp(t, y_bar):
    x_bar = np.empty_like(t)
    for k in range(t.shape[1]):
        if k:
            y_bar = -y_bar / t[:, k] ** 2
        x_bar[:, k] = y_bar
    return (x_bar,)


continued_fraction = Op(
    name="continued_fraction",
    forward=_continued_fraction,
    vjp=_continued_fraction_vjp,
    inputs={"a": array("n k", lo=0.1, hi=100, typical=(0.5, 5))},
    sizes={"k": (1, 5)},
    torch=lambda a: reduce(lambda t, c: c + 1 / t, reversed(a.unbind(1))),
)


def _legendre(x, coef):
    p, d = [np.ones_like(x), x], [np.zeros_like(x), np.ones_like(x)]
    for n in range(1, len(coef) - 1):
        p.append(((2 * n + 1) * x * p[n] - n * p[n - 1]) / (n + 1))
        d.append(d[n - 1] + (2 * n + 1) * p[n])
    p, d = np.stack(p[: len(coef)]), np.stack(d[: len(coef)])
    return coef @ p, (p, coef @ d)


legendre = Op(
    name="legendre",
    forward=_legendre,
    vjp=lambda saved, y_bar: (saved[1] * y_bar, saved[0] @ y_bar),
    inputs={"x": array("n", lo=-1, hi=1, typical=(-1, 1)), "coef": real("k")},
    sizes={"k": (1, 6)},
    linear_in=("coef",),
)


def _matern(x, z, length):
    d = (x[:, None] - z) / length
    r = np.sqrt(5 * (d * d).sum(axis=-1))
    e = np.exp(-r)
    return (1 + r + r * r / 3) * e, (d, (1 + r) * e, length)


def _matern_vjp(saved, y_bar):
    d, slope, length = saved
    d_bar = (-5 / 3 * slope * y_bar)[..., None] * d / length
    return d_bar.sum(axis=1), -d_bar.sum(axis=0), -(d_bar * d).sum()


def _torch_matern(r):
    return (1 + r + r * r / 3) * (-r).exp()


matern = Op(
    name="matern",
    forward=_matern,
    vjp=_matern_vjp,
    inputs={k: array(s, lo=a, hi=100) for k, s, a in (("x", "n d", -100), ("z", "m d", -100), ("length", "", 0.1))},
    torch=lambda x, z, length: _torch_matern(5**0.5 * ((x[:, None] - z) ** 2).sum(-1).sqrt() / length),
)

OPS = (softmax_2d, fold, periodic, wrap, soft_clip, continued_fraction, legendre, matern)
