"""Correct ops on windows, indices and matrices that bugs of several classes share."""

from __future__ import annotations

import math

import numpy as np

from gradspec import Op, array, index, real


def conv_length(n, k, stride, padding, dilation):
    """The number of positions of the kernel."""
    return (n + 2 * padding - dilation * (k - 1) - 1) // stride + 1


def _conv1d(x, w, groups=1, stride=1, padding=0, dilation=1):
    (b, c, n), (o, i, k) = x.shape, w.shape
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding))).reshape(b, groups, c // groups, -1)
    wg = w.reshape(groups, o // groups, i, k)
    size = conv_length(n, k, stride, padding, dilation)
    y = np.zeros((b, groups, o // groups, size), x.dtype)
    for tap in range(k):
        part = xp[..., tap * dilation : tap * dilation + (size - 1) * stride + 1 : stride]
        y += np.einsum("bgin,goi->bgon", part, wg[..., tap])
    return y.reshape(b, o, size), (xp, wg, x.shape, w.shape, stride, padding, dilation)


def conv1d_x_bar(saved, y_bar):
    """The cotangent of the signal."""
    xp, wg, (b, c, n), (_, _, k), stride, padding, dilation = saved
    g = y_bar.reshape(b, *wg.shape[:2], -1)
    xp_bar = np.zeros_like(xp)
    for tap in range(k):
        end = tap * dilation + (g.shape[-1] - 1) * stride + 1
        xp_bar[..., tap * dilation : end : stride] += np.einsum("bgon,goi->bgin", g, wg[..., tap])
    return xp_bar.reshape(b, c, -1)[..., padding : padding + n].copy()


def conv1d_w_bar(saved, y_bar):
    """The cotangent of the kernel."""
    xp, wg, (b, _, _), w_shape, stride, _, dilation = saved
    g = y_bar.reshape(b, *wg.shape[:2], -1)
    wg_bar = np.zeros_like(wg)
    for tap in range(w_shape[-1]):
        part = xp[..., tap * dilation : tap * dilation + (g.shape[-1] - 1) * stride + 1 : stride]
        wg_bar[..., tap] = np.einsum("bgon,bgin->goi", g, part)
    return wg_bar.reshape(w_shape)


def _conv1d_vjp(saved, y_bar):
    return conv1d_x_bar(saved, y_bar), conv1d_w_bar(saved, y_bar)


def _torch_conv1d(x, w, groups, stride, padding, dilation):
    from torch.nn.functional import conv1d as torch_conv1d

    return torch_conv1d(x, w, groups=groups, stride=stride, padding=padding, dilation=dilation)


conv1d = Op(
    name="conv1d",
    forward=_conv1d,
    vjp=_conv1d_vjp,
    inputs={"x": real("b g*i n"), "w": real("g*o i k")},
    params={"groups": (lambda sizes: sizes["g"],), "stride": (1, 2, 3), "padding": (0, 1), "dilation": (1, 2)},
    where=lambda s, p: s["n"] + 2 * p["padding"] >= p["dilation"] * (s["k"] - 1) + 1,
    sizes={"b": (1, 2), "g": (1, 2), "i": (1, 2), "o": (1, 2), "n": (1, 6), "k": (1, 3)},
    torch=_torch_conv1d,
    linear_in=frozenset({"x", "w"}),
)


def _take(x, k):
    return x[k], (x.shape, k)


def _take_vjp(saved, y_bar):
    shape, k = saved
    x_bar = np.zeros(shape, y_bar.dtype)
    np.add.at(x_bar, k, y_bar)
    return x_bar, None


take = Op(
    name="take",
    forward=_take,
    vjp=_take_vjp,
    inputs={"x": real("n d"), "k": index("m", "n")},
    sizes={"n": (1, 4)},
    torch=lambda x, k: x[k],
    linear_in=frozenset({"x"}),
)


def _triangle(a, lower, unit):
    t = np.tril(a, -1 if unit else 0) if lower else np.triu(a, 1 if unit else 0)
    return t + np.eye(len(a), dtype=a.dtype) if unit else t


def _solve_triangular(a, b, lower=True, unit=False):
    t = _triangle(a, lower, unit)
    y = np.linalg.solve(t, b)
    return y.copy(), (t, y, lower, unit)


def solve_triangular_bars(saved, y_bar):
    """The full matrix cotangent, and the right-hand side's."""
    t, y, _, _ = saved
    b_bar = np.linalg.solve(t.T, y_bar)
    return -b_bar @ y.T, b_bar


def _solve_triangular_vjp(saved, y_bar):
    _, _, lower, unit = saved
    a_bar, b_bar = solve_triangular_bars(saved, y_bar)
    return np.tril(a_bar, -1 if unit else 0) if lower else np.triu(a_bar, 1 if unit else 0), b_bar


def _torch_solve_triangular(a, b, lower, unit):
    import torch

    return torch.linalg.solve_triangular(a, b, upper=not lower, unitriangular=unit)


def dominant(u):
    """Make the diagonal dominant."""
    return u + 4 * np.eye(len(u), dtype=u.dtype)


solve_triangular = Op(
    name="solve_triangular",
    forward=_solve_triangular,
    vjp=_solve_triangular_vjp,
    inputs={"a": array("n n", lo=-1, hi=1, typical=(-1, 1), transform=dominant), "b": real("n k")},
    params={"lower": (True, False), "unit": (False, True)},
    torch=_torch_solve_triangular,
    linear_in=frozenset({"b"}),
)


def window_count(n, kernel, stride, padding, ceil):
    """How many windows a pooling layer has, as torch counts them."""
    over = n + 2 * padding - kernel
    count = (math.ceil(over / stride) if ceil else over // stride) + 1
    return count - 1 if ceil and (count - 1) * stride >= n + padding else count
