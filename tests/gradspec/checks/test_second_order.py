"""Second order: what a double backward must have, and what is said of a vjp beside a reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradspec import CheckResult, Op, Verdict, real, verify
from gradspec.adapters import from_torch
from gradspec.checks import second_order

torch = pytest.importorskip("torch")


class Cube(torch.autograd.Function):  # type: ignore[misc, name-defined]
    """x³, its backward differentiable."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        """Keep x."""
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, y_bar: Any) -> Any:
        """3 x² y_bar."""
        (x,) = ctx.saved_tensors
        return 3 * x * x * y_bar


def cube(backward: Any) -> Op:
    """The cube with another backward, given x and y_bar."""

    def of_context(ctx: Any, y_bar: Any) -> Any:
        return backward(ctx.saved_tensors[0], y_bar)

    function = type("Cube", (Cube,), {"backward": staticmethod(of_context)})
    return from_torch(function, inputs={"x": real("n", typical=(-2.0, 2.0))})


def second(op: Op, examples: int = 20) -> CheckResult:
    """The result of this check alone."""
    (result,) = verify(op, examples=examples, checks=["vjp_second_order"]).checks
    return result


def test_a_differentiable_backward_passes() -> None:
    """Every case is compared, sharply."""
    result = second(cube(lambda x, y_bar: 3 * x * x * y_bar))
    assert result.verdict is Verdict.PASS, result.reason
    assert result.conclusive > 10
    assert result.resolution < 1e-8


@pytest.mark.parametrize(
    ("backward", "told"),
    [
        (lambda x, y_bar: 3 * (x * x).detach() * y_bar, "wrong for input 'x'"),
        (lambda x, y_bar: 3 * x * x.detach() * y_bar, "wrong for input 'x'"),
        (lambda x, y_bar: torch.from_numpy(3 * x.detach().numpy() ** 2 * y_bar.detach().numpy()), "for input 'x'"),
        (lambda x, y_bar: 3 * x * x * y_bar.detach(), "wrong for y_bar"),
    ],
    ids=["a factor is detached", "half of it is", "computed by NumPy", "y_bar is detached"],
)
def test_a_backward_that_is_right_but_not_differentiable_fails(backward: Any, told: str) -> None:
    """Its numbers are right, and every other check passes."""
    report = verify(cube(backward), examples=30)
    assert [check.name for check in report.failures] == ["vjp_second_order"]
    message = report.failures[0].message
    assert told in message
    assert "@once_differentiable" in message


def test_a_backward_that_says_that_it_is_not_made_for_it_is_left_alone() -> None:
    """The reason is told, and the verdict is that of the other checks."""
    backward = torch.autograd.function.once_differentiable(lambda ctx, y_bar: 3 * ctx.saved_tensors[0] ** 2 * y_bar)
    function = type("Cube", (Cube,), {"backward": staticmethod(backward)})
    report = verify(from_torch(function, inputs={"x": real("n", typical=(-2.0, 2.0))}), examples=30)
    assert report.verdict is Verdict.PASS
    (result,) = [check for check in report.checks if check.name == "vjp_second_order"]
    assert result.verdict is Verdict.SKIPPED
    assert "once_differentiable" in result.reason


def ripple(**fields: Any) -> Op:
    """The sine, with fields to change."""

    def vjp(saved: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        return (y_bar * np.cos(saved),)

    given: dict[str, Any] = {"name": "ripple", "forward": lambda x: (np.sin(x), x), "vjp": vjp, "torch": torch.sin}
    return Op(**{**given, "inputs": {"x": real("n", typical=(-2.0, 2.0))}, "dtypes": ("float64",), **fields})


def test_beside_a_reference_the_vjp_is_judged() -> None:
    """A right rule passes; one that is another function of x fails, and the text says along what."""
    assert second(ripple()).verdict is Verdict.PASS
    wrong = ripple(vjp=lambda saved, y_bar: (y_bar * np.cos(saved) * (1 + 1e-4 * saved),))
    result = second(wrong)
    assert result.verdict is Verdict.FAIL
    assert "wrong derivative along input 'x'" in result.message
    assert "confirmed by finite differences of its gradient" in result.message


def test_a_reference_whose_double_backward_is_wrong_accuses_nobody() -> None:
    """Finite differences of the reference's own gradient do not confirm it, so nothing is said."""

    def detached(x: Any) -> Any:
        """The sine, its gradient detached from x."""

        class Sine(torch.autograd.Function):  # type: ignore[misc, name-defined]
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.slope = torch.cos(x.detach())
                return torch.sin(x)

            @staticmethod
            def backward(ctx: Any, y_bar: Any) -> Any:
                return ctx.slope * y_bar

        return Sine.apply(x)

    result = second(ripple(torch=detached))
    assert result.verdict is Verdict.SKIPPED
    assert result.conclusive == 0


def test_kinks_of_the_vjp_are_not_compared() -> None:
    """relu's vjp jumps at 0: torch's double backward is 0 there, finite differences have no answer."""
    relu = ripple(
        forward=lambda x: (np.maximum(x, 0.0), x),
        vjp=lambda saved, y_bar: (y_bar * (saved > 0),),
        torch=torch.relu,
        examples=((np.array([0.0, 1.0, -1.0]),),),
    )
    assert second(relu, examples=60).verdict is Verdict.PASS


def test_without_a_reference_it_is_skipped_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reasons name what is missing."""
    assert second_order.needs_double_backward(ripple(torch=None)) == "the op declares no torch reference"
    monkeypatch.setattr(second_order.torch_autograd, "available", lambda: False)
    assert "pip install" in second_order.needs_double_backward(ripple())
