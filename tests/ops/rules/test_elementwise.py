"""Element-wise ops: accurate where they saturate, honest about NaN."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import ops
from gradspec.spec import Op

SMOOTH = [ops.sigmoid, ops.tanh, ops.relu]
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def slope(op: Op, x: float, dtype: Any = np.float64) -> float:
    """The derivative of *op* at *x*."""
    value = np.array([x], dtype)
    (x_bar,) = op.vjp(op.forward(value)[1], np.ones_like(value))
    return float(x_bar[0])


@pytest.mark.parametrize("op", [ops.exp, ops.log, *SMOOTH], ids=lambda op: op.name)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 4), (2, 0, 3)], ids=str)
def test_as_torch(op: Op, shape: tuple[int, ...], rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and vjp equal torch's for every rank and for empty arrays."""
    matches_torch(op, np.asarray(np.abs(rng.standard_normal(shape)) + 0.1))


def test_outside_the_domain() -> None:
    """There the value is NaN or infinite, as in torch, and an overflow is infinite; none gives a warning."""
    y, saved = ops.log.forward(np.array([0.0, -1.0]))
    np.testing.assert_array_equal([-math.inf, math.nan], y)
    np.testing.assert_array_equal([math.inf, -1.0], ops.log.vjp(saved, np.ones(2))[0])
    assert ops.exp(np.array([1000.0])).tolist() == [math.inf]


@dtypes
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("op", SMOOTH, ids=lambda op: op.name)
def test_extreme_inputs(op: Op, dtype: Any) -> None:
    """No finite input gives a warning, an infinity beyond relu's own, or NaN."""
    largest = np.finfo(dtype).max
    x = np.array([-largest, -1e4, -750, -104, -89, -0.0, 0.0, 89, 104, 750, 1e4, largest], dtype)
    y, saved = op.forward(x)
    (x_bar,) = op.vjp(saved, np.ones_like(x))
    assert np.isfinite(y).all()
    assert np.isfinite(x_bar).all()


@pytest.mark.parametrize("x", [-700.0, -40.0, -1.0, 0.0, 1e-9, 1.0, 40.0, 700.0])
def test_sigmoid_tail(x: float) -> None:
    """The derivative keeps all digits where s(1 - s) has none."""
    tail = math.exp(-abs(x))
    assert slope(ops.sigmoid, x) == pytest.approx(tail / (1 + tail) ** 2, rel=1e-15, abs=0)


@pytest.mark.parametrize("x", [-700.0, -300.0, -20.0, -1.0, 0.0, 1e-9, 1.0, 20.0, 300.0])
def test_tanh_tail(x: float) -> None:
    """The derivative keeps all digits where 1 - y² has none."""
    tail = math.exp(-2 * abs(x))
    assert slope(ops.tanh, x) == pytest.approx(4 * tail / (1 + tail) ** 2, rel=1e-14, abs=0)


@dtypes
def test_relu_convention(dtype: Any) -> None:
    """relu'(0) is 0 on both zeros, relu(NaN) and relu'(NaN) are NaN: a diverged run must not look healthy."""
    expected = [0.0, 0.0, 0.0, 1.0, 1.0]
    assert expected == [slope(ops.relu, x, dtype) for x in (-1.0, -0.0, 0.0, float(np.finfo(dtype).tiny), 3.0)]
    assert math.isnan(slope(ops.relu, math.nan, dtype))
    assert np.isnan(ops.relu(np.array([np.nan, -1.0, 2.0], dtype))).tolist() == [True, False, False]


def test_sigmoid_of_study_does_not_overflow() -> None:
    """1 / (1 + exp(-x)) overflows at -1000; the op gives 0 and its mirror image 1."""
    with np.errstate(all="raise", under="ignore"):
        assert ops.sigmoid(np.array([-1000.0, 1000.0])).tolist() == [0.0, 1.0]


def _cube(x: Any) -> Any:
    return x**3


def _cube_prime(x: Any) -> Any:
    return 3 * x**2


def test_factory() -> None:
    """An op is made from a scalar function and its derivative (R2)."""
    cube = ops.elementwise("cube", _cube, _cube_prime, kinks="none")
    assert cube(np.array([2.0, -1.0])).tolist() == [8.0, -1.0]
    assert [slope(cube, x) for x in (2.0, -1.0)] == [12.0, 3.0]
    expected = ("cube", "none", "...")
    assert expected == (cube.name, cube.kinks, cube.inputs["x"].shape)


def test_factory_from_y() -> None:
    """A derivative that is a function of y is given y, which is all that is kept of the call; params go to both."""

    def power(x: Any, base: float = 2.0) -> Any:
        return base**x

    def power_prime(y: Any, base: float = 2.0) -> Any:
        return y * math.log(base)

    op = ops.elementwise("power", power, power_prime, params={"base": (2.0, 3.0)}, from_y=True)
    y, saved = op.forward(np.array([0.0, 1.0]), base=3.0)
    assert saved[0] is y
    np.testing.assert_allclose(op.vjp(saved, np.ones(2))[0], math.log(3) * np.array([1.0, 3.0]), rtol=1e-15)
