"""Norms: every order over every axes, zero vectors, ties, large and small numbers, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from ops.errors import OutOfRangeError, ParamError
from ops.rules.vector_norm import vector_norm

ORDERS = [1, 2, 3, 2.5, math.inf, np.float32(2), np.int64(3)]
each_order = pytest.mark.parametrize("order", ORDERS, ids=repr)


@each_order
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), ()], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_as_torch(order: Any, axis: Any, keepdims: bool, rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangent equal torch's."""
    x = rng.standard_normal((2, 3, 4))
    matches_torch(vector_norm, x, ord=float(order), axis=axis, keepdims=keepdims)
    assert vector_norm(x, ord=order, axis=axis, keepdims=keepdims).dtype == np.float64


@each_order
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zero_vector(order: Any, dtype: Any) -> None:
    """Its norm and its cotangent are 0, beside a vector that is not 0."""
    y, saved = vector_norm.forward(np.array([[0, -0.0], [0, 2]], dtype), ord=order, axis=1)
    (x_bar,) = vector_norm.vjp(saved, np.ones(2, dtype))
    assert [[0.0, 2.0], [[0.0, 0.0], [0.0, 1.0]]] == [y.tolist(), x_bar.tolist()]
    assert (dtype, dtype) == (y.dtype, x_bar.dtype)


@each_order
@pytest.mark.parametrize("scale", [1e200, 1e-200, 1e-308])
def test_large_and_small_numbers(order: Any, scale: float) -> None:
    """The norm of a multiple is the multiple of the norm, and its derivative the same."""
    x = np.array([3.0, -4.0, 1.0])
    y, saved = vector_norm.forward(scale * x, ord=order)
    unit, unit_saved = vector_norm.forward(x, ord=order)
    np.testing.assert_allclose(y, scale * unit, rtol=1e-13)
    one = np.ones(())
    np.testing.assert_allclose(vector_norm.vjp(saved, one)[0], vector_norm.vjp(unit_saved, one)[0], rtol=1e-13)


@each_order
def test_nothing_and_nan(order: Any) -> None:
    """The norm of nothing is 0, that of NaN is NaN, and there is no warning."""
    y, saved = vector_norm.forward(np.ones((0, 3)), ord=order, axis=0)
    assert [0.0, 0.0, 0.0] == y.tolist()
    assert vector_norm.vjp(saved, np.ones(3))[0].shape == (0, 3)
    y, saved = vector_norm.forward(np.array([1.0, np.nan]), ord=order)
    vector_norm.vjp(saved, np.ones(()))
    assert np.isnan(y)


@each_order
def test_0d(order: Any) -> None:
    """The norm of a number is its absolute value."""
    y, saved = vector_norm.forward(np.float32(-2.5), ord=order)
    (x_bar,) = vector_norm.vjp(saved, np.float32(3))
    assert (np.float32, 2.5, np.float32, -3.0) == (y.dtype, y, x_bar.dtype, x_bar)


def test_ties_of_the_infinity_norm() -> None:
    """The largest elements share the cotangent, each with its own sign."""
    _, saved = vector_norm.forward(np.array([3.0, -3.0, 1.0]), ord=math.inf)
    assert [0.5, -0.5, 0.0] == vector_norm.vjp(saved, np.ones(()))[0].tolist()


@pytest.mark.parametrize("order", [0, 0.5, -1, -math.inf, math.nan, "fro", None, 2j])
def test_orders_that_are_no_norm(order: Any) -> None:
    """They are refused with what they are."""
    with pytest.raises(ParamError, match=f"^vector_norm: ord is {order!r}; allowed: numbers from 1 on, and math.inf"):
        vector_norm(np.ones(3), ord=order)


def test_axis_that_is_not_there() -> None:
    """It is refused by number."""
    with pytest.raises(OutOfRangeError, match=r"^vector_norm: axis is 1; allowed: -1 to 0"):
        vector_norm(np.ones(3), axis=1)
