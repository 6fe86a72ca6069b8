"""What the tests of the ops share: random arrays and the comparison with torch."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from gradspec.spec import Op


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers, the same in every run."""
    return np.random.default_rng(7)


@pytest.fixture
def matches_torch(rng: np.random.Generator) -> Callable[..., None]:
    """Assert that an op's value and cotangents equal torch's for these arrays and params."""
    torch = pytest.importorskip("torch")

    def compare(op: Op, *arrays: np.ndarray, rtol: float = 1e-12, **params: Any) -> None:
        y, saved = op.forward(*arrays, **params)
        y_bar = rng.standard_normal(np.shape(y)).astype(y.dtype)
        tensors = [torch.tensor(x.copy(), requires_grad=x.dtype.kind == "f") for x in arrays]
        reference = op.torch
        if isinstance(reference, str):
            module, _, name = reference.rpartition(".")
            reference = getattr(import_module(module), name)
        expected = reference(*tensors, **params)
        expected.backward(torch.tensor(y_bar))
        assert tuple(expected.shape) == np.shape(y)
        np.testing.assert_allclose(y, expected.detach().numpy(), rtol=rtol, atol=rtol)
        for tensor, x, x_bar in zip(tensors, arrays, op.vjp(saved, np.asarray(y_bar)), strict=True):
            if not tensor.requires_grad:
                assert x_bar is None
                continue
            assert (x.shape, x.dtype) == (x_bar.shape, x_bar.dtype)
            np.testing.assert_allclose(x_bar, tensor.grad.numpy(), rtol=rtol, atol=rtol)

    return compare
