"""The same numbers in another memory layout: what breaks a rule, and what must not be accused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradspec import CheckResult, Op, Verdict, real, verify
from gradspec.checks.layouts import LAYOUTS
from tests.gradspec.samples import square, times, times_vjp


def layouts(op: Op, examples: int = 12) -> CheckResult:
    """The result of this check alone."""
    (result,) = verify(op, examples=examples, checks=["vjp_layouts"]).checks
    return result


def _flat_write(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray]:
    x_bar = np.zeros_like(y_bar)  # keeps y_bar's layout: reshape then is a copy
    x_bar.reshape(-1)[:] = (2 * saved * y_bar).reshape(-1)
    return (x_bar,)


WRONG: dict[str, tuple[Callable[[], Op], str]] = {
    "reads y_bar as if contiguous": (
        lambda: square(inputs={"x": real("n d")}, vjp=lambda s, y: (2 * s * y.ravel(order="K").reshape(y.shape),)),
        "vjp gives another result for y_bar",
    ),
    "writes into a copy": (lambda: square(inputs={"x": real("n d")}, vjp=_flat_write), "vjp gives another result"),
    "ignores the strides of x": (
        lambda: square(inputs={"x": real("n d")}, forward=lambda x: (x.ravel(order="K").reshape(x.shape) ** 2, x)),
        "forward gives other values for inputs",
    ),
    "expects a writeable y_bar": (lambda: square(vjp=lambda s, y: (np.multiply(y, 2 * s, out=y),)), "of stride 0"),
    "wants unit strides": (
        lambda: square(inputs={"x": real("n")}, vjp=lambda s, y: ((2 * s * y.view(np.uint8).view(y.dtype)),)),
        "vjp fails for y_bar",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_rule_that_depends_on_the_layout_fails(name: str) -> None:
    """FAIL, and the text says of what in which layout."""
    make, words = WRONG[name]
    result = layouts(make())
    assert Verdict.FAIL is result.verdict
    assert words in result.message
    assert result.counterexample is not None


@pytest.mark.parametrize(
    "op",
    [
        times(),
        times(inputs={"x": real(""), "w": real("")}),
        times(vjp=lambda s, y_bar: tuple(np.asfortranarray(bar) for bar in times_vjp(s, y_bar))),
        square(
            inputs={"x": real("n d")}, forward=lambda x: (x.sum(axis=0), x), vjp=lambda s, y: (np.ones_like(s) * y,)
        ),
        square(
            inputs={"x": real("n d")},
            forward=lambda x: (x.reshape(-1), x.shape),
            vjp=lambda shape, y_bar: (y_bar.reshape(shape),),
        ),
    ],
    ids=["two inputs", "0-d", "Fortran results", "a sum", "reshape"],
)
def test_a_right_rule_passes(op: Op) -> None:
    """Any layout of its own results is allowed, and rounding in another order."""
    result = layouts(op)
    assert Verdict.PASS is result.verdict, result.message
    assert result.compared > 0


def test_a_rule_that_hands_contiguous_copies_to_torch_passes() -> None:
    """One entry is contiguous whatever its stride: numpy makes no copy, and torch refuses one that is negative."""

    def vjp(saved: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        x, bar = (torch.from_numpy(np.ascontiguousarray(one)) for one in (saved, y_bar))
        return ((2 * x * bar).numpy(),)

    torch = pytest.importorskip("torch")
    result = layouts(square(inputs={"x": real("n d")}, vjp=vjp), examples=60)
    assert Verdict.PASS is result.verdict, result.message


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 2), (1, 1), (2, 1, 3)])
@pytest.mark.parametrize("words", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
def test_a_layout_changes_no_number(shape: tuple[int, ...], words: str, dtype: str) -> None:
    """Shape, dtype and values stay; only strides change."""
    x = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    laid = LAYOUTS[words](x)
    np.testing.assert_array_equal(x, laid, strict=True)
    assert isinstance(laid, np.ndarray)
    assert not np.shares_memory(laid, x)
    if shape == (2, 3):
        assert laid.strides != x.strides
