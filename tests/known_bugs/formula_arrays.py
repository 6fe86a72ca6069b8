"""Plain wrong formulas: convolutions, products of vectors and matrices, norms."""

from __future__ import annotations

import numpy as np

from gradspec import Op, real
from tests.known_bugs.bug import KnownBug
from tests.known_bugs.right_arrays import conv1d, conv1d_w_bar, conv1d_x_bar


def _cross(a, b):
    return np.cross(a, b), (a, b)


def _cross_vjp(saved, y_bar):
    a, b = saved
    return np.cross(b, y_bar), np.cross(y_bar, a)


def _burn_cross_vjp(saved, y_bar):
    a, b = saved
    return np.cross(b, y_bar), np.cross(a, y_bar)


def _torch_cross(a, b):
    import torch

    return torch.linalg.cross(a, b)


cross = Op(
    name="cross",
    forward=_cross,
    vjp=_cross_vjp,
    inputs={"a": real("n 3"), "b": real("n 3")},
    torch=_torch_cross,
    linear_in=frozenset({"a", "b"}),
)


def _row_times_matrix(x, a):
    return x @ a, (x, a)


def _row_times_matrix_vjp(saved, y_bar):
    x, a = saved
    return a @ y_bar, np.outer(x, y_bar)


def _reversediff_row_times_matrix_vjp(saved, y_bar):
    x, a = saved
    return a.T @ y_bar, np.outer(x, y_bar)


row_times_matrix = Op(
    name="row_times_matrix",
    forward=_row_times_matrix,
    vjp=_row_times_matrix_vjp,
    inputs={"x": real("n"), "a": real("n n")},
    torch=lambda x, a: x @ a,
    linear_in=frozenset({"x", "a"}),
)


def _ctensor_conv1d_vjp(saved, y_bar):
    return conv1d_x_bar(saved, y_bar), conv1d_w_bar(saved, y_bar) / (y_bar.shape[0] * y_bar.shape[2])


def _prenorm(residual, x, eps=1e-6):
    r = residual + x
    scale = np.max(np.abs(r), axis=-1, keepdims=True)
    safe = np.where(scale > 0, scale, 1)
    rms = scale * np.sqrt(((r / safe) ** 2).mean(axis=-1, keepdims=True))
    s = np.hypot(rms, eps**0.5)
    return (r, r / s), (r / s, s)


def _through_norm(saved, out_bar):
    out, s = saved
    return (out_bar - out * (out_bar * out).mean(axis=-1, keepdims=True)) / s


def _prenorm_vjp(saved, y_bar):
    r_bar = y_bar[0] + _through_norm(saved, y_bar[1])
    return r_bar, r_bar.copy()


def _quack_prenorm_vjp(saved, y_bar):
    r_bar = _through_norm(saved, y_bar[0] + y_bar[1])
    return r_bar, r_bar.copy()


def _torch_prenorm(residual, x, eps):
    r = residual + x
    return r, r / ((r * r).mean(-1, keepdim=True) + eps).sqrt()


prenorm = Op(
    name="prenorm",
    forward=_prenorm,
    vjp=_prenorm_vjp,
    inputs={"residual": real("n d"), "x": real("n d")},
    params={"eps": (1e-6, 1e-2)},
    sizes={"d": (1, 4)},
    torch=_torch_prenorm,
)


BUGS = (
    KnownBug(
        "burn-4069",
        "formula",
        "https://github.com/tracel-ai/burn/pull/4069",
        "The cotangent of the cross product's second factor had the wrong sign.",
        cross,
        cross.replace(vjp=_burn_cross_vjp),
    ),
    KnownBug(
        "reversediff-235",
        "formula",
        "https://github.com/JuliaDiff/ReverseDiff.jl/issues/235",
        "A row vector times a matrix was pulled back with the transposed matrix.",
        row_times_matrix,
        row_times_matrix.replace(vjp=_reversediff_row_times_matrix_vjp),
    ),
    KnownBug(
        "ctensor-3",
        "formula",
        "https://github.com/sebgao/cTensor/issues/3",
        "The convolution's weight gradient was divided by batch size times positions.",
        conv1d,
        conv1d.replace(vjp=_ctensor_conv1d_vjp),
    ),
    KnownBug(
        "quack-53",
        "formula",
        "https://github.com/Dao-AILab/quack/pull/53",
        "RMS pre-norm sent the residual's own cotangent through the norm as well.",
        prenorm,
        prenorm.replace(vjp=_quack_prenorm_vjp),
    ),
)
