"""Right ops of single numbers: activations, robust losses, and functions that need care near a point."""

from __future__ import annotations

import math

import numpy as np

from gradspec import Op, array, nonzero, positive, real
from tests.known_bugs.right import sigmoid
from tests.right_ops.shared import softplus


def _mish(x):
    t = np.tanh(softplus(x))
    return x * t, (x, t)


def _mish_vjp(saved, y_bar):
    x, t = saved
    return (y_bar * (t + x * (1 - t * t) * sigmoid(x)),)


mish = Op(name="mish", forward=_mish, vjp=_mish_vjp, inputs={"x": real("...")}, torch="torch.nn.functional.mish")


def _softsign(x):
    one = 1 + np.abs(x)
    return x / one, one


softsign = Op(
    name="softsign",
    forward=_softsign,
    vjp=lambda one, y_bar: (y_bar / one**2,),
    inputs={"x": real("...")},
    torch="torch.nn.functional.softsign",
)


def _squareplus(x, b=4.0):
    s = np.hypot(x, np.sqrt(x.dtype.type(b)))
    far = np.where(x < 0, s - x, 1)
    y = np.where(x < 0, x.dtype.type(b) / (2 * far), (x + s) / 2)
    return y.copy(), y / s


squareplus = Op(
    name="squareplus",
    forward=_squareplus,
    vjp=lambda slope, y_bar: (y_bar * slope,),
    inputs={"x": real("...")},
    params={"b": (4.0, 0.5)},
)


def _bell(x):
    y = np.exp(-x * x)
    return y.copy(), (x, y)


bell = Op(
    name="bell", forward=_bell, vjp=lambda saved, y_bar: (-2 * saved[0] * saved[1] * y_bar,), inputs={"x": real("n")}
)


def _hard_swish(x):
    return x * np.clip(x + 3, 0, 6) / 6, x


def _hard_swish_vjp(x, y_bar):
    slope = np.where(x <= -3, 0, np.where(x < 3, (2 * x + 3) / 6, 1))
    return ((slope * y_bar).astype(x.dtype),)


hard_swish = Op(
    name="hard_swish",
    forward=_hard_swish,
    vjp=_hard_swish_vjp,
    inputs={"x": real("n m")},
    torch="torch.nn.functional.hardswish",
    kinks="x = -3 and x = 3",
)


def _celu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha)), (x, alpha)


def _celu_vjp(saved, y_bar):
    x, alpha = saved
    return (y_bar * np.exp(np.minimum(x, 0) / alpha),)


celu = Op(
    name="celu",
    forward=_celu,
    vjp=_celu_vjp,
    inputs={"x": real("...")},
    params={"alpha": (1.0, 0.3, 2.5)},
    torch=lambda x, alpha: __import__("torch").nn.functional.celu(x, alpha),
)


def _softshrink(x, lambd=0.5):
    keep = np.abs(x) > lambd
    return np.where(keep, x - np.sign(x) * x.dtype.type(lambd), 0), keep


softshrink = Op(
    name="softshrink",
    forward=_softshrink,
    vjp=lambda keep, y_bar: (y_bar * keep,),
    inputs={"x": real("...")},
    params={"lambd": (0.5, 2.0)},
    kinks="x = lambd and x = -lambd",
)

tanhshrink = Op(
    name="tanhshrink",
    forward=lambda x: (x - np.tanh(x), x),
    vjp=lambda x, y_bar: (y_bar * np.tanh(x) ** 2,),
    inputs={"x": real("n")},
    torch="torch.nn.functional.tanhshrink",
)

logsigmoid = Op(
    name="logsigmoid",
    forward=lambda x: (-softplus(-x), x),
    vjp=lambda x, y_bar: (y_bar * sigmoid(-x),),
    inputs={"x": real("...")},
    torch="torch.nn.functional.logsigmoid",
)


def _log1mexp(x):
    small = x < math.log(2)
    y = np.where(small, np.log(-np.expm1(-x)), np.log1p(-np.exp(-np.where(small, 1, x))))
    return y, x


def _log1mexp_vjp(x, y_bar):
    decay = np.exp(-x)
    return (y_bar * (decay / -np.expm1(-x)),)


log1mexp = Op(name="log1mexp", forward=_log1mexp, vjp=_log1mexp_vjp, inputs={"x": positive("n")})

bent_identity = Op(
    name="bent_identity",
    forward=lambda x: ((np.sqrt(x * x + 1) - 1) / 2 + x, x),
    vjp=lambda x, y_bar: (y_bar * (x / (2 * np.sqrt(x * x + 1)) + 1),),
    inputs={"x": real("n")},
    torch=lambda x: ((x * x + 1).sqrt() - 1) / 2 + x,
)


def _mu_law(x, mu=255):
    return (np.sign(x) * np.log1p(mu * np.abs(x)) / math.log1p(mu)).astype(x.dtype), (x, mu)


def _mu_law_vjp(saved, y_bar):
    x, mu = saved
    return ((y_bar * mu / ((1 + mu * np.abs(x)) * math.log1p(mu))).astype(x.dtype),)


mu_law = Op(
    name="mu_law",
    forward=_mu_law,
    vjp=_mu_law_vjp,
    inputs={"x": array("n t", lo=-1, hi=1)},
    params={"mu": (255, 7)},
)


def _sinc(x):
    safe = np.where(x == 0, 1, x)
    return np.where(x == 0, 1, np.sin(safe) / safe).astype(x.dtype), x


def _sinc_vjp(x, y_bar):
    near = np.abs(x) < 0.5
    t = np.where(near, x, 0)
    series = np.zeros_like(t)
    for k in range(9, 0, -1):
        series = series * -(t**2) + 2 * k / math.factorial(2 * k + 1)
    series = -t * series
    far = np.where(near, 1, x)
    slope = np.where(near, series, (np.cos(far) - np.sin(far) / far) / far)
    return ((y_bar * slope).astype(x.dtype),)


sinc = Op(name="sinc", forward=_sinc, vjp=_sinc_vjp, inputs={"x": array("...", lo=-100, hi=100)})

log_cosh = Op(
    name="log_cosh",
    forward=lambda x: (np.abs(x) + np.log1p(np.exp(-2 * np.abs(x))) - x.dtype.type(math.log(2)), x),
    vjp=lambda x, y_bar: (y_bar * np.tanh(x),),
    inputs={"x": real("n")},
)


def _charbonnier(x, eps=1e-3):
    y = np.hypot(x, x.dtype.type(eps))
    return y.copy(), x / y


charbonnier = Op(
    name="charbonnier",
    forward=_charbonnier,
    vjp=lambda slope, y_bar: (y_bar * slope,),
    inputs={"x": real("...")},
    params={"eps": (1e-3, 1e-6, 1.0)},
)


def _tukey(x, c=4.685):
    u = np.minimum((x / c) ** 2, 1)
    return c * c / 6 * (1 - (1 - u) ** 3), (x, u)


tukey_biweight = Op(
    name="tukey_biweight",
    forward=_tukey,
    vjp=lambda saved, y_bar: (y_bar * saved[0] * (1 - saved[1]) ** 2,),
    inputs={"x": real("n")},
    params={"c": (4.685, 1.5)},
)


def _geman_mcclure(x, c=1.0):
    return x * x / (x * x + c), (x, c)


def _geman_mcclure_vjp(saved, y_bar):
    x, c = saved
    d = x * x + c
    return (y_bar * 2 * c * (x / d) / d,)


geman_mcclure = Op(
    name="geman_mcclure",
    forward=_geman_mcclure,
    vjp=_geman_mcclure_vjp,
    inputs={"x": real("...")},
    params={"c": (1.0, 0.25)},
    torch=lambda x, c: x * x / (x * x + c),
)


def _cbrt(x):
    y = np.cbrt(x)
    return y.copy(), y


cbrt = Op(name="cbrt", forward=_cbrt, vjp=lambda y, y_bar: (y_bar / (3 * y * y),), inputs={"x": nonzero("n")})


def _smoothstep(x, lo=0.0, hi=1.0):
    t = np.clip((x - lo) / (hi - lo), 0, 1)
    return t * t * (3 - 2 * t), (t, hi - lo)


smoothstep = Op(
    name="smoothstep",
    forward=_smoothstep,
    vjp=lambda saved, y_bar: (y_bar * 6 * saved[0] * (1 - saved[0]) / saved[1],),
    inputs={"x": real("n")},
    params={"lo": (0.0, -1.0), "hi": (1.0, 3.0)},
)

OPS = (
    *(mish, softsign, squareplus, bell, hard_swish, celu, softshrink, tanhshrink, logsigmoid, log1mexp, bent_identity),
    *(
        mu_law,
        sinc,
        log_cosh,
        charbonnier,
        tukey_biweight,
        geman_mcclure,
        cbrt,
        smoothstep,
    ),
    *(),
)
