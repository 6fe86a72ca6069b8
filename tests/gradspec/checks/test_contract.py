"""Every breach of the rule's contract is caught and named; what the contract allows passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradspec import Op, Verdict, array, index, real, verify
from gradspec.results import CheckResult
from tests.gradspec.samples import square, square_vjp, times, times_forward, times_vjp


def contract(op: Op, examples: int = 8) -> CheckResult:
    """The result of the contract check alone."""
    (result,) = verify(op, examples=examples, checks=["contract"]).checks
    return result


def _identity(**changes: Any) -> Op:
    fields: dict[str, Any] = {
        "name": "identity",
        "forward": lambda x: (x.copy(), None),
        "vjp": lambda s, y_bar: (y_bar,),
    }
    return square(**{**fields, **changes})


def _writes_y_bar(saved: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
    y_bar *= 2
    return (saved * y_bar,)


def _writes_saved(saved: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
    own = saved[0]
    own *= 2
    return (own * y_bar,)


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


def _needs(wrong: str) -> Callable[..., Any]:
    def vjp(saved: Any, y_bar: np.ndarray, needs: tuple[bool, bool] = (True, True)) -> Any:
        x_bar, w_bar = times_vjp(saved, y_bar)
        if wrong == "swapped":
            needs = needs[::-1]
        if wrong == "short":
            return tuple(bar for bar, needed in zip((x_bar, w_bar), needs, strict=True) if needed)
        if wrong == "scaled" and not all(needs):
            x_bar = 2 * x_bar
        return (x_bar if needs[0] else None, w_bar if needs[1] else None)

    return vjp


def _with_index(vjp: Callable[..., Any]) -> Op:
    return Op(
        name="pick",
        forward=lambda x, i: (x[i], (x, i)),
        vjp=vjp,
        inputs={"x": real("k"), "i": index("n", "k")},
        sizes={"k": (1, 4)},
    )


def _picked(saved: Any, y_bar: np.ndarray) -> np.ndarray:
    x, i = saved
    x_bar = np.zeros_like(x)
    np.add.at(x_bar, i, y_bar)
    return x_bar


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
        lambda: _identity(
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
        lambda: _with_index(lambda s, y: (_picked(s, y), np.zeros(s[1].shape))),
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
    "needs read backwards": (lambda: times(vjp=_needs("swapped")), "gives another cotangent for input"),
    "needs drops entries": (lambda: times(vjp=_needs("short")), "does not return 2 cotangents"),
    "needs changes the numbers": (lambda: times(vjp=_needs("scaled")), "vjp with needs=(True, False) gives another"),
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


def _argmax_too(x: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    return (x * x, np.argsort(x), 3 * x), x


def _argmax_too_vjp(saved: np.ndarray, y_bar: Any) -> tuple[np.ndarray]:
    squared, order, tripled = y_bar
    assert order is None
    return (2 * saved * squared + 3 * tripled,)


ALLOWED: dict[str, Callable[[], Op]] = {
    "y_bar itself": _identity,
    "y_bar twice": lambda: times(forward=lambda x, w: (x + w, None), vjp=lambda saved, y_bar: (y_bar, y_bar)),
    "a reshaped view of y_bar": lambda: square(
        inputs={"x": real("n d")},
        forward=lambda x: (x.reshape(-1), x.shape),
        vjp=lambda shape, y_bar: (y_bar.reshape(shape),),
    ),
    "a reversed view of y_bar": lambda: _identity(
        forward=lambda x: (x[::-1].copy(), None), vjp=lambda s, y_bar: (y_bar[::-1],)
    ),
    "a broadcast view of y_bar": lambda: square(
        inputs={"x": real("n d")},
        forward=lambda x: (x.sum(axis=0), x.shape),
        vjp=lambda shape, y_bar: (np.broadcast_to(y_bar, shape),),
    ),
    "NumPy scalars": lambda: square(
        inputs={"x": real("")}, forward=lambda x: (x[()] * x[()], x[()]), vjp=lambda s, y_bar: (2 * s * y_bar[()],)
    ),
    "forward returns its input": lambda: _identity(forward=lambda x: (x, None)),
    "several outputs, one of integers": lambda: square(forward=_argmax_too, vjp=_argmax_too_vjp),
    "saved of any kind": lambda: square(
        forward=lambda x: (x * x, {"x": [x, (1, None)], "note": "text"}),
        vjp=lambda saved, y_bar: (2 * saved["x"][0] * y_bar,),
    ),
    "needs": lambda: times(vjp=_needs("")),
    "needs as a keyword only": lambda: times(vjp=lambda s, y_bar, *, needs=None: times_vjp(s, y_bar)),
    "None for an integer input": lambda: _with_index(lambda s, y_bar: (_picked(s, y_bar), None)),
    "None for a constant input": lambda: times(
        inputs={"x": real("n d"), "w": array("n d", differentiable=False)},
        vjp=lambda s, y_bar: (s[1] * y_bar, None),
    ),
    "a cotangent in Fortran order": lambda: times(
        vjp=lambda s, y_bar: tuple(map(np.asfortranarray, times_vjp(s, y_bar)))
    ),
    "a counter that changes nothing": lambda: square(
        vjp=lambda s, y_bar, calls=[]: (calls.append(1), square_vjp(s, y_bar))[1]
    ),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_the_contract_allows_passes(name: str) -> None:
    """No false alarm: contract, algebra and finite differences all pass."""
    report = verify(ALLOWED[name](), examples=20, checks=["contract", "vjp_algebra", "vjp_finite_difference"])
    assert Verdict.PASS is report.verdict, str(report)


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
