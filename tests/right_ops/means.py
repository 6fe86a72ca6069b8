"""Right ops that average: by powers, by logarithms, by shares."""

from __future__ import annotations

import numpy as np

from gradspec import Op, array, positive, real
from tests.right_ops.rows import softmax_of


def _soft_pool(x):
    s = softmax_of(x)
    y = (s * x).sum(axis=-1)
    return y, (s, x, y)


def _soft_pool_vjp(saved, y_bar):
    s, x, y = saved
    return ((y_bar * 1)[..., None] * s * (1 + x - y[..., None]),)


soft_pool = Op(
    name="soft_pool",
    forward=_soft_pool,
    vjp=_soft_pool_vjp,
    inputs={"x": real("... d")},
    sizes={"d": (1, 5)},
    torch=lambda x: (x.softmax(-1) * x).sum(-1),
)


def _power_mean(x, p=3.0):
    top = x.max(axis=-1, keepdims=True)
    scaled = (x / top) ** p
    mean = scaled.mean(axis=-1, keepdims=True)
    y = top * mean ** (1 / p)
    return y[..., 0].copy(), (x, y, scaled / scaled.sum(axis=-1, keepdims=True))


def _power_mean_vjp(saved, y_bar):
    x, y, share = saved
    return (y_bar[..., None] * y * share / x,)


power_mean = Op(
    name="power_mean",
    forward=_power_mean,
    vjp=_power_mean_vjp,
    inputs={"x": array("n d", lo=1e-3, hi=1e3, typical=(0.1, 5.0))},
    params={"p": (3.0, 1.0, -1.0)},
    sizes={"d": (1, 5)},
)


def _geometric_mean(x):
    y = np.exp(np.log(x).mean(axis=0))
    return y.copy(), (x, y)


geometric_mean = Op(
    name="geometric_mean",
    forward=_geometric_mean,
    vjp=lambda saved, y_bar: (y_bar * saved[1] / (len(saved[0]) * saved[0]),),
    inputs={"x": array("n d", lo=1e-6, hi=1e6, typical=(0.1, 10.0))},
    sizes={"n": (1, 5)},
    torch=lambda x: x.log().mean(0).exp(),
)


def _normalized_entropy(w):
    p = w / w.sum(axis=1, keepdims=True)
    y = -(p * np.log(p)).sum(axis=1)
    return y, (p, y, w.sum(axis=1))


def _normalized_entropy_vjp(saved, y_bar):
    p, y, total = saved
    return (-(y_bar / total)[:, None] * (np.log(p) + y[:, None]),)


normalized_entropy = Op(
    name="normalized_entropy",
    forward=_normalized_entropy,
    vjp=_normalized_entropy_vjp,
    inputs={"w": positive("n d")},
    sizes={"d": (1, 5)},
)

OPS = (soft_pool, power_mean, geometric_mean, normalized_entropy)
