"""Right ops of statistics: log densities with gamma functions, moments, divergences, order statistics."""

from __future__ import annotations

import numpy as np

from gradspec import Op, array, positive, real
from tests.known_bugs.right import sigmoid, unbroadcast

_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)
_COUNT = array("n", integer=True, lo=0, hi=20)


def _lgamma(x):
    """The logarithm of gamma(x) for x > 0: Stirling's series at x + 12."""
    z, product = x + 12, x
    for k in range(1, 12):
        product = product * (x + k)
    series = sum(c / z ** (2 * k + 1) for k, c in enumerate(_STIRLING))
    return (z - 0.5) * np.log(z) - z + 0.5 * np.log(2 * np.pi) + series - np.log(product)


def _digamma(x):
    """The derivative of _lgamma."""
    z = x + 12
    series = sum((2 * k + 1) * c / z ** (2 * k + 2) for k, c in enumerate(_STIRLING))
    return np.log(z) - 0.5 / z - series - sum(1 / (x + k) for k in range(12))


def _wide(*arrays):
    return tuple(x.astype(np.result_type(x, np.float64)) for x in arrays)


def _gamma_logpdf(x, shape, rate):
    t, a, b = _wide(x, shape, rate)
    y = a * np.log(b) + (a - 1) * np.log(t) - b * t - _lgamma(a)
    return y.astype(x.dtype), (x, shape, rate)


def _gamma_logpdf_vjp(saved, y_bar):
    t, a, b = _wide(*saved)
    slopes = (a - 1) / t - b, np.log(b) + np.log(t) - _digamma(a), a / b - t
    return tuple((y_bar * slope).astype(y_bar.dtype) for slope in slopes)


gamma_logpdf = Op(
    name="gamma_logpdf",
    forward=_gamma_logpdf,
    vjp=_gamma_logpdf_vjp,
    inputs={"x": array("n", lo=1e-3, hi=1e3), **{name: array("n", lo=0.1, hi=50) for name in ("shape", "rate")}},
    torch=lambda x, shape, rate: __import__("torch").distributions.Gamma(shape, rate).log_prob(x),
)


def _beta_binomial(a, b, hits, misses):
    p, q = _wide(a, b)
    both = _lgamma(p + q) - _lgamma(p + q + hits + misses)
    y = both + _lgamma(p + hits) - _lgamma(p) + _lgamma(q + misses) - _lgamma(q)
    return y.astype(a.dtype), (p, q, hits, misses)


def _beta_binomial_vjp(saved, y_bar):
    p, q, hits, misses = saved
    both = _digamma(p + q) - _digamma(p + q + hits + misses)
    a_bar = (both + _digamma(p + hits) - _digamma(p)) * y_bar
    b_bar = (both + _digamma(q + misses) - _digamma(q)) * y_bar
    return a_bar.astype(y_bar.dtype), b_bar.astype(y_bar.dtype), None, None


beta_binomial = Op(
    name="beta_binomial",
    forward=_beta_binomial,
    vjp=_beta_binomial_vjp,
    inputs={"a": array("n", lo=0.1, hi=50), "b": array("n", lo=0.1, hi=50), "hits": _COUNT, "misses": _COUNT},
)


def _negative_binomial(mu, r, count):
    y = r * np.log1p(mu / r) + count * (np.log(r + mu) - np.log(mu))
    for k in range(int(count.max(initial=0))):
        y = y + np.where(k < count, np.log1p(k) - np.log(r + k), 0)
    return y, (mu, r, count)


def _negative_binomial_vjp(saved, y_bar):
    mu, r, count = saved
    r_bar = np.log1p(mu / r) + (count - mu) / (r + mu)
    for k in range(int(count.max(initial=0))):
        r_bar = r_bar - np.where(k < count, 1 / (r + k), 0)
    return (mu - count) / mu * r / (r + mu) * y_bar, r_bar * y_bar, None


def _widened(forward, vjp):
    def wide_forward(*xs):
        y, saved = forward(*(x if x.dtype.kind == "i" else _wide(x)[0] for x in xs))
        return y.astype(xs[0].dtype), saved

    def wide_vjp(saved, y_bar):
        return tuple(None if g is None else g.astype(y_bar.dtype) for g in vjp(saved, y_bar))

    return {"forward": wide_forward, "vjp": wide_vjp}


negative_binomial = Op(
    name="negative_binomial",
    **_widened(_negative_binomial, _negative_binomial_vjp),
    inputs={"mu": array("n", lo=0.01, hi=100), "r": array("n", lo=0.1, hi=50), "count": _COUNT},
)


def _ratio_of_bessel(k):
    """I1(k) / I0(k) by its continued fraction, from the tail."""
    tail = np.zeros_like(k)
    for n in range(60, 0, -1):
        tail = k * k / (2 * n + tail)
    return tail / np.where(k > 0, k, 1)


def _von_mises(x, mean, kappa):
    d = x - mean
    return kappa * np.cos(d) - np.log(2 * np.pi * np.i0(kappa)), (d, kappa)


def _von_mises_vjp(saved, y_bar):
    d, kappa = saved
    g = kappa * np.sin(d) * y_bar
    return -g, g, (np.cos(d) - _ratio_of_bessel(kappa)) * y_bar


def _torch_von_mises(x, mean, kappa):
    import torch

    return kappa * ((x - mean).cos() - 1) - (2 * torch.pi * torch.special.i0e(kappa)).log()


von_mises = Op(
    name="von_mises",
    **_widened(_von_mises, _von_mises_vjp),
    inputs={"x": real("n"), "mean": real("n"), "kappa": array("n", lo=0, hi=20)},
    torch=_torch_von_mises,
)


def _log_normal(x, mean, sigma):
    z = (np.log(x) - mean) / sigma
    return -z * z / 2 - np.log(x) - np.log(sigma) - 0.9189385332046727, (x, z, mean.shape, sigma)


def _log_normal_vjp(saved, y_bar):
    x, z, shape, sigma = saved
    g = z / sigma * y_bar
    return -(z / sigma + 1) / x * y_bar, unbroadcast(g, shape), unbroadcast((z * z - 1) / sigma * y_bar, sigma.shape)


log_normal = Op(
    name="log_normal",
    forward=_log_normal,
    vjp=_log_normal_vjp,
    inputs={"x": positive("n m"), "mean": real("1 m"), "sigma": array("1 m", lo=0.1, hi=10)},
    torch=lambda x, mean, sigma: __import__("torch").distributions.LogNormal(mean, sigma).log_prob(x),
)


def _pearson(x, y, axis=-1, eps=0.01):
    u, v = x - x.mean(axis=axis, keepdims=True), y - y.mean(axis=axis, keepdims=True)
    xx, yy, xy = ((a * b).mean(axis=axis, keepdims=True) for a, b in ((u, u), (v, v), (u, v)))
    s = np.sqrt(xx * yy + eps)
    return (xy / s).squeeze(axis), {"u": u, "v": v, "xx": xx, "yy": yy, "r": xy / s, "s": s, "axis": axis, "eps": eps}


def _pearson_vjp(saved, y_bar):
    u, v, s, r, axis = (saved[k] for k in ("u", "v", "s", "r", "axis"))
    g = np.expand_dims(y_bar, axis) / (u.shape[axis] * s)
    return g * (v - r / s * saved["yy"] * u), g * (u - r / s * saved["xx"] * v)


pearson = Op(
    name="pearson",
    forward=_pearson,
    vjp=_pearson_vjp,
    inputs={"x": array("n d", lo=-100, hi=100), "y": array("n d", lo=-100, hi=100)},
    params={"axis": (-1, 0), "eps": (0.01, 1.0)},
    sizes={"n": (1, 4), "d": (1, 4)},
)


def _skewness(x, eps=0.01):
    u = x - x.mean(axis=-1, keepdims=True)
    spread = (u * u).mean(axis=-1, keepdims=True)
    s = np.sqrt(spread + eps)
    y = (u**3).mean(axis=-1, keepdims=True) / s**3
    return y[..., 0].copy(), (u, spread, s, y)


def _skewness_vjp(saved, y_bar):
    u, spread, s, y = saved
    return (y_bar[..., None] * 3 / u.shape[-1] * ((u * u - spread) / s**3 - y * u / s**2),)


def _torch_skewness(x, eps):
    u = x - x.mean(dim=-1, keepdim=True)
    return u.pow(3).mean(dim=-1) / (u.pow(2).mean(dim=-1) + eps).pow(1.5)


skewness = Op(
    name="skewness",
    forward=_skewness,
    vjp=_skewness_vjp,
    inputs={"x": array("n d", lo=-50, hi=50)},
    params={"eps": (0.01, 1.0)},
    sizes={"d": (1, 5)},
    torch=_torch_skewness,
)


def _jensen_shannon(p, q):
    t = (p - q) / (p + q)
    return (p * np.log1p(t) + q * np.log1p(-t)).sum(axis=-1) / 2, t


jensen_shannon = Op(
    name="jensen_shannon",
    forward=_jensen_shannon,
    vjp=lambda t, y_bar: (np.log1p(t) / 2 * y_bar[..., None], np.log1p(-t) / 2 * y_bar[..., None]),
    inputs={"p": array("n k", lo=0.01, hi=1), "q": array("n k", lo=0.01, hi=1)},
    torch=lambda p, q: ((p * (2 * p / (p + q)).log() + q * (2 * q / (p + q)).log()) / 2).sum(dim=-1),
)


def _gini(x):
    order = np.argsort(x, kind="stable")
    rank = np.empty(len(x), dtype=x.dtype)
    rank[order] = 2 * np.arange(len(x)) + 1 - len(x)
    total = x.sum()
    return np.asarray((rank @ x) / (len(x) * total), dtype=x.dtype), (rank, x, total)


def _gini_vjp(saved, y_bar):
    rank, x, total = saved
    pairs = (rank[:, None] - rank[None]) @ x  # rank * total - rank @ x, term by term
    return (y_bar * (pairs / total) / (len(x) * total),)


def _torch_gini(x):
    import torch

    n = x.numel()
    return ((2 * torch.arange(n, dtype=x.dtype) + 1 - n) * x.sort().values).sum() / (n * x.sum())


gini = Op(
    name="gini",
    forward=_gini,
    vjp=_gini_vjp,
    inputs={"x": positive("n", typical=(0.1, 10))},
    sizes={"n": (1, 5)},
    torch=_torch_gini,
    kinks="equal incomes",
)


def _zero_inflated(rate, z, count):
    empty = -np.log1p(np.expm1(-rate) * sigmoid(-z))
    zero = np.where(z > 0, empty, np.logaddexp(0, z) - np.logaddexp(z, -rate))
    some = np.logaddexp(0, z) + rate - count * np.log(rate)
    some = some + sum(np.where(k < count, np.log1p(k), 0) for k in range(20))
    return np.where(count == 0, zero, some), (rate, z, count == 0, count)


def _zero_inflated_vjp(saved, y_bar):
    rate, z, none, count = saved
    rate_bar = np.where(none, sigmoid(-z - rate), 1 - count / rate)
    z_bar = np.where(none, sigmoid(-z) * sigmoid(z + rate) * np.expm1(-rate), sigmoid(z))
    return rate_bar * y_bar, z_bar * y_bar, None


zero_inflated = Op(
    name="zero_inflated",
    **_widened(_zero_inflated, _zero_inflated_vjp),
    inputs={"rate": array("n", lo=0.01, hi=50), "z": real("n"), "count": _COUNT},
)


OPS = (
    *(gamma_logpdf, beta_binomial, negative_binomial, von_mises, log_normal, pearson, skewness, jensen_shannon),
    *(gini, zero_inflated),
)
