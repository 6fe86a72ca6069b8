"""What kinds of upstream gradients are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from gradspec.cotangents import drawn_cotangent


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", [(2,), (3, 5), (40, 7)])
def test_a_balanced_one_sums_to_zero_exactly(shape: tuple[int, ...], dtype: str) -> None:
    """In any order of summation; nearly 0 is what a short cut for 0 is not taken for."""
    for seed in range(20):
        bar = drawn_cotangent(np.zeros(shape, dtype), "balanced", np.random.default_rng(seed))
        assert bar is not None
        assert bar.any()
        assert bar.sum() == 0
        assert bar.reshape(-1)[::-1].cumsum()[-1] == 0


def test_one_entry_has_none_to_balance_it() -> None:
    """A cotangent of zeros alone would compare nothing."""
    bar = drawn_cotangent(np.zeros(()), "balanced", np.random.default_rng(0))
    assert bar is not None
    assert bar.all()
