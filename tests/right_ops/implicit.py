"""Right ops that solve an equation, and a law of chemistry."""

from __future__ import annotations

import numpy as np

from gradspec import Op, array

_MILLIMOLE = array("n", lo=1e-3, hi=1e3, typical=(1, 150))


def _lambert_w(x):
    w = np.log1p(np.maximum(x, -0.3))
    for _ in range(12):
        e = np.exp(w)
        f = w * e - x
        w = w - f / (e * (w + 1) - (w + 2) * f / (2 * w + 2))
    return w, w.copy()


lambert_w = Op(
    name="lambert_w",
    forward=_lambert_w,
    vjp=lambda w, y_bar: (y_bar * np.exp(-w) / (1 + w),),
    inputs={"x": array("...", lo=-0.3, hi=1e6, typical=(-0.3, 10))},
)


def _kepler_equation(m, e):
    turns = 2 * np.pi * np.round(m / (2 * np.pi))
    x = np.where(m < turns, -np.pi, np.pi).astype(m.dtype)
    for _ in range(30):
        x = x - (x - e * np.sin(x) - (m - turns)) / (1 - e * np.cos(x))
    return x + turns, (x, 1 / (1 - e * np.cos(x)))


kepler_equation = Op(
    name="kepler_equation",
    forward=_kepler_equation,
    vjp=lambda saved, y_bar: (y_bar * saved[1], y_bar * np.sin(saved[0]) * saved[1]),
    inputs={"m": array("n", lo=-100, hi=100, typical=(-4, 4)), "e": array("n", lo=0, hi=0.9, typical=(0, 0.9))},
)


def _nernst(outside, inside, z, temperature=310.0):
    k = (8.314462618 * temperature / 96485.33212 / z).astype(outside.dtype)
    return k * np.log(outside / inside), (k, outside, inside)


nernst = Op(
    name="nernst",
    forward=_nernst,
    vjp=lambda s, y_bar: (y_bar * s[0] / s[1], -y_bar * s[0] / s[2], None),
    inputs={"outside": _MILLIMOLE, "inside": _MILLIMOLE, "z": array("n", lo=-2, hi=2, exclude=(0,), integer=True)},
    params={"temperature": (310.0, 293.15)},
)

OPS = (lambert_w, kepler_equation, nernst)
