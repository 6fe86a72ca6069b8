"""Batch normalization."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradspec
from gradspec.spec import Op, nonnegative, real
from ops.errors import BadInputError, InputTypeError, OutOfRangeError, ParamError, ShapeMismatchError
from ops.rules.batch_norm import batch_norm, batch_norm_inference

M, W = np.ones((2, 3)), np.ones(3)
SHAPES = [(5, 3), (4, 3, 2), (2, 3, 4, 5), (1, 3, 2, 2), (2, 3, 1, 2, 2)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_as_torch(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    """y, the statistics that torch keeps, and the cotangents equal torch's."""
    torch = pytest.importorskip("torch")
    x, weight, y_bar = 3 + rng.standard_normal(shape), rng.standard_normal(3), rng.standard_normal(shape)
    (y, mean, var), saved = batch_norm.forward(x, weight, -weight, eps=1e-3)
    tensors = [torch.tensor(one, requires_grad=True) for one in (x, weight, -weight)]
    kept = torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    expected = torch.nn.functional.batch_norm(tensors[0], *kept, *tensors[1:], training=True, momentum=1.0, eps=1e-3)
    expected.backward(torch.tensor(y_bar))
    count = x.size // 3
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-11)
    np.testing.assert_allclose(mean, kept[0].numpy(), rtol=1e-12)
    np.testing.assert_allclose(var * count / (count - 1), kept[1].numpy(), rtol=1e-12)
    for tensor, cotangent in zip(tensors, batch_norm.vjp(saved, (y_bar, 0 * mean, 0 * var)), strict=True):
        np.testing.assert_allclose(cotangent, tensor.grad.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("shape", [*SHAPES, (0, 3), (2, 3, 0)], ids=str)
def test_inference_as_torch(shape: tuple[int, ...], rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and all five cotangents equal those of the composition in torch."""
    weight, mean, var = rng.standard_normal(3), rng.standard_normal(3), np.array([0.0, 0.5, 2.0])
    matches_torch(batch_norm_inference, rng.standard_normal(shape), weight, -weight, mean, var, eps=1e-2, rtol=1e-10)


@pytest.mark.parametrize("op", [batch_norm, batch_norm_inference], ids=lambda op: op.name)
@pytest.mark.parametrize("x", ["n c", "n c l"])
def test_verified_with_other_axes(op: Op, x: str) -> None:
    """The rules pass gradspec's own checks for shapes that the declarations do not have."""
    domains = {"x": real(x), "var": nonnegative("c")}
    inputs = {name: domains.get(name, real("c")) for name in op.inputs}
    sizes = {"n": (1, 4), "c": (1, 4)} | ({"l": (1, 3)} if "l" in x else {})
    report = gradspec.verify(op.replace(inputs=inputs, sizes=sizes), examples=50)
    assert gradspec.Verdict.PASS == report.verdict, str(report)


def test_inference_continues_training(rng: np.random.Generator) -> None:
    """With the batch's own statistics the two modes agree."""
    x, weight = rng.standard_normal((6, 3, 2)), rng.standard_normal(3)
    y, mean, var = batch_norm(x, weight, -weight)
    np.testing.assert_allclose(batch_norm_inference(x, weight, -weight, mean, var), y, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(7, 3), (5, 3, 3), (1, 3)], ids=str)
def test_equal_elements_give_the_bias(shape: tuple[int, ...], dtype: Any) -> None:
    """A channel of equal elements has variance 0 and no rounding error for eps to enlarge; a single one, too."""
    x, weight = np.full(shape, 1e8 / 3, dtype), np.arange(3, dtype=dtype)
    (y, mean, var), saved = batch_norm.forward(x, weight, -weight)
    np.testing.assert_array_equal(np.broadcast_to(-weight, shape[:1] + shape[2:] + (3,)), np.moveaxis(y, 1, -1))
    assert ([dtype(1e8 / 3)] * 3, [0, 0, 0]) == (mean.tolist(), var.tolist())
    x_bar, *_ = batch_norm.vjp(saved, (np.ones(shape, dtype), 0 * mean, 0 * var))
    np.testing.assert_array_equal(np.zeros(shape, dtype), x_bar)


def test_numbers_close_together_keep_their_digits(rng: np.random.Generator) -> None:
    """In float32 the variance of numbers far from 0 is as exact as they are: it is no difference of squares."""
    x = (1e4 + rng.uniform(-1, 1, (2000, 3))).astype(np.float32)
    y, mean, var = batch_norm(x, W.astype(np.float32), W.astype(np.float32))
    exact, exact_mean, exact_var = batch_norm(x.astype(np.float64), W, W)
    assert {np.dtype(np.float32)} == {y.dtype, mean.dtype, var.dtype}
    np.testing.assert_allclose(y, exact, rtol=0, atol=2e-5)
    np.testing.assert_allclose(mean, exact_mean, rtol=1e-7)
    np.testing.assert_allclose(var, exact_var, rtol=1e-5)


@pytest.mark.parametrize("op", [batch_norm, batch_norm_inference], ids=lambda op: op.name)
@pytest.mark.parametrize("wide", [0, 1, 2, 3, 4])
def test_each_cotangent_has_the_dtype_of_its_input(op: Op, wide: int) -> None:
    """Where one input is wider than the others the value is, too."""
    given = [x.astype(np.float64 if i == wide else np.float32) for i, x in enumerate([M, W, W, W, W][: len(op.inputs)])]
    y, saved = op.forward(*given)
    several = y if isinstance(y, tuple) else (y,)
    y_bar = tuple(np.ones_like(one) for one in several)
    assert np.result_type(*given) == several[0].dtype
    found = op.vjp(saved, y_bar if isinstance(y, tuple) else y_bar[0])
    assert [x.dtype for x in given] == [bar.dtype for bar in found]


@pytest.mark.parametrize("position", [0, 1, 2, 3, 4])
def test_inference_needs(position: int, rng: np.random.Generator) -> None:
    """What is not needed is left out, and nothing else changes."""
    _, saved = batch_norm_inference.forward(rng.standard_normal((4, 3)), 2 * W, W, W, W)
    y_bar = rng.standard_normal((4, 3))
    found = batch_norm_inference.vjp(saved, y_bar, needs=tuple(i == position for i in range(5)))
    assert [position] == [i for i, bar in enumerate(found) if bar is not None]
    np.testing.assert_array_equal(batch_norm_inference.vjp(saved, y_bar)[position], found[position])


@pytest.mark.parametrize(
    ("call", "error", "argument", "text"),
    [
        (lambda: batch_norm(W, W, W), ShapeMismatchError, "x", "has shape (3,); allowed: (n, c, ...)"),
        (lambda: batch_norm(M[:0], W, W), ShapeMismatchError, "x", "there is no mean of nothing"),
        (
            lambda: batch_norm(M, W[:2], W),
            ShapeMismatchError,
            "weight",
            "has shape (2,); allowed: (3,), to fit x (2, 3)",
        ),
        (lambda: batch_norm(M, W, M), ShapeMismatchError, "bias", "has shape (2, 3)"),
        (lambda: batch_norm(M, W, W, eps=0.0), ParamError, "eps", "above 0"),
        (lambda: batch_norm(M.astype(int), W, W), InputTypeError, "x", "has dtype int64"),
        (lambda: batch_norm_inference(M, W, W, 0.0, W), InputTypeError, "mean", "is a Python float"),
        (lambda: batch_norm_inference(M, W, W, W, W[:1]), ShapeMismatchError, "var", "has shape (1,)"),
        (lambda: batch_norm_inference(M, W, W, W, -W), OutOfRangeError, "var", "holds -1; allowed: numbers from 0 on"),
        (lambda: batch_norm_inference(M, W, W, W, W, eps="a"), ParamError, "eps", "is 'a'"),
    ],
)
def test_bad_input(call: Any, error: type[BadInputError], argument: str, text: str) -> None:
    """The error is of the right type and names the argument, what it got and what fits."""
    with pytest.raises(error) as caught:
        call()
    assert argument == caught.value.argument
    assert text in str(caught.value)
