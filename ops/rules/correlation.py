"""Correlation of image batches with kernels, and its two adjoints, in batch-last memory (see batch_last.py).

Where windows are plain (stride and dilation 1, one group) no window is ever copied. R output rows are computed at
once: the band of R + k - 1 input rows that they need is one block of memory, and for each of the l kernel columns a
matrix made of shifted copies of the kernel is multiplied with a view of the block:

    y[rows] = Σ_j bands[j] @ x[band, shifted by j columns]

The matrices are small, so that BLAS multiplies them straight from the cache. Elsewhere windows are copied, a few rows
of them at a time, and multiplied with the kernel as one matrix.

Parts are cut by sizes alone, never by the number of threads, and added in one order: the results do not depend on it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ops.rules.window import Window
from ops.threads import THREADS

_CACHE = 1 << 18  # bytes of scratch memory that stay in a core's second-level cache
_LONG = 1 << 21  # bytes of scratch memory of products in one call: long enough for threads, and as fast as less
_FEW = 12  # kernels below which two rows are computed at once


def correlate(x: Any, w: Any, window: Window, groups: int, counts: tuple[int, int]) -> Any:
    """Σ over windows of *x* times *w*.

    Args:
        x: (H, C, W, n), with its padding.
        w: (o, C / groups, k, l).
        window: The windows.
        groups: Of channels.
        counts: Rows and columns of the result.

    Returns:
        (rows, o, columns, n).
    """
    rows, columns = counts
    o, n = len(w), x.shape[3]
    y = np.empty((rows, o, columns, n), np.result_type(x, w))
    work = y.size * w[0].size
    if _is_direct(window, groups):
        height = 2 if rows % 2 == 0 and o < _FEW else 1
        bands, views = _bands(w, height), _views(x, window.size, height, counts)
        flat = y.reshape(rows // height, height * o, columns * n)

        def direct(start: int, stop: int) -> None:
            step = _at_once(views.shape[1] * flat[0].nbytes, stop - start, _LONG)
            scratch = np.empty((step, *views.shape[1:2], *flat.shape[1:]), y.dtype)
            for first in range(start, stop, step):
                some = slice(first, min(first + step, stop))
                products = np.matmul(bands, views[some], out=scratch[: some.stop - first])
                np.add.reduce(products, axis=1, out=flat[some])

        THREADS.each(direct, len(flat), work)
        return y
    kernel = w.reshape(groups, o // groups, w[0].size)
    grouped = y.reshape(rows, groups, o // groups, columns * n)

    def unfolded(start: int, stop: int) -> None:
        for some, u in _unfolded(x, w.shape, window, groups, counts, start, stop):
            np.matmul(kernel, u, out=grouped[some])

    THREADS.each(unfolded, rows, work)
    return y


def kernel_cotangent(x: Any, y_bar: Any, window: Window, groups: int, shape: tuple[int, ...]) -> Any:
    """The cotangent of the kernel, of *shape* (o, C / groups, k, l), for the image (H, C, W, n)."""
    rows, o, columns, n = y_bar.shape
    counts, work = (rows, columns), y_bar.size * int(np.prod(shape[1:]))
    if _is_direct(window, groups):
        height = 2 if rows % 2 == 0 and o < _FEW else 1
        views = _views(x, window.size, height, counts).swapaxes(2, 3)
        flat = y_bar.reshape(rows // height, 1, height * o, columns * n)
        whole = np.zeros((views.shape[1], height * o, views.shape[3]), np.result_type(x, y_bar))
        step = _at_once(whole.nbytes, len(flat), _LONG)
        products = np.empty((step, *whole.shape), whole.dtype)
        for first in range(0, len(flat), step):
            some = slice(first, min(first + step, len(flat)))
            _multiply(flat[some], views[some], products, work)
            whole += products[: some.stop - first].sum(axis=0)
        return _unbanded(whole, height, shape)
    grouped = y_bar.reshape(rows, groups, o // groups, columns * n)
    w_bar = np.zeros((groups, o // groups, int(np.prod(shape[1:]))), np.result_type(x, y_bar))
    for some, u in _unfolded(x, shape, window, groups, counts, 0, rows):
        w_bar += np.matmul(grouped[some], u.swapaxes(2, 3)).sum(axis=0)
    return w_bar.reshape(shape)


def image_cotangent(y_bar: Any, w: Any, window: Window, groups: int, shape: tuple[int, ...]) -> Any:
    """The cotangent of the image, of *shape* (H, C, W, n), for y_bar (rows, o, columns, n)."""
    rows, o, columns, n = y_bar.shape
    x_bar = np.zeros(shape, np.result_type(y_bar, w))
    if _is_direct(window, groups):
        height = 2 if rows % 2 == 0 else 1
        bands = np.ascontiguousarray(_bands(w, height).swapaxes(1, 2))
        flat = y_bar.reshape(rows // height, height * o, columns * n)
        _spread(x_bar, flat, bands, height, n)
        return x_bar
    kernel = np.ascontiguousarray(w.reshape(groups, o // groups, w[0].size).swapaxes(1, 2))
    grouped = y_bar.reshape(rows, groups, o // groups, columns * n)
    k, l = window.size
    step = _at_once(w[0].size * groups * columns * n * x_bar.itemsize, rows)
    for first in range(0, rows, step):
        windows = np.matmul(kernel, grouped[first : first + step])
        windows = windows.reshape(len(windows), shape[1], k, l, columns, n)
        for i in range(k):
            top = first * window.stride[0] + i * window.dilation[0]
            down = slice(top, top + (len(windows) - 1) * window.stride[0] + 1, window.stride[0])
            for j in range(l):
                left = j * window.dilation[1]
                right = slice(left, left + (columns - 1) * window.stride[1] + 1, window.stride[1])
                x_bar[down, :, right] += windows[:, :, i, j]
    return x_bar


def _is_direct(window: Window, groups: int) -> bool:
    return window.is_plain and groups == 1


def _at_once(size: int, most: int, room: int = _CACHE) -> int:
    """How many parts of *size* bytes fit into the *room* together, at least 1 and at most *most*."""
    return max(1, min(most, room // max(size, 1)))


def _bands(w: Any, height: int) -> Any:
    """(l, height * o, (k + height - 1) * c): for each kernel column the kernel, once per row, shifted down by it."""
    o, c, k, l = w.shape
    bands = np.zeros((l, height, o, k + height - 1, c), w.dtype)
    for row in range(height):
        bands[:, row, :, row : row + k] = w.transpose(3, 0, 2, 1)
    return bands.reshape(l, height * o, (k + height - 1) * c)


def _multiply(tiles: Any, views: Any, products: Any, work: int) -> None:
    """Each tile with its view, into the first of the *products*; *work* counts multiplications."""

    def multiply(start: int, stop: int) -> None:
        np.matmul(tiles[start:stop], views[start:stop], out=products[start:stop])

    THREADS.each(multiply, len(tiles), work)


def _unbanded(bands: Any, height: int, shape: tuple[int, ...]) -> Any:
    """The adjoint of :func:`_bands`."""
    o, c, k, l = shape
    apart = bands.reshape(l, height, o, k + height - 1, c)
    total = apart[:, 0, :, :k]
    for row in range(1, height):
        total = total + apart[:, row, :, row : row + k]
    return np.ascontiguousarray(total.transpose(1, 3, 2, 0))


def _views(x: Any, size: tuple[int, int], height: int, counts: tuple[int, int]) -> Any:
    """(rows / height, l, band rows * c, columns * n): the band of each group of rows, shifted by each kernel column."""
    _, c, w, n = x.shape
    (k, l), (rows, columns) = size, counts
    row, item = c * w * n * x.itemsize, x.itemsize
    shape = (rows // height, l, (k + height - 1) * c, columns * n)
    return as_strided(x, shape, (height * row, n * item, w * n * item, item), writeable=False)


def _spread(x_bar: Any, tiles: Any, bands: Any, height: int, n: int) -> None:
    """Add to *x_bar* (H, C, W, n) what each tile (height * o, columns * n) gives to the band that it was made of."""
    columns, across = tiles.shape[2], x_bar.shape[2] * n
    rows = bands.shape[1] // x_bar.shape[1]
    step = _at_once(bands.shape[0] * bands.shape[1] * columns * x_bar.itemsize, len(tiles), _LONG)
    scratch = np.empty((step, *bands.shape[:2], columns), x_bar.dtype)
    for first in range(0, len(tiles), step):
        some = tiles[first : first + step]
        for position, product in enumerate(np.matmul(bands, some[:, None], out=scratch[: len(some)]), start=first):
            band = x_bar[position * height : position * height + rows].reshape(bands.shape[1], across)
            for j, shifted in enumerate(product):
                band[:, j * n : j * n + columns] += shifted


def _unfolded(
    x: Any, shape: tuple[int, ...], window: Window, groups: int, counts: tuple[int, int], start: int, stop: int
) -> Any:
    """Copies of the windows of a few rows at a time: (slice of rows, (rows, groups, c * k * l, columns * n))."""
    _, channels, _, n = x.shape
    c, k, l = shape[1:]
    row, channel, column, item = x.strides
    view = as_strided(
        x,
        (counts[0], channels, k, l, counts[1], n),
        (
            row * window.stride[0],
            channel,
            row * window.dilation[0],
            column * window.dilation[1],
            column * window.stride[1],
            item,
        ),
        writeable=False,
    )
    step = _at_once(view[0].size * x.itemsize, stop - start)
    for first in range(start, stop, step):
        some = slice(first, min(first + step, stop))
        yield some, view[some].reshape(some.stop - first, groups, c * k * l, counts[1] * n)
