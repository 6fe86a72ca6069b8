"""Losses of a classifier."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import ops
from gradspec.spec import Op
from ops.errors import BadInputError, InputTypeError, OutOfRangeError, ParamError, ShapeMismatchError

both = pytest.mark.parametrize("op", [ops.nll, ops.cross_entropy], ids=lambda op: op.name)


@both
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(4, 3), (1, 1), (5, 2)], ids=str)
def test_as_torch(op: Op, reduction: str, shape: tuple[int, int], rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangent equal torch's; equal scores included."""
    labels = rng.integers(0, shape[1], shape[0])
    matches_torch(op, rng.standard_normal(shape), labels, reduction=reduction)
    matches_torch(op, np.zeros(shape), labels, reduction=reduction)


@both
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("ignore_index", [None, -100])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_empty_batch(op: Op, reduction: str, ignore_index: int | None) -> None:
    """Its sum is 0, the single losses are none, and its mean is refused; the cotangent is empty."""
    nothing = np.ones((0, 3), np.float32), np.zeros(0, np.int64)
    if reduction == "mean":
        name = next(iter(op.inputs))
        with pytest.raises(ValueError, match=rf"^{op.name}: {name} has shape \(0, 3\); allowed: at least one example"):
            op(*nothing, reduction=reduction, ignore_index=ignore_index)
        return
    y, saved = op.forward(*nothing, reduction=reduction, ignore_index=ignore_index)
    assert {"sum": "0", "none": "[]"}[reduction] == str(abs(y)).removesuffix(".0")
    scores_bar, labels_bar = op.vjp(saved, np.ones(np.shape(y), np.float32))
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


@both
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("ignore_index", [-100, 1, 7])
def test_ignored_labels_as_torch(
    op: Op, reduction: str, ignore_index: int, rng: np.random.Generator, matches_torch: Any
) -> None:
    """Value and cotangent equal torch's where some labels, or none, are to be ignored."""
    labels = np.array([0, ignore_index, 2, ignore_index, 1])
    matches_torch(op, rng.standard_normal((5, 3)), labels, reduction=reduction, ignore_index=ignore_index)
    matches_torch(op, rng.standard_normal((3, 3)), np.array([0, 2, 0]), reduction=reduction, ignore_index=ignore_index)


@both
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_all_labels_ignored(op: Op, reduction: str) -> None:
    """The mean is NaN, the sum and the single losses are 0, and the cotangent is 0, as in torch but for its NaN."""
    y, saved = op.forward(np.ones((2, 3)), np.array([-100, -100]), reduction=reduction, ignore_index=-100)
    np.testing.assert_array_equal({"mean": np.nan, "sum": 0.0, "none": [0.0, 0.0]}[reduction], y)
    np.testing.assert_array_equal(np.zeros((2, 3)), op.vjp(saved, np.ones(np.shape(y)))[0])


@both
@pytest.mark.filterwarnings("error")
def test_ignored_rows_have_no_influence(op: Op) -> None:
    """Not even NaN gets out of a row whose label is ignored."""
    scores = np.array([[1.0, 2.0], [np.nan, np.inf], [0.0, 1.0]])
    y, saved = op.forward(scores, np.array([0, -1, 1]), ignore_index=-1)
    expected, kept = op.forward(scores[::2], np.array([0, 1]))
    assert expected == y
    expected_bar = np.insert(op.vjp(kept, np.ones(()))[0], 1, 0, axis=0)
    np.testing.assert_array_equal(expected_bar, op.vjp(saved, np.ones(()))[0])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("label_smoothing", [0.1, 1.0])
@pytest.mark.parametrize("ignore_index", [None, 2])
@pytest.mark.parametrize("shape", [(5, 3), (2, 1), (1, 4)], ids=str)
def test_label_smoothing_as_torch(
    reduction: str,
    label_smoothing: float,
    ignore_index: int | None,
    shape: tuple[int, int],
    rng: np.random.Generator,
    matches_torch: Any,
) -> None:
    """Value and cotangent equal torch's, with and without ignored labels."""
    params = {"reduction": reduction, "label_smoothing": label_smoothing, "ignore_index": ignore_index}
    labels = np.arange(shape[0]) % shape[1]
    matches_torch(ops.cross_entropy, rng.standard_normal(shape), labels, **params)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("label_smoothing", [0.1, 1.0])
def test_extreme_logits_with_smoothing(label_smoothing: float) -> None:
    """The smoothed loss of logits whose difference is no finite number is inf, without a warning."""
    largest = np.finfo(np.float64).max
    x, labels = np.array([[largest, -largest]]), np.array([1])
    assert math.inf == ops.cross_entropy(x, labels, label_smoothing=label_smoothing)
    assert 5e3 * label_smoothing == ops.cross_entropy(
        np.array([[5e3, -5e3]]), labels - 1, label_smoothing=label_smoothing
    )


M, K = np.ones((2, 3)), np.array([0, 2])


@pytest.mark.parametrize(
    ("call", "error", "argument", "text"),
    [
        (lambda: ops.nll(M, K, reduction="no"), ParamError, "reduction", "'mean' or 'sum' or 'none'"),
        (lambda: ops.nll(M, np.array([0, -100])), OutOfRangeError, "labels", "holds -100 at position 1"),
        (
            lambda: ops.nll(M, K, ignore_index=1.0),
            ParamError,
            "ignore_index",
            "is 1.0; allowed: None or a whole number",
        ),
        (lambda: ops.nll(M, M[0], ignore_index=1), InputTypeError, "labels", "has dtype float64"),
        (lambda: ops.nll(M, K[:1], ignore_index=1), ShapeMismatchError, "labels", "has shape (1,); allowed: (2,)"),
        (
            lambda: ops.cross_entropy(M, np.array([-1, 3]), ignore_index=-1),
            OutOfRangeError,
            "labels",
            "holds 3 at position 1; allowed: 0 to 2",
        ),
        (lambda: ops.cross_entropy(M, K, label_smoothing=1.5), ParamError, "label_smoothing", "numbers from 0 to 1"),
        (lambda: ops.cross_entropy(M, K, label_smoothing=np.nan), ParamError, "label_smoothing", "is nan"),
        (lambda: ops.cross_entropy(M, K, label_smoothing=None), ParamError, "label_smoothing", "is None"),
    ],
)
def test_bad_input(call: Any, error: type[BadInputError], argument: str, text: str) -> None:
    """The error is of the right type and names the argument, what it got and what fits."""
    with pytest.raises(error) as caught:
        call()
    assert argument == caught.value.argument
    assert text in str(caught.value)
