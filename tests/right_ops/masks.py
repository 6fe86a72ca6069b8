"""Right ops of masks, windows and bins."""

from __future__ import annotations

import numpy as np

from gradspec import Op, array, index, real


def _masked_moments(x, mask):
    count = np.maximum(mask.sum(axis=1, keepdims=True), 1).astype(x.dtype)
    keep = mask.astype(x.dtype)
    mean = (keep * x).sum(axis=1, keepdims=True) / count
    dev = keep * (x - mean)
    return (mean[:, 0], (dev * dev).sum(axis=1) / count[:, 0]), (keep / count, dev)


def _masked_moments_vjp(saved, bars):
    share, dev = saved
    mean_bar, var_bar = bars
    return share * (mean_bar[:, None] + 2 * var_bar[:, None] * dev), None


masked_moments = Op(
    name="masked_moments",
    forward=_masked_moments,
    vjp=_masked_moments_vjp,
    inputs={"x": array("n d", lo=-1e6, hi=1e6), "mask": array("n d", integer=True, lo=0, hi=1)},
)


def _window_attention(q, k, v, window=1):
    place = np.arange(len(q))
    allowed = np.abs(place[:, None] - place) <= window
    s = np.where(allowed, q @ k.T / q.dtype.type(q.shape[1]) ** 0.5, -np.inf)
    p = np.exp(s - s.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return p @ v, (q, k, v, p)


def _window_attention_vjp(saved, y_bar):
    q, k, v, p = saved
    p_bar = y_bar @ v.T
    s_bar = p * (p_bar - (p_bar * p).sum(axis=1, keepdims=True)) / q.dtype.type(q.shape[1]) ** 0.5
    return s_bar @ k, s_bar.T @ q, p.T @ y_bar


window_attention = Op(
    name="window_attention",
    forward=_window_attention,
    vjp=_window_attention_vjp,
    inputs={"q": array("t d", lo=-30, hi=30), "k": array("t d", lo=-30, hi=30), "v": real("t e")},
    params={"window": (1, 0, 2)},
    sizes={"t": (1, 4), "d": (1, 4)},
    linear_in=("v",),
)


def _weighted_p_norm(x, w, p=2.0):
    scale = np.abs(x).max(axis=-1, keepdims=True, initial=0)
    scale = np.where(scale > 0, scale, 1)
    y = scale * (w * (np.abs(x) / scale) ** p).sum(axis=-1, keepdims=True) ** (1 / p)
    return y[..., 0], (x, w, y, p)


def _weighted_p_norm_vjp(saved, y_bar):
    x, w, y, p = saved
    ratio = np.abs(x) / np.where(y > 0, y, 1)
    y_bar = y_bar[..., None]
    return y_bar * w * np.sign(x) * ratio ** (p - 1), (y_bar * y / p * ratio**p).sum(axis=0)


weighted_p_norm = Op(
    name="weighted_p_norm",
    forward=_weighted_p_norm,
    vjp=_weighted_p_norm_vjp,
    kinks="rows of zeros",
    inputs={"x": real("n d"), "w": array("d", lo=0.1, hi=10)},
    params={"p": (2.0, 3.0, 1.5)},
    torch=lambda x, w, p: (w * x.abs() ** p).sum(-1) ** (1 / p),
)


def _fake_quant(x, scale, bits=4):
    q = np.clip(np.round(x / scale), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return scale * q, q


fake_quant = Op(
    name="fake_quant",
    forward=_fake_quant,
    vjp=lambda q, y_bar: (np.zeros_like(q), (q * y_bar).sum(axis=0)),
    inputs={"x": array("n d", lo=-1e3, hi=1e3), "scale": array("d", lo=0.1, hi=10)},
    params={"bits": (4, 2, 8)},
    kinks="x / scale halfway between whole numbers, where it jumps",
)


def _soft_histogram(x, bins=4):
    u = x[:, None] * (bins - 1) - np.arange(bins).astype(x.dtype)
    slope = np.where(np.abs(u) < 1, -np.sign(u), 0).astype(x.dtype) * (bins - 1)
    return np.maximum(1 - np.abs(u), 0).sum(axis=0), slope


soft_histogram = Op(
    name="soft_histogram",
    forward=_soft_histogram,
    vjp=lambda slope, y_bar: (slope @ y_bar,),
    inputs={"x": array("n", lo=-1, hi=2, typical=(0, 1))},
    params={"bins": (4, 2, 9)},
    kinks="x on the centre of a bin",
)


def _masked_lse(x, mask, fill=-50.0):
    top = np.where(mask > 0, x, -np.inf).max(axis=1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    e = np.where(mask > 0, np.exp(np.minimum(x - top, 0)), 0)
    total = e.sum(axis=1, keepdims=True)
    seen = np.where(total > 0, total, 1)
    return np.where(total > 0, top + np.log(seen), fill)[:, 0].astype(x.dtype), e / seen


masked_lse = Op(
    name="masked_lse",
    forward=_masked_lse,
    vjp=lambda share, y_bar: (share * y_bar[:, None], None),
    inputs={"x": real("n d"), "mask": index("n d", 2)},
    params={"fill": (-50.0, 0.0)},
    sizes={"d": (1, 4)},
)

OPS = (masked_moments, window_attention, weighted_p_norm, fake_quant, soft_histogram, masked_lse)
