"""Ops of torch as declarations: right ones pass, and what torch's engine would hide is seen."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from gradspec import DeclarationError, MissingDependencyError, Verdict, array, index, real, verify
from gradspec.adapters import from_torch, torch_functions

torch = pytest.importorskip("torch")


NOT_FAR_APART = real("n", lo=-100.0, hi=100.0)  # beyond 700 apart, the double backward of logaddexp is NaN


class Scaled(torch.autograd.Function):  # type: ignore[misc, name-defined]
    """x ** power * w, with a right backward."""

    @staticmethod
    def forward(ctx: Any, x: Any, w: Any, power: int) -> Any:
        ctx.save_for_backward(x, w)
        ctx.power = power
        return x**power * w

    @staticmethod
    def backward(ctx: Any, y_bar: Any) -> Any:
        x, w = ctx.saved_tensors
        return ctx.power * x ** (ctx.power - 1) * w * y_bar, x**ctx.power * y_bar, None


class Sine(torch.autograd.Function):  # type: ignore[misc, name-defined]
    """sin in the newer style."""

    @staticmethod
    def forward(x: Any) -> Any:
        return x.sin()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, y_bar: Any) -> Any:
        (x,) = ctx.saved_tensors
        return x.cos() * y_bar


def changed(change: Any) -> Any:
    """Scaled with what its backward returns changed."""

    class Changed(Scaled):
        @staticmethod
        def backward(ctx: Any, y_bar: Any) -> Any:
            return change(ctx, y_bar, *Scaled.backward(ctx, y_bar))

    return Changed


def op(function: Any, **fields: Any) -> Any:
    """The op of a version of Scaled."""
    inputs = {"x": real("n d"), "w": real("n d")}
    return from_torch(function, inputs=inputs, params={"power": (2, 3, 1)}, **fields)


def test_a_right_function_passes() -> None:
    """Every param value, every input; torch is no oracle of itself."""
    report = verify(op(Scaled))
    results = {check.name: check for check in report.checks}
    assert Verdict.PASS is report.verdict, str(report)
    assert Verdict.SKIPPED is results["vjp_torch"].verdict
    assert Verdict.PASS is results["vjp_complex_step"].verdict


def test_setup_context_works_too() -> None:
    """The form of Function that torch recommends now."""
    assert Verdict.PASS is verify(from_torch(Sine, inputs={"x": real("...")}), examples=30).verdict


def _writes(ctx: Any, y_bar: Any, x_bar: Any, w_bar: Any, none: Any) -> Any:
    y_bar.mul_(2)
    return x_bar, w_bar, none


WRONG = {
    "a sum that the engine would broadcast": (lambda c, y, x, w, n: (x, w.sum(), n), "vjp has shape () for input 'w'"),
    "a dtype that the engine would cast": (
        lambda c, y, x, w, n: (x.double(), w, n),
        "vjp gives a float64 cotangent for",
    ),
    "a missing gradient": (lambda c, y, x, w, n: (x, None, n), "vjp returns None for input 'w'; it should be an array"),
    "no tensor": (
        lambda c, y, x, w, n: (x.numpy(force=True), w, n),
        "backward returns ndarray for input 'x'; it should be a tensor",
    ),
    "a dtype that NumPy lacks": (
        lambda c, y, x, w, n: (x.bfloat16(), w, n),
        "backward returns torch.bfloat16 for input 'x'; it should be torch.float",
    ),
    "another device": (
        lambda c, y, x, w, n: (x.to("meta"), w, n),
        "backward returns a tensor on meta for input 'x'; it should be on c",
    ),
    "too few gradients": (lambda c, y, x, w, n: (x, w), "backward returns 2 gradients; it should be 3: x, w, power"),
    "writes into the gradient it is given": (_writes, "vjp writes into y_bar"),
    "wrong for one param value": (lambda c, y, x, w, n: (x if c.power != 1 else 2 * x, w, n), "power=1"),
    "a wrong sign": (lambda c, y, x, w, n: (x, -w, n), "vjp is wrong for input 'w'"),
    "abs of the gradient": (lambda c, y, x, w, n: Scaled.backward(c, y.abs()), "vjp is not linear in y_bar"),
    "its own saved tensor": (lambda c, y, x, w, n: (x, c.saved_tensors[0], n), "memory of the input 'x'"),
}
CHECKS = ("contract", "vjp_algebra", "vjp_layouts", "vjp_finite_difference")


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_function_fails(name: str) -> None:
    """The raw backward is called: nothing is summed, cast or filled in before it is looked at."""
    change, words = WRONG[name]
    report = verify(op(changed(change)), examples=15, checks=CHECKS)
    assert Verdict.FAIL is report.verdict
    assert words in str(report), str(report)


def test_the_failure_points_at_the_backward() -> None:
    """Not at the adapter."""
    made = op(changed(WRONG["a wrong sign"][0]))
    assert made.location.rpartition(":")[0].endswith("test_torch_functions.py")


def test_a_reference_is_one_more_oracle() -> None:
    """A forward that is wrong, too, fits its backward: only a reference tells."""
    for wrong, verdict in ((False, Verdict.PASS), (True, Verdict.FAIL)):
        reference = partial(_power, times=1.5 if wrong else 1.0)
        report = verify(op(Scaled, torch=reference), examples=15)
        assert verdict is report.verdict, str(report)
        assert "value_torch" in (check.name for check in (report.failures if wrong else report.checks))


def _power(x: Any, w: Any, power: int, times: float) -> Any:
    return times * x**power * w


def test_a_failure_of_a_callable_points_at_it_or_nowhere() -> None:
    """Nobody looks for a mistake of torch's in gradspec's own files."""
    written_here = from_torch(_power, name="power", inputs={"x": real("n"), "w": real("n")}, params={"power": (2,)})
    assert written_here.location.rpartition(":")[0] == __file__
    assert not from_torch("torch.sin", inputs={"x": real("n")}).location


@pytest.mark.parametrize(
    ("target", "inputs", "params"),
    [
        ("torch.nn.functional.gelu", {"x": real("...")}, {"approximate": ("none", "tanh")}),
        ("torch.softmax", {"x": real("n d")}, {"dim": (-1, 0)}),
        (torch.logaddexp, {"a": NOT_FAR_APART, "b": NOT_FAR_APART}, {}),
        (lambda x, k: x[torch.arange(len(x)), k], {"x": real("n c"), "k": index("n", "c")}, {}),
        (lambda x: (x.sin(), x.argmax(-1), x * 2), {"x": real("n 3")}, {}),
    ],
    ids=["gelu", "softmax", "logaddexp", "pick", "several outputs"],
)
def test_a_callable_of_tensors_passes(target: Any, inputs: Any, params: Any) -> None:
    """Forward by torch, vjp by its autograd, judged by finite differences."""
    report = verify(from_torch(target, inputs=inputs, params=params), examples=40)
    assert Verdict.PASS is report.verdict, str(report)


def test_a_detached_part_is_seen() -> None:
    """A forward whose gradient torch was told to ignore."""
    report = verify(from_torch(lambda x: x * x.detach(), name="half", inputs={"x": real("n")}), examples=20)
    assert Verdict.FAIL is report.verdict
    assert "half: vjp is wrong for input 'x'" in str(report)


def test_the_op_computes_what_torch_computes() -> None:
    """NumPy in, NumPy out, in either dtype and any strides."""
    x = np.arange(12.0).reshape(3, 4)[:, ::-2]
    np.testing.assert_array_equal(torch.sigmoid(torch.tensor(x.copy())).numpy(), from_torch(
        "torch.sigmoid", inputs={"x": real("...")})(x))  # fmt: skip
    assert np.float32 == from_torch("torch.sigmoid", inputs={"x": real("...")})(x.astype(np.float32)).dtype


@pytest.mark.parametrize(
    ("target", "fields", "words"),
    [
        ("torch.no_such", {}, "target: got 'torch.no_such'"),
        (3, {}, "target: got 3; allowed: a torch.autograd.Function, a callable of tensors, or a dotted name"),
        (torch.nn.Linear, {}, "allowed: a torch.autograd.Function"),
        (Scaled, {}, "got x; allowed: what Scaled.forward takes: x, w, power"),
        (torch.sin, {"vjp": 1}, "vjp: got 1; allowed: leave it out"),
        (torch.sin, {"torch": torch.sin}, "torch: got the target itself; allowed: a reference"),
        ("torch.sin", {"torch": "torch.sin"}, "torch: got the target itself; allowed: a reference"),
        (Sine, {"torch": Sine.apply}, "torch: got the target itself; allowed: a reference"),
        (torch.sin, {"sizes": {"m": (1, 2)}}, "sizes['m']"),
    ],
)
def test_a_mistake_is_named(target: Any, fields: dict[str, Any], words: str) -> None:
    """A DeclarationError as of any other op."""
    with pytest.raises(DeclarationError) as caught:
        from_torch(target, inputs={"x": real("n")}, **fields)
    assert words in str(caught.value)


def test_without_torch_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A MissingDependencyError, not an ImportError from within."""
    monkeypatch.setattr(torch_functions, "find_spec", lambda _: None)
    with pytest.raises(MissingDependencyError, match="pip install 'gradspec"):
        from_torch("torch.sin", inputs={"x": real("n")})


def test_inputs_that_are_not_differentiable_need_none() -> None:
    """A constant input gets no gradient."""
    made = op(Scaled).replace(inputs={"x": real("n d"), "w": array("n d", differentiable=False)})
    assert Verdict.FAIL is verify(made, examples=10).verdict  # the raw backward computes one all the same
