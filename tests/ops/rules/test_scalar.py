"""Functions of one number: special points, the ends of the range, and params without a meaning."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gradspec.spec import Op
from ops.errors import ParamError
from ops.rules import elementwise, scalar

ALL = [
    elementwise.reciprocal,
    scalar.expm1,
    scalar.log1p,
    scalar.sqrt,
    scalar.rsqrt,
    scalar.square,
    scalar.integer_power,
    scalar.abs,
    scalar.clip,
    scalar.sin,
    scalar.cos,
    scalar.arctan,
    scalar.erf,
]


def slope(op: Op, x: float, dtype: Any = np.float64, **params: Any) -> float:
    """The derivative of *op* at *x*."""
    (x_bar,) = op.vjp(op.forward(np.array([x], dtype), **params)[1], np.ones(1, dtype))
    return float(x_bar[0])


@pytest.mark.parametrize("op", ALL, ids=lambda op: op.name)
@pytest.mark.parametrize("shape", [(), (0,), (3, 4)], ids=str)
def test_as_torch(op: Op, shape: tuple[int, ...], rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and vjp equal torch's for numbers, empty arrays and matrices."""
    params = {name: values[0] for name, values in op.params.items()}
    matches_torch(op, np.asarray(np.abs(rng.standard_normal(shape)) + 0.1), **params)


@pytest.mark.parametrize("op", ALL, ids=lambda op: op.name)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numpy_scalars_and_no_warnings(op: Op, dtype: Any) -> None:
    """NumPy scalars are arrays without axes, and no number gives a warning or another dtype."""
    for x in (0.0, -0.0, 1.0, -2.0, 1e30, -1e30, math.inf, math.nan):
        y, saved = op.forward(dtype(x))
        (x_bar,) = op.vjp(saved, dtype(1))
        assert (dtype, dtype) == (y.dtype, x_bar.dtype)


def test_outside_the_domain() -> None:
    """There the value is NaN or infinite, as in torch."""
    outside = [scalar.log1p(np.array([-1.0, -2.0])), scalar.sqrt(np.array([-1.0])), elementwise.log(np.array([0.0]))]
    expected = [[-math.inf, math.nan], [math.nan], [-math.inf]]
    for want, got in zip(expected, outside, strict=True):
        np.testing.assert_array_equal(want, got)


@pytest.mark.parametrize("p", [0, 1, 2, 3, 7, 20, -1, -3])
def test_integer_power(p: int, rng: np.random.Generator) -> None:
    """The power and its derivative are NumPy's, for negative bases too."""
    x = rng.uniform(-2, 2, 50)
    y, saved = scalar.integer_power.forward(x, p=p)
    np.testing.assert_allclose(y, x ** float(p), rtol=1e-13)
    (x_bar,) = scalar.integer_power.vjp(saved, np.ones(50))
    np.testing.assert_allclose(x_bar, p * x ** float(p - 1), rtol=1e-13)
    assert not np.shares_memory(x, y)


def test_integer_power_at_zero() -> None:
    """The derivative of x^0 and of x^1 at 0 is 0 and 1, not NaN."""
    assert [0.0, 1.0, 0.0] == [slope(scalar.integer_power, 0.0, p=p) for p in (0, 1, 2)]


@pytest.mark.parametrize("p", [0.5, 2.0, "2", None])
def test_integer_power_refuses_fractions(p: Any) -> None:
    """Another power than a whole number gets an error that names the op that takes it."""
    with pytest.raises(ParamError, match=f"^integer_power: p is {p!r}; allowed: a whole number; ops.pow takes an arr"):
        scalar.integer_power(np.ones(2), p=p)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"lo": None, "hi": None}, "lo and hi are both None"),
        ({"lo": 2.0, "hi": 1.0}, "lo is 2.0; allowed: numbers up to hi, which is 1.0"),
        ({"lo": "0"}, "lo is '0'"),
        ({"hi": math.nan}, "hi is nan"),
    ],
)
def test_clip_refuses(params: dict[str, Any], message: str) -> None:
    """Bounds that are no numbers, or not in order, get an error that names them."""
    with pytest.raises(ParamError, match=f"^clip: {message}"):
        scalar.clip(np.ones(2), **params)


def test_clip_convention() -> None:
    """The derivative is 1 at both bounds, but 0 where they are the same: then clip is a constant."""
    assert [0.0, 1.0, 1.0, 0.0] == [slope(scalar.clip, x) for x in (-1.5, -1.0, 1.0, 1.5)]
    assert slope(scalar.clip, 1.0, lo=1.0, hi=1.0) == 0.0
    assert [1.0, 0.0] == [slope(scalar.clip, x, lo=None, hi=1.0) for x in (-1e300, 2.0)]


def test_abs_convention() -> None:
    """The derivative at 0 is 0, that of NaN is NaN."""
    assert [-1.0, 0.0, 0.0, 1.0] == [slope(scalar.abs, x) for x in (-2.0, -0.0, 0.0, 2.0)]
    assert math.isnan(slope(scalar.abs, math.nan))


def test_arctan_of_large_numbers() -> None:
    """The square overflows, the derivative does not."""
    assert [0.0, 0.0] == [slope(scalar.arctan, x) for x in (-1e200, 1e200)]
    assert slope(scalar.arctan, 1e100) == pytest.approx(1e-200, rel=1e-15, abs=0)


def test_rsqrt_of_large_numbers() -> None:
    """x √x overflows, the derivative does not."""
    assert slope(scalar.rsqrt, 1e205) == pytest.approx(-0.5 * 10**-307.5, rel=1e-13, abs=0)
