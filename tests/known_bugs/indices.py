"""Repeated indices and overlapping windows overwrote each other."""

from __future__ import annotations

import numpy as np

from gradspec import Op, index, real
from tests.known_bugs.bug import KnownBug
from tests.known_bugs.right_arrays import take, window_count


def _autograd_take_vjp(saved, y_bar):
    shape, k = saved
    x_bar = np.zeros(shape, y_bar.dtype)
    x_bar[k] += y_bar
    return x_bar, None


def _gather(x, k):
    return np.take_along_axis(x, k, axis=1), (x.shape, k)


def _gather_vjp(saved, y_bar):
    shape, k = saved
    x_bar = np.zeros(shape, y_bar.dtype)
    np.add.at(x_bar, (np.arange(shape[0])[:, None], k), y_bar)
    return x_bar, None


def _torch_gather_vjp(saved, y_bar):
    shape, k = saved
    x_bar = np.zeros(shape, y_bar.dtype)
    np.put_along_axis(x_bar, k, y_bar, axis=1)
    return x_bar, None


gather = Op(
    name="gather",
    forward=_gather,
    vjp=_gather_vjp,
    inputs={"x": real("n c"), "k": index("n m", "c")},
    sizes={"c": (1, 4)},
    torch=lambda x, k: x.gather(1, k),
    linear_in=frozenset({"x"}),
)


def _max_pool(x, kernel=2, stride=2):
    n = x.shape[1]
    starts = np.arange(window_count(n, kernel, stride, 0, False)) * stride
    windows = x[:, starts[:, None] + np.arange(kernel)]
    winner = windows.argmax(axis=-1)
    return np.take_along_axis(windows, winner[..., None], -1)[..., 0], (x.shape, starts + winner)


def _max_pool_vjp(saved, y_bar):
    shape, at = saved
    x_bar = np.zeros(shape, y_bar.dtype)
    np.add.at(x_bar, (np.arange(shape[0])[:, None], at), y_bar)
    return (x_bar,)


def _nnlib_max_pool_vjp(saved, y_bar):
    shape, at = saved
    x_bar = np.zeros(shape, y_bar.dtype)
    np.put_along_axis(x_bar, at, y_bar, axis=1)
    return (x_bar,)


def _torch_max_pool(x, kernel, stride):
    from torch.nn.functional import max_pool1d

    return max_pool1d(x[:, None], kernel, stride)[:, 0]


max_pool = Op(
    name="max_pool",
    forward=_max_pool,
    vjp=_max_pool_vjp,
    inputs={"x": real("b n")},
    params={"kernel": (2, 3), "stride": (2, 1, 3)},
    where=lambda s, p: s["n"] >= p["kernel"],
    sizes={"b": (1, 3), "n": (2, 6)},
    torch=_torch_max_pool,
    kinks="ties: the first takes all, as in torch",
)

BUGS = (
    KnownBug(
        "autograd-39",
        "indices",
        "https://github.com/HIPS/autograd/issues/39",
        "Indexing with repeated positions: A[k] += g adds once.",
        take,
        take.replace(vjp=_autograd_take_vjp),
    ),
    KnownBug(
        "pytorch-1528",
        "indices",
        "https://github.com/pytorch/pytorch/issues/1528",
        "Indexing with repeated positions kept the gradient of the last copy only.",
        gather,
        gather.replace(vjp=_torch_gather_vjp),
    ),
    KnownBug(
        "nnlib-205",
        "indices",
        "https://github.com/FluxML/NNlib.jl/issues/205",
        "Max-pooling with overlapping windows: a winner of several got the gradient of one.",
        max_pool,
        max_pool.replace(vjp=_nnlib_max_pool_vjp),
    ),
)
