"""Inputs declared linear: exact at any size, and the declaration itself is held to its word."""

from __future__ import annotations

import numpy as np
import pytest

from gradspec import CheckResult, DeclarationError, Op, Verdict, positive, verify
from tests.gradspec.samples import square, times, times_forward, times_vjp

LINEAR = frozenset({"x", "w"})


def linear(op: Op, examples: int = 12) -> CheckResult:
    """The result of this check alone."""
    (result,) = verify(op, examples=examples, checks=["vjp_linear"]).checks
    return result


def test_a_right_rule_passes() -> None:
    """Every entry is compared, to rounding."""
    result = linear(times(linear_in=LINEAR))
    assert Verdict.PASS is result.verdict, result.reason
    assert result.compared > 50
    assert result.resolution < 1e-12


@pytest.mark.parametrize("factor", [-1.0, 1 + 1e-11, 1 - 1e-9, 0.0])
def test_a_wrong_rule_fails(factor: float) -> None:
    """An error in the eleventh digit is seen."""

    def vjp(saved: tuple[np.ndarray, np.ndarray], y_bar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x_bar, w_bar = times_vjp(saved, y_bar)
        return x_bar, w_bar * w_bar.dtype.type(factor)

    result = linear(times(vjp=vjp, linear_in=LINEAR))
    assert Verdict.FAIL is result.verdict
    assert "vjp is wrong for input 'w'" in result.message


def test_affine_counts_as_linear() -> None:
    """A constant added changes no difference."""
    op = times(forward=lambda x, w: (x * w + 3, (x, w)), linear_in=LINEAR)
    assert Verdict.PASS is linear(op).verdict


def test_it_is_skipped_where_nothing_is_linear() -> None:
    """With the reason."""
    result = linear(times())
    assert (Verdict.SKIPPED, "no input is declared linear") == (result.verdict, result.reason)


@pytest.mark.parametrize(
    "op",
    [
        square(linear_in={"x"}),
        square(inputs={"x": positive("n")}, linear_in={"x"}),
        times(forward=lambda x, w: (x * np.abs(w), (x, w)), linear_in=LINEAR),
        times(forward=lambda x, w: times_forward(x, w + w * w * 1e-3), linear_in=LINEAR),
    ],
    ids=["a square", "on one side", "a kink", "a little curved"],
)
def test_an_input_that_is_not_linear_is_a_wrong_declaration(op: Op) -> None:
    """The error names the input."""
    with pytest.raises(DeclarationError, match="forward is not linear in it") as caught:
        linear(op, examples=30)
    assert (op.name, "linear_in") == (caught.value.op, caught.value.field)
