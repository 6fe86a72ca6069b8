"""Losses that ask for a margin."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from ops.errors import BadInputError, InputTypeError, OutOfRangeError, ParamError, ShapeMismatchError
from ops.rules.margin import hinge, multi_margin

M = np.ones((2, 3))
K = np.array([0, 2])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("margin", [1.0, 0.0])
@pytest.mark.parametrize("shape", [(4, 3), (5,), ()], ids=str)
def test_hinge_as_torch(
    reduction: str, margin: float, shape: tuple[int, ...], rng: np.random.Generator, matches_torch: Any
) -> None:
    """Value and cotangent equal those of the composition in torch."""
    labels = np.asarray(rng.choice([-1, 1], shape))
    matches_torch(hinge, np.asarray(rng.standard_normal(shape)), labels, reduction=reduction, margin=margin)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("shape", [(4, 3), (1, 1), (3, 2)], ids=str)
def test_multi_margin_as_torch(
    reduction: str, p: int, shape: tuple[int, int], rng: np.random.Generator, matches_torch: Any
) -> None:
    """Value and cotangent equal torch's; equal scores included."""
    labels = rng.integers(0, shape[1], shape[0])
    matches_torch(multi_margin, rng.standard_normal(shape), labels, reduction=reduction, p=p, margin=0.7)
    matches_torch(multi_margin, np.zeros(shape), labels, reduction=reduction, p=p)


def test_hinge_at_its_kink() -> None:
    """A score exactly at the margin has no loss and no slope."""
    y, saved = hinge.forward(np.array([1.0, -1.0, 0.5]), np.array([1, -1, -1]), reduction="none")
    assert [0.0, 0.0, 1.5] == y.tolist()
    assert [0.0, 0.0, 1.0] == hinge.vjp(saved, np.ones(3))[0].tolist()


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64])
def test_hinge_labels_of_any_integer_type(dtype: Any) -> None:
    """Small integers neither wrap around unseen nor widen float32."""
    x = np.array([0.5, 0.5], np.float32)
    y = hinge(x, np.array([1, -1], dtype), reduction="none")
    assert (np.float32, [0.5, 1.5]) == (y.dtype, y.tolist())
    with pytest.raises(OutOfRangeError, match="labels holds 127; allowed: -1 and 1"):
        hinge(x, np.array([1, 127], dtype))  # 127² is 1 in int8


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_empty_batch(reduction: str) -> None:
    """Its sum is 0, the single losses are none, and its mean is refused; the cotangent is empty."""
    nothing = np.ones((0, 3), np.float32)
    for op, labels in ((hinge, np.ones((0, 3), int)), (multi_margin, np.zeros(0, int))):
        if reduction == "mean":
            with pytest.raises(ValueError, match=rf"^{op.name}: x has shape \(0, 3\); allowed: at least one example"):
                op(nothing, labels, reduction=reduction)
            continue
        y, saved = op.forward(nothing, labels, reduction=reduction)
        assert {"sum": "0.0"}.get(reduction, str(np.empty(np.shape(y)))) == str(y)
        x_bar, labels_bar = op.vjp(saved, np.ones(np.shape(y), np.float32))
        assert ((0, 3), np.float32, None) == (x_bar.shape, x_bar.dtype, labels_bar)


def test_nan_shows() -> None:
    """A NaN score makes the loss NaN, at the label or beside it."""
    for position in (0, 1):
        x = np.where(np.arange(3) == position, np.nan, M)
        assert math.isnan(multi_margin(x, np.array([0, 0])))
        assert math.isnan(hinge(x, np.ones((2, 3), int)))


@pytest.mark.parametrize(
    ("call", "error", "argument", "text"),
    [
        (lambda: hinge(M, np.zeros((2, 3), int)), OutOfRangeError, "labels", "holds 0; allowed: -1 and 1"),
        (lambda: hinge(M, M), InputTypeError, "labels", "has dtype float64; allowed: a NumPy array of integers"),
        (lambda: hinge(M, K), ShapeMismatchError, "labels", "has shape (2,); allowed: (2, 3), the shape of x"),
        (lambda: hinge(M, M.astype(int), margin=-1), ParamError, "margin", "is -1"),
        (lambda: hinge(M, M.astype(int), reduction="x"), ParamError, "reduction", "is 'x'"),
        (lambda: multi_margin(M, K + 1), OutOfRangeError, "labels", "holds 3 at position 1; allowed: 0 to 2"),
        (lambda: multi_margin(M[0], K), ShapeMismatchError, "x", "allowed: (n, c)"),
        (lambda: multi_margin(M[:, :0], K[:0]), ShapeMismatchError, "labels", "allowed: (2,)"),
        (lambda: multi_margin(M[:0, :0], K[:0]), ShapeMismatchError, "x", "c at least 1"),
        (lambda: multi_margin(M, K, p=3), ParamError, "p", "is 3; allowed: 1 or 2"),
        (lambda: multi_margin(M, K, p=1.0), ParamError, "p", "is 1.0"),
        (lambda: multi_margin(M, K, margin=np.nan), ParamError, "margin", "is nan"),
    ],
)
def test_bad_input(call: Any, error: type[BadInputError], argument: str, text: str) -> None:
    """The error is of the right type and names the argument, what it got and what fits."""
    with pytest.raises(error) as caught:
        call()
    assert argument == caught.value.argument
    assert text in str(caught.value)
