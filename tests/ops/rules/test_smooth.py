"""Smooth activations: their tails keep their digits, and their params are checked."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gradspec.spec import Op
from ops.errors import ParamError
from ops.rules import smooth

ALL = [smooth.softplus, smooth.logsigmoid, smooth.silu, smooth.mish, smooth.gelu, smooth.softsign]
each_op = pytest.mark.parametrize("op", ALL, ids=lambda op: op.name)


def slope(op: Op, x: float, **params: Any) -> float:
    """The derivative of *op* at *x*."""
    (x_bar,) = op.vjp(op.forward(np.array([x]), **params)[1], np.ones(1))
    return float(x_bar[0])


@each_op
@pytest.mark.parametrize("shape", [(), (0,), (30,), (2, 0, 3)], ids=str)
def test_as_torch(op: Op, shape: tuple[int, ...], rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and vjp equal torch's with each param."""
    for name, values in op.params.items() or [("", (None,))]:
        for value in values:
            matches_torch(op, np.asarray(4 * rng.standard_normal(shape)), **({name: value} if name else {}))


@each_op
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_inputs(op: Op, dtype: Any) -> None:
    """No finite input gives a warning, NaN, an infinity or another dtype; NaN stays NaN."""
    largest = np.finfo(dtype).max
    x = np.array([-largest, -1e4, -750, -104, -89, -0.0, 0.0, 89, 104, 750, 1e4, largest], dtype)
    for params in [{name: value} for name, values in op.params.items() for value in values if value != 2.0] or [{}]:
        y, saved = op.forward(x, **params)
        (x_bar,) = op.vjp(saved, np.ones_like(x))
        assert np.isfinite(y).all()
        assert np.isfinite(x_bar).all()
        assert (dtype, dtype) == (y.dtype, x_bar.dtype)
        assert np.isnan(op(np.array([np.nan], dtype), **params)).all()


@pytest.mark.parametrize("x", [-700.0, -40.0, -1.0])
def test_left_tails(x: float) -> None:
    """Values and derivatives far to the left have all their digits."""
    w = math.exp(x)
    s = w / (1 + w)
    near = {"rel": 1e-14, "abs": 0}
    assert smooth.softplus(np.array(x)) == pytest.approx(math.log1p(w), **near)
    assert slope(smooth.softplus, x) == pytest.approx(s, **near)
    assert slope(smooth.logsigmoid, -x) == pytest.approx(s, **near)
    assert slope(smooth.silu, x) == pytest.approx(s * (1 + x / (1 + w)), **near)
    assert smooth.mish(np.array(x)) == pytest.approx(x * math.tanh(math.log1p(w)), **near)


@pytest.mark.parametrize("x", [-30.0, -8.0, -0.5, 0.5, 8.0])
def test_gelu_tail(x: float) -> None:
    """The share of the normal distribution, and with it the derivative, has its digits far to the left too."""
    share = math.erfc(-x / math.sqrt(2)) / 2
    density = math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    assert smooth.gelu(np.array(x)) == pytest.approx(x * share, rel=1e-13 * max(1, x * x), abs=0)
    assert slope(smooth.gelu, x) == pytest.approx(share + x * density, rel=1e-13 * max(1, x * x), abs=0)


@pytest.mark.parametrize(
    ("op", "params", "message"),
    [
        (smooth.softplus, {"beta": 0}, "beta is 0; allowed: finite numbers above 0"),
        (smooth.softplus, {"beta": "1"}, "beta is '1'"),
        (smooth.gelu, {"approximate": "erf"}, "approximate is 'erf'; allowed: 'none' or 'tanh'"),
        (smooth.gelu, {"approximate": True}, "approximate is True"),
    ],
)
def test_params_without_a_meaning(op: Op, params: dict[str, Any], message: str) -> None:
    """They are refused with the op's and the param's name."""
    with pytest.raises(ParamError, match=f"^{op.name}: {message}"):
        op(np.ones(2), **params)
