"""The upstream gradient ignored, squared, or taken for ones."""

from __future__ import annotations

import numpy as np

from gradspec import Op, array, real
from tests.known_bugs.bug import KnownBug


def _huber(x, t, delta=1.0):
    r = x - t
    size = np.abs(r)
    y = np.where(size <= delta, 0.5 * np.minimum(size, delta) ** 2, delta * (size - 0.5 * delta))
    return y.sum(axis=1), (r, delta)


def _huber_vjp(saved, y_bar):
    r, delta = saved
    x_bar = y_bar[:, None] * np.clip(r, -delta, delta)
    return x_bar, -x_bar


def _chainer_huber_vjp(saved, y_bar):
    r, delta = saved
    x_bar = np.clip(r, -delta, delta)
    return x_bar, -x_bar


def _torch_huber(x, t, delta):
    from torch.nn.functional import huber_loss

    return huber_loss(x, t, reduction="none", delta=delta).sum(1)


huber = Op(
    name="huber",
    forward=_huber,
    vjp=_huber_vjp,
    inputs={"x": real("n d"), "t": real("n d")},
    params={"delta": (1.0, 0.5, 2.0)},
    torch=_torch_huber,
)


def _clip(x, lo=-1.0, hi=1.0):
    return np.clip(x, lo, hi), (x >= lo) & (x <= hi)


def _clip_vjp(saved, y_bar):
    return (np.where(saved, y_bar, 0),)


def _nx_clip_vjp(saved, y_bar):
    return (y_bar * np.where(saved, y_bar, 0),)


clip = Op(
    name="clip",
    forward=_clip,
    vjp=_clip_vjp,
    inputs={"x": real("...")},
    params={"lo": (-1.0, 0.0), "hi": (1.0, 3.0)},
    torch=lambda x, lo, hi: x.clamp(lo, hi),
    kinks="x = lo and x = hi",
)


def _squared_difference(x, z):
    return (x - z) * (x - z), (x, z)


def _squared_difference_vjp(saved, y_bar):
    x, z = saved
    x_bar = 2 * (x - z) * y_bar
    return x_bar, -x_bar


def _tfnet_squared_difference_vjp(saved, y_bar):
    return saved


squared_difference = Op(
    name="squared_difference",
    forward=_squared_difference,
    vjp=_squared_difference_vjp,
    inputs={"x": real("..."), "z": real("...")},
    torch=lambda x, z: (x - z) ** 2,
)


def _atanh(x):
    return np.arctanh(x), x


def _atanh_vjp(saved, y_bar):
    return (y_bar / ((1 - saved) * (1 + saved)),)


def _autodiff_atanh_vjp(saved, y_bar):
    return (1 / ((1 - saved) * (1 + saved)),)


atanh = Op(
    name="atanh",
    forward=_atanh,
    vjp=_atanh_vjp,
    inputs={"x": array("...", lo=-1, hi=1, exclude=(-1, 1), typical=(-0.9, 0.9))},
    torch="torch.atanh",
)

BUGS = (
    KnownBug(
        "chainer-1175",
        "upstream",
        "https://github.com/chainer/chainer/issues/1175",
        "HuberLoss ignored the upstream gradient.",
        huber,
        huber.replace(vjp=_chainer_huber_vjp),
    ),
    KnownBug(
        "nx-1779",
        "upstream",
        "https://github.com/elixir-nx/nx/pull/1779",
        "clip multiplied by the upstream gradient twice.",
        clip,
        clip.replace(vjp=_nx_clip_vjp),
    ),
    KnownBug(
        "tensorflow.net-787",
        "upstream",
        "https://github.com/SciSharp/TensorFlow.NET/issues/787",
        "SquaredDifference returned its inputs as their gradients.",
        squared_difference,
        squared_difference.replace(vjp=_tfnet_squared_difference_vjp),
    ),
    KnownBug(
        "autodiff-396",
        "upstream",
        "https://github.com/autodiff/autodiff/issues/396",
        "atanh left out the chain rule's factor.",
        atanh,
        atanh.replace(vjp=_autodiff_atanh_vjp),
    ),
)
