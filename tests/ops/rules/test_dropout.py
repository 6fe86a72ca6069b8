"""Dropout with a given mask."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ops.errors import BadInputError, InputTypeError, ParamError, ShapeMismatchError
from ops.rules.dropout import dropout

M = np.arange(6.0).reshape(2, 3)
KEEP = np.array([[True, False, True], [False, True, True]])


@pytest.mark.parametrize("dtype", [bool, np.int64, np.uint8])
@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_as_torch(dtype: Any, p: float, rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangent equal those of the composition in torch, for masks of booleans and of integers."""
    matches_torch(dropout, rng.standard_normal((2, 3)), KEEP.astype(dtype), p=p)


@pytest.mark.filterwarnings("error")
def test_probabilities() -> None:
    """With p = 0 what is kept stays as it is; with p = 1 nothing is left, whatever the mask says."""
    np.testing.assert_array_equal(M * KEEP, dropout(M, KEEP, p=0))
    np.testing.assert_allclose(dropout(M, KEEP, p=0.25), M * KEEP / 0.75, rtol=1e-15)
    y, saved = dropout.forward(M, KEEP, p=1)
    np.testing.assert_array_equal(0 * M, y)
    np.testing.assert_array_equal(0 * M, dropout.vjp(saved, M)[0])


@pytest.mark.parametrize("shape", [(4, 3, 1, 1), (3, 1, 1), (1, 1, 1, 1), ()], ids=str)
def test_mask_broadcasts(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    """A mask of fewer or smaller axes drops whole channels."""
    x, keep = rng.standard_normal((4, 3, 2, 2)), np.asarray(rng.integers(0, 2, shape))
    y, saved = dropout.forward(x, keep)
    np.testing.assert_array_equal(x * keep * 2, y)
    x_bar, mask_bar = dropout.vjp(saved, x)
    np.testing.assert_array_equal(y, x_bar)
    assert mask_bar is None


def test_mean_is_kept(rng: np.random.Generator) -> None:
    """On average over the masks an element is what it was."""
    keep = rng.uniform(size=(100_000, 3)) >= 0.2
    np.testing.assert_allclose(dropout(np.broadcast_to(M[1], keep.shape), keep, p=0.2).mean(axis=0), M[1], rtol=0.01)


@pytest.mark.parametrize(
    ("call", "error", "argument", "text"),
    [
        (lambda: dropout(M, M), InputTypeError, "mask", "has dtype float64; allowed: a NumPy array of booleans or int"),
        (lambda: dropout(M, True), InputTypeError, "mask", "is a Python bool"),
        (lambda: dropout(M, KEEP[:, :2]), ShapeMismatchError, "mask", "has shape (2, 2); allowed: one that broadcasts"),
        (lambda: dropout(M[:1], KEEP), ShapeMismatchError, "mask", "to that of x, (1, 3)"),
        (lambda: dropout(M[0], KEEP), ShapeMismatchError, "mask", "to that of x, (3,)"),
        (lambda: dropout(M, KEEP, p=1.5), ParamError, "p", "is 1.5; allowed: finite numbers from 0 to 1"),
        (lambda: dropout(M, KEEP, p=-0.1), ParamError, "p", "is -0.1"),
        (lambda: dropout(M, KEEP, p=np.nan), ParamError, "p", "is nan"),
    ],
)
def test_bad_input(call: Any, error: type[BadInputError], argument: str, text: str) -> None:
    """The error is of the right type and names the argument, what it got and what fits."""
    with pytest.raises(error) as caught:
        call()
    assert argument == caught.value.argument
    assert text in str(caught.value)
