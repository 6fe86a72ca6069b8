"""Norms of each example by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradspec
from gradspec.spec import Op, real
from ops.errors import BadInputError, InputTypeError, ParamError, ShapeMismatchError
from ops.rules.feature_norm import group_norm, layer_norm, rms_norm

M, W = np.ones((2, 4)), np.ones(4)
NORMS = [layer_norm, rms_norm, group_norm]


def arguments(op: Op, x: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, ...]:
    """*x*, the weight, and a bias where the op has one."""
    return (x, weight, -weight) if "bias" in op.inputs else (x, weight)


@pytest.mark.parametrize("op", [layer_norm, rms_norm], ids=lambda op: op.name)
@pytest.mark.parametrize(
    ("shape", "axes"), [((2, 4), 1), ((4,), 1), ((3, 2, 4), 2), ((3, 1), 1), ((1, 5), 1), ((2, 3, 2, 2), 3)], ids=str
)
def test_last_axes_as_torch(
    op: Op, shape: tuple[int, ...], axes: int, rng: np.random.Generator, matches_torch: Any
) -> None:
    """Value and cotangents equal torch's for one, two and three axes."""
    weight = rng.standard_normal(shape[len(shape) - axes :])
    matches_torch(op, *arguments(op, 3 * rng.standard_normal(shape), weight), eps=1e-3, rtol=1e-10)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 5), (1, 4, 2, 3), (2, 4, 2, 1, 2)], ids=str)
def test_group_norm_as_torch(groups: int, shape: tuple[int, ...], rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangents equal torch's for any number of trailing axes; with a group per channel, too."""
    if groups == 4 and len(shape) == 2:
        pytest.skip("torch refuses one number per group")
    weight = rng.standard_normal(4)
    matches_torch(group_norm, 3 * rng.standard_normal(shape), weight, -weight, groups=groups, eps=1e-3, rtol=1e-10)


@pytest.mark.parametrize(
    ("op", "x"),
    [(layer_norm, "... d"), (rms_norm, "... d"), (group_norm, "n g*k"), (group_norm, "n g*k l")],
    ids=lambda value: getattr(value, "name", value),
)
def test_verified_with_other_axes(op: Op, x: str) -> None:
    """The rules pass gradspec's own checks for shapes that the declarations do not have."""
    weight = "d" if op is not group_norm else "g*k"
    inputs = {name: real(x if name == "x" else weight) for name in op.inputs}
    report = gradspec.verify(op.replace(inputs=inputs), examples=50)
    assert gradspec.Verdict.PASS == report.verdict, str(report)


@pytest.mark.parametrize("op", [layer_norm, group_norm], ids=lambda op: op.name)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e8 / 3])
def test_equal_elements_give_the_bias(op: Op, dtype: Any, value: float) -> None:
    """A row of equal elements has no rounding error for eps to enlarge, however far from 0 it lies."""
    x, weight = np.full((2, 7), value, dtype), np.arange(7, dtype=dtype)
    y, saved = op.forward(x, weight, -weight)
    np.testing.assert_array_equal(np.broadcast_to(-weight, x.shape), y)
    x_bar, *_ = op.vjp(saved, np.ones((2, 7), dtype))
    expected = (weight - weight.mean()) / np.sqrt(1e-5)
    np.testing.assert_allclose(x_bar, np.broadcast_to(expected, x.shape), rtol=1e-6, atol=1e-4)


def test_numbers_close_together_keep_their_digits(rng: np.random.Generator) -> None:
    """In float32 a row far from 0 is standardized as exactly as its own numbers are."""
    x = (1e4 + rng.uniform(-1, 1, (3, 1000))).astype(np.float32)
    exact = layer_norm(x.astype(np.float64), np.ones(1000), np.zeros(1000))
    found = layer_norm(x, np.ones(1000, np.float32), np.zeros(1000, np.float32))
    np.testing.assert_allclose(found, exact, rtol=0, atol=2e-6)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("op", NORMS, ids=lambda op: op.name)
@pytest.mark.parametrize("shape", [(0, 4), (2, 0)], ids=str)
def test_nothing(op: Op, shape: tuple[int, int]) -> None:
    """Without rows, or without elements, value and cotangents are empty or 0, without a warning."""
    weight = np.ones(shape[1])
    y, saved = op.forward(*arguments(op, np.ones(shape), weight))
    assert shape == y.shape
    x_bar, *others = op.vjp(saved, np.ones(shape))
    assert shape == x_bar.shape
    assert all(np.array_equal(0 * weight, other) for other in others)


@pytest.mark.parametrize("op", NORMS, ids=lambda op: op.name)
@pytest.mark.parametrize("wide", [0, 1, 2])
def test_each_cotangent_has_the_dtype_of_its_input(op: Op, wide: int) -> None:
    """Where one input is wider than the others the value is, too."""
    given = [x.astype(np.float64 if i == wide else np.float32) for i, x in enumerate(arguments(op, M, W))]
    y, saved = op.forward(*given)
    assert np.result_type(*given) == y.dtype
    assert [x.dtype for x in given] == [bar.dtype for bar in op.vjp(saved, np.ones(y.shape, y.dtype))]


@pytest.mark.parametrize(
    ("call", "error", "argument", "text"),
    [
        (lambda: layer_norm(M, W[:3], W), ShapeMismatchError, "weight", "allowed: that of the last axes of x (2, 4)"),
        (lambda: layer_norm(W, M, M), ShapeMismatchError, "weight", "has shape (2, 4)"),
        (lambda: layer_norm(M, W[0], W[0]), ShapeMismatchError, "weight", "at least one of them"),
        (lambda: layer_norm(M, W, M), ShapeMismatchError, "bias", "has shape (2, 4); allowed: (4,)"),
        (lambda: layer_norm(M, W, W, eps=0), ParamError, "eps", "is 0; allowed: finite numbers above 0"),
        (lambda: layer_norm(M, W, W.astype(int)), InputTypeError, "bias", "has dtype int64"),
        (lambda: rms_norm(M, M[:, :2]), ShapeMismatchError, "weight", "has shape (2, 2)"),
        (lambda: rms_norm(M, W, eps=-1e-5), ParamError, "eps", "is -1e-05"),
        (lambda: group_norm(W, W, W), ShapeMismatchError, "x", "has shape (4,); allowed: (n, c, ...)"),
        (
            lambda: group_norm(M, W[:2], W),
            ShapeMismatchError,
            "weight",
            "has shape (2,); allowed: (4,), to fit x (2, 4)",
        ),
        (lambda: group_norm(M, W, M), ShapeMismatchError, "bias", "has shape (2, 4); allowed: (4,)"),
        (
            lambda: group_norm(M, W, W, groups=3),
            ParamError,
            "groups",
            "is 3; allowed: whole numbers from 1 on that div",
        ),
        (lambda: group_norm(M, W, W, groups=0), ParamError, "groups", "is 0"),
        (lambda: group_norm(M, W, W, groups=2.0), ParamError, "groups", "is 2.0"),
        (lambda: group_norm(M, W, W, eps=None), ParamError, "eps", "is None"),
    ],
)
def test_bad_input(call: Any, error: type[BadInputError], argument: str, text: str) -> None:
    """The error is of the right type and names the argument, what it got and what fits."""
    with pytest.raises(error) as caught:
        call()
    assert argument == caught.value.argument
    assert text in str(caught.value)
