"""Linearity in the cotangent, to the last bit: what breaks it fails, what rounds does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradspec import Verdict, positive, real, verify
from gradspec.results import CheckResult
from tests.gradspec.samples import square, square_vjp, times, times_vjp


def algebra(op: Any, examples: int = 10) -> CheckResult:
    """The result of the algebra check alone."""
    (result,) = verify(op, examples=examples, checks=["vjp_algebra"]).checks
    return result


def _on_y_bar(change: Callable[[np.ndarray], np.ndarray]) -> Callable[..., Any]:
    return lambda saved, y_bar: square_vjp(saved, np.asarray(change(y_bar), y_bar.dtype))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (np.abs, "B(-y_bar) = -B(y_bar)"),
        (lambda y: np.maximum(y, 0), "B(-y_bar) = -B(y_bar)"),
        (np.square, "B(-y_bar) = -B(y_bar)"),
        (np.sign, "B(2^k y_bar) = 2^k B(y_bar)"),
        (lambda y: np.clip(y, -1, 1), "B(2^k y_bar) = 2^k B(y_bar)"),
        (lambda y: y + y**3 * 1e-6, "B(2^k y_bar) = 2^k B(y_bar)"),
        (lambda y: y + 1, "B(0) = 0"),
        (lambda y: np.where(y == 0, 1, y), "B(0) = 0"),
        (lambda y: np.round(y, 6), "B(2^k y_bar) = 2^k B(y_bar)"),
    ],
)
def test_a_rule_that_is_not_linear_fails(change: Callable[[np.ndarray], np.ndarray], words: str) -> None:
    """The text names the law that is broken, the entry, and what it should be exactly."""
    result = algebra(square(vjp=_on_y_bar(change)))
    assert Verdict.FAIL is result.verdict
    first, second, *_ = result.message.splitlines()
    assert f"square: vjp is not linear in y_bar, for input 'x': {words} does not hold" in first
    assert "x_bar[" in second
    assert "but should be" in second
    assert second.endswith("(exact)")


def test_only_the_input_concerned_is_named() -> None:
    """Of two inputs, the one whose cotangent is not linear."""

    def vjp(saved: Any, y_bar: np.ndarray) -> Any:
        x_bar, w_bar = times_vjp(saved, y_bar)
        return x_bar, np.abs(w_bar)

    assert "for input 'w'" in algebra(times(vjp=vjp)).message


@pytest.mark.parametrize(
    "op",
    [
        square(),
        times(),
        square(inputs={"x": positive("n")}, forward=lambda x: (np.log(x), x), vjp=lambda x, y_bar: (y_bar / x,)),
        square(
            inputs={"x": real("n", lo=-700.0, hi=700.0)},
            forward=lambda x: ((y := np.exp(x)), y),
            vjp=lambda y, y_bar: (y * y_bar,),
            dtypes=("float64",),
        ),
        square(forward=lambda x: (x * 0, None), vjp=lambda _, y_bar: (-0.0 * y_bar,)),
        square(
            inputs={"x": real("n d")},
            forward=lambda x: (
                (e := np.exp(x - x.max(1, keepdims=True, initial=0))) / e.sum(1, keepdims=True),
                e / e.sum(1, keepdims=True),
            ),
            vjp=lambda y, y_bar: (y * (y_bar - (y * y_bar).sum(1, keepdims=True)),),
        ),
    ],
)
def test_a_linear_rule_passes_though_it_rounds(op: Any) -> None:
    """Overflow, underflow, -0 and rounding are no violation."""
    result = algebra(op, examples=40)
    assert Verdict.PASS is result.verdict, result.message


def test_a_zero_that_is_minus_zero_is_zero() -> None:
    """The sign of a zero is not judged."""
    assert Verdict.PASS is algebra(square(vjp=lambda s, y: (2 * s * y + np.copysign(0, y).astype(y.dtype),))).verdict


def test_every_entry_is_counted_once() -> None:
    """compared counts the entries of the cotangents, not the six factors."""
    result = algebra(square(inputs={"x": real("3")}, dtypes=("float64",)), examples=4)
    assert 0 == result.compared % 3
    assert result.compared * 6 == result.comparisons * 3
