"""Activations with a kink: what holds at the kink, far from it, and with params that have no meaning."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gradspec.spec import Op
from ops.errors import ParamError
from ops.rules import rectifier

ALL = [
    rectifier.relu6,
    rectifier.leaky_relu,
    rectifier.elu,
    rectifier.selu,
    rectifier.hardtanh,
    rectifier.hardsigmoid,
    rectifier.hardswish,
]
each_op = pytest.mark.parametrize("op", ALL, ids=lambda op: op.name)


def slope(op: Op, x: float, dtype: Any = np.float64, **params: Any) -> float:
    """The derivative of *op* at *x*."""
    (x_bar,) = op.vjp(op.forward(np.array([x], dtype), **params)[1], np.ones(1, dtype))
    return float(x_bar[0])


@each_op
@pytest.mark.parametrize("shape", [(), (0,), (30,), (2, 0, 3)], ids=str)
def test_as_torch(op: Op, shape: tuple[int, ...], rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and vjp equal torch's with the default params."""
    params = {name: values[0] for name, values in op.params.items()}
    matches_torch(op, np.asarray(4 * rng.standard_normal(shape)), **params)


@each_op
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_inputs(op: Op, dtype: Any) -> None:
    """No finite input gives a warning, NaN, an infinity or another dtype; NaN stays NaN."""
    largest = np.finfo(dtype).max * 0.9
    x = np.array([-largest, -1e4, -104, -3, -0.0, 0.0, 3, 6, 104, 1e4, largest], dtype)
    y, saved = op.forward(x)
    (x_bar,) = op.vjp(saved, np.ones_like(x))
    assert np.isfinite(y).all()
    assert np.isfinite(x_bar).all()
    assert (dtype, dtype) == (y.dtype, x_bar.dtype)
    assert np.isnan(op(np.array([np.nan], dtype))).all()


@pytest.mark.parametrize(
    ("op", "points", "slopes"),
    [
        (rectifier.relu6, (-0.0, 0.0, 3.0, 6.0), (0, 0, 1, 0)),
        (rectifier.leaky_relu, (-1.0, 0.0, 1.0), (0.01, 0.01, 1)),
        (rectifier.elu, (-0.0, 0.0, 1.0), (1, 1, 1)),
        (rectifier.hardtanh, (-1.0, 0.0, 1.0), (0, 1, 0)),
        (rectifier.hardsigmoid, (-3.0, 0.0, 3.0), (0, 1 / 6, 0)),
        (rectifier.hardswish, (-3.0, 0.0, 3.0), (0, 0.5, 1)),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_convention(op: Op, points: tuple[float, ...], slopes: tuple[float, ...]) -> None:
    """The derivative at each kink is what the declaration says."""
    assert [*slopes] == [slope(op, x) for x in points]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_above_the_kink_the_slope_is_exactly_one(dtype: Any) -> None:
    """Slope and alpha, which other elements need, leave no rounding behind."""
    assert [1.0, 1.0] == [
        slope(rectifier.leaky_relu, 2.0, dtype, slope=0.3),
        slope(rectifier.elu, 2.0, dtype, alpha=0.3),
    ]


@pytest.mark.parametrize(
    ("op", "params", "message"),
    [
        (rectifier.leaky_relu, {"slope": "x"}, "slope is 'x'"),
        (rectifier.leaky_relu, {"slope": math.nan}, "slope is nan"),
        (rectifier.elu, {"alpha": None}, "alpha is None"),
        (rectifier.hardtanh, {"lo": 1.0}, "lo is 1.0; allowed: numbers below hi, which is 1.0"),
        (rectifier.hardtanh, {"hi": [1]}, r"hi is \[1\]"),
    ],
)
def test_params_without_a_meaning(op: Op, params: dict[str, Any], message: str) -> None:
    """They are refused with the op's and the param's name."""
    with pytest.raises(ParamError, match=f"^{op.name}: {message}"):
        op(np.ones(2), **params)
