"""Small errors: a constant cut short, an eps in the wrong place."""

from __future__ import annotations

import math

import numpy as np

from gradspec import Op, real
from tests.known_bugs.bug import KnownBug
from tests.known_bugs.right import length, sigmoid, sigmoid_prime


def _hardswish(x):
    return x * (np.clip(x + 3, 0, 6) / 6), x


def _hardswish_vjp(saved, y_bar):
    x = saved
    return (np.where(x <= -3, 0, np.where(x < 3, y_bar * (np.clip(x, -3, 3) / 3 + 0.5), y_bar)),)


def _ttnn_hardswish_vjp(saved, y_bar):
    x = saved
    return (np.where(x < -3, 0, np.where(x <= 3, y_bar * (np.clip(x, -3, 3) * 0.3333 + 0.5), y_bar)),)


def _torch_hardswish(x):
    from torch.nn.functional import hardswish as torch_hardswish

    return torch_hardswish(x)


hardswish = Op(
    name="hardswish",
    forward=_hardswish,
    vjp=_hardswish_vjp,
    inputs={"x": real("...")},
    torch=_torch_hardswish,
    kinks="x = -3 and x = 3",
)


def _normalize(x, eps=1e-5):
    n = length(x, -1)
    y = x / (n + eps)
    return y.copy(), (x, y, n, eps)


def _normalize_vjp(saved, y_bar):
    x, y, n, eps = saved
    unit = x / np.where(n > 0, n, 1)
    return ((y_bar - unit * (y_bar * y).sum(axis=-1, keepdims=True)) / (n + eps),)


def _chainer_normalize_vjp(saved, y_bar):
    _, y, n, eps = saved
    return ((y_bar - y * (y_bar * y).sum(axis=-1, keepdims=True)) / (n + eps),)


def _torch_normalize(x, eps):
    import torch

    return x / (torch.linalg.vector_norm(x, dim=-1, keepdim=True) + eps)


normalize = Op(
    name="normalize",
    forward=_normalize,
    vjp=_normalize_vjp,
    inputs={"x": real("n d")},
    params={"eps": (1e-5, 0.1)},
    torch=_torch_normalize,
)

_K = math.sqrt(2 / math.pi)


def _gelu(x):
    z = np.clip(x, -30, 30)  # beyond, the second factor is 0 or 1
    return x * sigmoid(2 * _K * (z + 0.044715 * z**3)), (x, z)


def _gelu_vjp(saved, y_bar):
    _, z = saved
    v = 2 * _K * (z + 0.044715 * z**3)
    return (y_bar * (sigmoid(v) + 2 * z * _K * (1 + 0.134145 * z * z) * sigmoid_prime(v)),)


def _candle_gelu_vjp(saved, y_bar):
    _, z = saved
    v = 2 * (0.797885 * z + 0.0356774 * z**3)
    return (y_bar * (sigmoid(v) + (0.398942 * z + 0.0535161 * z**3) * 4 * sigmoid_prime(v)),)


def _torch_gelu(x):
    from torch.nn.functional import gelu as torch_gelu

    return torch_gelu(x, approximate="tanh")


gelu = Op(name="gelu", forward=_gelu, vjp=_gelu_vjp, inputs={"x": real("...")}, torch=_torch_gelu)

BUGS = (
    KnownBug(
        "tt-metal-55291",
        "small",
        "https://github.com/tenstorrent/tt-metal/issues/55291",
        "hardswish's backward used 0.3333 for 1/3.",
        hardswish,
        hardswish.replace(vjp=_ttnn_hardswish_vjp),
    ),
    KnownBug(
        "chainer-4190",
        "small",
        "https://github.com/chainer/chainer/pull/4190",
        "L2 normalization's backward had the eps in the wrong place.",
        normalize,
        normalize.replace(vjp=_chainer_normalize_vjp),
    ),
    KnownBug(
        "candle-1160",
        "small",
        "https://github.com/huggingface/candle/pull/1160",
        "GELU's backward had its constants to six digits, the forward had them to all.",
        gelu,
        gelu.replace(vjp=_candle_gelu_vjp),
    ),
)
