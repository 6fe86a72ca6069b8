"""Every breach of the rule's contract is caught and named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradspec import Op, Verdict, array, real, verify
from gradspec.results import CheckResult
from tests.gradspec.checks.contract_ops import identity, needing, pick, picked
from tests.gradspec.samples import square, times, times_forward


def contract(op: Op, examples: int = 8) -> CheckResult:
    """The result of the contract check alone."""
    (result,) = verify(op, examples=examples, checks=["contract"]).checks
    return result


def _writes_y_bar(saved: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
    y_bar *= 2
    return (saved * y_bar,)


def _writes_saved(saved: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
    own = saved[0]
    own *= 2
    return (own * y_bar,)


def _keeps_y() -> dict[str, Any]:
    """Two x from the y that was handed out: its memory is taken for the cotangent."""
    handed_out: dict[int, tuple[np.ndarray, np.ndarray]] = {}  # with x, so that its id is nobody else's

    def forward(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        y = x * x
        handed_out[id(x)] = (x, y)
        return y, x

    def vjp(x: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        _, y = handed_out.get(id(x), (x, np.empty_like(x)))  # a copy of what was saved has no y of its own
        np.multiply(2 * x, y_bar, out=y)
        return (y.copy(),)

    return {"forward": forward, "vjp": vjp}


def _cached_buffer() -> Callable[..., Any]:
    buffers: dict[Any, np.ndarray] = {}

    def vjp(saved: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        x_bar = 2 * saved * y_bar
        buffer = buffers.setdefault((x_bar.shape, x_bar.dtype), x_bar)
        buffer[...] = x_bar
        return (buffer,)

    return vjp


def _stale_state() -> dict[str, Any]:
    last: list[np.ndarray] = []

    def forward(x: np.ndarray) -> tuple[np.ndarray, None]:
        last[:] = [x]
        return x * x, None

    return {"forward": forward, "vjp": lambda saved, y_bar: (2 * last[0] * y_bar,)}


def _counts_calls() -> Callable[..., Any]:
    calls = [0]

    def vjp(saved: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        calls[0] += 1
        return (2 * saved * y_bar * (1 + 1e-9 * calls[0]),)

    return vjp


def _random_forward() -> Callable[..., Any]:
    rng = np.random.default_rng(0)
    return lambda x: (x * x + rng.normal(size=x.shape).astype(x.dtype), x)


def _writes_its_input(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x += 1
    return x * x, x.copy()


def _forward_buffer() -> Callable[..., Any]:
    buffers: dict[Any, np.ndarray] = {}

    def forward(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        y = buffers.setdefault((x.shape, x.dtype), np.empty_like(x))
        np.multiply(x, x, out=y)
        return y, x.copy()

    return forward


# what is wrong, the op, words that the failure's first lines must have
BREACHES: dict[str, tuple[Callable[[], Op], str]] = {
    "dtype of the cotangent": (
        lambda: square(vjp=lambda s, y_bar: (2.0 * s.astype(np.float64) * y_bar,)),
        "vjp gives a float64 cotangent for the float32 input 'x'",
    ),
    "always float32": (
        lambda: square(vjp=lambda s, y_bar: ((2 * s * y_bar).astype(np.float32),)),
        "vjp gives a float32 cotangent for the float64 input 'x'",
    ),
    "writes into y_bar": (lambda: square(vjp=_writes_y_bar), "vjp writes into y_bar"),
    "writes into its input": (
        lambda: square(vjp=lambda s, y_bar: (np.multiply(s, 2, out=s) * y_bar,)),
        "vjp writes into the input 'x'",
    ),
    "writes into saved": (
        lambda: square(forward=lambda x: (x * x, [x.copy()]), vjp=_writes_saved),
        "vjp writes into its residuals (`saved`)",
    ),
    "writes into y": (lambda: square(**_keeps_y()), "vjp writes into the y that forward returned"),
    "returns a cached buffer": (
        lambda: square(vjp=_cached_buffer()),
        "vjp returns a buffer that its next call overwrites, for input 'x'",
    ),
    "returns its input": (
        lambda: square(forward=lambda x: (x * x / 2, x), vjp=lambda s, y_bar: (s,)),
        "vjp returns memory of the input 'x' as the cotangent of 'x'",
    ),
    "returns a view of another input": (
        lambda: times(vjp=lambda s, y_bar: (s[1][...], s[0] * y_bar)),
        "vjp returns memory of the input 'w' as the cotangent of 'x'",
    ),
    "returns saved": (
        lambda: identity(
            forward=lambda x: (3 * x, {"jacobian": np.full_like(x, 3)}), vjp=lambda s, y: (s["jacobian"],)
        ),
        "vjp returns memory of its residuals (`saved`) as the cotangent of 'x'",
    ),
    "keeps state in the module": (
        lambda: square(**_stale_state()),
        "vjp gives another result after another forward, for input 'x'",
    ),
    "another result each time": (
        lambda: square(vjp=_counts_calls()),
        "vjp gives another result when called again, for input 'x'",
    ),
    "returns a list": (lambda: square(vjp=lambda s, y: [2 * s * y]), "vjp returns a list of 1; it should be a tuple"),
    "returns a bare array": (
        lambda: square(inputs={"x": real("3")}, vjp=lambda s, y: 2 * s * y),
        "vjp returns an array of shape (3,) and dtype float64; it should be a tuple",
    ),
    "returns None": (lambda: square(vjp=lambda s, y: None), "vjp returns None; it should be a tuple"),
    "too many": (
        lambda: square(vjp=lambda s, y: (2 * s * y, y)),
        "vjp returns 2 cotangents; it should be 1, for x",
    ),
    "too few": (lambda: times(vjp=lambda s, y: (s[1] * y,)), "vjp returns 1 cotangent; it should be 2, for x, w"),
    "None for a differentiable input": (
        lambda: times(vjp=lambda s, y: (s[1] * y, None)),
        "vjp returns None for input 'w'; it should be an array",
    ),
    "a Python number": (
        lambda: square(inputs={"x": real("")}, vjp=lambda s, y: (float(2 * s * y),)),
        "(float) for input 'x'; it should be an array",
    ),
    "an array for an integer input": (
        lambda: pick(lambda s, y: (picked(s, y), np.zeros(s[1].shape))),
        "for input 'i'; it should be None",
    ),
    "an array for a constant input": (
        lambda: times(inputs={"x": real("n d"), "w": array("n d", differentiable=False)}),
        "for input 'w'; it should be None",
    ),
    "wrong shape": (
        lambda: square(inputs={"x": real("3")}, vjp=lambda s, y: ((2 * s * y)[None],)),
        "vjp has shape (1, 3) for input 'x'; it should be (3,)",
    ),
    "not summed over a broadcast axis": (
        lambda: times(inputs={name: array("n d", broadcastable=True) for name in "xw"}),
        "vjp has shape",
    ),
    "vjp raises": (lambda: square(vjp=lambda s, y: (s.nothing,)), "vjp raises AttributeError"),
    "vjp raises at size 0 only": (
        lambda: square(vjp=lambda s, y: (2 * s * y + 0 * s.max(),)),
        "vjp raises ValueError: zero-size array",
    ),
    "forward raises": (lambda: square(forward=lambda x: (x.nothing, x)), "forward raises AttributeError"),
    "forward returns a number": (
        lambda: square(forward=lambda x: (float(x.sum()), x)),
        "(float) as y; it should be a NumPy array",
    ),
    "forward is random": (
        lambda: square(forward=_random_forward()),
        "forward gives different values when called again",
    ),
    "forward writes into its input": (lambda: square(forward=_writes_its_input), "forward changes its input 'x'"),
    "forward returns a buffer": (
        lambda: square(forward=_forward_buffer()),
        "forward returns a buffer that its next call overwrites",
    ),
    "needs read backwards": (lambda: times(vjp=needing("swapped")), "gives another cotangent for input"),
    "needs drops entries": (lambda: times(vjp=needing("short")), "does not return 2 cotangents"),
    "needs changes the numbers": (lambda: times(vjp=needing("scaled")), "vjp with needs=(True, False) gives another"),
    "not finite": (
        lambda: square(inputs={"x": real("3")}, vjp=lambda s, y: (2 * s * s / s * y,)),
        "vjp is not finite for input 'x' where the derivative is",
    ),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_a_breach_is_caught_and_named(breach: str) -> None:
    """The contract check fails, with the op's name, the breach in words and a counterexample."""
    make, words = BREACHES[breach]
    op = make()

    result = contract(op, examples=16)

    assert Verdict.FAIL is result.verdict
    assert f"{op.name}: " == result.message[: len(op.name) + 2]
    assert "[contract]" in result.message.splitlines()[0]
    assert words in result.message
    assert result.counterexample is not None
    assert "contract" == result.counterexample.check


def test_the_mutation_names_the_entry() -> None:
    """The text says which entry was what and became what."""
    result = contract(square(vjp=_writes_y_bar))
    assert "y_bar[0] was 1.0 and became 2.0" in result.message


def test_the_original_arrays_are_never_handed_out() -> None:
    """A vjp that destroys all it is given does not spoil the trial: the answer stays a contract failure."""

    def destroys(saved: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        x_bar = 2 * saved * y_bar
        saved[...] = np.nan
        y_bar[...] = np.nan
        return (x_bar,)

    report = verify(square(vjp=destroys), examples=10)
    verdicts = {check.name: check.verdict for check in report.checks}
    assert Verdict.FAIL is verdicts["contract"]
    assert Verdict.PASS is verdicts["vjp_finite_difference"]
    assert Verdict.PASS is verdicts["vjp_algebra"]


def test_times_forward_is_called_with_the_declared_order() -> None:
    """Arrays come in the order of the declaration."""
    seen: set[tuple[str, ...]] = set()

    def forward(*arrays: np.ndarray) -> Any:
        seen.add(tuple(str(x.shape) for x in arrays))
        return times_forward(*arrays)

    op = times(
        forward=forward, inputs={"x": real("2 3"), "w": real("3")}, vjp=lambda s, y: (s[1] * y, (s[0] * y).sum(0))
    )
    assert Verdict.PASS is contract(op).verdict
    assert {("(2, 3)", "(3,)")} == seen
