"""Correct ops that take one of several: by size, by magnitude, by distance, in float32 the one that rounding leaves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gradspec import Op, array, real
from tests.right_ops.geometry import chamfer

Arrays = tuple[np.ndarray, ...]


def _taken(x: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, tuple[tuple[int, ...], np.ndarray]]:
    return np.take_along_axis(x, which, axis=-1), (x.shape, which)


def _put_back(saved: tuple[tuple[int, ...], np.ndarray], y_bar: np.ndarray) -> tuple[np.ndarray]:
    shape, which = saved
    x_bar = np.zeros(shape, y_bar.dtype)
    np.put_along_axis(x_bar, which, y_bar, axis=-1)
    return (x_bar,)


largest_magnitude_kept = Op(
    name="largest_magnitude_kept",  # with its sign
    forward=lambda x: _taken(x, np.abs(x).argmax(axis=-1)[..., None]),
    vjp=_put_back,
    inputs={"x": real("n d")},
    sizes={"d": (1, 8)},
    kinks="equal magnitudes, where it may jump",
)
sorted_by_magnitude = Op(
    name="sorted_by_magnitude",
    forward=lambda x: _taken(x, np.argsort(np.abs(x), axis=-1, kind="stable")),
    vjp=_put_back,
    inputs={"x": real("n d")},
    kinks="equal magnitudes, where it may jump",
)


def _pruned(x: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    kept = np.zeros(x.shape, bool)
    np.put_along_axis(kept, np.argsort(-np.abs(x), axis=-1, kind="stable")[..., :k], values=True, axis=-1)
    return x * kept, kept


pruned = Op(
    name="pruned",  # but for the k largest magnitudes
    forward=_pruned,
    vjp=lambda kept, y_bar: (y_bar * kept,),
    inputs={"x": real("n d")},
    params={"k": (2, 1, 4)},
    sizes={"d": (1, 8)},
    kinks="equal magnitudes, where it may jump",
)


def _limiter(name: str, value: Callable[..., np.ndarray], slopes: Callable[..., Arrays]) -> Op:
    """Of two slopes: 0 where their signs differ."""

    def forward(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, Arrays]:
        return np.where(a * b > 0, value(a, b), 0).astype(a.dtype), (a, b)

    def vjp(saved: Arrays, y_bar: np.ndarray) -> Arrays:
        a, b = saved
        return tuple((np.where(a * b > 0, slope, 0) * y_bar).astype(a.dtype) for slope in slopes(a, b))

    inputs = {"a": array("n", lo=-100, hi=100), "b": array("n", lo=-100, hi=100)}
    return Op(name=name, forward=forward, vjp=vjp, inputs=inputs, kinks="0, and for min_mod a = b")


def _sum_or_one(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.where(a + b == 0, 1, a + b)


min_mod = _limiter(
    "min_mod",
    lambda a, b: np.where(np.abs(a) < np.abs(b), a, b),
    lambda a, b: (np.abs(a) < np.abs(b), np.abs(a) >= np.abs(b)),
)
van_leer = _limiter(
    "van_leer",
    lambda a, b: 2 * a * b / _sum_or_one(a, b),
    lambda a, b: (2 * (b / _sum_or_one(a, b)) ** 2, 2 * (a / _sum_or_one(a, b)) ** 2),
)


chamfer_distance = chamfer.replace(  # so far away that float32 cannot tell which of two points is nearer
    name="chamfer_distance",
    inputs={"x": array("n d", lo=-1e3, hi=1e3), "y": array("m d", lo=-1e3, hi=1e3)},
    sizes={"n": (1, 7), "m": (1, 7), "d": (1, 3)},
    torch=None,
)


def _shifted(x: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, tuple[tuple[int, ...], np.ndarray]]:
    z = x + c[:, None]
    y, saved = _taken(z, z.argmax(axis=1)[:, None])
    return y[:, 0], saved


largest_of_shifted = Op(
    name="largest_of_shifted",
    forward=_shifted,
    vjp=lambda saved, y_bar: (*_put_back(saved, y_bar[:, None]), y_bar),
    inputs={"x": real("n d"), "c": real("n")},
    sizes={"n": (1, 6), "d": (1, 7)},
    kinks="ties",
)


def _nearest(x: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    away = (x - 1000) ** 2
    nearest = away.argmin(axis=1)[:, None]
    return np.take_along_axis(away, nearest, axis=1)[:, 0], (x, nearest)


def _nearest_vjp(saved: tuple[np.ndarray, np.ndarray], y_bar: np.ndarray) -> tuple[np.ndarray]:
    x, nearest = saved
    slope = 2 * (np.take_along_axis(x, nearest, axis=1) - 1000) * y_bar[:, None]
    return _put_back((x.shape, nearest), slope)


nearest_to_a_thousand = Op(
    name="nearest_to_a_thousand",
    forward=_nearest,
    vjp=_nearest_vjp,
    inputs={"x": array("n d", lo=-1e3, hi=1e3)},
    sizes={"n": (1, 6), "d": (1, 7)},
    kinks="ties",
)

OPS = (
    largest_magnitude_kept,
    sorted_by_magnitude,
    pruned,
    min_mod,
    van_leer,
    chamfer_distance,
    largest_of_shifted,
    nearest_to_a_thousand,
)
