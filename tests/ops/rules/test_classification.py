"""Losses of probabilities."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import gradspec
from gradspec.spec import Op, real
from ops.errors import BadInputError, InputTypeError, OutOfRangeError, ParamError, ShapeMismatchError
from ops.rules.classification import bce_with_logits, kl_div

M = np.full((2, 3), 0.5)
one = np.ones(())
pair = pytest.mark.parametrize("op", [bce_with_logits, kl_div], ids=lambda op: op.name)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(4, 3), (1,), ()], ids=str)
@pytest.mark.parametrize("pos_weight", [1.0, 2.5, 0.0])
def test_bce_as_torch(
    reduction: str, shape: tuple[int, ...], pos_weight: float, rng: np.random.Generator, matches_torch: Any
) -> None:
    """Value and both cotangents equal torch's, for soft targets and for hard ones."""
    x, target = np.asarray(5 * rng.standard_normal(shape)), np.asarray(rng.uniform(0, 1, shape))
    matches_torch(bce_with_logits, x, target, reduction=reduction, pos_weight=pos_weight)
    matches_torch(bce_with_logits, x, target.round(), reduction=reduction, pos_weight=pos_weight)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_bce_of_extreme_logits(dtype: Any, reduction: str) -> None:
    """Huge logits give no warning, the right loss and the right slope."""
    x, target = np.array([1e30, -1e30, 1e30, -1e30], dtype), np.array([1, 0, 0, 1], dtype)
    y, saved = bce_with_logits.forward(x, target, reduction=reduction)
    x_bar, target_bar = bce_with_logits.vjp(saved, np.ones(np.shape(y), dtype))
    assert y.sum() == dtype(2e30)
    assert [0.0, 0.0, 1.0, -1.0] == x_bar.tolist()
    np.testing.assert_array_equal(-x, target_bar)


@pytest.mark.parametrize("margin", [1.0, 40.0, 600.0])
def test_bce_of_a_confident_answer_keeps_its_digits(margin: float) -> None:
    """Loss and slope of a right answer far from the border are small, not 0."""
    rest = math.exp(-margin)
    for sign, label in ((1, 1.0), (-1, 0.0)):
        y, saved = bce_with_logits.forward(np.array([sign * margin]), np.array([label]))
        x_bar, _ = bce_with_logits.vjp(saved, one)
        assert y == pytest.approx(math.log1p(rest), rel=1e-14, abs=0)
        assert x_bar.tolist() == pytest.approx([-sign * rest / (1 + rest)], rel=1e-14, abs=0)


def test_bce_is_cross_entropy_of_two_classes(rng: np.random.Generator) -> None:
    """With hard targets it is the negative log-softmax of the scores (0, x)."""
    x, label = 3 * rng.standard_normal(5), np.array([0, 1, 1, 0, 1])
    expected = np.logaddexp(0, x) - label * x
    np.testing.assert_allclose(bce_with_logits(x, label.astype(float), reduction="none"), expected, rtol=1e-14)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("log_target", [False, True])
@pytest.mark.parametrize("reduction", ["batchmean", "mean", "sum", "none"])
def test_kl_as_torch(reduction: str, log_target: bool, rng: np.random.Generator) -> None:
    """Value and cotangent equal torch's, exact zeros among the probabilities included."""
    torch = pytest.importorskip("torch")
    x, target = -3 * rng.uniform(0, 1, (4, 3)), rng.uniform(0, 1, (4, 3)) * rng.integers(0, 2, (4, 3))
    y, saved = kl_div.forward(x, target, reduction=reduction, log_target=log_target)
    x_bar, target_bar = kl_div.vjp(saved, np.ones(np.shape(y)))
    twin = torch.tensor(x, requires_grad=True)
    expected = kl_div.torch(twin, torch.tensor(target), reduction=reduction, log_target=log_target)
    expected.sum().backward()
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-13)
    np.testing.assert_allclose(x_bar, twin.grad.numpy(), rtol=1e-13)
    assert target_bar is None


def test_kl_of_equal_distributions_is_zero() -> None:
    """A distribution does not diverge from itself, and its slope is its negative."""
    p = np.array([[0.25, 0.75, 0.0]])
    log_p = np.log(np.maximum(p, 1e-300))
    y, saved = kl_div.forward(log_p, p)
    assert 0.0 == y
    assert [[-0.25, -0.75, 0.0]] == kl_div.vjp(saved, one)[0].tolist()


def test_kl_is_verified_with_logarithms_as_targets() -> None:
    """With log_target every number is a target, also one above 0."""
    inputs = {"x": real("n c"), "target": real("n c", differentiable=False, typical=(-10, 1))}
    params = {"log_target": (True,), "reduction": ("batchmean", "mean", "sum", "none")}
    report = gradspec.verify(kl_div.replace(inputs=inputs, params=params))
    assert gradspec.Verdict.PASS == report.verdict, str(report)


@pair
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_empty_batch(op: Op, reduction: str) -> None:
    """Its sum is 0, the single losses are none, and its mean is refused; the cotangent is empty."""
    nothing = np.ones((0, 3), np.float32)
    if reduction == "mean":
        with pytest.raises(ValueError, match=rf"^{op.name}: x has shape \(0, 3\); allowed: at least one example"):
            op(nothing, nothing, reduction=reduction)
        return
    y, saved = op.forward(nothing, nothing, reduction=reduction)
    assert {"sum": "0.0", "none": "[]"}[reduction] == str(y)
    x_bar = op.vjp(saved, np.ones(np.shape(y), np.float32))[0]
    assert ((0, 3), np.float32) == (x_bar.shape, x_bar.dtype)


def test_kl_batchmean_of_an_empty_batch() -> None:
    """The mean over no rows is refused."""
    with pytest.raises(ValueError, match=r"^kl_div: x has shape \(0, 3\); allowed: at least one example for reduction"):
        kl_div(np.ones((0, 3)), np.ones((0, 3)))


@pair
@pytest.mark.parametrize("dtypes", [(np.float32, np.float64), (np.float64, np.float32)], ids=str)
def test_cotangents_have_the_dtype_of_their_inputs(op: Op, dtypes: tuple[Any, Any]) -> None:
    """Where two dtypes meet the loss has the wider one."""
    y, saved = op.forward(M.astype(dtypes[0]), M.astype(dtypes[1]))
    x_bar, target_bar = op.vjp(saved, np.ones((), y.dtype))
    assert (np.float64, dtypes[0]) == (y.dtype, x_bar.dtype)
    assert target_bar is None or dtypes[1] == target_bar.dtype


@pair
def test_nan_target_shows(op: Op) -> None:
    """A target that is NaN makes the loss NaN."""
    assert math.isnan(op(M, np.where(np.eye(2, 3), np.nan, M)))


@pytest.mark.parametrize(
    ("call", "error", "argument", "text"),
    [
        (lambda: bce_with_logits(M, 2 * M - 2), OutOfRangeError, "target", "holds -1; allowed: numbers from 0 to 1"),
        (lambda: bce_with_logits(M, 4 * M), OutOfRangeError, "target", "holds 2"),
        (lambda: bce_with_logits(M, M > 0), InputTypeError, "target", "has dtype bool"),
        (lambda: bce_with_logits(M, M[0]), ShapeMismatchError, "target", "allowed: (2, 3), the shape of x"),
        (lambda: bce_with_logits(M, M, pos_weight=-1), ParamError, "pos_weight", "from 0 on"),
        (lambda: bce_with_logits(M, M, pos_weight=np.ones(3)), ParamError, "pos_weight", "is array"),
        (lambda: kl_div(M, -M), OutOfRangeError, "target", "holds -0.5; allowed: numbers from 0 on"),
        (lambda: kl_div(M, M, reduction="avg"), ParamError, "reduction", "'batchmean' or 'mean' or 'sum' or 'none'"),
        (lambda: kl_div(np.float64(1), np.float64(1)), ShapeMismatchError, "x", "allowed: (n, ...)"),
        (lambda: kl_div(M, M, log_target=1), ParamError, "log_target", "is 1; allowed: True or False"),
    ],
)
def test_bad_input(call: Any, error: type[BadInputError], argument: str, text: str) -> None:
    """The error is of the right type and names the argument, what it got and what fits."""
    with pytest.raises(error) as caught:
        call()
    assert argument == caught.value.argument
    assert text in str(caught.value)
