"""Right ops along time: recurrences, filters, gates and scans."""

from __future__ import annotations

import numpy as np

from gradspec import Op, array, real
from tests.known_bugs.right import sigmoid


def _smoothing(x, a=0.3):
    y = np.empty_like(x)
    level = np.zeros(x.shape[:-1], x.dtype)
    for t in range(x.shape[-1]):
        level = x.dtype.type(a) * x[..., t] + x.dtype.type(1 - a) * level
        y[..., t] = level
    return y, a


def _smoothing_vjp(a, y_bar):
    x_bar = np.zeros_like(y_bar)
    carried = np.zeros(y_bar.shape[:-1], y_bar.dtype)
    for t in reversed(range(y_bar.shape[-1])):
        carried = y_bar[..., t] + y_bar.dtype.type(1 - a) * carried
        x_bar[..., t] = y_bar.dtype.type(a) * carried
    return (x_bar,)


exponential_smoothing = Op(
    name="exponential_smoothing",
    forward=_smoothing,
    vjp=_smoothing_vjp,
    inputs={"x": real("... t")},
    params={"a": (0.3, 1.0, 0.9)},
    linear_in=("x",),
)


def _iir(x, b, a):
    y = []
    before_x = before_y = x.dtype.type(0)
    for value in x:
        before_y = b[0] * value + b[1] * before_x - a * before_y
        before_x = value
        y.append(before_y)
    y = np.array(y, dtype=x.dtype)
    return y.copy(), (x, b, a, y)


def _iir_vjp(saved, y_bar):
    x, b, a, y = saved
    s = y_bar.copy()
    for t in range(len(s) - 2, -1, -1):
        s[t] -= a * s[t + 1]
    x_bar = b[0] * s
    x_bar[:-1] += b[1] * s[1:]
    b_bar = np.array([(s * x).sum(), (s[1:] * x[:-1]).sum()], dtype=x.dtype)
    return x_bar, b_bar, np.asarray(-(s[1:] * y[:-1]).sum(), dtype=x.dtype)


iir = Op(
    name="iir",
    forward=_iir,
    vjp=_iir_vjp,
    inputs={"x": real("t"), "b": real("2"), "a": array("", lo=-1, hi=1)},
    sizes={"t": (0, 6)},
)


def _minimal_gate(z, n, h):
    gate, new = sigmoid(z), np.tanh(n)
    return (1 - gate) * new + gate * h, (gate, sigmoid(-z), new, h)


def _minimal_gate_vjp(saved, y_bar):
    gate, rest, new, h = saved
    return y_bar * (h - new) * gate * rest, y_bar * rest * (1 - new) * (1 + new), y_bar * gate


minimal_gate = Op(
    name="minimal_gate",
    forward=_minimal_gate,
    vjp=_minimal_gate_vjp,
    inputs={"z": real("n d"), "n": real("n d"), "h": real("n d")},
    torch=lambda z, n, h: (1 - z.sigmoid()) * n.tanh() + z.sigmoid() * h,
)


def _lstm(pre, cell):
    i, f, g, o = np.split(pre, 4, axis=-1)
    i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
    new = f * cell + i * g
    squashed = np.tanh(new)
    return (o * squashed, new), (i, f, g, o, cell, squashed)


def _lstm_vjp(saved, y_bar):
    i, f, g, o, cell, squashed = saved
    h_bar, new_bar = y_bar
    total = new_bar + h_bar * o * (1 - squashed**2)
    parts = (
        total * g * i * (1 - i),
        total * cell * f * (1 - f),
        total * i * (1 - g**2),
        h_bar * squashed * o * (1 - o),
    )
    return np.concatenate(parts, axis=-1), total * f


lstm_cell = Op(
    name="lstm_cell",
    forward=_lstm,
    vjp=_lstm_vjp,
    inputs={"pre": real("n 4*d"), "cell": real("n d")},
)


def _swiglu(x, a, b):
    u, v = x @ a, x @ b
    s = sigmoid(u)
    return u * s * v, (x, a, b, u, v, s)


def _swiglu_vjp(saved, y_bar):
    x, a, b, u, v, s = saved
    u_bar = y_bar * v * s * (1 + u * sigmoid(-u))
    v_bar = y_bar * u * s
    return u_bar @ a.T + v_bar @ b.T, x.T @ u_bar, x.T @ v_bar


swiglu = Op(
    name="swiglu",
    forward=_swiglu,
    vjp=_swiglu_vjp,
    inputs={"x": real("n d"), "a": real("d k"), "b": real("d k")},
    torch=lambda x, a, b: __import__("torch").nn.functional.silu(x @ a) * (x @ b),
)


def _rotate(a, b, base=100.0):
    t, d = a.shape
    angle = np.arange(t)[:, None] / base ** (np.arange(d) / max(d, 1))
    c, s = np.cos(angle).astype(a.dtype), np.sin(angle).astype(a.dtype)
    return (a * c - b * s, a * s + b * c), (c, s)


def _rotate_vjp(saved, y_bar):
    (c, s), (first, second) = saved, y_bar
    return first * c + second * s, second * c - first * s


rotary = Op(
    name="rotary",
    forward=_rotate,
    vjp=_rotate_vjp,
    inputs={"a": real("t d"), "b": real("t d")},
    params={"base": (100.0, 10000.0)},
    linear_in=("a", "b"),
)


def _cummax(x):
    y = np.maximum.accumulate(x, axis=0)
    source = np.zeros(x.shape, dtype=np.int64)
    for t in range(1, len(x)):
        source[t] = np.where(x[t] > y[t - 1], t, source[t - 1])
    return y, (source, x.shape)


def _cummax_vjp(saved, y_bar):
    source, shape = saved
    x_bar = np.zeros(shape, dtype=y_bar.dtype)
    np.add.at(x_bar, (source, np.arange(shape[1])[None, :]), y_bar)
    return (x_bar,)


cummax = Op(
    name="cummax",
    forward=_cummax,
    vjp=_cummax_vjp,
    inputs={"x": real("t d")},
    kinks="a new entry as large as the largest before",
)


def _logcumsumexp(x):
    y = np.logaddexp.accumulate(x, axis=-1)
    return y.copy(), (x, y)


def _logcumsumexp_vjp(saved, y_bar):
    x, y = saved
    share = np.exp(np.minimum(x[..., :, None] - y[..., None, :], 0))
    later = np.triu(np.ones((x.shape[-1],) * 2, dtype=x.dtype))
    return ((share * later * y_bar[..., None, :]).sum(axis=-1),)


logcumsumexp = Op(
    name="logcumsumexp",
    forward=_logcumsumexp,
    vjp=_logcumsumexp_vjp,
    inputs={"x": real("... t")},
    sizes={"t": (1, 5)},
    torch=lambda x: x.logcumsumexp(-1),
)


def _autocorrelation(x):
    n = x.shape[-1]
    y = np.stack([(x[..., : n - k] * x[..., k:]).sum(axis=-1) for k in range(n)], axis=-1)
    return y, x


def _autocorrelation_vjp(x, y_bar):
    x_bar = np.zeros_like(x)
    n = x.shape[-1]
    for k in range(n):
        g = y_bar[..., k, None]
        x_bar[..., : n - k] += g * x[..., k:]
        x_bar[..., k:] += g * x[..., : n - k]
    return (x_bar,)


autocorrelation = Op(
    name="autocorrelation",
    forward=_autocorrelation,
    vjp=_autocorrelation_vjp,
    inputs={"x": real("n t")},
    sizes={"t": (1, 5)},
)


def _log_likelihood(emission, transition):
    alpha = emission[0]
    steps = []
    for row in emission[1:]:
        pair = alpha[:, None] + transition
        top = pair.max(axis=0)
        alpha, before = row + top + np.log(np.exp(pair - top).sum(axis=0)), pair
        steps.append((before, alpha - row))
    top = alpha.max()
    y = top + np.log(np.exp(alpha - top).sum())
    return np.asarray(y, dtype=emission.dtype), (steps, np.exp(alpha - y), emission.shape)


def _log_likelihood_vjp(saved, y_bar):
    steps, last, shape = saved
    emission_bar = np.zeros(shape, dtype=y_bar.dtype)
    transition_bar = np.zeros((shape[1], shape[1]), dtype=y_bar.dtype)
    bar = y_bar * last
    for t in range(shape[0] - 1, 0, -1):
        emission_bar[t] = bar
        pair, total = steps[t - 1]
        joint = np.exp(pair - total) * bar
        transition_bar += joint
        bar = joint.sum(axis=1)
    emission_bar[0] = bar
    return emission_bar, transition_bar


crf_log_partition = Op(
    name="crf_log_partition",
    forward=_log_likelihood,
    vjp=_log_likelihood_vjp,
    inputs={"emission": real("t s"), "transition": real("s s")},
    sizes={"t": (1, 4), "s": (1, 3)},
)

OPS = (
    *(exponential_smoothing, iir, minimal_gate, lstm_cell, swiglu, rotary, cummax, logcumsumexp, autocorrelation),
    crf_log_partition,
)
