"""Repeating along a new axis, and reshaping."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ops


def test_study_row_r4() -> None:
    """A vector repeated as 16 equal columns: its cotangent is the row sum (R4)."""
    y, saved = ops.expand.forward(np.array([1.0, 2.0]))
    y_bar = np.arange(32.0).reshape(2, 16)
    (x_bar,) = ops.expand.vjp(saved, y_bar)
    assert y.tolist() == [[1.0] * 16, [2.0] * 16]
    assert x_bar.tolist() == [sum(range(16)), sum(range(16, 32))]


@pytest.mark.parametrize("shape", [(), (2,), (2, 3), (0, 3), (1, 0)], ids=str)
@pytest.mark.parametrize("count", [0, 1, 5])
def test_expand_as_torch(shape: tuple[int, ...], count: int, rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangent equal torch's along every axis, counted from both ends."""
    for axis in range(-len(shape) - 1, len(shape) + 1):
        matches_torch(ops.expand, np.asarray(rng.standard_normal(shape)), axis=axis, count=count)


@pytest.mark.parametrize(
    ("before", "after"),
    [((2, 3), (-1,)), ((2, 3), (3, 2)), ((2, 3), (1, 6, 1)), ((1,), ()), ((), (1, 1)), ((0, 3), (3, 0))],
)
def test_reshape_as_torch(
    before: tuple[int, ...], after: tuple[int, ...], rng: np.random.Generator, matches_torch: Any
) -> None:
    """Value and cotangent equal torch's."""
    matches_torch(ops.reshape, np.asarray(rng.standard_normal(before)), shape=after)


def test_reshape_of_a_transposed_cotangent() -> None:
    """The order of the elements is that of the shape, whatever the memory layout."""
    y, saved = ops.reshape.forward(np.arange(6.0).reshape(3, 2).T, shape=(6,))
    (x_bar,) = ops.reshape.vjp(saved, y[::-1])
    assert x_bar.tolist() == [[5.0, 3.0, 1.0], [4.0, 2.0, 0.0]]
