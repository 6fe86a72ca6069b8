"""Right ops of statistics: log densities, likelihoods, divergences and estimators."""

from __future__ import annotations

import math

import numpy as np

from gradspec import Op, array, positive, real
from tests.known_bugs.right import sigmoid
from tests.right_ops.shared import softplus


def _gaussian_nll(x, mean, log_var):
    r, precision = x - mean, np.exp(-log_var)
    return (log_var + r * r * precision) / 2, (r, precision)


def _gaussian_nll_vjp(saved, y_bar):
    r, precision = saved
    x_bar = y_bar * r * precision
    return x_bar, -x_bar, y_bar * (1 - r * r * precision) / 2


gaussian_nll = Op(
    name="gaussian_nll",
    forward=_gaussian_nll,
    vjp=_gaussian_nll_vjp,
    inputs={"x": real("n"), "mean": real("n"), "log_var": array("n", lo=-10, hi=10)},
    torch=lambda x, mean, log_var: (log_var + (x - mean) ** 2 * (-log_var).exp()) / 2,
)


def _student_t(z, nu=3.0):
    return -(nu + 1) / 2 * np.log1p(z * z / nu), (z, nu)


def _student_t_vjp(saved, y_bar):
    z, nu = saved
    return (-(nu + 1) * z / (nu + z * z) * y_bar,)


student_t = Op(
    name="student_t",
    forward=_student_t,
    vjp=_student_t_vjp,
    inputs={"z": real("...")},
    params={"nu": (3.0, 1.0, 30.0)},
)


def _cauchy_nll(x, s):
    d = x / s
    return np.log1p(d * d) + np.log(s), (d, s)


def _cauchy_nll_vjp(saved, y_bar):
    d, s = saved
    one = s * (1 + d * d)
    return y_bar * 2 * d / one, y_bar * (1 - d) * (1 + d) / one


cauchy_nll = Op(
    name="cauchy_nll",
    forward=_cauchy_nll,
    vjp=_cauchy_nll_vjp,
    inputs={"x": real("n d"), "s": array("n d", lo=1e-2, typical=(0.1, 5.0))},
)


def _laplace_nll(x, mean, b=1.0):
    return np.abs(x - mean) / b + math.log(2 * b), (np.sign(x - mean), b)


def _laplace_nll_vjp(saved, y_bar):
    sign, b = saved
    return sign * y_bar / b, -sign * y_bar / b


laplace_nll = Op(
    name="laplace_nll",
    forward=_laplace_nll,
    vjp=_laplace_nll_vjp,
    inputs={"x": real("n"), "mean": real("n")},
    params={"b": (1.0, 0.1)},
    kinks="x = mean",
)


def _logistic_logpdf(x, s):
    z = np.abs(x / s)
    return -z - 2 * np.log1p(np.exp(-z)) - np.log(s), (x, s)


def _logistic_logpdf_vjp(saved, y_bar):
    x, s = saved
    t = np.tanh(x / s / 2)
    return -t / s * y_bar, (x / s * t - 1) / s * y_bar


logistic_logpdf = Op(
    name="logistic_logpdf",
    forward=_logistic_logpdf,
    vjp=_logistic_logpdf_vjp,
    inputs={"x": real("n"), "s": array("n", lo=0.05, typical=(0.1, 5.0))},
)


def _gumbel_nll(z):
    e = np.exp(-z)
    return z + e, e


gumbel_nll = Op(
    name="gumbel_nll",
    forward=_gumbel_nll,
    vjp=lambda e, y_bar: ((1 - e) * y_bar,),
    inputs={"z": array("...", lo=-50)},
    torch=lambda z: z + (-z).exp(),
)


poisson_nll = Op(
    name="poisson_nll",
    forward=lambda rate, count: ((np.exp(rate) - count * rate).astype(rate.dtype), (rate, count)),
    vjp=lambda saved, y_bar: (((np.exp(saved[0]) - saved[1]) * y_bar).astype(y_bar.dtype), None),
    inputs={"rate": array("n", hi=30), "count": array("n", lo=0, hi=20, integer=True)},
    torch=lambda rate, count: rate.exp() - count * rate,
)


def _weibull(x, k=1.5):
    return math.log(k) + (k - 1) * np.log(x) - x**k, (x, k)


def _weibull_vjp(saved, y_bar):
    x, k = saved
    return ((k - 1 - k * x**k) / x * y_bar,)


weibull = Op(
    name="weibull",
    forward=_weibull,
    vjp=_weibull_vjp,
    inputs={"x": array("n", lo=1e-3, hi=1e3, typical=(0.1, 4.0))},
    params={"k": (1.5, 0.8, 1.0)},
)


def _kl(mean, log_var):
    return (np.exp(log_var) + mean * mean - 1 - log_var).sum(axis=-1) / 2, (mean, log_var)


def _kl_vjp(saved, y_bar):
    mean, log_var = saved
    g = y_bar[..., None]
    return g * mean, g * np.expm1(log_var) / 2


kl_to_standard = Op(
    name="kl_to_standard",
    forward=_kl,
    vjp=_kl_vjp,
    inputs={"mean": real("n d"), "log_var": array("n d", hi=30)},
    torch=lambda mean, log_var: (log_var.exp() + mean**2 - 1 - log_var).sum(-1) / 2,
)


def _cox(risk, event):
    top = risk.max()
    tails = np.cumsum(np.exp(risk - top)[::-1])[::-1]
    y = (event * (np.log(tails) + top - risk)).sum()
    share = np.triu(np.exp(risk - top)[None, :] / tails[:, None])
    return np.asarray(y, dtype=risk.dtype), (share.astype(risk.dtype), event)


def _cox_vjp(saved, y_bar):
    share, event = saved
    return ((y_bar * (event @ share - event)).astype(share.dtype), None)


cox = Op(
    name="cox",
    forward=_cox,
    vjp=_cox_vjp,
    inputs={"risk": array("n", lo=-30, hi=30), "event": array("n", lo=0, hi=1, integer=True)},
    sizes={"n": (1, 6)},
)


def _covariance(x, y):
    a, b = x - x.mean(), y - y.mean()
    return (a * b).sum() / (len(x) - 1), (a / (len(x) - 1), b / (len(x) - 1))


covariance = Op(
    name="covariance",
    forward=_covariance,
    vjp=lambda saved, y_bar: (y_bar * saved[1], y_bar * saved[0]),
    inputs={"x": real("n"), "y": real("n")},
    sizes={"n": (2, 6)},
)


def _weighted_mean(x, w):
    total = w.sum()
    y = (w * x).sum() / total
    return y, (w / total, (x - y) / total)


weighted_mean = Op(
    name="weighted_mean",
    forward=_weighted_mean,
    vjp=lambda saved, y_bar: (y_bar * saved[0], y_bar * saved[1]),
    inputs={"x": real("n"), "w": positive("n")},
    sizes={"n": (1, 5)},
    torch=lambda x, w: (w * x).sum() / w.sum(),
)


def _trimmed_mean(x, k=1):
    order = np.argsort(x, axis=-1, kind="stable")[..., k : x.shape[-1] - k]
    return np.take_along_axis(x, order, -1).mean(axis=-1), (order, x.shape)


def _trimmed_mean_vjp(saved, y_bar):
    order, shape = saved
    x_bar = np.zeros(shape, dtype=y_bar.dtype)
    np.put_along_axis(x_bar, order, y_bar[..., None] / y_bar.dtype.type(order.shape[-1]), -1)
    return (x_bar,)


trimmed_mean = Op(
    name="trimmed_mean",
    forward=_trimmed_mean,
    vjp=_trimmed_mean_vjp,
    inputs={"x": real("n d")},
    params={"k": (1, 0, 2)},
    sizes={"d": (5, 7)},
    kinks="ties of what is cut off and what is kept",
)


def _wasserstein(x, y):
    i, j = np.argsort(x, kind="stable"), np.argsort(y, kind="stable")
    return np.abs(x[i] - y[j]).mean(), (i, j, np.sign(x[i] - y[j]) / x.dtype.type(len(x)))


def _wasserstein_vjp(saved, y_bar):
    i, j, sign = saved
    x_bar, other = np.zeros_like(sign), np.zeros_like(sign)
    x_bar[i], other[j] = sign * y_bar, -sign * y_bar
    return x_bar, other


wasserstein = Op(
    name="wasserstein",
    forward=_wasserstein,
    vjp=_wasserstein_vjp,
    inputs={"x": real("n"), "y": real("n")},
    sizes={"n": (1, 6)},
    kinks="ties, and a sorted x that meets its y",
)


def _focal(z, t, gamma=2.0):
    sign = (2 * t - 1).astype(z.dtype)
    q, s = sigmoid(-sign * z), softplus(-sign * z)
    return q**gamma * s, (sign, q, s, gamma)


def _focal_vjp(saved, y_bar):
    sign, q, s, gamma = saved
    p = np.where(q > 0.5, np.exp(-s), 1 - q)
    return (-sign * y_bar * q**gamma * (gamma * p * s + q), None)


focal = Op(
    name="focal",
    forward=_focal,
    vjp=_focal_vjp,
    inputs={"z": real("n"), "t": array("n", lo=0, hi=1, integer=True)},
    params={"gamma": (2.0, 0.0, 0.5)},
)

OPS = (
    *(gaussian_nll, student_t, cauchy_nll, laplace_nll, logistic_logpdf, gumbel_nll, poisson_nll, weibull),
    *(kl_to_standard, cox, covariance, weighted_mean, trimmed_mean, wasserstein, focal),
)
