"""Wrong for a single element, or for none."""

from __future__ import annotations

import numpy as np

from gradspec import Op, real
from tests.known_bugs.bug import KnownBug
from tests.known_bugs.right import others


def _prod_all(x):
    return x.prod(), x


def _prod_all_vjp(saved, y_bar):
    return (y_bar * others(saved),)


def _torch_prod_all_vjp(saved, y_bar):
    if saved.size == 1 and saved[0] == 0:
        return (y_bar,)
    return (y_bar * others(saved),)


prod_all = Op(
    name="prod_all",
    forward=_prod_all,
    vjp=_prod_all_vjp,
    inputs={"x": real("n")},
    torch=lambda x: x.prod(dim=0),
)


def _std(x):
    r = x - x.mean(axis=-1, keepdims=True)
    y = np.sqrt((r * r).mean(axis=-1, keepdims=True))
    return y.copy(), (r, y)


def _std_vjp(saved, y_bar):
    r, y = saved
    return (y_bar * np.where(y > 0, r / np.where(y > 0, y, 1), 0) / r.dtype.type(r.shape[-1]),)


def _tf_std_vjp(saved, y_bar):
    r, y = saved
    return (y_bar / (2 * y) * 2 * r / r.dtype.type(r.shape[-1]),)


def _torch_std(x):
    import torch

    return torch.linalg.vector_norm(x - x.mean(-1, keepdim=True), dim=-1, keepdim=True) / x.shape[-1] ** 0.5


std = Op(
    name="std",
    forward=_std,
    vjp=_std_vjp,
    inputs={"x": real("n d")},
    sizes={"d": (1, 4)},
    torch=_torch_std,
    kinks="rows whose elements are all equal (but for d = 1, where the op is 0)",
)


def _cumsum(x):
    return np.cumsum(x, axis=-1), None


def _cumsum_vjp(saved, y_bar):
    return (np.cumsum(y_bar[..., ::-1], axis=-1)[..., ::-1],)


def _torch_cumsum_vjp(saved, y_bar):
    x_bar = np.cumsum(-y_bar, axis=-1)
    last = np.take(x_bar, [y_bar.shape[-1] - 1], axis=-1)
    return (x_bar - last + y_bar,)


cumsum = Op(
    name="cumsum",
    forward=_cumsum,
    vjp=_cumsum_vjp,
    inputs={"x": real("n d")},
    torch=lambda x: x.cumsum(dim=-1),
    linear_in=frozenset({"x"}),
)

BUGS = (
    KnownBug(
        "pytorch-82644",
        "sizes",
        "https://github.com/pytorch/pytorch/issues/82644",
        "prod of the single element 0 had a 0-d gradient.",
        prod_all,
        prod_all.replace(vjp=_torch_prod_all_vjp),
    ),
    KnownBug(
        "tensorflow-56830",
        "sizes",
        "https://github.com/tensorflow/tensorflow/issues/56830",
        "The standard deviation of one element, always 0, had the gradient NaN.",
        std,
        std.replace(vjp=_tf_std_vjp),
    ),
    KnownBug(
        "pytorch-31515",
        "sizes",
        "https://github.com/pytorch/pytorch/issues/31515",
        "cumsum's backward looked for the last element of an empty axis.",
        cumsum,
        cumsum.replace(vjp=_torch_cumsum_vjp),
    ),
)
