"""Right ops of layers and their losses: normalizations, pools, resampling, margins."""

from __future__ import annotations

import numpy as np

from gradspec import Op, array, real
from tests.known_bugs.right import sigmoid
from tests.right_ops.shared import functional


def _standardize(x, eps=1e-5):
    mean = x.mean(axis=-1, keepdims=True)
    centred = x - mean
    deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + x.dtype.type(eps))
    y = centred / deviation
    return y.copy(), (y, deviation)


def _standardize_vjp(saved, y_bar):
    y, deviation = saved
    g = y_bar - y_bar.mean(axis=-1, keepdims=True) - y * (y_bar * y).mean(axis=-1, keepdims=True)
    return (g / deviation,)


standardize = Op(
    name="standardize",
    forward=_standardize,
    vjp=_standardize_vjp,
    inputs={"x": array("n c t", lo=-1e3, hi=1e3)},
    params={"eps": (1e-5, 1e-2)},
    sizes={"t": (2, 5)},
    torch=lambda x, eps: (x - x.mean(-1, keepdim=True)) / (x.var(-1, correction=0, keepdim=True) + eps).sqrt(),
)


def _response_norm(x, size=3, alpha=0.5, k=1.0):
    c = x.shape[1]
    squares = np.pad(x * x, ((0, 0), (size // 2, (size - 1) // 2), (0, 0)))
    total = sum(squares[:, i : i + c] for i in range(size))
    base = k + alpha / size * total
    y = x / base**0.75
    return y, (x, base, size, alpha)


def _response_norm_vjp(saved, y_bar):
    x, base, size, alpha = saved
    c = x.shape[1]
    through = np.pad(y_bar * x / base**1.75, ((0, 0), ((size - 1) // 2, size // 2), (0, 0)))
    total = sum(through[:, i : i + c] for i in range(size))
    return (y_bar / base**0.75 - 1.5 * alpha / size * x * total,)


response_norm = Op(
    name="response_norm",
    forward=_response_norm,
    vjp=_response_norm_vjp,
    inputs={"x": array("n c t", lo=-1e4, hi=1e4)},
    params={"size": (3, 1, 2)},
    sizes={"c": (1, 4)},
    torch=lambda x, size: functional("local_response_norm")(x, size, alpha=0.5, beta=0.75, k=1.0),
)


def _adaptive_pool(x, bins=3):
    t = x.shape[-1]
    ends = [(i * t // bins, -(-(i + 1) * t // bins)) for i in range(bins)]
    return np.stack([x[..., a:b].mean(axis=-1) for a, b in ends], axis=-1), (ends, x.shape)


def _adaptive_pool_vjp(saved, y_bar):
    ends, shape = saved
    x_bar = np.zeros(shape, dtype=y_bar.dtype)
    for i, (a, b) in enumerate(ends):
        x_bar[..., a:b] += y_bar[..., i, None] / y_bar.dtype.type(b - a)
    return (x_bar,)


adaptive_pool = Op(
    name="adaptive_pool",
    forward=_adaptive_pool,
    vjp=_adaptive_pool_vjp,
    inputs={"x": real("n c t")},
    params={"bins": (3, 1, 2)},
    sizes={"t": (1, 7), "n": (1, 2), "c": (1, 2)},
    linear_in=("x",),
    torch=lambda x, bins: functional("adaptive_avg_pool1d")(x, bins),
)


def _lp_pool(x, p=2):
    rows = x.reshape(*x.shape[:-1], x.shape[-1] // 2, 2)
    y = (rows**p).sum(axis=-1) ** (1 / p)
    return y.copy(), (rows, y, p)


def _lp_pool_vjp(saved, y_bar):
    rows, y, p = saved
    x_bar = (y_bar / y ** (p - 1))[..., None] * rows ** (p - 1)
    return (x_bar.reshape(*rows.shape[:-2], 2 * rows.shape[-2]),)


lp_pool = Op(
    name="lp_pool",
    forward=_lp_pool,
    vjp=_lp_pool_vjp,
    inputs={"x": array("n 2*t", lo=0.01, hi=100, typical=(0.1, 5.0))},
    params={"p": (2, 3)},
)


def _grid_sample(image, place):
    n = len(image)
    left = np.clip(np.floor(place).astype(int), 0, n - 2)
    w = place - left.astype(place.dtype)
    return image[left] * (1 - w) + image[left + 1] * w, (left, w, image)


def _grid_sample_vjp(saved, y_bar):
    left, w, image = saved
    image_bar = np.zeros_like(image)
    np.add.at(image_bar, left, y_bar * (1 - w))
    np.add.at(image_bar, left + 1, y_bar * w)
    return image_bar, y_bar * (image[left + 1] - image[left])


grid_sample = Op(
    name="grid_sample",
    forward=_grid_sample,
    vjp=_grid_sample_vjp,
    inputs={"image": real("n"), "place": array("m", lo=0, hi=lambda sizes: sizes["n"] - 1)},
    sizes={"n": (2, 5)},
    linear_in=("image",),
    kinks="whole places",
)


def _cubic(x, t):
    a, b, c, d = x
    return (
        b + (c - a) * t / 2 + (2 * a - 5 * b + 4 * c - d) * t**2 / 2 + (3 * b - a - 3 * c + d) * t**3 / 2,
        (x, t),
    )


def _cubic_vjp(saved, y_bar):
    (a, b, c, d), t = saved
    weights = (
        (-t + 2 * t**2 - t**3) / 2,
        (2 - 5 * t**2 + 3 * t**3) / 2,
        (t + 4 * t**2 - 3 * t**3) / 2,
        (t**3 - t**2) / 2,
    )
    x_bar = np.array([(w * y_bar).sum() for w in weights], dtype=t.dtype)
    slope = (c - a) / 2 + (2 * a - 5 * b + 4 * c - d) * t + 1.5 * (3 * b - a - 3 * c + d) * t**2
    return x_bar, y_bar * slope


catmull_rom = Op(
    name="catmull_rom",
    forward=_cubic,
    vjp=_cubic_vjp,
    inputs={"x": real("4"), "t": array("n", lo=0, hi=1)},
    linear_in=("x",),
)


def _soft_margin(x, sign):
    z = -x * sign
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z))), (z, sign)


soft_margin = Op(
    name="soft_margin",
    forward=_soft_margin,
    vjp=lambda saved, y_bar: (-y_bar * saved[1] * sigmoid(saved[0]), None),
    inputs={"x": real("n"), "sign": array("n", differentiable=False, transform=lambda u: np.where(u < 0, -1.0, 1.0))},
    torch=lambda x, sign: functional("soft_margin_loss")(x, sign, reduction="none"),
)


def _margin_ranking(a, b, margin=0.5):
    z = b - a + margin
    return np.maximum(z, 0).mean(axis=-1), z


def _margin_ranking_vjp(z, y_bar):
    g = (z > 0) * y_bar[..., None] / y_bar.dtype.type(z.shape[-1])
    return -g, g


margin_ranking = Op(
    name="margin_ranking",
    forward=_margin_ranking,
    vjp=_margin_ranking_vjp,
    inputs={"a": real("n d"), "b": real("n d")},
    params={"margin": (0.5, 0.0)},
    sizes={"d": (1, 4)},
    kinks="a = b + margin",
)


def _weighted_nll(log_p, label, weight):
    rows = np.arange(len(label))
    w = weight[label]
    total = w.sum()
    y = -(w * log_p[rows, label]).sum() / total
    return np.asarray(y, dtype=log_p.dtype), (log_p, label, w, total, y, weight.shape)


def _weighted_nll_vjp(saved, y_bar):
    log_p, label, w, total, y, shape = saved
    rows = np.arange(len(label))
    log_p_bar, weight_bar = np.zeros_like(log_p), np.zeros(shape, dtype=log_p.dtype)
    log_p_bar[rows, label] = -y_bar * w / total
    np.add.at(weight_bar, label, y_bar * (-log_p[rows, label] - y) / total)
    return log_p_bar, None, weight_bar


weighted_nll = Op(
    name="weighted_nll",
    forward=_weighted_nll,
    vjp=_weighted_nll_vjp,
    inputs={
        "log_p": real("n c"),
        "label": array("n", integer=True, lo=0, hi=lambda sizes: sizes["c"] - 1),
        "weight": array("c", lo=0.1, hi=10, typical=(0.5, 2.0)),
    },
    sizes={"n": (1, 4), "c": (1, 4)},
    linear_in=("log_p",),
)


def _mixture(x, gate):
    e = np.exp(gate - gate.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return np.einsum("nk,nkd->nd", p, x), (x, p)


def _mixture_vjp(saved, y_bar):
    x, p = saved
    p_bar = np.einsum("nd,nkd->nk", y_bar, x)
    return p[:, :, None] * y_bar[:, None], p * (p_bar - (p * p_bar).sum(axis=1, keepdims=True))


mixture = Op(
    name="mixture",
    forward=_mixture,
    vjp=_mixture_vjp,
    inputs={"x": real("n k d"), "gate": real("n k")},
    sizes={"k": (1, 4)},
    linear_in=("x",),
    torch=lambda x, gate: (gate.softmax(1)[:, :, None] * x).sum(1),
)

OPS = (
    *(standardize, response_norm, adaptive_pool, lp_pool, grid_sample, catmull_rom, soft_margin),
    *(margin_ranking, weighted_nll, mixture),
)
