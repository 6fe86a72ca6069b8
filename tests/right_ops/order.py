"""Right ops of order and of index sets: sorting, quantiles, segments and windows."""

from __future__ import annotations

import numpy as np

from gradspec import Op, array, real


def _sort(x, descending=False):
    order = np.argsort(x, axis=-1, kind="stable")
    order = order[..., ::-1] if descending else order
    return np.take_along_axis(x, order, -1), order


def _sort_vjp(order, y_bar):
    x_bar = np.empty_like(y_bar)
    np.put_along_axis(x_bar, order, y_bar, -1)
    return (x_bar,)


sort = Op(
    name="sort",
    forward=_sort,
    vjp=_sort_vjp,
    inputs={"x": real("... d")},
    params={"descending": (False, True)},
    sizes={"d": (1, 5)},
    kinks="ties",
)


def _top_k(x, k=2):
    order = np.argsort(-x, axis=-1, kind="stable")[:, :k]
    return np.take_along_axis(x, order, 1), (order, x.shape)


def _top_k_vjp(saved, y_bar):
    order, shape = saved
    x_bar = np.zeros(shape, y_bar.dtype)
    np.put_along_axis(x_bar, order, y_bar, 1)
    return (x_bar,)


top_k = Op(
    name="top_k",
    forward=_top_k,
    vjp=_top_k_vjp,
    inputs={"x": real("n d")},
    params={"k": (2, 1, 3)},
    sizes={"d": (3, 6)},
    kinks="ties",
)


def _quantile(x, q=0.3):
    order = np.argsort(x, kind="stable")
    place = q * (len(x) - 1)
    low = int(np.floor(place))
    high, w = min(low + 1, len(x) - 1), x.dtype.type(place - low)
    return (1 - w) * x[order[low]] + w * x[order[high]], (order[low], order[high], w, len(x))


def _quantile_vjp(saved, y_bar):
    low, high, w, n = saved
    x_bar = np.zeros(n, dtype=y_bar.dtype)
    x_bar[low] += (1 - w) * y_bar
    x_bar[high] += w * y_bar
    return (x_bar,)


quantile = Op(
    name="quantile",
    forward=_quantile,
    vjp=_quantile_vjp,
    inputs={"x": real("n")},
    params={"q": (0.3, 0.0, 0.5, 1.0)},
    sizes={"n": (1, 6)},
    kinks="ties",
)


def _median(x):
    half = np.sort(x, axis=0)
    n = len(x)
    y = (half[(n - 1) // 2] + half[n // 2]) / 2
    order = np.argsort(x, axis=0, kind="stable")
    return y, (order[(n - 1) // 2], order[n // 2], x.shape)


def _median_vjp(saved, y_bar):
    low, high, shape = saved
    x_bar = np.zeros(shape, dtype=y_bar.dtype)
    columns = np.arange(shape[1])
    np.add.at(x_bar, (low, columns), y_bar / 2)
    np.add.at(x_bar, (high, columns), y_bar / 2)
    return (x_bar,)


median = Op(
    name="median",
    forward=_median,
    vjp=_median_vjp,
    inputs={"x": real("n d")},
    sizes={"n": (1, 6)},
    kinks="ties of the middle",
)


def _segment_mean(x, segment):
    count = np.bincount(segment, minlength=3).astype(x.dtype)
    total = np.zeros((3, x.shape[1]), dtype=x.dtype)
    np.add.at(total, segment, x)
    count = np.maximum(count, 1)[:, None]
    return total / count, (segment, count)


segment_mean = Op(
    name="segment_mean",
    forward=_segment_mean,
    vjp=lambda saved, y_bar: ((y_bar / saved[1])[saved[0]], None),
    inputs={"x": real("n d"), "segment": array("n", lo=0, hi=2, integer=True)},
    linear_in=("x",),
)


def _segment_max(x, segment):
    y = np.full(3, x.dtype.type(-100))
    winner = np.full(3, -1)
    for place, (value, s) in enumerate(zip(x, segment, strict=True)):
        if value > y[s]:
            y[s], winner[s] = value, place
    return y, (winner, len(x))


def _segment_max_vjp(saved, y_bar):
    winner, n = saved
    x_bar = np.zeros(n, dtype=y_bar.dtype)
    for w, g in zip(winner, y_bar, strict=True):
        if w >= 0:
            x_bar[w] += g
    return (x_bar, None)


segment_max = Op(
    name="segment_max",
    forward=_segment_max,
    vjp=_segment_max_vjp,
    inputs={"x": real("n"), "segment": array("n", lo=0, hi=2, integer=True)},
    kinks="ties in a segment, and -100",
)


def _even_max(x):
    y = x.max(axis=1, keepdims=True)
    mask = x == y
    return y[:, 0].copy(), mask / mask.sum(axis=1, keepdims=True)


even_max = Op(
    name="even_max",
    forward=_even_max,
    vjp=lambda share, y_bar: ((share * y_bar[:, None]).astype(y_bar.dtype),),
    inputs={"x": real("n d")},
    sizes={"d": (1, 5)},
    torch=lambda x: x.amax(1),
    kinks="ties",
)


def _unfold(x, width=2, step=1):
    starts = np.arange(0, x.shape[-1] - width + 1, step)
    index = starts[:, None] + np.arange(width)
    return x[..., index], (index, x.shape)


def _unfold_vjp(saved, y_bar):
    index, shape = saved
    x_bar = np.zeros(shape, dtype=y_bar.dtype)
    np.add.at(x_bar, (Ellipsis, index), y_bar)
    return (x_bar,)


unfold = Op(
    name="unfold",
    forward=_unfold,
    vjp=_unfold_vjp,
    inputs={"x": real("n t")},
    params={"width": (2, 1, 3), "step": (1, 2)},
    sizes={"t": (3, 6)},
    linear_in=("x",),
    torch=lambda x, width, step: x.unfold(-1, width, step),
)


def _trapezoid(y, x):
    dx = x[1:] - x[:-1]
    return ((y[1:] + y[:-1]) / 2 * dx).sum(), (y, dx)


def _trapezoid_vjp(saved, bar):
    y, dx = saved
    y_bar, x_bar = np.zeros_like(y), np.zeros_like(y)
    y_bar[1:] += dx / 2
    y_bar[:-1] += dx / 2
    mean = (y[1:] + y[:-1]) / 2
    x_bar[1:] += mean
    x_bar[:-1] -= mean
    return bar * y_bar, bar * x_bar


trapezoid = Op(
    name="trapezoid",
    forward=_trapezoid,
    vjp=_trapezoid_vjp,
    inputs={"y": real("n"), "x": real("n")},
    sizes={"n": (1, 5)},
    linear_in=("y", "x"),
    torch=lambda y, x: __import__("torch").trapezoid(y, x),
)

OPS = (*(sort, top_k, quantile, median, segment_mean, segment_max, even_max, unfold, trapezoid),)
