"""Pooling of images: the largest or the average number of each window. See batch_last.py for the memory.

Windows are taken apart: first over the columns of each row, then over the rows of what that gives. Of equal numbers
the first in row-major order is taken.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from gradspec.spec import Op, real
from ops.errors import ParamError
from ops.rules.batch_last import batch_first, batch_last
from ops.rules.guards import require_floats, require_rank
from ops.rules.reference import functional
from ops.rules.window import Window, has_windows, pair


def _max_pool2d(
    x: Any,
    size: Any = 2,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,  # noqa: FBT001, FBT002 -- torch's keyword
) -> tuple[Any, Any]:
    """Take the largest number of each window of *x* (n, c, h, w); NaN wins. The stride is the size if not given."""
    window, counts = _windows("max_pool2d", x, size, stride, padding, dilation, ceil_mode)
    image = batch_last(_without_complex(x), window.padding, -math.inf)
    image, cut = _extended(image, window, counts, -math.inf)
    lines, column_winners = _largest(image, window, 1, counts[1])
    y, row_winners = _largest(lines, window, 0, counts[0])
    if window.size == (1, 1):
        y = y.copy()  # it is the image itself
    return batch_first(y), (column_winners, row_winners, image.shape, cut, window)


def _max_pool2d_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    column_winners, row_winners, shape, cut, window = saved
    lines = _to_winners(batch_last(y_bar), row_winners, shape[0], window, 0)
    image = _to_winners(lines, column_winners, shape[2], window, 1)
    return (batch_first(image[: cut[0], :, : cut[1]], window.padding),)


def _largest(x: Any, window: Window, axis: int, count: int) -> tuple[Any, Any]:
    """The largest of each window over the rows or columns of *x*, and which of the window it is."""
    largest = x[_every(window, axis, 0, count)]
    winners: Any = 0
    for position in range(1, window.size[axis]):
        other = x[_every(window, axis, position, count)]
        larger = (other > largest).view(np.uint8)
        # Later ones only win where they are larger than all before: the last winner is the one.
        winners = np.maximum(winners, larger * np.min_scalar_type(position).type(position)) if position > 1 else larger
        largest = np.maximum(largest, other)
    return largest, winners


def _to_winners(y_bar: Any, winners: Any, size: int, window: Window, axis: int) -> Any:
    """The adjoint of :func:`_largest`: *size* rows or columns with each number of *y_bar* where its winner was."""
    count = y_bar.shape[_AXES[axis]]
    apart = window.stride[axis] >= window.reach[axis]  # windows do not overlap
    x_bar = _zeros(y_bar, axis, size)
    for position in range(window.size[axis]):
        target = x_bar[_every(window, axis, position, count)]
        if window.size[axis] == 1:
            target += y_bar
        elif apart:
            np.multiply(y_bar, winners == position, out=target)
        else:
            target += y_bar * (winners == position)
    return x_bar


_AXES = (0, 2)  # where rows and columns are in batch-last memory


def _every(window: Window, axis: int, position: int, count: int) -> tuple[slice, ...]:
    """The rows or columns at one *position* of each of *count* windows."""
    start, stride = position * window.dilation[axis], window.stride[axis]
    every = slice(start, start + (count - 1) * stride + 1, stride)
    return (every,) if axis == 0 else (slice(None), slice(None), every)


def _zeros(y_bar: Any, axis: int, size: int) -> Any:
    """Zeros like *y_bar*, but with *size* rows or columns."""
    shape = list(y_bar.shape)
    shape[_AXES[axis]] = size
    return np.zeros(shape, y_bar.dtype)


def _avg_pool2d(
    x: Any,
    size: Any = 2,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,  # noqa: FBT001, FBT002 -- torch's keyword
    count_include_pad: bool = True,  # noqa: FBT001, FBT002 -- torch's keyword
) -> tuple[Any, Any]:
    """Average each window of *x* (n, c, h, w). The stride is the size if not given.

    With *count_include_pad* padding counts as zeros; what *ceil_mode* adds beyond the padding never counts.
    """
    window, counts = _windows("avg_pool2d", x, size, stride, padding, 1, ceil_mode)
    image, cut = _extended(batch_last(x, window.padding), window, counts, 0.0)
    sums = _summed(_summed(image, window, 1, counts[1]), window, 0, counts[0])
    inner = [
        _counted(length, window, axis, counts[axis], include=count_include_pad)
        for axis, length in enumerate(x.shape[2:])
    ]
    share = (1 / np.outer(*inner)).astype(x.real.dtype)[:, None, :, None]
    return batch_first(sums * share), (share, image.shape, cut, window)


def _avg_pool2d_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    share, shape, cut, window = saved
    lines = _shared(batch_last(y_bar) * share, shape[0], window, 0)
    image = _shared(lines, shape[2], window, 1)
    return (batch_first(image[: cut[0], :, : cut[1]], window.padding),)


def _summed(x: Any, window: Window, axis: int, count: int) -> Any:
    total = x[_every(window, axis, 0, count)].copy()
    for position in range(1, window.size[axis]):
        total += x[_every(window, axis, position, count)]
    return total


def _shared(y_bar: Any, size: int, window: Window, axis: int) -> Any:
    x_bar = _zeros(y_bar, axis, size)
    for position in range(window.size[axis]):
        x_bar[_every(window, axis, position, y_bar.shape[_AXES[axis]])] += y_bar
    return x_bar


def _counted(length: int, window: Window, axis: int, count: int, *, include: bool) -> Any:
    """How many numbers each of *count* windows averages along an axis."""
    starts = np.arange(count) * window.stride[axis] - window.padding[axis]
    margin = window.padding[axis] if include else 0
    ends = np.minimum(starts + window.size[axis], length + margin)
    return ends - np.maximum(starts, -margin)


def _windows(
    op: str, x: Any, size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: Any
) -> tuple[Window, tuple[int, int]]:
    """The windows, and how many there are along rows and columns."""
    require_floats(op, "x", x)
    require_rank(op, "x", x, "(n, c, h, w)", 4)
    window = _window(op, size, stride, padding, dilation)
    if any(2 * pad > length for pad, length in zip(window.padding, window.size, strict=True)):
        raise ParamError(op, "padding", f"is {padding!r}", f"at most half of the window, which is {size!r}")
    counts = window.count(op, "x", *x.shape[2:])
    return window, _rounded_up(window, counts, x.shape[2:]) if ceil_mode else counts


def _window(op: str, size: Any, stride: Any, padding: Any, dilation: Any) -> Window:
    whole = pair(op, "size", size, 1)
    steps = whole if stride is None else pair(op, "stride", stride, 1)
    return Window(whole, steps, pair(op, "padding", padding, 0), pair(op, "dilation", dilation, 1))


def _rounded_up(window: Window, counts: tuple[int, int], lengths: tuple[int, ...]) -> tuple[int, int]:
    """One window more where numbers are left over, if it begins inside the image or its left padding."""
    up = []
    for axis, (count, length) in enumerate(zip(counts, lengths, strict=True)):
        left = length + 2 * window.padding[axis] - window.reach[axis] - (count - 1) * window.stride[axis]
        inside = count * window.stride[axis] < length + window.padding[axis]
        up.append(count + 1 if left and inside else count)
    return up[0], up[1]


def _extended(image: Any, window: Window, counts: tuple[int, int], fill: float) -> tuple[Any, tuple[int, int]]:
    """The image with rows and columns of *fill* for windows that reach beyond it, and the size that it had."""
    h, c, w, n = image.shape
    need = [(count - 1) * step + reach for count, step, reach in zip(counts, window.stride, window.reach, strict=True)]
    if need[0] <= h and need[1] <= w:
        return image, (h, w)
    larger = np.full((max(need[0], h), c, max(need[1], w), n), fill, image.dtype)
    larger[:h, :, :w] = image
    return larger, (h, w)


def _without_complex(x: Any) -> Any:
    if x.dtype.kind == "c":
        raise TypeError("max_pool2d: complex numbers have no largest one")
    return x


def _fits(sizes: Mapping[str, int], params: Mapping[str, Any]) -> bool:
    window = _window("pool", params["size"], params["stride"], params["padding"], params.get("dilation", 1))
    roomy = all(2 * pad <= length for pad, length in zip(window.padding, window.size, strict=True))
    return roomy and has_windows(sizes["h"], sizes["w"], window)


def _reference(name: str) -> Any:
    pool = functional(name)

    def reference(x: Any, size: Any, **params: Any) -> Any:
        return pool(x, size, **params)

    return reference


_IMAGES = {"x": real("n c h w")}
_SIZES = {"n": (0, 3), "c": (0, 3), "h": (1, 6), "w": (1, 6)}
_PARAMS: dict[str, Any] = {
    "size": (2, 3, (1, 2), (3, 1), 1),
    "stride": (None, 1, 2, (2, 3)),
    "padding": (0, 1, (1, 0)),
}

max_pool2d = Op(
    name="max_pool2d",
    forward=_max_pool2d,
    vjp=_max_pool2d_vjp,
    inputs=_IMAGES,
    params={**_PARAMS, "dilation": (1, 2), "ceil_mode": (False, True)},
    sizes=_SIZES,
    where=_fits,
    torch=_reference("max_pool2d"),
    formula=r"y_{ncpq} = \max_{kl} x_{n, c, s p + d k - m, s q + d l - m}, "
    r"\quad s \text{ stride}, d \text{ dilation}, m \text{ padding}",
    vjp_formula=r"\bar x_{ncij} = \sum_{pq} \bar y_{ncpq} [(i, j) \text{ is the first largest of window } (p, q)]",
    source="a subgradient of the maximum: Boyd, Vandenberghe, EE364b notes on subgradients (2008), section 3.4",
    kinks="windows whose largest numbers are equal: the first in row-major order gets the whole cotangent, as in torch",
)

avg_pool2d = Op(
    name="avg_pool2d",
    forward=_avg_pool2d,
    vjp=_avg_pool2d_vjp,
    inputs=_IMAGES,
    params={**_PARAMS, "ceil_mode": (False, True), "count_include_pad": (True, False)},
    sizes=_SIZES,
    where=_fits,
    torch=_reference("avg_pool2d"),
    formula=r"y_{ncpq} = \frac{1}{K_{pq}} \sum_{kl} x_{n, c, s p + k - m, s q + l - m}, "
    r"\quad s \text{ stride}, m \text{ padding}, K_{pq} \text{ the numbers that count}",
    vjp_formula=r"\bar x_{ncij} = \sum_{pq} \bar y_{ncpq} [(i, j) \text{ in window } (p, q)] / K_{pq}",
    source="Dumoulin, Visin: A guide to convolution arithmetic for deep learning (2016), chapter 3",
    linear_in=frozenset({"x"}),
)
