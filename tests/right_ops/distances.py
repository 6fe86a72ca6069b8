"""Right ops of distances and lengths, and of numbers between others."""

from __future__ import annotations

import numpy as np

from gradspec import Op, array, nonzero, real
from tests.known_bugs.right import length, unbroadcast


def _cosine(x, y):
    nx, ny = length(x, -1), length(y, -1)
    u, v = x / nx, y / ny
    c = (u * v).sum(axis=-1, keepdims=True)
    return c[..., 0].copy(), (u, v, c, nx, ny)


def _cosine_vjp(saved, y_bar):
    u, v, c, nx, ny = saved
    g = y_bar[..., None]
    return g * (v - c * u) / nx, g * (u - c * v) / ny


cosine = Op(
    name="cosine",
    forward=_cosine,
    vjp=_cosine_vjp,
    inputs={"x": array("n d", lo=0.01, typical=(0.1, 5.0)), "y": array("n d", lo=0.01, typical=(0.1, 5.0))},
    sizes={"d": (2, 4)},
    torch=lambda x, y: __import__("torch").cosine_similarity(x, y, dim=-1, eps=0.0),
)


def _l1_distance(x, y):
    d = x[:, None] - y[None]
    return np.abs(d).sum(axis=-1), np.sign(d)


def _l1_distance_vjp(sign, y_bar):
    g = y_bar[..., None] * sign
    return g.sum(axis=1), -g.sum(axis=0)


l1_distance = Op(
    name="l1_distance",
    forward=_l1_distance,
    vjp=_l1_distance_vjp,
    inputs={"x": real("n d"), "y": real("m d")},
    torch=lambda x, y: __import__("torch").cdist(x, y, p=1.0),
    kinks="equal coordinates",
)


def _chebyshev(x, y):
    d = x - y
    where = np.abs(d).argmax(axis=-1)
    one = np.arange(d.shape[-1]) == where[..., None]
    return np.abs(d).max(axis=-1), np.sign(d) * one


chebyshev = Op(
    name="chebyshev",
    forward=_chebyshev,
    vjp=lambda g, y_bar: (y_bar[..., None] * g, -y_bar[..., None] * g),
    inputs={"x": real("n d"), "y": real("n d")},
    sizes={"d": (1, 4)},
    kinks="two coordinates that are equally far apart, or all equal",
)


def _p_norm(x, p=3.0):
    top = np.abs(x).max(axis=-1, keepdims=True, initial=0)
    safe = np.where(top > 0, top, 1)
    r = np.abs(x) / safe
    total = (r**p).sum(axis=-1, keepdims=True)
    y = top * total ** (1 / p)
    share = np.where(top > 0, r ** (p - 1) / np.where(total > 0, total, 1) ** (1 - 1 / p), 0)
    return y[..., 0].copy(), np.sign(x) * share


p_norm = Op(
    name="p_norm",
    forward=_p_norm,
    vjp=lambda slope, y_bar: (y_bar[..., None] * slope,),
    inputs={"x": real("n d")},
    params={"p": (3.0, 2.0, 1.5)},
    sizes={"d": (1, 4)},
    torch=lambda x, p: __import__("torch").linalg.vector_norm(x, ord=p, dim=-1),
    kinks="rows of zeros",
)


def _renorm(x, limit=1.0):
    r = length(x, -1)
    shrink = r > limit
    u = x / np.where(shrink, r, 1)
    return np.where(shrink, limit * u, x), (u, r, shrink, limit)


def _renorm_vjp(saved, y_bar):
    u, r, shrink, limit = saved
    inner = (y_bar * u).sum(axis=-1, keepdims=True)
    return (np.where(shrink, limit * (y_bar - inner * u) / np.where(shrink, r, 1), y_bar),)


renorm = Op(
    name="renorm",
    forward=_renorm,
    vjp=_renorm_vjp,
    inputs={"x": real("n d")},
    params={"limit": (1.0, 4.0)},
    sizes={"d": (1, 4)},
    kinks="rows whose length is the limit",
)


def _lerp(a, b, w):
    return a + w * (b - a), (a.shape, b.shape, w, b - a)


def _lerp_vjp(saved, y_bar):
    a_shape, b_shape, w, d = saved
    return (
        unbroadcast(y_bar * (1 - w), a_shape),
        unbroadcast(y_bar * w, b_shape),
        unbroadcast(y_bar * d, w.shape),
    )


lerp = Op(
    name="lerp",
    forward=_lerp,
    vjp=_lerp_vjp,
    inputs={
        "a": array("n m", broadcastable=True),
        "b": array("n m", broadcastable=True),
        "w": array("n m", lo=0, hi=1, broadcastable=True),
    },
    torch=lambda a, b, w: a + w * (b - a),
)


def _addcdiv(x, a, b, value=0.5):
    return x + value * a / b, (a, b, value)


def _addcdiv_vjp(saved, y_bar):
    a, b, value = saved
    g = value * y_bar / b
    return y_bar * 1, g, -g * (a / b)


addcdiv = Op(
    name="addcdiv",
    forward=_addcdiv,
    vjp=_addcdiv_vjp,
    inputs={"x": real("n"), "a": real("n"), "b": nonzero("n")},
    params={"value": (0.5, 1.0, -2.0)},
    linear_in=("x", "a"),
    torch=lambda x, a, b, value: __import__("torch").addcdiv(x, a, b, value=value),
)

OPS = (cosine, l1_distance, chebyshev, p_norm, renorm, lerp, addcdiv)
