"""Memory layout: strides ignored. Memory order stands for what the kernels read through a bare pointer."""

from __future__ import annotations

import numpy as np

from gradspec import Op, real
from tests.known_bugs.bug import KnownBug


def _as_it_lies(g):
    """The elements in the order of memory, taken for the order of the axes."""
    return g.ravel(order="K").reshape(g.shape)


def _mean(x):
    return x.mean(axis=-1), x.shape


def _mean_vjp(saved, y_bar):
    return (np.broadcast_to((y_bar / y_bar.dtype.type(saved[-1]))[..., None], saved).copy(),)


def _torch7_mean_vjp(saved, y_bar):
    return _mean_vjp(saved, _as_it_lies(y_bar))


mean = Op(
    name="mean",
    forward=_mean,
    vjp=_mean_vjp,
    inputs={"x": real("n m d")},
    sizes={"d": (1, 4)},
    torch=lambda x: x.mean(-1),
    linear_in=frozenset({"x"}),
)


def _reshape(x):
    n, m, d = x.shape
    return x.reshape(n, m * d), x.shape


def _reshape_vjp(saved, y_bar):
    return (y_bar.reshape(saved),)


def _torch7_reshape_vjp(saved, y_bar):
    return (y_bar.ravel(order="K").reshape(saved),)


reshape = Op(
    name="reshape",
    forward=_reshape,
    vjp=_reshape_vjp,
    inputs={"x": real("n m d")},
    torch=lambda x: x.reshape(x.shape[0], x.shape[1] * x.shape[2]),
    linear_in=frozenset({"x"}),
)


def _affine(x, w):
    return x @ w, (x, w)


def _affine_vjp(saved, y_bar):
    x, w = saved
    return y_bar @ w.T, x.T @ y_bar


def _torch_affine_vjp(saved, y_bar):
    x, w = saved
    x_bar = np.ascontiguousarray(y_bar @ w.T)
    for axis, (size, stride) in enumerate(zip(x.shape, x.strides, strict=True)):
        if stride == 0 and size > 1:  # written through the input's strides: all copies share one place
            x_bar[...] = np.take(x_bar, [size - 1], axis=axis)
    return x_bar, x.T @ y_bar


affine = Op(
    name="affine",
    forward=_affine,
    vjp=_affine_vjp,
    inputs={"x": real("n f"), "w": real("f m")},
    torch=lambda x, w: x @ w,
    linear_in=frozenset({"x", "w"}),
)

BUGS = (
    KnownBug(
        "torch-nn-345",
        "layout",
        "https://github.com/torch/nn/pull/345",
        "nn.Mean's backward took the upstream gradient to be contiguous.",
        mean,
        mean.replace(vjp=_torch7_mean_vjp),
    ),
    KnownBug(
        "torch7-5",
        "layout",
        "https://github.com/torch/DEPRECEATED-torch7-distro/issues/5",
        "Reshape's backward took the upstream gradient to be contiguous.",
        reshape,
        reshape.replace(vjp=_torch7_reshape_vjp),
    ),
    KnownBug(
        "pytorch-30303",
        "layout",
        "https://github.com/pytorch/pytorch/issues/30303",
        "The gradient of an expanded input was laid out with the input's zero strides.",
        affine,
        affine.replace(vjp=_torch_affine_vjp),
    ),
)
