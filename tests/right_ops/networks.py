"""Right ops of neural networks: attention, gates, norms, convolutions and routing."""

from __future__ import annotations

import numpy as np

from gradspec import Op, array, nonzero, positive, real
from tests.known_bugs.right import length, sigmoid, sigmoid_prime


def _alibi_attention(q, k, v, slope=0.5):
    t, d = q.shape
    behind = np.arange(t)[:, None] - np.arange(t)[None, :]
    scores = q @ k.T / float(d) ** 0.5 - slope * behind.astype(q.dtype)
    scores = np.where(behind < 0, -np.inf, scores)
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p @ v, {"q": q, "k": k, "v": v, "p": p, "slope": slope}


def _alibi_attention_vjp(saved, y_bar):
    q, k, v, p = (saved[key] for key in "qkvp")
    p_bar = y_bar @ v.T
    s_bar = p * (p_bar - (p_bar * p).sum(axis=1, keepdims=True)) / float(q.shape[1]) ** 0.5
    return s_bar @ k, s_bar.T @ q, p.T @ y_bar


def _torch_alibi_attention(q, k, v, slope):
    import torch

    at = torch.arange(len(q))
    behind = at[:, None] - at[None, :]
    bias = (-slope * behind.to(q.dtype)).masked_fill(behind < 0, -torch.inf)
    return torch.softmax(q @ k.T / q.shape[1] ** 0.5 + bias, dim=-1) @ v


alibi_attention = Op(
    name="alibi_attention",
    forward=_alibi_attention,
    vjp=_alibi_attention_vjp,
    inputs={"q": real("t d"), "k": real("t d"), "v": real("t e")},
    params={"slope": (0.5, 0.0)},
    sizes={"t": (1, 4), "d": (1, 3)},
    torch=_torch_alibi_attention,
    linear_in=frozenset({"v"}),
)


def _gru_cell(x, h, w, u):
    d = h.shape[1]
    a, b = x @ w, h @ u
    r, z = sigmoid(a[:, :d] + b[:, :d]), sigmoid(a[:, d : 2 * d] + b[:, d : 2 * d])
    n = np.tanh(a[:, 2 * d :] + r * b[:, 2 * d :])
    return n + z * (h - n), (x, h, w, u, a, b, n)


def _gru_cell_vjp(saved, y_bar):
    x, h, w, u, a, b, n = saved
    d = h.shape[1]
    s = a + b
    r, z, keep = sigmoid(s[:, :d]), sigmoid(s[:, d : 2 * d]), sigmoid(-s[:, d : 2 * d])
    decay = np.exp(-2 * np.abs(a[:, 2 * d :] + r * b[:, 2 * d :]))
    n_bar = y_bar * keep * (4 * decay / (1 + decay) ** 2)
    r_bar = n_bar * b[:, 2 * d :] * sigmoid_prime(s[:, :d])
    z_bar = y_bar * (h - n) * sigmoid_prime(s[:, d : 2 * d])
    a_bar = np.concatenate([r_bar, z_bar, n_bar], axis=1)
    b_bar = np.concatenate([r_bar, z_bar, n_bar * r], axis=1)
    return a_bar @ w.T, y_bar * z + b_bar @ u.T, x.T @ a_bar, h.T @ b_bar


gru_cell = Op(
    name="gru_cell",
    forward=_gru_cell,
    vjp=_gru_cell_vjp,
    inputs={"x": real("n i"), "h": real("n d"), "w": real("i 3*d"), "u": real("d 3*d")},
    sizes={"n": (0, 3), "i": (0, 3), "d": (0, 2)},
)


def _tanh_gelu_parts(x):
    near = np.clip(x, -40, 40)  # beyond, the gate is 0 or 1
    k = 2 * (2 / np.pi) ** 0.5
    return k * (near + 0.044715 * near**3), k * (1 + 3 * 0.044715 * near * near)


def _geglu(x):
    a, b = np.split(x, 2, axis=-1)
    gate = b * sigmoid(_tanh_gelu_parts(b)[0])
    return a * gate, (a.copy(), b.copy(), gate)


def _geglu_vjp(saved, y_bar):
    a, b, gate = saved
    u, slope = _tanh_gelu_parts(b)
    return (np.concatenate([y_bar * gate, y_bar * a * (sigmoid(u) + b * sigmoid_prime(u) * slope)], axis=-1),)


def _torch_geglu(x):
    import torch

    a, b = x.chunk(2, dim=-1)
    return a * torch.nn.functional.gelu(b, approximate="tanh")


geglu = Op(name="geglu", forward=_geglu, vjp=_geglu_vjp, inputs={"x": real("n 2*d")}, torch=_torch_geglu)


def _squeeze_excite(x, w1, w2):
    s = x.mean(axis=2)
    h = s @ w1.T
    z = np.where(h > 0, h, 0) @ w2.T
    return x * sigmoid(z)[:, :, None], (x, w1, w2, s, h, z)


def _squeeze_excite_vjp(saved, y_bar):
    x, w1, w2, s, h, z = saved
    z_bar = np.einsum("ncl,ncl->nc", y_bar, x) * sigmoid_prime(z)
    h_bar = (z_bar @ w2) * (h > 0)
    s_bar = h_bar @ w1
    x_bar = y_bar * sigmoid(z)[:, :, None] + s_bar[:, :, None] / x.shape[2]
    return x_bar, h_bar.T @ s, z_bar.T @ np.where(h > 0, h, 0)


squeeze_excite = Op(
    name="squeeze_excite",
    forward=_squeeze_excite,
    vjp=_squeeze_excite_vjp,
    inputs={"x": real("n c l"), "w1": real("r c"), "w2": real("c r")},
    sizes={"n": (0, 2), "c": (0, 3), "l": (1, 3), "r": (0, 2)},
    torch=lambda x, w1, w2: x * ((x.mean(2) @ w1.T).relu() @ w2.T).sigmoid()[:, :, None],
    kinks="a hidden unit at 0",
)


def _weight_norm(v, g):
    size = length(v, 1)
    unit = v / size
    return g[:, None] * unit, (unit, size, g)


def _weight_norm_vjp(saved, y_bar):
    unit, size, g = saved
    along = (y_bar * unit).sum(axis=1, keepdims=True)
    return g[:, None] * (y_bar - along * unit) / size, along[:, 0]


weight_norm = Op(
    name="weight_norm",
    forward=_weight_norm,
    vjp=_weight_norm_vjp,
    inputs={"v": nonzero("o i"), "g": real("o")},
    sizes={"i": (1, 4)},
    torch=lambda v, g: g[:, None] * v / v.norm(dim=1, keepdim=True),
    linear_in=frozenset({"g"}),
)


def _spectral_norm(w, u, v):
    sigma = u @ w @ v
    return w / sigma, (w / sigma, u, v, sigma)


def _spectral_norm_vjp(saved, y_bar):
    y, u, v, sigma = saved
    return (y_bar - np.outer(u, v) * (y_bar * y).sum()) / sigma, None, None


spectral_norm = Op(
    name="spectral_norm",
    forward=_spectral_norm,
    vjp=_spectral_norm_vjp,
    inputs={
        "w": positive("o i"),
        "u": positive("o", typical=(0.1, 1.0), differentiable=False),
        "v": positive("i", typical=(0.1, 1.0), differentiable=False),
    },
    sizes={"o": (1, 4), "i": (1, 4)},
)


def _instance_norm(x, gamma, beta, eps=1e-5):
    xc = x - x.mean(axis=-1, keepdims=True)
    rstd = 1 / np.hypot(np.sqrt((xc * xc).mean(axis=-1, keepdims=True)), eps**0.5)
    xh = xc * rstd
    return gamma[:, None] * xh + beta[:, None], (xh, rstd, gamma)


def _instance_norm_vjp(saved, y_bar):
    xh, rstd, gamma = saved
    g = gamma[:, None] * y_bar
    x_bar = rstd * (g - g.mean(axis=-1, keepdims=True) - xh * (g * xh).mean(axis=-1, keepdims=True))
    return x_bar, np.einsum("ncl,ncl->c", y_bar, xh), y_bar.sum(axis=(0, 2))


instance_norm = Op(
    name="instance_norm",
    forward=_instance_norm,
    vjp=_instance_norm_vjp,
    inputs={"x": array("n c l", lo=-1e4, hi=1e4), "gamma": real("c"), "beta": real("c")},
    params={"eps": (1e-5, 1e-2)},
    sizes={"n": (0, 3), "c": (0, 3), "l": (1, 4)},
)


def _moe_gate(logits, chosen):
    z = np.take_along_axis(logits, chosen, axis=1)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p, (p, chosen, logits.shape)


def _moe_gate_vjp(saved, y_bar):
    p, chosen, shape = saved
    out = np.zeros(shape, dtype=y_bar.dtype)
    np.add.at(out, (np.arange(shape[0])[:, None], chosen), p * (y_bar - (p * y_bar).sum(axis=1, keepdims=True)))
    return out, None


moe_gate = Op(
    name="moe_gate",
    forward=_moe_gate,
    vjp=_moe_gate_vjp,
    inputs={"logits": real("n e"), "chosen": array("n k", integer=True, lo=0, hi=lambda sizes: sizes["e"] - 1)},
    sizes={"e": (1, 5), "k": (1, 3)},
    torch=lambda logits, chosen: logits.gather(1, chosen).softmax(dim=1),
)


def _dilated_conv(x, w, dilation=1):
    y = np.zeros((x.shape[0], w.shape[0], x.shape[2]), dtype=x.dtype)
    for j in range(w.shape[2]):
        shift = j * dilation
        if shift < x.shape[2]:
            y[:, :, shift:] += np.einsum("oi,nit->not", w[:, :, j], x[:, :, : x.shape[2] - shift])
    return y, (x, w, dilation)


def _dilated_conv_vjp(saved, y_bar):
    x, w, dilation = saved
    t, x_bar, w_bar = x.shape[2], np.zeros_like(x), np.zeros_like(w)
    for j in range(w.shape[2]):
        shift = j * dilation
        if shift < t:
            x_bar[:, :, : t - shift] += np.einsum("oi,not->nit", w[:, :, j], y_bar[:, :, shift:])
            w_bar[:, :, j] = np.einsum("not,nit->oi", y_bar[:, :, shift:], x[:, :, : t - shift])
    return x_bar, w_bar


dilated_conv = Op(
    name="dilated_conv",
    forward=_dilated_conv,
    vjp=_dilated_conv_vjp,
    inputs={"x": real("n i t"), "w": real("o i k")},
    params={"dilation": (1, 2, 3)},
    sizes={"n": (0, 2), "i": (0, 3), "t": (0, 5), "o": (0, 2), "k": (0, 3)},
    linear_in=frozenset({"x", "w"}),
)


def _embedding_bag(table, index):
    return table[index].mean(axis=1), (index, table.shape)


def _embedding_bag_vjp(saved, y_bar):
    index, shape = saved
    hits = np.zeros((index.shape[0], shape[0]), dtype=y_bar.dtype)
    for j in range(index.shape[1]):
        hits[np.arange(len(index)), index[:, j]] += 1
    return hits.T @ y_bar / index.shape[1], None


embedding_bag = Op(
    name="embedding_bag",
    forward=_embedding_bag,
    vjp=_embedding_bag_vjp,
    inputs={"table": real("v d"), "index": array("n k", integer=True, lo=0, hi=lambda sizes: sizes["v"] - 1)},
    sizes={"v": (1, 5), "k": (1, 3)},
    torch=lambda table, index: table[index].mean(dim=1),
)

OPS = (alibi_attention, gru_cell, geglu, squeeze_excite, weight_norm, spectral_norm, instance_norm, moe_gate)
OPS += (dilated_conv, embedding_bag)
