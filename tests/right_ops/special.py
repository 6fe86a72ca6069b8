"""Right ops with a twin in torch: functions whose values or slopes need care."""

from __future__ import annotations

import math

import numpy as np

from gradspec import Op, array, nonzero, positive, real
from tests.known_bugs.right import sigmoid
from tests.right_ops.shared import functional

LOG2 = math.log(2)


exp2 = Op(
    name="exp2",
    forward=lambda x: (np.exp2(x), x),
    vjp=lambda x, y_bar: (y_bar * np.exp2(x) * x.dtype.type(LOG2),),
    inputs={"x": array("n", hi=900, typical=(-5.0, 5.0))},
    dtypes=("float64",),
    torch="torch.exp2",
)

log2 = Op(
    name="log2",
    forward=lambda x: (np.log2(x), x),
    vjp=lambda x, y_bar: (y_bar / (x * x.dtype.type(LOG2)),),
    inputs={"x": positive("...")},
    torch="torch.log2",
)

rsqrt = Op(
    name="rsqrt",
    forward=lambda x: (1 / np.sqrt(x), x),
    vjp=lambda x, y_bar: (-y_bar / (2 * x * np.sqrt(x)),),
    inputs={"x": array("n", lo=1e-6, typical=(0.1, 10.0))},
    torch="torch.rsqrt",
)

arcsinh = Op(
    name="arcsinh",
    forward=lambda x: (np.arcsinh(x), x),
    vjp=lambda x, y_bar: (y_bar / np.hypot(x, x.dtype.type(1)),),
    inputs={"x": real("n")},
    torch="torch.asinh",
)

arccosh = Op(
    name="arccosh",
    forward=lambda x: (np.arccosh(x), x),
    vjp=lambda x, y_bar: (y_bar / (np.sqrt(x - 1) * np.sqrt(x + 1)),),
    inputs={"x": array("n", lo=1.0001, typical=(1.1, 10.0))},
    torch="torch.acosh",
)

arctan = Op(
    name="arctan",
    forward=lambda x: (np.arctan(x), x),
    vjp=lambda x, y_bar: (y_bar / (1 + x * x),),
    inputs={"x": real("n m")},
    torch="torch.atan",
)

arcsin = Op(
    name="arcsin",
    forward=lambda x: (np.arcsin(x), x),
    vjp=lambda x, y_bar: (y_bar / np.sqrt((1 - x) * (1 + x)),),
    inputs={"x": array("n", lo=-0.999, hi=0.999)},
    torch="torch.asin",
)

tan = Op(
    name="tan",
    forward=lambda x: (np.tan(x), x),
    vjp=lambda x, y_bar: (y_bar / np.cos(x) ** 2,),
    inputs={"x": array("n", lo=-1.5, hi=1.5)},
    torch="torch.tan",
)

frac = Op(
    name="frac",
    forward=lambda x: (x - np.trunc(x), None),
    vjp=lambda saved, y_bar: (y_bar * 1,),
    inputs={"x": real("n")},
    torch="torch.frac",
    kinks="jumps at whole numbers",
)


def _copysign(x, y):
    return np.copysign(x, y), (x, y)


def _copysign_vjp(saved, y_bar):
    x, y = saved
    return y_bar * np.sign(x) * np.copysign(1, y).astype(x.dtype), np.zeros_like(y)


copysign = Op(
    name="copysign",
    forward=_copysign,
    vjp=_copysign_vjp,
    inputs={"x": nonzero("n"), "y": nonzero("n")},
    torch="torch.copysign",
)


def _hypot(x, y):
    r = np.hypot(x, y)
    safe = np.where(r > 0, r, 1)
    return r, (x / safe, y / safe)


hypot = Op(
    name="hypot",
    forward=_hypot,
    vjp=lambda saved, y_bar: (y_bar * saved[0], y_bar * saved[1]),
    inputs={"x": real("n"), "y": real("n")},
    torch="torch.hypot",
    kinks="x = y = 0",
)


def _logaddexp2(x, y):
    top = np.maximum(x, y)
    return top + np.log1p(np.exp2(-np.abs(x - y))) / x.dtype.type(LOG2), (x - y) * x.dtype.type(LOG2)


logaddexp2 = Op(
    name="logaddexp2",
    forward=_logaddexp2,
    vjp=lambda d, y_bar: (y_bar * sigmoid(d), y_bar * sigmoid(-d)),
    inputs={"x": real("n"), "y": real("n")},
    torch="torch.logaddexp2",
)


def _softplus(x, beta=1.0, threshold=20.0):
    z = beta * x
    y = np.where(z > threshold, x, (np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))) / beta)
    return y, z


softplus_beta = Op(
    name="softplus_beta",
    forward=_softplus,
    vjp=lambda z, y_bar: (y_bar * sigmoid(z),),
    inputs={"x": array("n", typical=(-8.0, 8.0))},
    params={"beta": (1.0, 2.5), "threshold": (50.0,)},
    torch=lambda x, beta, threshold: functional("softplus")(x, beta=beta, threshold=threshold),
)


def _gelu_tanh(x):
    c = x.dtype.type(math.sqrt(2 / math.pi))
    t = np.tanh(c * (x + x.dtype.type(0.044715) * x**3))
    return x * (1 + t) / 2, (x, t, c)


def _gelu_tanh_vjp(saved, y_bar):
    x, t, c = saved
    slope = c * (1 + x.dtype.type(3 * 0.044715) * x * x)
    with np.errstate(over="ignore"):
        bend = np.where(np.abs(t) < 1, (1 - t) * (1 + t), 0) * x / 2 * slope
    return (y_bar * ((1 + t) / 2 + bend),)


gelu_tanh = Op(
    name="gelu_tanh",
    forward=_gelu_tanh,
    vjp=_gelu_tanh_vjp,
    inputs={"x": array("n", lo=-3, hi=1000, typical=(-3.0, 8.0))},
    torch=lambda x: functional("gelu")(x, approximate="tanh"),
)


def _hardshrink(x, lambd=0.5):
    keep = np.abs(x) > lambd
    return np.where(keep, x, 0), keep


hardshrink = Op(
    name="hardshrink",
    forward=_hardshrink,
    vjp=lambda keep, y_bar: (y_bar * keep,),
    inputs={"x": real("n")},
    params={"lambd": (0.5, 3.0)},
    torch=lambda x, lambd: functional("hardshrink")(x, lambd),
    kinks="jumps at lambd and -lambd",
)


def _glu(x):
    a, b = np.split(x, 2, axis=-1)
    s = sigmoid(b)
    return a * s, (a, b, s)


def _glu_vjp(saved, y_bar):
    a, b, s = saved
    return (np.concatenate([y_bar * s, y_bar * a * s * sigmoid(-b)], axis=-1),)


glu = Op(
    name="glu",
    forward=_glu,
    vjp=_glu_vjp,
    inputs={"x": real("... 2*d")},
    sizes={"d": (1, 3)},
    torch=functional("glu"),
)


OPS = (
    *(exp2, log2, rsqrt, arcsinh, arccosh, arctan, arcsin, tan, frac, copysign, hypot, logaddexp2, softplus_beta),
    *(gelu_tanh, hardshrink, glu),
)
