"""Wrong only for some params of windows: strides with a remainder, ceil_mode, groups, a large ratio, some axes only."""

from __future__ import annotations

import math

import numpy as np

from gradspec import Op, real
from tests.known_bugs.bug import KnownBug
from tests.known_bugs.right_arrays import conv1d, conv1d_w_bar, conv1d_x_bar, window_count


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
