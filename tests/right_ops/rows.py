"""Right ops of rows and of sets of rows: retrieval, ranking, pooling and attention."""

from __future__ import annotations

import math

import numpy as np

from gradspec import Op, array, real
from tests.known_bugs.right import sigmoid


def softmax_of(z, axis=-1):
    """The softmax along *axis*, without overflow."""
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _info_nce(q, k, temperature=0.5):
    logits = q @ k.T / temperature
    top = logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(logits - top).sum(axis=1)) + top[:, 0]
    return (log_sum - np.diag(logits)).astype(q.dtype), (q, k, softmax_of(logits), temperature)


def _info_nce_vjp(saved, y_bar):
    q, k, p, temperature = saved
    logits_bar = y_bar[:, None] * (p - np.eye(len(p), dtype=p.dtype)) / temperature
    return logits_bar @ k, logits_bar.T @ q


info_nce = Op(
    name="info_nce",
    forward=_info_nce,
    vjp=_info_nce_vjp,
    inputs={"q": real("n d"), "k": real("n d")},
    params={"temperature": (0.5, 1.0)},
    sizes={"n": (1, 4)},
)


def _smoothed_cross_entropy(z, label, eps=0.1):
    n, c = z.shape
    top = z.max(axis=1, keepdims=True)
    log_p = z - top - np.log(np.exp(z - top).sum(axis=1, keepdims=True))
    target = np.full((n, c), eps / c)
    target[np.arange(n), label] += 1 - eps
    target = target.astype(z.dtype)
    return -(target * log_p).sum(axis=1), (np.exp(log_p), target)


def _smoothed_cross_entropy_vjp(saved, y_bar):
    p, target = saved
    return (y_bar[:, None] * (p - target), None)


smoothed_cross_entropy = Op(
    name="smoothed_cross_entropy",
    forward=_smoothed_cross_entropy,
    vjp=_smoothed_cross_entropy_vjp,
    inputs={"z": real("n c"), "label": array("n", integer=True, lo=0, hi=lambda sizes: sizes["c"] - 1)},
    params={"eps": (0.1, 0.0)},
    sizes={"c": (1, 5)},
    torch=lambda z, label, eps: __import__("torch").nn.functional.cross_entropy(
        z, label, reduction="none", label_smoothing=eps
    ),
)


def _rank_net(score, relevance):
    d = score[:, None] - score[None, :]
    pairs = (relevance[:, None] > relevance[None, :]).astype(score.dtype)
    loss = np.maximum(-d, 0) + np.log1p(np.exp(-np.abs(d)))
    return np.asarray((pairs * loss).sum(), dtype=score.dtype), (pairs, sigmoid(-d))


def _rank_net_vjp(saved, y_bar):
    pairs, s = saved
    g = -pairs * s * y_bar
    return (g.sum(axis=1) - g.sum(axis=0), None)


rank_net = Op(
    name="rank_net",
    forward=_rank_net,
    vjp=_rank_net_vjp,
    inputs={"score": real("n"), "relevance": array("n", lo=0, hi=3, integer=True)},
    sizes={"n": (1, 5)},
)


def _triplet(a, p, n, margin=1.0):
    violation = ((a - p) ** 2).sum(axis=1) - ((a - n) ** 2).sum(axis=1) + margin
    return np.maximum(violation, 0), (a, p, n, violation > 0)


def _triplet_vjp(saved, y_bar):
    a, p, n, active = saved
    g = 2 * (y_bar * active)[:, None]
    return g * (n - p), g * (p - a), g * (a - n)


triplet = Op(
    name="triplet",
    forward=_triplet,
    vjp=_triplet_vjp,
    inputs={"a": real("b d"), "p": real("b d"), "n": real("b d")},
    params={"margin": (1.0, 0.2)},
    kinks="the margin is just met",
)


def _dice(p, t, eps=1.0):
    top, bottom = 2 * (p * t).sum(axis=1) + eps, p.sum(axis=1) + t.sum(axis=1) + eps
    return 1 - top / bottom, (p, t, top / bottom, bottom)


def _dice_vjp(saved, y_bar):
    p, t, ratio, bottom = saved
    g = (y_bar / bottom)[:, None]
    return g * (ratio[:, None] - 2 * t), g * (ratio[:, None] - 2 * p)


dice = Op(
    name="dice",
    forward=_dice,
    vjp=_dice_vjp,
    inputs={"p": array("n d", lo=0, hi=1), "t": array("n d", lo=0, hi=1)},
    params={"eps": (1.0, 1e-3)},
    torch=lambda p, t, eps: 1 - (2 * (p * t).sum(1) + eps) / (p.sum(1) + t.sum(1) + eps),
)


def _pinball(x, y, tau=0.9):
    d = y - x
    return np.maximum(tau * d, (tau - 1) * d), (d, tau)


def _pinball_vjp(saved, y_bar):
    d, tau = saved
    slope = np.where(d > 0, tau, tau - 1).astype(d.dtype)
    return -slope * y_bar, slope * y_bar


pinball = Op(
    name="pinball",
    forward=_pinball,
    vjp=_pinball_vjp,
    inputs={"x": real("n"), "y": real("n")},
    params={"tau": (0.9, 0.5, 0.05)},
    kinks="x = y",
)


def _attention(q, k, v):
    t, d = q.shape
    scores = q @ k.T / q.dtype.type(math.sqrt(d))
    scores = np.where(np.tri(t, dtype=bool), scores, -np.inf)
    p = softmax_of(scores)
    return p @ v, (q, k, v, p)


def _attention_vjp(saved, y_bar):
    q, k, v, p = saved
    p_bar = y_bar @ v.T
    scores_bar = p * (p_bar - (p * p_bar).sum(axis=1, keepdims=True)) / q.dtype.type(math.sqrt(q.shape[1]))
    return scores_bar @ k, scores_bar.T @ q, p.T @ y_bar


causal_attention = Op(
    name="causal_attention",
    forward=_attention,
    vjp=_attention_vjp,
    inputs={"q": real("t d"), "k": real("t d"), "v": real("t e")},
    sizes={"t": (1, 4), "d": (1, 4)},
    torch=lambda q, k, v: __import__("torch").nn.functional.scaled_dot_product_attention(
        q[None, None], k[None, None], v[None, None], is_causal=True
    )[0, 0],
)


def _rbf(x, y, length):
    d2 = ((x[:, None] - y[None]) ** 2).sum(axis=-1)
    k = np.exp(-d2 / (2 * length**2))
    return k.copy(), (x, y, length, d2, k)


def _rbf_vjp(saved, y_bar):
    x, y, length, d2, k = saved
    g = y_bar * k / length**2
    moved = np.einsum("ij,ijd->ijd", g, x[:, None] - y[None])
    return -moved.sum(axis=1), moved.sum(axis=0), np.asarray((g * d2).sum() / length, dtype=x.dtype)


rbf_kernel = Op(
    name="rbf_kernel",
    forward=_rbf,
    vjp=_rbf_vjp,
    inputs={"x": real("n d"), "y": real("m d"), "length": array("", lo=0.1, hi=100, typical=(0.5, 10.0))},
)


def _distances(x, y):
    d = x[:, None] - y[None]
    r = np.hypot.reduce(d, axis=-1)
    return r, (d, r)


def _distances_vjp(saved, y_bar):
    d, r = saved
    g = (y_bar / np.where(r > 0, r, 1))[..., None] * d
    return g.sum(axis=1), -g.sum(axis=0)


distances = Op(
    name="distances",
    forward=_distances,
    vjp=_distances_vjp,
    inputs={"x": real("n d"), "y": real("m d")},
    kinks="equal points",
)

OPS = (
    *(
        info_nce,
        smoothed_cross_entropy,
        rank_net,
        triplet,
        dice,
        pinball,
    ),
    *(
        causal_attention,
        rbf_kernel,
        distances,
    ),
)
