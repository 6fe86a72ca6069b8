"""Choices between two arrays, powers and log-sum-exp: broadcasting, conventions, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gradspec.spec import Op
from ops.errors import InputTypeError, ShapeMismatchError
from ops.rules import choice

PAIRS = [choice.maximum, choice.minimum, choice.pow, choice.logaddexp]
SHAPES = [((), ()), ((2, 3), (3,)), ((1, 3), (2, 1)), ((4, 1, 3), (2, 1)), ((0, 3), (1, 3)), ((2, 1), (2, 0))]
each_pair = pytest.mark.parametrize("op", PAIRS, ids=lambda op: op.name)


def slopes(op: Op, a: float, b: float) -> list[float]:
    """Both derivatives of *op* at two numbers."""
    _, saved = op.forward(np.array([a]), np.array([b]))
    return [float(cotangent[0]) for cotangent in op.vjp(saved, np.ones(1))]


@each_pair
@pytest.mark.parametrize(("a", "b"), SHAPES, ids=str)
def test_as_torch(op: Op, a: tuple[int, ...], b: tuple[int, ...], rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and both cotangents equal torch's, repeated operands included."""
    matches_torch(op, np.asarray(rng.uniform(0.5, 2, a)), np.asarray(rng.standard_normal(b)))


@pytest.mark.parametrize(("a", "b"), SHAPES, ids=str)
@pytest.mark.parametrize("condition", [(), (1, 1), (1,)], ids=str)
def test_where_as_torch(
    condition: tuple[int, ...],
    a: tuple[int, ...],
    b: tuple[int, ...],
    rng: np.random.Generator,
    matches_torch: Any,
) -> None:
    """The condition, whole numbers or booleans, broadcasts as well."""
    holds = np.asarray(rng.integers(0, 2, condition))
    matches_torch(choice.where, holds, np.asarray(rng.standard_normal(a)), np.asarray(rng.standard_normal(b)))
    matches_torch(choice.where, holds > 0, np.asarray(rng.standard_normal(a)), np.asarray(rng.standard_normal(b)))


def test_where_nan() -> None:
    """NaN shows where it is chosen, and harms nothing where it is not."""
    holds = np.array([True, False])
    y, saved = choice.where.forward(holds, np.array([np.nan, np.nan]), np.array([1.0, 2.0]))
    assert np.isnan(y).tolist() == [True, False]
    assert [[1.0, 0.0], [0.0, 1.0]] == [cotangent.tolist() for cotangent in choice.where.vjp(saved, np.ones(2))[1:]]


@pytest.mark.parametrize("condition", [np.ones(2), [True, False], True], ids=repr)
def test_where_refuses_a_condition_of_another_kind(condition: Any) -> None:
    """Floats, lists and Python's numbers are no conditions."""
    with pytest.raises(InputTypeError, match=r"^where: condition .*booleans or integers"):
        choice.where(condition, np.ones(2), np.ones(2))


def test_where_refuses_shapes() -> None:
    """The message has the shape of the condition and those that it should go with."""
    with pytest.raises(ShapeMismatchError, match=r"^where: condition has shape \(3,\); .*\(2,\) and \(2,\)"):
        choice.where(np.ones(3, bool), np.ones(2), np.ones(2))
    with pytest.raises(ShapeMismatchError, match=r"^where: a and b have shapes \(2,\) and \(3,\)"):
        choice.where(np.ones(1, bool), np.ones(2), np.ones(3))


@each_pair
def test_shapes_that_do_not_broadcast(op: Op) -> None:
    """The message names both shapes."""
    with pytest.raises(ShapeMismatchError, match=rf"^{op.name}: a and b have shapes \(2,\) and \(3,\)"):
        op(np.ones(2), np.ones(3))


@each_pair
def test_two_dtypes(op: Op) -> None:
    """Each cotangent has the dtype of its own input where float32 meets float64."""
    y, saved = op.forward(np.ones((2, 3), np.float32), np.ones(3))
    assert [np.float64, np.float32, np.float64] == [y.dtype, *[c.dtype for c in op.vjp(saved, np.ones((2, 3)))]]


def test_ties() -> None:
    """Equal numbers share the cotangent, as in torch."""
    assert [0.5, 0.5] == slopes(choice.maximum, 2.0, 2.0) == slopes(choice.minimum, 2.0, 2.0)
    assert [0.5, 0.5] == slopes(choice.maximum, 0.0, -0.0)
    assert [1.0, 0.0] == slopes(choice.maximum, 2.0, 1.0) == slopes(choice.minimum, 1.0, 2.0)


def test_pow_at_the_edge() -> None:
    """0^b has torch's cotangents, whole powers of negative numbers a cotangent of the number."""
    assert [0.0, 0.0] == slopes(choice.pow, 0.0, 0.0)
    assert [1.0, 0.0] == slopes(choice.pow, 0.0, 1.0)
    assert [0.0, 0.0] == slopes(choice.pow, 0.0, 2.0)
    a_slope, b_slope = slopes(choice.pow, -3.0, 2.0)
    assert a_slope == pytest.approx(-6.0)
    assert math.isnan(b_slope)
    assert math.isnan(choice.pow(np.array([-1.0]), np.array([0.5]))[0])


def test_pow_beyond_float32() -> None:
    """a^(b - 1) overflows in float32, and a small upstream gradient brings the product of all factors back."""
    a, b, y_bar = np.float32([0.01]), np.float32([-18.9]), np.float32([1e-6])
    _, saved = choice.pow.forward(a, b)
    exact = float(y_bar[0]) * float(b[0]) * float(a[0]) ** (float(b[0]) - 1)
    assert choice.pow.vjp(saved, y_bar)[0] == pytest.approx([exact], rel=1e-4)


@pytest.mark.parametrize("apart", [0.0, 1.0, 40.0, 700.0, 1e300])
def test_logaddexp_tail(apart: float) -> None:
    """The smaller of two numbers keeps the digits of its share."""
    share = math.exp(-apart) / (1 + math.exp(-apart))
    assert slopes(choice.logaddexp, -apart, 0.0) == pytest.approx([share, 1 - share], rel=1e-15, abs=0)
    assert choice.logaddexp(np.array([-apart]), np.array([0.0]))[0] == pytest.approx(
        math.log1p(math.exp(-apart)), rel=1e-15, abs=0
    )


def test_logaddexp_of_the_largest() -> None:
    """Their difference overflows, nothing else does, and there is no warning."""
    largest = float(np.finfo(float).max)
    y, saved = choice.logaddexp.forward(np.array([largest, -largest]), np.array([-largest, largest]))
    assert y.tolist() == [largest, largest]
    assert [[1.0, 0.0], [0.0, 1.0]] == [cotangent.tolist() for cotangent in choice.logaddexp.vjp(saved, np.ones(2))]


def test_a_slope_beyond_float32_that_nobody_asks_for() -> None:
    """Where y_bar is 0, so is the cotangent: infinity times 0 is none."""
    a, b = np.array([1.0, 2.2e-7], np.float32), np.array([1.0, -5.0], np.float32)
    _, saved = choice.pow.forward(a, b)
    a_bar, b_bar = choice.pow.vjp(saved, np.array([1.0, 0.0], np.float32))
    np.testing.assert_array_equal(np.array([1.0, 0.0], np.float32), a_bar)
    assert (np.float32, np.float32) == (a_bar.dtype, b_bar.dtype)
