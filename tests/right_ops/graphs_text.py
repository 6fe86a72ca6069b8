"""Right ops of graphs, texts, alignments and small matrices."""

from __future__ import annotations

import math

import numpy as np

from gradspec import Op, array, index, nonnegative, real

_COEF = array("d", lo=-10, hi=10)


def _gcn(x, w, src, dst):
    a = np.eye(len(x), dtype=x.dtype)
    np.add.at(a, (dst, src), 1)
    a /= np.sqrt(np.outer(a.sum(axis=1), a.sum(axis=1)))
    return a @ x @ w, (a, x, w)


def _gcn_vjp(saved, y_bar):
    a, x, w = saved
    back = a.T @ y_bar
    return back @ w.T, x.T @ back, None, None


gcn = Op(
    name="gcn",
    forward=_gcn,
    vjp=_gcn_vjp,
    inputs={"x": real("n d"), "w": real("d k"), "src": index("e", "n"), "dst": index("e", "n")},
    sizes={"n": (1, 4)},
    linear_in=("x", "w"),
)


def _gat(h, a, b, src, dst, slope=0.2):
    score = (h @ a)[src] + (h @ b)[dst]
    s = np.where(score > 0, score, slope * score)
    top = np.full(len(h), -np.inf, dtype=h.dtype)
    np.maximum.at(top, dst, s)
    e, total, y = np.exp(s - top[dst]), np.zeros(len(h), dtype=h.dtype), np.zeros_like(h)
    np.add.at(total, dst, e)
    p = e / total[dst]
    np.add.at(y, dst, p[:, None] * h[src])
    return y, (h, a, b, src, dst, p, np.where(score > 0, 1, slope).astype(h.dtype))


def _gat_vjp(saved, y_bar):
    h, a, b, src, dst, p, gate = saved
    h_bar = np.zeros_like(h)
    np.add.at(h_bar, src, p[:, None] * y_bar[dst])
    p_bar, mean = (y_bar[dst] * h[src]).sum(axis=1), np.zeros(len(h), dtype=h.dtype)
    np.add.at(mean, dst, p * p_bar)
    s_bar, left, right = gate * p * (p_bar - mean[dst]), *np.zeros((2, len(h)), dtype=h.dtype)
    np.add.at(left, src, s_bar)
    np.add.at(right, dst, s_bar)
    return h_bar + np.outer(left, a) + np.outer(right, b), h.T @ left, h.T @ right, None, None


gat = Op(
    name="gat",
    forward=_gat,
    vjp=_gat_vjp,
    inputs={"h": array("n d", lo=-100, hi=100), "a": _COEF, "b": _COEF, "src": index("e", "n"), "dst": index("e", "n")},
    params={"slope": (0.2, 0.0)},
    sizes={"n": (1, 4)},
    kinks="scores of 0",
)


def _laplacian_energy(x, w, src, dst):
    d = x[src] - x[dst]
    return 0.5 * (w[:, None] * d * d).sum(), (d, w, src, dst, x.shape)


def _laplacian_energy_vjp(saved, g):
    d, w, src, dst, shape = saved
    flow, x_bar = g * w[:, None] * d, np.zeros(shape, dtype=d.dtype)
    np.add.at(x_bar, src, flow)
    np.subtract.at(x_bar, dst, flow)
    return x_bar, g * 0.5 * (d * d).sum(axis=1), None, None


laplacian_energy = Op(
    name="laplacian_energy",
    forward=_laplacian_energy,
    vjp=_laplacian_energy_vjp,
    inputs={"x": array("n d", lo=-1e6, hi=1e6), "w": nonnegative("e"), "src": index("e", "n"), "dst": index("e", "n")},
    sizes={"n": (1, 4)},
    linear_in=("w",),
    torch=lambda x, w, src, dst: (w * ((x[src] - x[dst]) ** 2).sum(1)).sum() / 2,
)


def _pagerank(a, steps=3, damping=0.85):
    out = a.sum(axis=1, keepdims=True)
    p, path = a / out, [np.full(len(a), 1 / len(a), dtype=a.dtype)]
    for _ in range(steps):
        path.append(damping * (path[-1] @ p) + (1 - damping) / len(a))
    return path[-1].copy(), (p, out, path, damping)


def _pagerank_vjp(saved, y_bar):
    p, out, path, damping = saved
    p_bar = np.zeros_like(p)
    for r in path[-2::-1]:
        p_bar += damping * np.outer(r, y_bar)
        y_bar = damping * (p @ y_bar)
    return ((p_bar - (p_bar * p).sum(axis=1, keepdims=True)) / out,)


pagerank = Op(
    name="pagerank",
    forward=_pagerank,
    vjp=_pagerank_vjp,
    inputs={"a": array("n n", lo=0.1, hi=10)},
    params={"steps": (3, 1, 0), "damping": (0.85, 1.0)},
    sizes={"n": (1, 4)},
)


def _tfidf_cosine(a, b, idf, eps=1e-3):
    u, v = a * idf, b * idf
    nu, nv = math.sqrt(u @ u + eps), math.sqrt(v @ v + eps)
    u, v = u / u.dtype.type(nu), v / v.dtype.type(nv)
    return u @ v, (a, b, idf, u, v, a.dtype.type(nu), a.dtype.type(nv))


def _tfidf_cosine_vjp(saved, g):
    a, b, idf, u, v, nu, nv = saved
    u_bar, v_bar = g * (v - (u @ v) * u) / nu, g * (u - (u @ v) * v) / nv
    return u_bar * idf, v_bar * idf, u_bar * a + v_bar * b


def _sq(x):
    return (x * x).sum()


tfidf_cosine = Op(
    name="tfidf_cosine",
    forward=_tfidf_cosine,
    vjp=_tfidf_cosine_vjp,
    inputs={"a": array("d", lo=0, hi=100), "b": array("d", lo=0, hi=100), "idf": array("d", lo=0.1, hi=10)},
    params={"eps": (1e-3, 1.0)},
    torch=lambda a, b, idf, eps: (a * idf) @ (b * idf) / ((_sq(a * idf) + eps) * (_sq(b * idf) + eps)).sqrt(),
)


def _position(table, p):
    low = np.clip(np.floor(p), 0, len(table) - 2).astype(int)
    t = (p - low).astype(p.dtype)[:, None]
    return (1 - t) * table[low] + t * table[low + 1], {"table": table, "low": low, "t": t}


def _position_vjp(saved, y_bar):
    table, low, t = saved["table"], saved["low"], saved["t"]
    table_bar = np.zeros_like(table)
    np.add.at(table_bar, low, (1 - t) * y_bar)
    np.add.at(table_bar, low + 1, t * y_bar)
    return table_bar, ((table[low + 1] - table[low]) * y_bar).sum(axis=1)


position = Op(
    name="position",
    forward=_position,
    vjp=_position_vjp,
    inputs={"table": array("v d", lo=-1e6, hi=1e6), "p": array("n", lo=0, hi=lambda sizes: sizes["v"] - 1)},
    sizes={"v": (2, 5)},
    linear_in=("table",),
    kinks="whole positions",
)


def _softmin(values, gamma):
    low = min(values)
    e = [np.exp((low - v) / gamma) for v in values]
    return low - gamma * np.log(sum(e)), [x / sum(e) for x in e]


def _soft_dtw(x, y, gamma=1.0):
    r, share = np.full((len(x) + 1, len(y) + 1), np.inf, dtype=x.dtype), {}
    r[0, 0] = 0
    for i in range(len(x)):
        for j in range(len(y)):
            soft, share[i, j] = _softmin([r[i, j], r[i, j + 1], r[i + 1, j]], gamma)
            r[i + 1, j + 1] = (x[i] - y[j]) ** 2 + soft
    return r[-1, -1], (x, y, share)


def _soft_dtw_vjp(saved, g):
    x, y, share = saved
    e = np.zeros((len(x) + 1, len(y) + 1), dtype=x.dtype)
    e[-1, -1] = g
    for i, j in reversed(share):
        for (a, b), s in zip(((i, j), (i, j + 1), (i + 1, j)), share[i, j], strict=True):
            e[a, b] += s * e[i + 1, j + 1]
    d = 2 * e[1:, 1:] * (x[:, None] - y)
    return d.sum(axis=1), -d.sum(axis=0)


soft_dtw = Op(
    name="soft_dtw",
    forward=_soft_dtw,
    vjp=_soft_dtw_vjp,
    inputs={"x": array("n", lo=-10, hi=10, typical=(-2, 2)), "y": array("m", lo=-10, hi=10, typical=(-2, 2))},
    params={"gamma": (1.0, 0.1)},
    sizes={"n": (1, 4), "m": (1, 4)},
)


def _kmeans(x, c):
    best = ((x[:, None] - c) ** 2).sum(axis=2).argmin(axis=1)
    d = x - c[best]
    return np.einsum("nd,nd->", d, d), (d, best, len(c))


def _kmeans_vjp(saved, g):
    d, best, k = saved
    c_bar = np.zeros((k, d.shape[1]), dtype=d.dtype)
    np.subtract.at(c_bar, best, 2 * g * d)
    return 2 * g * d, c_bar


kmeans = Op(
    name="kmeans",
    forward=_kmeans,
    vjp=_kmeans_vjp,
    inputs={"x": array("n d", lo=-1e6, hi=1e6), "c": array("k d", lo=-1e6, hi=1e6)},
    sizes={"k": (1, 3)},
    kinks="points as near to two centres",
    torch=lambda x, c: ((x[:, None] - c) ** 2).sum(-1).amin(1).sum(),
)


def _instance_weights(loss):
    p = np.exp(loss - loss.max())
    p /= p.sum()
    return p @ loss, (loss, p, p @ loss)


instance_weights = Op(
    name="instance_weights",
    forward=_instance_weights,
    vjp=lambda s, g: (g * s[1] * (1 + s[0] - s[2]),),
    inputs={"loss": array("n", lo=0, hi=1e3)},
    sizes={"n": (1, 5)},
    torch=lambda loss: loss.softmax(0) @ loss,
)

OPS = (gcn, gat, laplacian_energy, pagerank, tfidf_cosine, position, soft_dtw, kmeans, instance_weights)
