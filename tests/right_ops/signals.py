"""Right ops of signals."""

from __future__ import annotations

import math

import numpy as np

from gradspec import Op, array, nonnegative, positive, real


def _circular_convolution(x, h):
    n, y = len(x), np.zeros_like(x)
    for i in range(n):
        for j in range(n):
            y[(i + j) % n] += x[i] * h[j]
    return y, (x, h)


def _circular_convolution_vjp(saved, y_bar):
    x, h = saved
    n, x_bar, h_bar = len(x), np.zeros_like(x), np.zeros_like(h)
    for i in range(n):
        for j in range(n):
            x_bar[i] += y_bar[(i + j) % n] * h[j]
            h_bar[j] += y_bar[(i + j) % n] * x[i]
    return x_bar, h_bar


circular_convolution = Op(
    name="circular_convolution",
    forward=_circular_convolution,
    vjp=_circular_convolution_vjp,
    inputs={"x": real("n"), "h": real("n")},
    linear_in=frozenset({"x", "h"}),
)


def _box(t, width, dtype):
    near = np.abs(np.arange(t)[:, None] - np.arange(t)[None, :]) <= width // 2
    return (near / np.maximum(near.sum(axis=1, keepdims=True), 1)).astype(dtype)


def _moving_average(x, width=3):
    return x @ _box(x.shape[1], width, x.dtype).T, width


def _moving_average_vjp(width, y_bar):
    return (y_bar @ _box(y_bar.shape[1], width, y_bar.dtype),)


moving_average = Op(
    name="moving_average",
    forward=_moving_average,
    vjp=_moving_average_vjp,
    inputs={"x": real("c t")},
    params={"width": (3, 1, 5)},
    sizes={"t": (0, 6)},
    linear_in=frozenset({"x"}),
)


def _envelope(re, im):
    size = np.hypot(re, im)
    return size, (re, im, size)


def _envelope_vjp(saved, y_bar):
    re, im, size = saved
    safe = np.where(size > 0, size, 1)
    return y_bar * (re / safe), y_bar * (im / safe)


envelope = Op(
    name="envelope",
    forward=_envelope,
    vjp=_envelope_vjp,
    inputs={"re": real("..."), "im": real("...")},
    torch=lambda re, im: __import__("torch").hypot(re, im),
    kinks="re = im = 0",
)


def _phase(re, im):
    return np.arctan2(im, re), (re, im)


def _phase_vjp(saved, y_bar):
    re, im = saved
    size = np.hypot(re, im)
    return -y_bar * (im / size) / size, y_bar * (re / size) / size


phase = Op(
    name="phase",
    forward=_phase,
    vjp=_phase_vjp,
    inputs={"re": positive("n"), "im": real("n")},
    torch=lambda re, im: __import__("torch").atan2(im, re),
)


def _biquad(x, b, a):
    y = np.zeros_like(x)
    for t in range(len(x)):
        for j in range(3):
            if t >= j:
                y[t] += b[j] * x[t - j]
        for j in range(2):
            if t > j:
                y[t] -= a[j] * y[t - 1 - j]
    return y, (x, b, a, y.copy())


def _biquad_vjp(saved, y_bar):
    x, b, a, y = saved
    g, x_bar, b_bar, a_bar = y_bar.copy(), np.zeros_like(x), np.zeros_like(b), np.zeros_like(a)
    for t in reversed(range(len(x))):
        for j in range(2):
            if t > j:
                g[t - 1 - j] -= a[j] * g[t]
                a_bar[j] -= g[t] * y[t - 1 - j]
        for j in range(3):
            if t >= j:
                x_bar[t - j] += b[j] * g[t]
                b_bar[j] += g[t] * x[t - j]
    return x_bar, b_bar, a_bar


biquad = Op(
    name="biquad",
    forward=_biquad,
    vjp=_biquad_vjp,
    inputs={"x": real("t"), "b": real("3"), "a": array("2", lo=-0.45, hi=0.45, typical=(-0.4, 0.4))},
    sizes={"t": (0, 6)},
    linear_in=frozenset({"x", "b"}),
)


def _pre_emphasis(x, coef):
    y = x.copy()
    y[:, 1:] -= coef * x[:, :-1]
    return y, (x, coef)


def _pre_emphasis_vjp(saved, y_bar):
    x, coef = saved
    x_bar = y_bar.copy()
    x_bar[:, :-1] -= coef * y_bar[:, 1:]
    return x_bar, -np.sum(y_bar[:, 1:] * x[:, :-1])


pre_emphasis = Op(
    name="pre_emphasis",
    forward=_pre_emphasis,
    vjp=_pre_emphasis_vjp,
    inputs={"x": real("n t"), "coef": array("", lo=0, hi=1, typical=(0, 1))},
    sizes={"t": (1, 5)},
)


def _spectral_flatness(p):
    y = np.exp(np.log(p).mean(axis=1)) / p.mean(axis=1)
    return y, (p, y)


def _spectral_flatness_vjp(saved, y_bar):
    p, y = saved
    mean = p.mean(axis=1, keepdims=True)
    return ((y_bar * y)[:, None] / p.shape[1] * ((mean - p) / mean / p),)


spectral_flatness = Op(
    name="spectral_flatness",
    forward=_spectral_flatness,
    vjp=_spectral_flatness_vjp,
    inputs={"p": positive("n f")},
    sizes={"f": (1, 4)},
    torch=lambda p: p.log().mean(1).exp() / p.mean(1),
)


def _decibel(p, floor=1e-3):
    return (10 / np.log(10)).astype(p.dtype) * np.log(np.maximum(p, floor)), (p, floor)


def _decibel_vjp(saved, y_bar):
    p, floor = saved
    return (np.where(p > floor, (10 / np.log(10)).astype(p.dtype) * y_bar / np.maximum(p, floor), 0),)


decibel = Op(
    name="decibel",
    forward=_decibel,
    vjp=_decibel_vjp,
    inputs={"p": nonnegative("n")},
    params={"floor": (1e-3, 1.0)},
    torch=lambda p, floor: 10 * p.clamp(min=floor).log10(),
    kinks="p = floor",
)


def _linear_scan(a, b, h):
    states = [h]
    for t in range(len(a)):
        states.append(a[t] * states[-1] + b[t])
    states = np.stack(states)
    return states[1:].copy(), (a, states)


def _linear_scan_vjp(saved, y_bar):
    a, states = saved
    a_bar, b_bar, g = np.empty_like(a), np.empty_like(a), np.zeros_like(states[0])
    for t in range(len(a) - 1, -1, -1):
        b_bar[t] = y_bar[t] + g
        a_bar[t] = b_bar[t] * states[t]
        g = b_bar[t] * a[t]
    return a_bar, b_bar, g


linear_scan = Op(
    name="linear_scan",
    forward=_linear_scan,
    vjp=_linear_scan_vjp,
    inputs={"a": array("t d", lo=-1, hi=1, typical=(-1, 1)), "b": real("t d"), "h": real("d")},
    sizes={"t": (0, 5), "d": (0, 3)},
)


def _cumulative_attention(s, v):
    y, weights = np.zeros_like(v), []
    for t in range(s.shape[1]):
        e = np.exp(s[:, : t + 1] - s[:, : t + 1].max(axis=1, keepdims=True))
        weights.append(e / e.sum(axis=1, keepdims=True))
        y[:, t] = (weights[-1] * v[:, : t + 1]).sum(axis=1)
    return y, (v, y.copy(), weights)


def _cumulative_attention_vjp(saved, y_bar):
    v, y, weights = saved
    s_bar, v_bar = np.zeros_like(v), np.zeros_like(v)
    for t, w in enumerate(weights):
        g = w * y_bar[:, t, None]
        v_bar[:, : t + 1] += g
        s_bar[:, : t + 1] += g * (v[:, : t + 1] - y[:, t, None])
    return s_bar, v_bar


cumulative_attention = Op(
    name="cumulative_attention",
    forward=_cumulative_attention,
    vjp=_cumulative_attention_vjp,
    inputs={"s": real("n t"), "v": real("n t")},
    linear_in=frozenset({"v"}),
)


def _mu_law_expand(y, mu=255.0):
    return np.sign(y) * np.expm1(np.abs(y) * math.log1p(mu)) / mu, (y, mu)


def _mu_law_expand_vjp(saved, x_bar):
    y, mu = saved
    return (x_bar * math.log1p(mu) / mu * np.exp(np.abs(y) * math.log1p(mu)),)


mu_law_expand = Op(
    name="mu_law_expand",
    forward=_mu_law_expand,
    vjp=_mu_law_expand_vjp,
    inputs={"y": array("n", lo=-1, hi=1, typical=(-1, 1))},
    params={"mu": (255.0, 15.0)},
)

OPS = (circular_convolution, moving_average, envelope, phase, biquad, pre_emphasis, spectral_flatness, decibel)
OPS += (linear_scan, cumulative_attention, mu_law_expand)
