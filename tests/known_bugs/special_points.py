"""Wrong at special points: masked logarithms of sums, sin(t)/t at 0, singular matrices."""

from __future__ import annotations

import math

import numpy as np

from gradspec import Op, array, real
from tests.known_bugs.bug import KnownBug


def _masked_logsumexp(x, mask):
    keep = mask == 1
    top = np.where(keep, x, -np.inf).max(axis=-1, keepdims=True)
    e = np.where(keep, np.exp(np.where(keep, x - top, 0)), 0)
    total = e.sum(axis=-1, keepdims=True)
    y = top + np.log(total)
    return y[..., 0].copy(), (x, mask, y, e / total)


def _masked_logsumexp_vjp(saved, y_bar):
    _, _, _, share = saved
    return np.expand_dims(y_bar, -1) * share, None


def _jax_logsumexp_vjp(saved, y_bar):
    x, mask, y, _ = saved
    return np.expand_dims(y_bar, -1) * np.exp(x - y) * mask.astype(x.dtype), None


masked_logsumexp = Op(
    name="masked_logsumexp",
    forward=_masked_logsumexp,
    vjp=_masked_logsumexp_vjp,
    inputs={"x": real("n d"), "mask": array("n d", lo=0, hi=1, integer=True)},
    sizes={"d": (1, 4)},
    torch=lambda x, mask: x.masked_fill(mask == 0, -float("inf")).logsumexp(-1),
)


def _sinc_t(t):
    small = t < 0.5
    safe = np.where(small, 1, t)
    near = np.where(small, t, 0)
    series = sum((-1) ** k * 2 * k / math.factorial(2 * k + 1) * near ** (2 * k - 1) for k in range(8, 0, -1))
    return np.where(small, series, (safe * np.cos(safe) - np.sin(safe)) / safe / safe)


def _sinc_square(x):
    t = (x * x).sum(axis=-1)
    return np.where(t < 1e-12, 1, np.sin(t) / np.where(t < 1e-12, 1, t)).astype(x.dtype), (x, t)


def _sinc_square_vjp(saved, y_bar):
    x, t = saved
    return (np.expand_dims(y_bar * _sinc_t(t), -1) * 2 * x,)


def _theano_sinc_square_vjp(saved, y_bar):
    x, t = saved
    switched = np.where(t < 1e-12, 0, y_bar)  # the branch not taken still divides by t
    return (np.expand_dims(switched * (np.cos(t) / t) - switched * (np.sin(t) / (t * t)), -1) * 2 * x,)


sinc_square = Op(
    name="sinc_square",
    forward=_sinc_square,
    vjp=_sinc_square_vjp,
    inputs={"x": real("n d", typical=(-3, 3))},
    torch=lambda x: _torch_sinc((x * x).sum(-1)),
)


def _torch_sinc(t):
    import torch

    return torch.sinc(t / math.pi)


def laplace(a):
    """The determinant, expanded along the first row: right to rounding, and a polynomial."""
    if len(a) == 0:
        return np.ones((), a.dtype)
    return sum(((-1) ** j * a[0, j] * laplace(_minor(a, 0, j)) for j in range(len(a))), np.zeros((), a.dtype))


def _minor(a, i, j):
    return np.delete(np.delete(a, i, axis=0), j, axis=1)


def _det(a):
    y = laplace(a)
    return y, (a, y)


def _det_vjp(saved, y_bar):
    a, _ = saved
    a_bar = np.empty_like(a)
    for i, j in np.ndindex(a.shape):
        a_bar[i, j] = (-1) ** (i + j) * laplace(_minor(a, i, j))
    return (y_bar * a_bar,)


def _torch_det_vjp(saved, y_bar):
    a, y = saved
    if y == 0:
        return (np.zeros_like(a),)
    return (y_bar * y * np.linalg.inv(a).T,)


def _tf_det_vjp(saved, y_bar):
    a, y = saved
    return (y_bar * y * np.linalg.inv(a).T,)


det = Op(name="det", forward=_det, vjp=_det_vjp, inputs={"a": real("n n")}, sizes={"n": (0, 3)}, torch="torch.det")


BUGS = (
    KnownBug(
        "jax-23842",
        "special values",
        "https://github.com/jax-ml/jax/issues/23842",
        "logsumexp with a mask: a large masked element overflowed, and inf * 0 is NaN.",
        masked_logsumexp,
        masked_logsumexp.replace(vjp=_jax_logsumexp_vjp),
    ),
    KnownBug(
        "theano-5333",
        "special values",
        "https://github.com/Theano/Theano/issues/5333",
        "A switch around sin(t) / t at 0 did not keep the other branch's 0 * inf out of the gradient.",
        sinc_square,
        sinc_square.replace(vjp=_theano_sinc_square_vjp),
    ),
    KnownBug(
        "pytorch-104675",
        "special values",
        "https://github.com/pytorch/pytorch/issues/104675",
        "det had the gradient 0 at singular matrices; it is the cofactors.",
        det,
        det.replace(vjp=_torch_det_vjp),
    ),
    KnownBug(
        "tensorflow-119477",
        "special values",
        "https://github.com/tensorflow/tensorflow/issues/119477",
        "det's gradient inverted the matrix: an exception at singular ones.",
        det,
        det.replace(vjp=_tf_det_vjp),
    ),
)
