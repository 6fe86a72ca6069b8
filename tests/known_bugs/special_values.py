"""Wrong at special values: zeros and ones."""

from __future__ import annotations

import numpy as np

from gradspec import Op, array, nonnegative, positive, real
from tests.known_bugs.bug import KnownBug
from tests.known_bugs.right import leaky_relu, prod, softplus


def _dividing_prod(x, keepdims=False):
    y = x.prod(axis=-1, keepdims=True)
    return (y if keepdims else y[..., 0]).copy(), (x, y, keepdims)


def _dividing_prod_vjp(saved, y_bar):
    x, y, keepdims = saved
    return ((y_bar if keepdims else np.expand_dims(y_bar, -1)) * y / x,)


def _cumprod(x):
    return np.cumprod(x, axis=-1), (x, np.cumprod(x, axis=-1))


def _cumprod_vjp(saved, y_bar):
    x, _ = saved
    before = np.ones_like(x)
    before[..., 1:] = np.cumprod(x[..., :-1], axis=-1)
    after = y_bar.copy()
    for i in range(x.shape[-1] - 2, -1, -1):
        after[..., i] += x[..., i + 1] * after[..., i + 1]
    return (before * after,)


def _dividing_cumprod_vjp(saved, y_bar):
    x, y = saved
    return (np.cumsum((y_bar * y)[..., ::-1], axis=-1)[..., ::-1] / x,)


cumprod = Op(
    name="cumprod",
    forward=_cumprod,
    vjp=_cumprod_vjp,
    inputs={"x": real("n d")},
    torch=lambda x: x.cumprod(dim=-1),
)


def _power(x, exponent=2):
    return x**exponent, (x, exponent)


def _power_vjp(saved, y_bar):
    x, exponent = saved
    return (np.zeros_like(y_bar) if exponent == 0 else y_bar * (exponent * x ** (exponent - 1)),)


def _torch_power_vjp(saved, y_bar):
    x, exponent = saved
    return (y_bar * (exponent * x ** float(exponent - 1)),)


power = Op(
    name="power",
    forward=_power,
    vjp=_power_vjp,
    inputs={"x": real("...")},
    params={"exponent": (2, 3, 1, 0)},
    torch=lambda x, exponent: x**exponent,
)


def _pow(a, b):
    return a**b, (a, b)


def _pow_vjp(saved, y_bar):
    a, b = saved
    log_a = np.log(np.where(a > 0, a, 1))
    return y_bar * (b * a ** (b - 1)), y_bar * np.where(a > 0, a**b * log_a, 0)


def _torch_pow_vjp(saved, y_bar):
    a, b = saved
    return y_bar * (b * a ** (b - 1)), y_bar * (a**b * np.log(a))


pow_ = Op(
    name="pow",
    forward=_pow,
    vjp=_pow_vjp,
    inputs={"a": nonnegative("..."), "b": array("...", lo=1, typical=(1, 4))},
    torch="torch.pow",
)


def _xlogy(x, y):
    return np.where(x == 0, 0, x * np.log(y)), (x, y)


def _xlogy_vjp(saved, z_bar):
    x, y = saved
    return z_bar * np.log(y), z_bar * (x / y)


def _torch_xlogy_vjp(saved, z_bar):
    x, y = saved
    return np.where(x == 0, 0, z_bar * np.log(y)), z_bar * (x / y)


xlogy = Op(
    name="xlogy",
    forward=_xlogy,
    vjp=_xlogy_vjp,
    inputs={"x": real("..."), "y": positive("...")},
    torch="torch.xlogy",
    linear_in=frozenset({"x"}),
)


def _jax_softplus_vjp(saved, y_bar):
    z, threshold = saved
    decay = np.exp(-np.abs(z))
    slope = np.heaviside(z, 0) - np.sign(z) * decay / (1 + decay)  # of max(z, 0) + log1p(exp(-|z|))
    return (np.where(z > threshold, y_bar, y_bar * slope),)


def _chainer_leaky_relu_vjp(saved, y_bar):
    _, y, slope = saved
    return (np.where(y >= 0, y_bar, slope * y_bar),)


_TORCH = "https://github.com/pytorch/pytorch/"

BUGS = (
    KnownBug(
        "pytorch-773",
        "special values",
        _TORCH + "issues/773",
        "prod divided the product by the element: 0 / 0 at a zero.",
        prod,
        prod.replace(forward=_dividing_prod, vjp=_dividing_prod_vjp),
    ),
    KnownBug(
        "tensorflow-3862",
        "special values",
        "https://github.com/tensorflow/tensorflow/issues/3862",
        "cumprod divided by the element: 0 / 0 at a zero.",
        cumprod,
        cumprod.replace(vjp=_dividing_cumprod_vjp),
    ),
    KnownBug(
        "pytorch-8940",
        "special values",
        _TORCH + "issues/8940",
        "x ** 0 had the gradient 0 * x ** -1, NaN at 0.",
        power,
        power.replace(vjp=_torch_power_vjp),
    ),
    KnownBug(
        "pytorch-27134",
        "special values",
        _TORCH + "issues/27134",
        "pow's gradient in the exponent was 0 * log 0 at base 0.",
        pow_,
        pow_.replace(vjp=_torch_pow_vjp),
    ),
    KnownBug(
        "pytorch-80770",
        "special values",
        _TORCH + "issues/80770",
        "xlogy's gradient in x was 0 at x = 0; it is log y.",
        xlogy,
        xlogy.replace(vjp=_torch_xlogy_vjp),
    ),
    KnownBug(
        "jax-2107",
        "special values",
        "https://github.com/jax-ml/jax/issues/2107",
        "softplus had the gradient 0 at 0; it is 1/2.",
        softplus,
        softplus.replace(vjp=_jax_softplus_vjp),
    ),
    KnownBug(
        "chainer-5922",
        "special values",
        "https://github.com/chainer/chainer/pull/5922",
        "leaky_relu with slope 0 took every output, all of them >= 0, for a positive input.",
        leaky_relu,
        leaky_relu.replace(vjp=_chainer_leaky_relu_vjp),
    ),
)
