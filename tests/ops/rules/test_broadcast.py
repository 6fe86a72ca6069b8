"""Arithmetic under NumPy's broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ops
from gradspec.spec import Op
from ops.errors import ShapeMismatchError
from ops.rules.broadcast import unbroadcast

SHAPES = [
    ((), ()),
    ((3,), ()),
    ((), (2, 3)),
    ((2, 3), (3,)),
    ((2, 1), (3,)),
    ((1, 3), (2, 1)),
    ((4, 1, 3), (2, 1)),
    ((0, 3), (1, 3)),
    ((2, 1), (2, 0)),
    ((1, 1), (1,)),
]


@pytest.mark.parametrize("op", [ops.add, ops.sub, ops.mul, ops.div], ids=lambda op: op.name)
@pytest.mark.parametrize(("a", "b"), SHAPES, ids=str)
def test_as_torch(op: Op, a: tuple[int, ...], b: tuple[int, ...], rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and both cotangents equal torch's, repeated operands included."""
    matches_torch(op, np.asarray(rng.standard_normal(a)), np.asarray(rng.uniform(1, 2, b)))


def test_neg_as_torch(rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangent equal torch's."""
    matches_torch(ops.neg, rng.standard_normal((2, 3)))


def test_unbroadcast_sums_what_was_repeated() -> None:
    """New axes and stretched axes are summed, equal ones are left."""
    cotangent = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(cotangent.sum(axis=(0, 2)).reshape(3, 1), unbroadcast(cotangent, (3, 1), np.float64))
    assert unbroadcast(cotangent, (2, 3, 4), np.float64) is cotangent


def test_two_dtypes() -> None:
    """Each cotangent has the dtype of its own input where float32 meets float64."""
    y, saved = ops.mul.forward(np.ones((2, 3), np.float32), np.ones(3))
    assert [np.float64, np.float32, np.float64] == [y.dtype, *[c.dtype for c in ops.mul.vjp(saved, np.ones((2, 3)))]]


@pytest.mark.filterwarnings("error")
def test_div_of_large_numbers() -> None:
    """b² overflows and a / b² does not: the cotangent of b is right."""
    a, b = np.array([1e200, 1e-200]), np.array([1e200, 1e-200])
    _, saved = ops.div.forward(a, b)
    a_bar, b_bar = ops.div.vjp(saved, np.array([1.0, 1.0]))
    np.testing.assert_allclose(a_bar, [1e-200, 1e200], rtol=1e-15)
    np.testing.assert_allclose(b_bar, [-1e-200, -1e200], rtol=1e-15)


def test_div_by_zero() -> None:
    """It is infinite or NaN, as in torch, without a warning."""
    y, saved = ops.div.forward(np.array([1.0, -1.0, 0.0]), np.zeros(3))
    np.testing.assert_array_equal([np.inf, -np.inf, np.nan], y)
    assert not np.isfinite(ops.div.vjp(saved, np.ones(3))).any()


@pytest.mark.parametrize("op", [ops.add, ops.sub, ops.mul, ops.div], ids=lambda op: op.name)
def test_shapes_that_do_not_broadcast(op: Op) -> None:
    """The message names both shapes."""
    with pytest.raises(ShapeMismatchError, match=rf"^{op.name}: a and b have shapes \(2,\) and \(3,\)"):
        op(np.ones(2), np.ones(3))


@pytest.mark.parametrize("shape", [(2, 3), (3,)])
def test_mul_multiplies_only_for_those_that_need_it(shape: tuple[int, ...]) -> None:
    """A constant factor has no cotangent, whether or not it was repeated."""
    a, b = np.full((2, 3), 2.0), np.full(shape, 5.0)
    _, saved = ops.mul.forward(a, b)
    y_bar = np.ones((2, 3))
    for needs in ((True, False), (False, True)):
        found = ops.mul.vjp(saved, y_bar, needs=needs)
        assert tuple(one is not None for one in found) == needs
