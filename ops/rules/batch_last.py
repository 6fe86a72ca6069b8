"""The memory layout of images inside convolutions and pools: rows, channels, columns, and the batch last.

Seen from outside an image batch has the shape (n, c, h, w). In memory it is kept as (h, c, w, n): a window of rows of
all channels is one block, a shift by a column is a shift by n numbers, and every inner loop runs over the batch. So a
convolution needs no copies of its windows, and pooling runs over long rows. An op's output is a view of such memory,
which the next op recognises; elementwise ops keep it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_PAD = 64  # bytes; examples whose distance is a power of two fall on the same cache lines
_SMALL = 8  # examples up to which this does not matter


def batch_last(x: Any, padding: tuple[int, int] = (0, 0), fill: float = 0.0) -> Any:
    """*x* (n, c, h, w) as contiguous memory (h, c, w, n), with *padding* rows and columns of *fill* on each side.

    It is a view of *x* where *x* lies in memory like that already and there is no padding.
    """
    seen = x.transpose(2, 1, 3, 0)
    rows, columns = padding
    if rows or columns:
        h, c, w, n = seen.shape
        padded = np.full((h + 2 * rows, c, w + 2 * columns, n), fill, x.dtype)
        padded[rows : rows + h, :, columns : columns + w] = seen
        return padded
    if seen.flags.c_contiguous:
        return seen
    if len(x) <= _SMALL or not x.flags.c_contiguous:
        return np.ascontiguousarray(seen)
    size = x[0].size
    spread = np.empty((len(x), size + _PAD // x.itemsize), x.dtype)[:, :size]
    spread[...] = x.reshape(len(x), size)
    strides = (spread.strides[0], *x.strides[1:])
    return np.ascontiguousarray(np.lib.stride_tricks.as_strided(spread, x.shape, strides).transpose(2, 1, 3, 0))


def batch_first(x: Any, padding: tuple[int, int] = (0, 0)) -> Any:
    """The view (n, c, h, w) of memory (h, c, w, n), without the *padding* on each side."""
    rows, columns = padding
    return x[rows : x.shape[0] - rows, :, columns : x.shape[2] - columns].transpose(3, 1, 0, 2)
