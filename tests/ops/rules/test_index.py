"""Picking by position."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ops


@pytest.mark.parametrize("shape", [(4, 3), (1, 1), (0, 3)], ids=str)
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8])
def test_select_as_torch(shape: tuple[int, ...], dtype: Any, rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangent equal torch's; the positions have none."""
    k = rng.integers(0, shape[1], shape[0])
    x = rng.standard_normal(shape)
    matches_torch(ops.select, x, k)
    np.testing.assert_array_equal(ops.select(x, k), ops.select(x, k.astype(dtype)))
