"""Kinks, coincident points and ties: NaN, or a value outside of all subgradients."""

from __future__ import annotations

import numpy as np

from gradspec import Op, real
from tests.known_bugs.bug import KnownBug
from tests.known_bugs.right import cdist, length


def _row_norm(x):
    y = length(x, -1)
    return y[..., 0].copy(), (x, y)


def _row_norm_vjp(saved, y_bar):
    x, y = saved
    return (y_bar[..., None] * (x / np.where(y > 0, y, 1)),)


def _torch_row_norm_vjp(saved, y_bar):
    x, y = saved
    return (y_bar[..., None] * (x / y),)


def _vector_norm(x):
    import torch

    return torch.linalg.vector_norm(x, dim=-1)


row_norm = Op(
    name="row_norm",
    forward=_row_norm,
    vjp=_row_norm_vjp,
    inputs={"x": real("n d")},
    torch=_vector_norm,
    kinks="rows of zeros",
)


def _torch_cdist_vjp(saved, y_bar):
    diff, y, p = saved
    slope = diff / y if p == 2 else np.sign(diff) * (np.abs(diff) / np.where(y > 0, y, 1)) ** (p - 1)
    d_bar = y_bar[..., None] * slope
    return d_bar.sum(axis=1), -d_bar.sum(axis=0)


def _max_norm(x):
    y = np.abs(x).max(axis=-1)
    return y, (x, y.copy())


def _max_norm_vjp(saved, y_bar):
    x, y = saved
    largest = np.abs(x) == y[..., None]
    count = largest.sum(axis=-1, keepdims=True).astype(x.dtype)
    return (y_bar[..., None] * (np.sign(x) * largest / count),)


def _torch_max_norm_vjp(saved, y_bar):
    x, y = saved
    return (y_bar[..., None] * (np.sign(x) * (np.abs(x) == y[..., None])),)


def _inf_norm(x):
    import torch

    return torch.linalg.vector_norm(x, ord=float("inf"), dim=-1)


max_norm = Op(
    name="max_norm",
    forward=_max_norm,
    vjp=_max_norm_vjp,
    inputs={"x": real("n d")},
    sizes={"d": (1, 4)},
    torch=_inf_norm,
    kinks="ties, among which the cotangent is divided",
)

BUGS = (
    KnownBug(
        "pytorch-2421",
        "kinks",
        "https://github.com/pytorch/pytorch/issues/2421",
        "The norm of zeros had the gradient NaN; 0 is a subgradient.",
        row_norm,
        row_norm.replace(vjp=_torch_row_norm_vjp),
    ),
    KnownBug(
        "pytorch-37154",
        "kinks",
        "https://github.com/pytorch/pytorch/issues/37154",
        "cdist of coincident points had the gradient NaN.",
        cdist,
        cdist.replace(vjp=_torch_cdist_vjp),
    ),
    KnownBug(
        "pytorch-41779",
        "kinks",
        "https://github.com/pytorch/pytorch/issues/41779",
        "The maximum norm gave every one of the tied elements the whole cotangent.",
        max_norm,
        max_norm.replace(vjp=_torch_max_norm_vjp),
    ),
)
