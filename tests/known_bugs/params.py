"""Wrong only for a value of a param that is not the default."""

from __future__ import annotations

import math

import numpy as np

from gradspec import Op, array, real
from tests.known_bugs.bug import KnownBug
from tests.known_bugs.right import (
    cdist,
    conv1d,
    conv1d_w_bar,
    conv1d_x_bar,
    dominant,
    elu,
    leaky_relu,
    length,
    log_softmax,
    solve_triangular,
    solve_triangular_bars,
    window_count,
)


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


def _avg_pool(x, kernel=2, stride=2, padding=0, ceil=False, include_pad=True):
    b, n = x.shape
    windows = []
    for j in range(window_count(n, kernel, stride, padding, ceil)):
        start = j * stride - padding
        end = min(start + kernel, n + padding)
        first, last = max(start, 0), min(end, n)
        windows.append((first, last, end - start if include_pad else last - first))
    y = np.stack([x[:, f:e].sum(axis=1) / x.dtype.type(count) for f, e, count in windows], axis=1)
    return y, (b, n, windows, kernel, include_pad)


def _avg_pool_vjp(saved, y_bar):
    b, n, windows, _, _ = saved
    x_bar = np.zeros((b, n), y_bar.dtype)
    for j, (first, last, count) in enumerate(windows):
        x_bar[:, first:last] += y_bar[:, j : j + 1] / count
    return (x_bar,)


def _burn_avg_pool_vjp(saved, y_bar):
    b, n, windows, kernel, include_pad = saved
    x_bar = np.zeros((b, n), y_bar.dtype)
    for j, (first, last, count) in enumerate(windows):
        x_bar[:, first:last] += y_bar[:, j : j + 1] / (kernel if include_pad else count)
    return (x_bar,)


def _torch_avg_pool(x, kernel, stride, padding, ceil, include_pad):
    from torch.nn.functional import avg_pool1d

    return avg_pool1d(x[:, None], kernel, stride, padding, ceil, include_pad)[:, 0]


avg_pool = Op(
    name="avg_pool",
    forward=_avg_pool,
    vjp=_avg_pool_vjp,
    inputs={"x": real("b n")},
    params={
        "kernel": (2, 3),
        "stride": (2, 1, 3),
        "padding": (0, 1),
        "ceil": (False, True),
        "include_pad": (True, False),
    },
    where=lambda s, p: s["n"] + 2 * p["padding"] >= p["kernel"],
    sizes={"b": (1, 3), "n": (1, 6)},
    torch=_torch_avg_pool,
    linear_in=frozenset({"x"}),
)


def _shifted_conv1d_vjp(saved, y_bar):
    xp, _, (_, _, n), (_, _, k), stride, padding, dilation = saved
    rest = (n + 2 * padding - dilation * (k - 1) - 1) % stride
    x_bar = conv1d_x_bar((*saved[:5], 0, dilation), y_bar)  # what belongs to the padded signal
    padded = np.zeros((*x_bar.shape[:2], xp.shape[-1]), x_bar.dtype)
    padded[..., : x_bar.shape[-1]] = x_bar
    shifted = np.roll(padded, rest, axis=-1)  # the rest is missing at the end: all the others move
    return shifted[..., padding : padding + n].copy(), conv1d_w_bar(saved, y_bar)


def _short_conv1d_vjp(saved, y_bar):
    _, _, (_, _, n), (_, _, k), stride, padding, dilation = saved
    rest = (n + 2 * padding - dilation * (k - 1) - 1) % stride
    return conv1d_x_bar(saved, y_bar)[..., : n - rest], conv1d_w_bar(saved, y_bar)


def _ungrouped_conv1d_vjp(saved, y_bar):
    groups = saved[1].shape[0]
    w_bar = conv1d_w_bar(saved, y_bar)
    o, i, k = w_bar.shape
    mixed = w_bar.reshape(groups, o // groups, i, k).swapaxes(0, 1).reshape(o, i, k)  # groups taken as the inner axis
    return conv1d_x_bar(saved, y_bar), mixed


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


def _weights(n, size, align):
    w = np.zeros((size, n))
    for i in range(size):
        at = i * (n - 1) / (size - 1) if align else max((i + 0.5) * n / size - 0.5, 0)
        low = min(int(at), n - 1)
        w[i, low] += 1 - (at - low)
        w[i, min(low + 1, n - 1)] += at - low
    return w


def _upsample(x, size=3, align=False):
    w = _weights(x.shape[1], size, align)
    return x @ w.T.astype(x.dtype), (w, size, align)


def _upsample_vjp(saved, y_bar):
    return (y_bar @ saved[0].astype(y_bar.dtype),)


def _flaggems_upsample_vjp(saved, y_bar):
    w, size, align = saved
    n = w.shape[1]
    reach = math.ceil(size / n) + 2  # the stretch of align_corners=False
    seen = w.copy()
    for j in range(n):
        centre = j * (size - 1) / max(n - 1, 1) if align else (j + 0.5) * size / n - 0.5
        for i in range(size):
            if abs(i - centre) > reach and n > 1:
                seen[i, j] = 0
    return (y_bar @ seen.astype(y_bar.dtype),)


def _torch_upsample(x, size, align):
    from torch.nn.functional import interpolate

    return interpolate(x[:, None], size=size, mode="linear", align_corners=align)[:, 0]


upsample = Op(
    name="upsample",
    forward=_upsample,
    vjp=_upsample_vjp,
    inputs={"x": real("b n")},
    params={"size": (3, 5, 10), "align": (False, True)},
    sizes={"b": (1, 3), "n": (1, 4)},
    torch=_torch_upsample,
    linear_in=frozenset({"x"}),
)


def _pad(x, axes=(0, 1, 2), low=(1, 0, 2), high=(0, 1, 1)):
    widths = [(0, 0)] * 3
    for axis, before, after in zip(axes, low, high, strict=True):
        widths[axis] = (before, after)
    return np.pad(x, widths), (x.shape, widths, axes, low, high)


def _pad_vjp(saved, y_bar):
    shape, widths, _, _, _ = saved
    return (y_bar[tuple(slice(before, before + n) for n, (before, _) in zip(shape, widths, strict=True))],)


def _mlx_pad_vjp(saved, y_bar):
    _, _, axes, low, high = saved
    start, stop = [0, 0, 0], list(y_bar.shape)
    for i in axes:  # sizes looked up by the axis, not by its place in the list; outside of it there is nothing
        start[i] = low[i] if 0 <= i < len(low) else 0
        stop[i] -= high[i] if 0 <= i < len(high) else 0
    return (y_bar[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))],)


pad = Op(
    name="pad",
    forward=_pad,
    vjp=_pad_vjp,
    inputs={"x": real("n m d")},
    params={
        "axes": ((0, 1, 2), (0, 1), (1, 2), (-2, -1)),
        "low": ((1, 0, 2), (1, 0), (1, 2)),
        "high": ((0, 1, 1), (2, 1), (0, 1)),
    },
    where=lambda s, p: len(p["axes"]) == len(p["low"]) == len(p["high"]),
    linear_in=frozenset({"x"}),
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
        "burn-5604",
        "params",
        "https://github.com/tracel-ai/burn/issues/5604",
        "Average pooling with ceil_mode divided an overhanging window by the whole kernel, in the backward only.",
        avg_pool,
        avg_pool.replace(vjp=_burn_avg_pool_vjp),
    ),
    KnownBug(
        "flaggems-1576",
        "params",
        "https://github.com/flagos-ai/FlagGems/pull/1576",
        "Strided convolution: where the stride leaves a remainder, the input's cotangent was misaligned.",
        conv1d,
        conv1d.replace(vjp=_shifted_conv1d_vjp),
    ),
    KnownBug(
        "backpack-30",
        "params",
        "https://github.com/f-dangel/backpack/issues/30",
        "Strided convolution: where the stride leaves a remainder, the input's cotangent was too short.",
        conv1d,
        conv1d.replace(vjp=_short_conv1d_vjp),
    ),
    KnownBug(
        "pytorch-51430",
        "params",
        _TORCH + "issues/51430",
        "nn.grad's weight gradient mixed up the channels for groups > 1.",
        conv1d,
        conv1d.replace(vjp=_ungrouped_conv1d_vjp),
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
    KnownBug(
        "flaggems-5218",
        "params",
        "https://github.com/flagos-ai/FlagGems/issues/5218",
        "Linear upsampling with align_corners lost the outputs far from the centre, at a large ratio only.",
        upsample,
        upsample.replace(vjp=_flaggems_upsample_vjp),
    ),
    KnownBug(
        "mlx-4441",
        "params",
        "https://github.com/ml-explore/mlx/pull/4441",
        "pad's vjp looked widths up by axis where only some axes are padded.",
        pad,
        pad.replace(vjp=_mlx_pad_vjp),
    ),
)
