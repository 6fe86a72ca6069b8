"""Running sums and products, and products over axes: zeros, long axes, the ends of the range."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradspec.spec import Op
from ops.errors import OutOfRangeError, ParamError
from ops.rules.cumulative import cumprod, cumsum, prod

RUNNING = [cumsum, cumprod]
each_running = pytest.mark.parametrize("op", RUNNING, ids=lambda op: op.name)


@each_running
@pytest.mark.parametrize("shape", [(1,), (37,), (2, 3), (3, 0), (0, 3), (4, 2, 9)], ids=str)
def test_running_as_torch(op: Op, shape: tuple[int, ...], rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangent equal torch's along every axis."""
    for axis in range(-len(shape), len(shape)):
        matches_torch(op, rng.standard_normal(shape), axis=axis)


@pytest.mark.parametrize("zeros", [(0,), (16,), (4,), (0, 16), (3, 4, 9), range(17)], ids=str)
def test_cumprod_with_zeros(zeros: Any, rng: np.random.Generator, matches_torch: Any) -> None:
    """Where an element is 0, y / x has no value and the cotangent has one."""
    x = rng.uniform(0.5, 2, (17, 2)) * rng.choice((-1, 1), (17, 2))
    x[[*zeros], 1] = 0
    matches_torch(cumprod, x, axis=0)
    matches_torch(cumprod, x.T, axis=1)


@pytest.mark.parametrize("zeros", [[], [(0, 0, 0)], [(0, 0, 0), (1, 2, 3)], [(0, 1, 1), (0, 1, 2)]], ids=str)
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (2, 0), (-1, -2), ()], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_prod_as_torch(zeros: Any, axis: Any, keepdims: bool, rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangent equal torch's over every axes, with no, one and several zeros."""
    x = rng.standard_normal((2, 3, 4))
    for place in zeros:
        x[place] = 0
    matches_torch(prod, x, axis=axis, keepdims=keepdims)


def test_prod_of_nothing() -> None:
    """It is 1, and there is nothing to give a cotangent to."""
    for axis in (None, 0, (0, 1)):
        y, saved = prod.forward(np.ones((0, 3), np.float32), axis=axis)
        assert (y == 1).all()
        assert prod.vjp(saved, np.ones_like(y))[0].shape == (0, 3)
    assert prod(np.ones((0, 3)), axis=1).shape == (0,)


def test_0d() -> None:
    """The product of a number is the number, and 0 has a cotangent; a running sum needs an axis."""
    for x in (2.5, 0.0):
        y, saved = prod.forward(np.float32(x))
        (x_bar,) = prod.vjp(saved, np.float32(3))
        assert (np.float32, x, np.float32, 3.0) == (y.dtype, y, x_bar.dtype, x_bar)
    for op in RUNNING:
        with pytest.raises(OutOfRangeError, match=f"^{op.name}: axis is -1; allowed: none: a 0-d array has no axis"):
            op(np.float64(1))


def test_products_that_underflow() -> None:
    """A product that is too small to be told from 0 does not make the cotangents 0."""
    x = np.array([1e-200, 1e-200, 2.0])
    y, saved = prod.forward(x)
    assert y == 0
    np.testing.assert_allclose(prod.vjp(saved, np.ones(()))[0], [2e-200, 2e-200, 0], rtol=1e-15)
    y, saved = cumprod.forward(x)
    assert y.tolist() == [1e-200, 0, 0]
    np.testing.assert_allclose(cumprod.vjp(saved, np.ones(3))[0], [1 + 3e-200, 3e-200, 0], rtol=1e-15)


def test_products_that_overflow() -> None:
    """They are infinite without a warning, and the cotangents that are finite are right."""
    x = np.array([1e200, 1e200, 2.0])
    y, saved = prod.forward(x)
    assert np.isinf(y)
    np.testing.assert_allclose(prod.vjp(saved, np.ones(()))[0], [2e200, 2e200, np.inf], rtol=1e-15)
    assert cumprod(x).tolist() == [1e200, np.inf, np.inf]


@each_running
def test_axes_that_are_not_there(op: Op) -> None:
    """They are refused by number; several axes are none."""
    with pytest.raises(OutOfRangeError, match=f"^{op.name}: axis is 2; allowed: -2 to 1"):
        op(np.ones((2, 3)), axis=2)
    for axis in (None, (0,), 1.0):
        with pytest.raises(ParamError, match=f"^{op.name}: axis is .*; allowed: a whole number"):
            op(np.ones((2, 3)), axis=axis)


def test_prod_names_an_axis_once() -> None:
    """An axis that is named twice, also by its negative number, is refused."""
    with pytest.raises(ParamError, match=r"^prod: axis is \(0, -2\); allowed: each axis once"):
        prod(np.ones((2, 3)), axis=(0, -2))
