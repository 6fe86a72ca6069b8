"""Losses of a classifier."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import ops
from gradspec.spec import Op

both = pytest.mark.parametrize("op", [ops.nll, ops.cross_entropy], ids=lambda op: op.name)


@both
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("shape", [(4, 3), (1, 1), (5, 2)], ids=str)
def test_as_torch(op: Op, reduction: str, shape: tuple[int, int], rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangent equal torch's; equal scores included."""
    labels = rng.integers(0, shape[1], shape[0])
    matches_torch(op, rng.standard_normal(shape), labels, reduction=reduction)
    matches_torch(op, np.zeros(shape), labels, reduction=reduction)


@both
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_empty_batch(op: Op, reduction: str) -> None:
    """Its sum is 0 and its mean NaN, as in torch; the cotangent is empty."""
    y, saved = op.forward(np.ones((0, 3), np.float32), np.zeros(0, np.int64), reduction=reduction)
    assert np.isnan(y) if reduction == "mean" else y == 0
    scores_bar, labels_bar = op.vjp(saved, np.ones((), np.float32))
    assert ((0, 3), np.float32, None) == (scores_bar.shape, scores_bar.dtype, labels_bar)


def test_mean_is_the_default(rng: np.random.Generator) -> None:
    """The loss is averaged over the batch unless the sum is asked for."""
    x, labels = rng.standard_normal((4, 3)), np.array([0, 1, 2, 0])
    assert ops.cross_entropy(x, labels) == pytest.approx(ops.cross_entropy(x, labels, reduction="sum") / 4, rel=1e-15)


def test_cross_entropy_is_nll_of_logsoftmax(rng: np.random.Generator) -> None:
    """The fused loss equals the composition of its parts."""
    x, labels = 5 * rng.standard_normal((6, 4)), rng.integers(0, 4, 6)
    np.testing.assert_allclose(ops.cross_entropy(x, labels), ops.nll(ops.logsoftmax(x), labels), rtol=1e-14)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_logits(dtype: Any) -> None:
    """Huge logits give no warning and the right loss where it is finite."""
    largest = np.finfo(dtype).max
    y, saved = ops.cross_entropy.forward(np.array([[largest, -largest], [-5e3, 5e3]], dtype), np.array([0, 0]))
    (x_bar, _) = ops.cross_entropy.vjp(saved, np.ones((), dtype))
    assert y == 5e3
    assert x_bar.tolist() == [[0.0, 0.0], [-0.5, 0.5]]


@pytest.mark.parametrize("margin", [1.0, 40.0, 600.0])
def test_confident_answer_keeps_its_digits(margin: float) -> None:
    """Loss and slope of a right answer far from the border are small, not 0."""
    y, saved = ops.cross_entropy.forward(np.array([[margin, 0.0]]), np.array([0]))
    rest = math.exp(-margin)
    assert y == pytest.approx(math.log1p(rest), rel=1e-14, abs=0)
    p = rest / (1 + rest)
    assert ops.cross_entropy.vjp(saved, np.ones(()))[0][0].tolist() == pytest.approx([-p, p], rel=1e-14, abs=0)


@pytest.mark.parametrize("position", [0, 1])
def test_nan_logit_shows(position: int) -> None:
    """A NaN logit makes the loss NaN, at the label or beside it."""
    x = np.array([[1.0, 2.0]])
    x[0, position] = np.nan
    assert math.isnan(ops.cross_entropy(x, np.array([0])))
