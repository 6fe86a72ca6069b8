"""Wrong for large inputs: overflow, cancellation."""

from __future__ import annotations

import numpy as np

from gradspec import Op, real
from tests.known_bugs.bug import KnownBug
from tests.known_bugs.right import log_softmax, sigmoid, sigmoid_prime, softplus


def _logaddexp(a, b):
    y = np.logaddexp(a, b)
    return y, (a, b, y.copy())


def _logaddexp_vjp(saved, y_bar):
    a, b, _ = saved
    return y_bar * sigmoid(a - b), y_bar * sigmoid(b - a)


def _stan_logaddexp_vjp(saved, y_bar):
    a, b, y = saved
    return y_bar * np.exp(a - y), y_bar * np.exp(b - y)


logaddexp = Op(
    name="logaddexp",
    forward=_logaddexp,
    vjp=_logaddexp_vjp,
    inputs={"a": real("..."), "b": real("...")},
    torch="torch.logaddexp",
)


def _ttnn_softplus_vjp(saved, y_bar):
    z, threshold = saved
    e = np.exp(z)
    tail = np.where(np.isinf(e), 0, y_bar * e * (1 / (e + 1)))  # there, inf * 0 is 0
    return (np.where(z > threshold, y_bar, tail).astype(y_bar.dtype),)


def _burn_softplus(x, beta=1.0, threshold=20.0):
    e = np.exp(beta * x)
    return np.log(e + 1) / beta, e


def _burn_softplus_vjp(saved, y_bar):
    return (y_bar * (saved / (saved + 1)),)


def _nnlib_log_softmax_vjp(saved, y_bar):
    s, axis = saved
    d = y_bar / s
    return (s * (d - (d * s).sum(axis=axis, keepdims=True)),)


def _sigmoid(x):
    y = sigmoid(x)
    return y, (x, y.copy())


def _sigmoid_vjp(saved, y_bar):
    return (y_bar * sigmoid_prime(saved[0]),)


def _tf_sigmoid_vjp(saved, y_bar):
    _, y = saved
    return (y_bar * y * (1 - y),)


logistic = Op(
    name="logistic", forward=_sigmoid, vjp=_sigmoid_vjp, inputs={"x": real("...")}, torch=lambda x: x.sigmoid()
)


def _expm1(x):
    return np.expm1(x), x


def _expm1_vjp(saved, y_bar):
    return (y_bar * np.exp(saved),)


def _jax_expm1_vjp(saved, y_bar):
    return (y_bar * (np.expm1(saved) + 1),)


expm1 = Op(name="expm1", forward=_expm1, vjp=_expm1_vjp, inputs={"x": real("...")}, torch="torch.expm1")

BUGS = (
    KnownBug(
        "stan-1679",
        "magnitude",
        "https://github.com/stan-dev/math/issues/1679",
        "log_sum_exp's derivative exp(a - y) lost its digits for large a: 2 in all at 1e50.",
        logaddexp,
        logaddexp.replace(vjp=_stan_logaddexp_vjp),
    ),
    KnownBug(
        "tt-metal-56397",
        "magnitude",
        "https://github.com/tenstorrent/tt-metal/pull/56397",
        "softplus had the gradient 0 where exp overflows below the threshold (float32, threshold 100).",
        softplus,
        softplus.replace(vjp=_ttnn_softplus_vjp),
    ),
    KnownBug(
        "burn-5373",
        "magnitude",
        "https://github.com/tracel-ai/burn/issues/5373",
        "softplus was log(exp(x) + 1): inf for large x, and NaN in the backward.",
        softplus,
        softplus.replace(forward=_burn_softplus, vjp=_burn_softplus_vjp),
    ),
    KnownBug(
        "nnlib-68",
        "magnitude",
        "https://github.com/FluxML/NNlib.jl/issues/68",
        "Log-softmax's backward divided by a softmax that underflows.",
        log_softmax,
        log_softmax.replace(vjp=_nnlib_log_softmax_vjp),
    ),
    KnownBug(
        "tensorflow-126060",
        "magnitude",
        "https://github.com/tensorflow/tensorflow/issues/126060",
        "The sigmoid's derivative y (1 - y) cancels to 0 above 37 (17 in float32).",
        logistic,
        logistic.replace(vjp=_tf_sigmoid_vjp),
    ),
    KnownBug(
        "jax-40820",
        "magnitude",
        "https://github.com/jax-ml/jax/pull/40820",
        "expm1's derivative expm1(x) + 1 cancels to 0 for large negative x.",
        expm1,
        expm1.replace(vjp=_jax_expm1_vjp),
    ),
)
