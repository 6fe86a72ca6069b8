"""Right activations, and losses that are activations of a margin."""

from __future__ import annotations

import numpy as np

from gradspec import Op, array, real
from tests.known_bugs.right import sigmoid, sigmoid_prime, unbroadcast


def _snake(x, a):
    return x + np.sin(a * x) ** 2 / a, (x, a)


def _snake_vjp(saved, y_bar):
    x, a = saved
    s = np.sin(a * x)
    a_bar = y_bar * (x * np.sin(2 * a * x) - s * s / a) / a
    return y_bar * (1 + np.sin(2 * a * x)), a_bar.sum(axis=0)


snake = Op(
    name="snake",
    forward=_snake,
    vjp=_snake_vjp,
    inputs={"x": array("n c", lo=-20, hi=20), "a": array("c", lo=0.1, hi=5, typical=(0.1, 5))},
    torch=lambda x, a: x + (a * x).sin() ** 2 / a,
)


def _sparsemax(x):
    z = x - x.max(axis=1, keepdims=True)
    down = -np.sort(-z, axis=1)
    total = np.cumsum(down, axis=1) - 1
    size = (down * np.arange(1, x.shape[1] + 1, dtype=x.dtype) > total).sum(axis=1, keepdims=True)
    tau = np.take_along_axis(total, size - 1, axis=1) / size.astype(x.dtype)
    y = np.maximum(z - tau, 0)
    return y, y > 0


def _sparsemax_vjp(support, y_bar):
    mean = (y_bar * support).sum(axis=1, keepdims=True) / support.sum(axis=1, keepdims=True).astype(y_bar.dtype)
    return (np.where(support, y_bar - mean, 0),)


def _torch_sparsemax(x):
    import torch

    down = x.sort(dim=1, descending=True).values
    total = down.cumsum(1) - 1
    at = torch.arange(1, x.shape[1] + 1, dtype=x.dtype)
    size = (down * at > total).sum(1, keepdim=True)
    return (x - total.gather(1, size - 1) / size).clamp(min=0)


sparsemax = Op(
    name="sparsemax",
    forward=_sparsemax,
    vjp=_sparsemax_vjp,
    inputs={"x": real("n d", typical=(-2, 2))},
    sizes={"d": (1, 5)},
    torch=_torch_sparsemax,
    kinks="an entry at the threshold",
)


def _entmax15(x):
    z = (x - x.max(axis=1, keepdims=True)) / 2
    down = -np.sort(-z, axis=1)
    k = np.arange(1, x.shape[1] + 1, dtype=x.dtype)
    mean = np.cumsum(down, axis=1) / k
    spread = np.cumsum(down**2, axis=1) - k * mean**2
    tau = mean - np.sqrt(np.maximum((1 - spread) / k, 0))
    size = (tau <= down).sum(axis=1, keepdims=True)
    root = np.maximum(z - np.take_along_axis(tau, size - 1, axis=1), 0)
    return root**2, root


def _entmax15_vjp(root, y_bar):
    mean = (root * y_bar).sum(axis=1, keepdims=True) / root.sum(axis=1, keepdims=True)
    return (root * (y_bar - mean),)


entmax15 = Op(
    name="entmax15",
    forward=_entmax15,
    vjp=_entmax15_vjp,
    inputs={"x": array("n d", lo=-10, hi=10)},
    sizes={"d": (1, 5)},
)


def _maxout(x):
    at = x.argmax(axis=1)[:, None]
    return np.take_along_axis(x, at, axis=1)[:, 0], (at, x.shape)


def _maxout_vjp(saved, y_bar):
    at, shape = saved
    x_bar = np.zeros(shape, dtype=y_bar.dtype)
    np.put_along_axis(x_bar, at, y_bar[:, None], axis=1)
    return (x_bar,)


maxout = Op(
    name="maxout",
    forward=_maxout,
    vjp=_maxout_vjp,
    inputs={"x": real("n k d")},
    sizes={"n": (0, 3), "k": (1, 4), "d": (0, 3)},
    torch=lambda x: x.max(dim=1).values,
    kinks="ties of the largest",
)


def _crelu(x, axis=-1):
    return np.concatenate([np.maximum(x, 0), np.maximum(-x, 0)], axis=axis), (x, axis)


def _crelu_vjp(saved, y_bar):
    x, axis = saved
    up, down = np.split(y_bar, 2, axis=axis)
    return (np.where(x > 0, up, 0) - np.where(x < 0, down, 0),)


def _torch_crelu(x, axis):
    import torch

    return torch.cat([x.relu(), (-x).relu()], dim=axis)


crelu = Op(
    name="crelu",
    forward=_crelu,
    vjp=_crelu_vjp,
    inputs={"x": real("n d")},
    params={"axis": (-1, 0)},
    torch=_torch_crelu,
    kinks="x = 0",
)


def _inverse_sigmoid(x, eps=1e-3):
    c = np.clip(x, eps, 1 - eps)
    return np.log(c) - np.log1p(-c), (x, c, eps)


def _inverse_sigmoid_vjp(saved, y_bar):
    x, c, eps = saved
    inside = (x >= eps) & (x <= 1 - eps)
    return (np.where(inside, y_bar / (c * (1 - c)), 0),)


inverse_sigmoid = Op(
    name="inverse_sigmoid",
    forward=_inverse_sigmoid,
    vjp=_inverse_sigmoid_vjp,
    inputs={"x": array("...", lo=0, hi=1, typical=(0, 1))},
    params={"eps": (1e-3, 0.1)},
    torch=lambda x, eps: __import__("torch").logit(x, eps),
    kinks="x = eps and x = 1 - eps",
)


def _threshold(x, level=0.1, value=20.0):
    above = x > level
    return np.where(above, x, value).astype(x.dtype), above


def _threshold_vjp(above, y_bar):
    return (y_bar * above,)


threshold = Op(
    name="threshold",
    forward=_threshold,
    vjp=_threshold_vjp,
    inputs={"x": real("n")},
    params={"level": (0.1, 0.0, -3.0), "value": (20.0, 0.0)},
    kinks="x = level, where it jumps",
)


def _tanh_exp(x):
    return x * np.tanh(np.exp(np.minimum(x, 20))), (x,)


def _tanh_exp_vjp(saved, y_bar):
    (x,) = saved
    e = np.exp(np.minimum(x, 20))
    decay = np.exp(-2 * e)
    return (y_bar * (np.tanh(e) + x * e * 4 * decay / (1 + decay) ** 2),)


tanh_exp = Op(
    name="tanh_exp",
    forward=_tanh_exp,
    vjp=_tanh_exp_vjp,
    inputs={"x": real("...")},
    torch=lambda x: x * x.exp().tanh(),
)


def _star_relu(x, scale, bias):
    up = np.maximum(x, 0)
    return scale * up * up + bias, (up, scale)


def _star_relu_vjp(saved, y_bar):
    up, scale = saved
    return 2 * scale * up * y_bar, np.sum(y_bar * up * up), y_bar.sum()


star_relu = Op(
    name="star_relu",
    forward=_star_relu,
    vjp=_star_relu_vjp,
    inputs={"x": array("n d", lo=-1e6, hi=1e6), "scale": real(""), "bias": real("")},
    linear_in=frozenset({"scale", "bias"}),
)


def _smelu(x, beta=2.0):
    y = np.where(x >= beta, x, np.where(x <= -beta, 0, (np.clip(x, -beta, beta) + beta) ** 2 / (4 * beta)))
    return y, np.clip((x + beta) / (2 * beta), 0, 1)


smelu = Op(
    name="smelu",
    forward=_smelu,
    vjp=lambda slope, y_bar: (slope * y_bar,),
    inputs={"x": real("n")},
    params={"beta": (2.0, 0.25)},
)


def _isru(x, a=1.0):
    size = np.hypot(1, a**0.5 * x)
    return x / size, size


isru = Op(
    name="isru",
    forward=_isru,
    vjp=lambda size, y_bar: (y_bar / size / size / size,),
    inputs={"x": real("n")},
    params={"a": (1.0, 3.0)},
)


def _gated(x, gate):
    return x * sigmoid(gate), (x, gate)


def _gated_vjp(saved, y_bar):
    x, gate = saved
    return unbroadcast(y_bar * sigmoid(gate), x.shape), unbroadcast(y_bar * x * sigmoid_prime(gate), gate.shape)


gated = Op(
    name="gated",
    forward=_gated,
    vjp=_gated_vjp,
    inputs={"x": real("n d", broadcastable=True), "gate": real("n d", broadcastable=True)},
    torch=lambda x, gate: x * gate.sigmoid(),
)


def _dpo(won, lost, ref_won, ref_lost, beta=0.1):
    z = beta * ((won - ref_won) - (lost - ref_lost))
    return np.maximum(-z, 0) + np.log1p(np.exp(-np.abs(z))), (z, beta)


def _dpo_vjp(saved, y_bar):
    z, beta = saved
    g = y_bar * beta * sigmoid(-z)
    return -g, g, g.copy(), -g


dpo = Op(
    name="dpo",
    forward=_dpo,
    vjp=_dpo_vjp,
    inputs={"won": real("n"), "lost": real("n"), "ref_won": real("n"), "ref_lost": real("n")},
    params={"beta": (0.1, 0.5)},
    torch=lambda w, m, rw, rm, beta: -__import__("torch").nn.functional.logsigmoid(beta * ((w - rw) - (m - rm))),
)

OPS = (
    *(snake, sparsemax, entmax15, maxout, crelu, inverse_sigmoid, threshold, tanh_exp, star_relu, smelu, isru, gated),
    dpo,
)
