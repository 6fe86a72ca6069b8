"""Row-wise normalization."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ops


@pytest.mark.parametrize("shape", [(2, 3), (1, 1), (0, 3), (3, 0), (1, 4)], ids=str)
def test_as_torch(shape: tuple[int, ...], rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangent equal torch's."""
    matches_torch(ops.normalize, rng.uniform(0.1, 3, shape))


def test_study_row_r8(rng: np.random.Generator) -> None:
    """X̄ = Ȳ/s − Σ_j (Ȳ ⊙ X)_j / s², the study's form of the same vjp (R8)."""
    x, y_bar = rng.uniform(0.1, 3, (4, 3)), rng.standard_normal((4, 3))
    s = x.sum(axis=1, keepdims=True)
    expected = y_bar / s - (y_bar * x).sum(axis=1, keepdims=True) / s**2
    _, saved = ops.normalize.forward(x)
    np.testing.assert_allclose(ops.normalize.vjp(saved, y_bar)[0], expected, rtol=1e-12, atol=1e-14)
