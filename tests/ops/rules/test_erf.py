"""The error function beside the standard library's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ops.rules.erf import erf, erfc

EDGES = [0.0, 1e-300, 1e-9, 1 - 2**-53, 1.0, 1 + 2**-52, 3.75, 5.9, 6.0, 27.9]
POINTS = np.concatenate([np.linspace(-6, 6, 2001), np.logspace(-9, 0, 300), EDGES, np.negative(EDGES)])


@pytest.mark.parametrize(("dtype", "ulps"), [(np.float64, 4), (np.float32, 4)])
def test_erf(dtype: Any, ulps: int) -> None:
    """It is right to a few units in the last place, near 0 as well."""
    x = POINTS.astype(dtype)
    expected = [math.erf(number) for number in x.tolist()]
    assert erf(x).dtype == dtype
    np.testing.assert_allclose(erf(x), expected, rtol=ulps * float(np.finfo(dtype).eps), atol=0)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_erfc(dtype: Any) -> None:
    """Its relative error is that which one unit in the last place of x makes, far out in the tail too."""
    x = np.linspace(-6, 9 if dtype is np.float32 else 26, 3001).astype(dtype)
    expected = np.array([math.erfc(number) for number in x.tolist()])
    condition = 1 + 2 * np.maximum(x.astype(float), 0) ** 2
    error = np.abs(erfc(x).astype(float) / expected - 1) / condition
    assert error.max() < 4 * np.finfo(dtype).eps


@pytest.mark.parametrize("function", [erf, erfc])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_ends(function: Callable[[Any], Any], dtype: Any) -> None:
    """Infinite and huge numbers give the limits without a warning, NaN stays."""
    largest = np.finfo(dtype).max
    y = function(np.array([-math.inf, -largest, largest, math.inf, math.nan], dtype))
    expected = [-1, -1, 1, 1, math.nan] if function is erf else [2, 2, 0, 0, math.nan]
    np.testing.assert_array_equal(expected, y)


@pytest.mark.parametrize("function", [erf, erfc])
def test_pieces(function: Callable[[Any], Any], rng: np.random.Generator) -> None:
    """A large array, of any strides, gets the values of its parts."""
    x = rng.standard_normal((200, 400)).T
    np.testing.assert_array_equal(np.array([function(row) for row in x]), function(x))
