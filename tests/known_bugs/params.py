"""Wrong only for a value of a param that is not the default."""

from __future__ import annotations

import numpy as np

from gradspec import Op, array, real
from tests.known_bugs.bug import KnownBug
from tests.known_bugs.right import cdist, elu, leaky_relu, length, log_softmax
from tests.known_bugs.right_arrays import dominant, solve_triangular, solve_triangular_bars


def _inplace_leaky_relu_vjp(saved, y_bar):
    _, y, slope = saved
    return (np.where(y > 0, y_bar, slope * y_bar),)


def _dl4j_leaky_relu_vjp(saved, y_bar):
    x, _, _ = saved
    return (np.where(x > 0, y_bar, 0.01 * y_bar),)


def _elu_from_output_vjp(saved, y_bar):
    _, y, alpha = saved
    return (np.where(y > 0, y_bar, y_bar * (y + alpha)),)


def _flaggems_cdist_vjp(saved, y_bar):
    diff, y, _ = saved
    d_bar = y_bar[..., None] * diff / np.where(y > 0, y, 1)
    return d_bar.sum(axis=1), -d_bar.sum(axis=0)


def _nnlib_log_softmax(x, axis=-1):
    z = x - x.max(axis=axis, keepdims=True)
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return z - np.log(np.exp(z).sum(axis=axis, keepdims=True)), (e / e.sum(axis=-1, keepdims=True), axis)


def _nnlib_log_softmax_vjp(saved, y_bar):
    s, axis = saved
    return (y_bar - s * y_bar.sum(axis=axis, keepdims=True),)


def _order(axis, start):
    return tuple(np.rollaxis(np.empty((1, 2, 3)), axis, start).shape[i] - 1 for i in range(3))


def _rollaxis(x, axis=0, start=0):
    return np.rollaxis(x, axis, start).copy(), (axis, start)


def _rollaxis_vjp(saved, y_bar):
    return (y_bar.transpose(np.argsort(_order(*saved))),)


def _autograd_rollaxis_vjp(saved, y_bar):
    axis, start = saved
    return (np.rollaxis(y_bar, start - 1, axis) if start > axis else np.rollaxis(y_bar, start, axis + 1),)


rollaxis = Op(
    name="rollaxis",
    forward=_rollaxis,
    vjp=_rollaxis_vjp,
    inputs={"x": real("n m d")},
    params={"axis": (0, 1, 2, -1, -2), "start": (0, 1, 2, 3)},
    torch=lambda x, axis, start: x.permute(_order(axis, start)),
    linear_in=frozenset({"x"}),
)


def _norm(x, axis=None):
    kept = length(x, axis)
    return (kept[0, 0] if axis is None else kept.squeeze(axis)).copy(), (x, kept, axis)


def _norm_vjp(saved, y_bar):
    x, kept, axis = saved
    unit = np.where(kept > 0, x / np.where(kept > 0, kept, 1), 0)
    return ((y_bar if axis is None else np.expand_dims(y_bar, axis)) * unit,)


def _autograd_norm_vjp(saved, y_bar):
    x, kept, axis = saved
    y = kept[0, 0] if axis is None else kept.squeeze(axis)
    return (y_bar * x / np.where(y > 0, y, 1),)


def _torch_norm(x, axis):
    import torch

    return torch.linalg.vector_norm(x, dim=axis)


norm = Op(
    name="norm",
    forward=_norm,
    vjp=_norm_vjp,
    inputs={"x": real("n m")},
    params={"axis": (None, 0, 1, -1)},
    torch=_torch_norm,
    kinks="zero vectors",
)


def _unit_solve_vjp(saved, y_bar):
    _, _, lower, _ = saved
    a_bar, b_bar = solve_triangular_bars(saved, y_bar)
    return (np.tril(a_bar) if lower else np.triu(a_bar)), b_bar


def _cholesky(a, upper=False):
    half = np.linalg.cholesky((a.T if upper else a).copy())  # LAPACK reads the lower triangle only
    return (half.T if upper else half).copy(), (half, upper)


def _cholesky_symmetric(saved, y_bar):
    half, upper = saved
    phi = np.tril(half.T @ np.tril(y_bar.T if upper else y_bar))
    phi[np.diag_indices(len(phi))] /= 2
    s = np.linalg.solve(half.T, np.linalg.solve(half.T, phi.T).T)  # L^-T phi L^-1
    return (s + s.T) / 2


def _cholesky_vjp(saved, y_bar):
    s = _cholesky_symmetric(saved, y_bar)
    low = np.tril(s) + np.tril(s, -1)
    return (low.T.copy() if saved[1] else low,)


def _jax_cholesky_vjp(saved, y_bar):
    s = _cholesky_symmetric(saved, y_bar)
    return (s if saved[1] else np.tril(s) + np.tril(s, -1),)


def _torch_cholesky(a, upper):
    import torch

    low = a.T if upper else a
    half = torch.linalg.cholesky(torch.tril(low) + torch.tril(low, -1).T)
    return half.T if upper else half


cholesky = Op(
    name="cholesky",
    forward=_cholesky,
    vjp=_cholesky_vjp,
    inputs={"a": array("n n", lo=-1, hi=1, typical=(-1, 1), transform=dominant)},
    params={"upper": (False, True)},
    torch=_torch_cholesky,
)


_TORCH = "https://github.com/pytorch/pytorch/"

BUGS = (
    KnownBug(
        "pytorch-31938",
        "params",
        _TORCH + "issues/31938",
        "In-place leaky_relu tested the sign of the output: wrong for a negative slope.",
        leaky_relu,
        leaky_relu.replace(vjp=_inplace_leaky_relu_vjp),
    ),
    KnownBug(
        "dl4j-8178",
        "params",
        "https://github.com/deeplearning4j/deeplearning4j/issues/8178",
        "Leaky ReLU's backward did not know the slope; it used the default.",
        leaky_relu,
        leaky_relu.replace(vjp=_dl4j_leaky_relu_vjp),
    ),
    KnownBug(
        "pytorch-49272",
        "params",
        _TORCH + "pull/49272",
        "ELU's backward was computed from the output, whose sign says nothing for a negative alpha.",
        elu,
        elu.replace(vjp=_elu_from_output_vjp),
    ),
    KnownBug(
        "flaggems-5023",
        "params",
        "https://github.com/flagos-ai/FlagGems/issues/5023",
        "cdist's backward ignored p and always took the Euclidean formula.",
        cdist,
        cdist.replace(vjp=_flaggems_cdist_vjp),
    ),
    KnownBug(
        "nnlib-148",
        "params",
        "https://github.com/FluxML/NNlib.jl/pull/148",
        "Log-softmax's backward did not pass the axis on to softmax.",
        log_softmax,
        log_softmax.replace(forward=_nnlib_log_softmax, vjp=_nnlib_log_softmax_vjp),
    ),
    KnownBug(
        "autograd-350",
        "params",
        "https://github.com/HIPS/autograd/issues/350",
        "rollaxis was rolled back wrongly for a negative axis.",
        rollaxis,
        rollaxis.replace(vjp=_autograd_rollaxis_vjp),
    ),
    KnownBug(
        "autograd-42",
        "params",
        "https://github.com/HIPS/autograd/issues/42",
        "The gradient of norm did not take the axis into account.",
        norm,
        norm.replace(vjp=_autograd_norm_vjp),
    ),
    KnownBug(
        "pytensor-1230",
        "params",
        "https://github.com/pymc-devs/pytensor/issues/1230",
        "solve_triangular with a unit diagonal gave the diagonal, which it does not read, a gradient.",
        solve_triangular,
        solve_triangular.replace(vjp=_unit_solve_vjp),
    ),
    KnownBug(
        "jax-40421",
        "params",
        "https://github.com/jax-ml/jax/issues/40421",
        "cholesky(lower=False) gave the triangle that it does not read half of the gradient.",
        cholesky,
        cholesky.replace(vjp=_jax_cholesky_vjp),
    ),
)
