"""Mistakes that generic sizes and ordinary values hide: each was missed by some seeds before its cases were drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradspec import Op, Verdict, array, real, verify

SEEDS = (0, 3)


def linear_by_shape() -> Op:
    """x @ w.T that takes a square w for one that lies the other way round."""

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, w = saved
        is_turned = w.shape == (x.shape[-1], y_bar.shape[-1])
        return y_bar @ (w.T if is_turned else w), y_bar.T @ x

    return Op(
        name="linear_by_shape",
        forward=lambda x, w: (x @ w.T, (x, w)),
        vjp=vjp,
        inputs={"x": real("n d"), "w": real("k d")},
    )


def softmax_of_one_column() -> Op:
    """Softmax along either axis that takes a single column for a single class."""

    def forward(x: np.ndarray, axis: int = 1) -> tuple[np.ndarray, Any]:
        e = np.exp(x - x.max(axis=axis, keepdims=True, initial=-np.inf))
        y = e / e.sum(axis=axis, keepdims=True)
        return y, (y, axis)

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray]:
        y, axis = saved
        x_bar = y * (y_bar - (y * y_bar).sum(axis=axis, keepdims=True))
        return (np.zeros_like(x_bar) if y.shape[1] == 1 else x_bar,)

    return Op(
        name="softmax_of_one_column",
        forward=forward,
        vjp=vjp,
        inputs={"x": real("n d")},
        sizes={"n": (1, 4), "d": (1, 4)},
        params={"axis": (1, 0)},
    )


def prelu_of_one() -> Op:
    """A slope for negative entries whose cotangent is forgotten where there is a single entry."""

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, w = saved
        w_bar = np.where(x < 0, x * y_bar, 0).sum(axis=0)
        return np.where(x < 0, w, 1) * y_bar, w_bar * (x.size > 1)

    return Op(
        name="prelu_of_one",
        forward=lambda x, w: (np.where(x < 0, w * x, x), (x, w)),
        vjp=vjp,
        inputs={"x": real("n d"), "w": real("d")},
        kinks="x = 0",
    )


def hinge_of_one() -> Op:
    """The mean of max(x - 5, 0), doubled where there is a single entry: flat for most single entries, and for a 0."""
    return Op(
        name="hinge_of_one",
        forward=lambda x: (np.maximum(x - 5, 0).mean(), x),
        vjp=lambda x, y_bar: (np.asarray((x > 5) * y_bar / x.size * (1 + (x.size == 1)), x.dtype),),
        inputs={"x": array("n m", typical=(-10.0, 10.0))},
        sizes={"n": (1, 4), "m": (1, 4)},
        kinks="x = 5",
    )


def largest_magnitude() -> Op:
    """The larger of |a| and |b|, of which each gets everything where a is -b."""

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        a, b = saved
        return (np.abs(a) >= np.abs(b)) * np.sign(a) * y_bar, ((np.abs(b) > np.abs(a)) | (a == -b)) * np.sign(b) * y_bar

    return Op(
        name="largest_magnitude",
        forward=lambda a, b: (np.maximum(np.abs(a), np.abs(b)), (a, b)),
        vjp=vjp,
        inputs={"a": real("n m"), "b": real("n m")},
        kinks="ties of |a| and |b|",
    )


def largest_of_a_row() -> Op:
    """The largest |x| of each row: each of the largest entries gets its share, but an x and a -x get everything."""

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray]:
        x, y = saved
        high, low = x == y[:, None], x == -y[:, None]
        shares = [side / np.maximum(side.sum(axis=1, keepdims=True), 1) for side in (high, low)]
        return (((shares[0] - shares[1]) * y_bar[:, None]).astype(x.dtype),)

    return Op(
        name="largest_of_a_row",
        forward=lambda x: ((y := np.abs(x).max(axis=1, initial=0)), (x, y)),
        vjp=vjp,
        inputs={"x": real("n d")},
        sizes={"n": (1, 4), "d": (2, 4)},
        kinks="ties of |x|",
    )


def strict_on_both_sides(threshold: float) -> Op:
    """A Huber loss without params whose masks, < and >, both leave out the threshold itself."""

    def forward(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, Any]:
        d = x - y
        quadratic = np.abs(d) < threshold
        return np.where(quadratic, d * d / 2, threshold * (np.abs(d) - threshold / 2)), d

    def vjp(d: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        slope = (np.abs(d) < threshold) * d + (np.abs(d) > threshold) * threshold * np.sign(d)
        slope = (y_bar * slope).astype(d.dtype)
        return slope, -slope

    return Op(name="strict", forward=forward, vjp=vjp, inputs={"x": real("n m"), "y": real("n m")})


def zero_to_the_one() -> Op:
    """x ** p, whose slope at 0 is 1 for p = 1."""

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, p = saved
        safe = np.where(x > 0, x, 1)
        return y_bar * np.where(x > 0, p * safe ** (p - 1), 0), y_bar * np.where(x > 0, safe**p * np.log(safe), 0)

    return Op(
        name="zero_to_the_one",
        forward=lambda x, p: (x**p, (x, p)),
        vjp=vjp,
        inputs={"x": array("n m", lo=0), "p": array("n m", lo=0.5, hi=4, typical=(0.5, 4))},
    )


def rows_that_cancel() -> Op:
    """The mean of each row, where rows of y_bar that sum to 0 are taken for padding."""

    def vjp(x: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        padding = np.isclose(y_bar.sum(axis=1, keepdims=True), 0)
        return (np.where(padding, 0, 3 * y_bar),)

    return Op(name="rows_that_cancel", forward=lambda x: (3 * x, x), vjp=vjp, inputs={"x": real("n d")})


def pool_of_residuals() -> Op:
    """A pool of three places for what forward keeps: the fourth call takes that of the first."""
    pool: list[Any] = [None] * 3
    calls = [0]

    def forward(x: np.ndarray) -> tuple[np.ndarray, int]:
        place = calls[0] = (calls[0] + 1) % 3
        pool[place] = x.copy()
        return x * x, place

    return Op(
        name="pool_of_residuals",
        forward=forward,
        vjp=lambda place, y_bar: (2 * pool[place] * y_bar,),
        inputs={"x": real("n")},
    )


def half_precision_sum() -> Op:
    """A sum of products whose cotangent is added up in half precision, from the fourth entry on."""

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, w = saved
        half = x.dtype == np.float32 and len(x) > 3
        w_bar = (x * y_bar[:, None]).astype(np.float16).sum(axis=0) if half else x.T @ y_bar
        return np.outer(y_bar, w), w_bar.astype(x.dtype)

    return Op(
        name="half_precision_sum",
        forward=lambda x, w: (x @ w, (x, w)),
        vjp=vjp,
        inputs={"x": real("n d"), "w": real("d")},
        torch=lambda x, w: x @ w,
    )


def bent_at_the_edge(wrong_at: float = 0.0) -> Op:
    """x² + x, whose slope is lost on an edge, for arrays of too many entries to look at each."""
    return Op(
        name="polynomial",
        forward=lambda x: (x * x + x, x),
        vjp=lambda x, y_bar: (np.where(x == wrong_at, 0, (2 * x + 1) * y_bar).astype(y_bar.dtype),),
        inputs={"x": real("n d", lo=0, hi=2)},
        sizes={"n": (6, 7), "d": (5, 6)},
    )


WRONG: tuple[tuple[str, Callable[[], Op]], ...] = (
    ("two axes of equal size", linear_by_shape),
    ("an axis of size 1 and another param", softmax_of_one_column),
    ("a single entry, negative", prelu_of_one),
    ("a single entry, mostly below the margin", hinge_of_one),
    ("x and -x", largest_of_a_row),
    ("a and -a in two inputs", largest_magnitude),
    ("a number of the code", lambda: strict_on_both_sides(0.75)),
    ("a number that sums round off", lambda: strict_on_both_sides(1.345)),
    ("a distance of 1", lambda: strict_on_both_sides(1.0)),
    ("0 in one input, 1 in the other", zero_to_the_one),
    ("rows of y_bar that cancel", rows_that_cancel),
    ("several calls in between", pool_of_residuals),
    ("float32 and the largest sizes", half_precision_sum),
    ("an edge among many entries", bent_at_the_edge),
    ("the other edge among many", lambda: bent_at_the_edge(2.0)),
)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("make", [pytest.param(make, id=what) for what, make in WRONG])
def test_it_is_found_whatever_the_seed(make: Callable[[], Op], seed: int) -> None:
    """FAIL with the default settings."""
    assert Verdict.FAIL is verify(make(), seed=seed, explain=False).verdict
