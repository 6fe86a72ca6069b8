"""The cotangent has another dtype than the input."""

from __future__ import annotations

import numpy as np

from gradspec import Op, array, real
from tests.known_bugs.bug import KnownBug
from tests.known_bugs.right import sigmoid


def _sigmoid_cross_entropy(x, t):
    terms = np.maximum(x, 0) - x * t.astype(x.dtype) + np.log1p(np.exp(-np.abs(x)))
    return terms.mean(), (x, t)


def _sigmoid_cross_entropy_vjp(saved, y_bar):
    x, t = saved
    up, down = sigmoid(-x), sigmoid(x)
    return (y_bar * np.where(t == 1, -up, down) / x.dtype.type(x.size)), None


def _chainer_sigmoid_cross_entropy_vjp(saved, y_bar):
    x, t = saved
    return y_bar * np.where(t == 1, -sigmoid(-x), sigmoid(x)) / np.int64(x.size), None


def _torch_bce(x, t):
    from torch.nn.functional import binary_cross_entropy_with_logits

    return binary_cross_entropy_with_logits(x, t.to(x.dtype))


sigmoid_cross_entropy = Op(
    name="sigmoid_cross_entropy",
    forward=_sigmoid_cross_entropy,
    vjp=_sigmoid_cross_entropy_vjp,
    inputs={"x": real("n d"), "t": array("n d", lo=0, hi=1, integer=True)},
    sizes={"n": (1, 4), "d": (1, 4)},
    torch=_torch_bce,
)


def _amax(x):
    y = x.max(axis=-1)
    return y, x == y[..., None]


def _amax_vjp(saved, y_bar):
    count = saved.sum(axis=-1, keepdims=True).astype(y_bar.dtype)
    return (y_bar[..., None] * saved / count,)


def _autograd_amax_vjp(saved, y_bar):
    return (y_bar[..., None] * saved / saved.sum(axis=-1, keepdims=True),)


amax = Op(
    name="amax",
    forward=_amax,
    vjp=_amax_vjp,
    inputs={"x": real("n d")},
    sizes={"d": (1, 4)},
    torch=lambda x: x.amax(dim=-1),
    kinks="ties, among which the cotangent is divided",
)

BUGS = (
    KnownBug(
        "chainer-684",
        "dtype",
        "https://github.com/chainer/chainer/issues/684",
        "The division by an integer count made a float32 gradient float64.",
        sigmoid_cross_entropy,
        sigmoid_cross_entropy.replace(vjp=_chainer_sigmoid_cross_entropy_vjp),
    ),
    KnownBug(
        "autograd-199",
        "dtype",
        "https://github.com/HIPS/autograd/pull/199",
        "The number of ties, an int64 array, made max's float32 gradient float64.",
        amax,
        amax.replace(vjp=_autograd_amax_vjp),
    ),
)
