"""Pooling: ties, overlapping windows, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ops


@pytest.mark.parametrize("params", [{}, {"size": 3, "stride": 2, "padding": 1}, {"ceil_mode": True}], ids=str)
@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
def test_as_torch(name: str, params: dict[str, Any], rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangents equal torch's for images with many equal numbers."""
    x = np.maximum(rng.integers(-2, 3, (5, 3, 13, 13)).astype(float), 0)
    matches_torch(getattr(ops, name), x, **{"size": 2, **params})


def test_of_equal_numbers_the_first_in_row_major_order_is_taken() -> None:
    """Not the first column's: as torch has it."""
    x = np.array([[0.0, 1.0], [1.0, 0.0]]).reshape(1, 1, 2, 2)
    y, saved = ops.max_pool2d.forward(x)
    assert 1.0 == y.item()
    (x_bar,) = ops.max_pool2d.vjp(saved, np.full((1, 1, 1, 1), 2.0))
    np.testing.assert_array_equal([[[[0.0, 2.0], [0.0, 0.0]]]], x_bar)


def test_large_windows(rng: np.random.Generator, matches_torch: Any) -> None:
    """More positions in a window than a byte can count."""
    matches_torch(ops.max_pool2d, rng.standard_normal((1, 1, 1, 700)), size=(1, 300), stride=(1, 100))


def test_one_number_per_window_is_a_copy(rng: np.random.Generator) -> None:
    """Nothing is shared with the input."""
    x = rng.standard_normal((2, 1, 3, 3))
    for op in (ops.max_pool2d, ops.avg_pool2d):
        y = op(x, size=1)
        np.testing.assert_array_equal(x, y)
        assert not np.shares_memory(x, y)


X = np.ones((2, 1, 5, 5))


@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
@pytest.mark.parametrize(
    ("x", "params", "text"),
    [
        (X[0], {}, r"x has shape \(1, 5, 5\); allowed: \(n, c, h, w\)"),
        (X, {"size": 6}, "x has 5 x 5 pixels; allowed: at least 6 x 6"),
        (X, {"size": 0}, "size is 0; allowed: a whole number from 1 on, or a pair"),
        (X, {"stride": -1}, "stride is -1; allowed: a whole number from 1 on"),
        (X, {"padding": 2}, "padding is 2; allowed: at most half of the window, which is 2"),
        (X.astype(int), {}, "x has dtype int64; allowed: floats"),
    ],
)
def test_what_is_refused(name: str, x: np.ndarray, params: dict[str, Any], text: str) -> None:
    """The message names the op, the argument, what it got and what fits."""
    with pytest.raises((ValueError, TypeError), match=f"^{name}: {text}"):
        getattr(ops, name)(x, **params)
