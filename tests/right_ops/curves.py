"""Right ops of one or two numbers: curves of physics and information, polynomials, polar coordinates."""

from __future__ import annotations

import numpy as np

from gradspec import Op, array, positive, real
from tests.known_bugs.right import sigmoid

logit = Op(
    name="logit",
    forward=lambda x: (np.log(x) - np.log1p(-x), x),
    vjp=lambda x, y_bar: (y_bar / (x * (1 - x)),),
    inputs={"x": array("...", lo=0, hi=1, exclude=(0, 1))},
    torch="torch.logit",
)


self_information = Op(
    name="self_information",
    forward=lambda x: (-x * np.log(x), x),
    vjp=lambda x, y_bar: (-(np.log(x) + 1) * y_bar,),
    inputs={"x": positive("...")},
    torch="torch.special.entr",
)


planck = Op(
    name="planck",
    forward=lambda x: (x**3 * np.exp(-x) / -np.expm1(-x), x),
    vjp=lambda x, y_bar: (y_bar * (x * x * np.exp(-x) / -np.expm1(-x)) * (3 + x / np.expm1(-x)),),
    inputs={"x": positive("n")},
)


lorentz = Op(
    name="lorentz",
    forward=lambda v: (1 / np.sqrt((1 - v) * (1 + v)), v),
    vjp=lambda v, y_bar: (y_bar * v / ((1 - v) * (1 + v)) ** 1.5,),
    inputs={"v": array("n", lo=-0.999, hi=0.999)},
)


def _polar(x, y):
    r = np.hypot(x, y)
    return (r, np.arctan2(y, x)), (x, y, r)


def _polar_vjp(saved, y_bar):
    x, y, r = saved
    r_bar, angle_bar = y_bar
    c, s = x / r, y / r
    return r_bar * c - angle_bar * s / r, r_bar * s + angle_bar * c / r


polar = Op(
    name="polar",
    forward=_polar,
    vjp=_polar_vjp,
    inputs={"x": array("n", lo=1e-3), "y": real("n")},
)


def _xlog1py(x, y):
    return x * np.log1p(y), (x, y)


xlog1py = Op(
    name="xlog1py",
    forward=_xlog1py,
    vjp=lambda saved, y_bar: (y_bar * np.log1p(saved[1]), y_bar * saved[0] / (1 + saved[1])),
    inputs={"x": real("n"), "y": array("n", lo=-0.9)},
)


def _swish(x, beta):
    s = sigmoid(beta * x)
    return x * s, (x, beta, s)


def _swish_vjp(saved, y_bar):
    x, beta, s = saved
    steep = x * s * sigmoid(-beta * x)
    return y_bar * (s + beta * steep), np.asarray((y_bar * x * steep).sum(), dtype=x.dtype)


learned_swish = Op(
    name="learned_swish",
    forward=_swish,
    vjp=_swish_vjp,
    inputs={"x": real("n"), "beta": real("")},
    torch=lambda x, beta: x * (beta * x).sigmoid(),
)


def _horner(x, c):
    y = np.zeros_like(x)
    for a in c[::-1]:
        y = y * x + a
    return y, (x, c)


def _horner_vjp(saved, y_bar):
    x, c = saved
    slope = np.zeros_like(x)
    for k in range(len(c) - 1, 0, -1):
        slope = slope * x + x.dtype.type(k) * c[k]
    powers = x[None, :] ** np.arange(len(c))[:, None]
    return y_bar * slope, (powers @ y_bar).astype(c.dtype)


polynomial = Op(
    name="polynomial",
    forward=_horner,
    vjp=_horner_vjp,
    inputs={"x": array("n", lo=-100, hi=100), "c": real("k")},
    linear_in=("c",),
)

OPS = (planck, lorentz, logit, self_information, xlog1py, learned_swish, polynomial, polar)
