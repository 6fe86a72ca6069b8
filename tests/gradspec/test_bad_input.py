"""Functions and domains that are no use: each a clear verdict or DeclarationError, never a traceback or a hang."""

from __future__ import annotations

import signal
import sys
import threading
from typing import Any

import numpy as np
import pytest

from gradspec import DeclarationError, Op, Report, Verdict, array, nonzero, real, verify
from gradspec.limits import WATCH, OutOfTimeError
from tests.gradspec.samples import square, square_vjp


def boom(*_: Any) -> Any:
    """Raise."""
    raise RuntimeError("boom")


def y_as(dtype: Any) -> Any:
    """A square whose y has another dtype."""
    return lambda x: ((x * x).astype(dtype), x)


def x_bar_as(dtype: Any) -> Any:
    """A vjp whose cotangent has another dtype."""
    return lambda saved, y_bar: (square_vjp(saved, y_bar)[0].astype(dtype),)


def ragged() -> Any:
    """A forward whose y has another shape at every second call."""
    calls = iter(range(10**9))
    return lambda x: (x[: x.size - next(calls) % 2] * 1, x)


def random(x: np.ndarray) -> Any:
    """A forward that draws."""
    return x * np.random.default_rng().uniform(), x


def overwriting(x: np.ndarray) -> Any:
    """A forward that changes its input."""
    y = x * x
    x[...] = 0
    return y, x.copy()


FORWARDS: dict[str, tuple[Any, str]] = {
    "raises": (boom, "forward raises RuntimeError: boom"),
    "exits": (lambda x: sys.exit(3), "forward raises SystemExit: 3"),
    "raises at one size": (lambda x: boom() if x.size == 3 else (x * x, x), "forward raises RuntimeError: boom"),
    "returns a list": (lambda x: ([1.0], x), "forward returns a list of 1 as y; it should be a NumPy array"),
    "returns a number": (lambda x: (float(x.sum()), x), "as y; it should be a NumPy array"),
    "returns objects": (y_as(object), "dtype object as y; it should hold float64 or float32"),
    "returns text": (y_as(str), "as y; it should hold float64 or float32"),
    "returns complex numbers": (y_as(complex), "dtype complex128 as y; it should hold float64 or float32"),
    "returns half precision": (y_as(np.float16), "dtype float16 as y; it should hold float64 or float32"),
    "returns integers": (y_as(int), "dtype int64; there should be floats to differentiate"),
    "returns truth values": (lambda x: (x > 0, x), "dtype bool; there should be floats to differentiate"),
    "returns nothing": (lambda x: ((), x), "returns no output at all; there should be floats to differentiate"),
    "returns other shapes": (ragged(), "for inputs of the same shapes"),
    "draws": (random, "forward gives different values when called again"),
    "changes its input": (overwriting, "forward changes its input 'x'"),
}

VJPS: dict[str, tuple[Any, str]] = {
    "raises": (boom, "vjp raises RuntimeError: boom"),
    "exits": (lambda saved, y_bar: sys.exit(3), "vjp raises SystemExit: 3"),
    "returns None": (lambda saved, y_bar: None, "returns None; it should be a tuple"),
    "returns a list": (lambda saved, y_bar: [y_bar], "returns a list of 1; it should be a tuple"),
    "returns an array": (lambda saved, y_bar: y_bar, "it should be a tuple, one cotangent per input"),
    "returns a number": (lambda saved, y_bar: (1.0,), "returns 1.0 (float) for input 'x'; it should be an array"),
    "returns None for x": (lambda saved, y_bar: (None,), "returns None for input 'x'; it should be an array"),
    "returns too many": (lambda saved, y_bar: (y_bar, y_bar), "returns 2 cotangents; it should be 1, for x"),
    "returns objects": (x_bar_as(object), "returns dtype object for input 'x'; it should be float64"),
    "returns text": (x_bar_as(str), "for input 'x'; it should be float64"),
    "returns integers": (x_bar_as(int), "returns dtype int64 for input 'x'; it should be float64"),
    "returns truth values": (x_bar_as(bool), "returns dtype bool for input 'x'; it should be float64"),
    "returns complex numbers": (x_bar_as(complex), "returns dtype complex128 for input 'x'; it should be float64"),
    "returns long doubles": (x_bar_as(np.longdouble), "cotangent for the float64 input 'x'"),
    "returns a generator": (lambda saved, y_bar: (x for x in [y_bar]), "it should be a tuple"),
}


def contract(report: Report) -> str:
    """The message of the contract check, which failed."""
    result = report.checks[0]
    assert (result.name, result.verdict) == ("contract", Verdict.FAIL), str(report)
    return result.message


@pytest.mark.parametrize("name", FORWARDS)
def test_a_forward_of_no_use_fails_the_contract(name: str) -> None:
    """The text says what it does and what it should do."""
    forward, words = FORWARDS[name]
    assert words in contract(verify(square(forward=forward), examples=30))


@pytest.mark.parametrize("name", VJPS)
def test_a_vjp_of_no_use_fails_the_contract(name: str) -> None:
    """The text says what it returns, for which input, and what it should return."""
    vjp, words = VJPS[name]
    assert words in contract(verify(square(vjp=vjp), examples=30))


def test_a_forward_that_is_not_finite_is_a_declaration_error() -> None:
    """It names the op and how many draws were of no use."""
    with pytest.raises(DeclarationError, match=r"square: inputs: forward is not finite in \d+ of \d+ ordinary draws"):
        verify(square(forward=lambda x: (np.sqrt(-np.abs(x) - 1), x)), examples=60)


def test_a_forward_that_returns_no_pair_is_a_declaration_error() -> None:
    """None is no pair."""
    with pytest.raises(DeclarationError, match=r"square: forward: returned None; allowed: a pair \(y, saved\)"):
        verify(square(forward=lambda x: None))


@pytest.mark.parametrize(("lo", "hi"), [(1.0, 1.0), (1.0, 1.0 + 2.0**-50)])
def test_a_domain_without_room_is_inconclusive(lo: float, hi: float) -> None:
    """The reason names the input and its bounds."""
    report = verify(square(inputs={"x": array("n", lo=lo, hi=hi)}), examples=40)
    assert report.verdict is Verdict.INCONCLUSIVE
    (result,) = [check for check in report.checks if check.name == "vjp_finite_difference"]
    assert f"the domain of 'x', from {lo!r} to {hi!r}, leaves no room to differentiate" in result.reason


def test_residuals_that_cannot_be_copied_are_no_mistake() -> None:
    """Another forward gives fresh ones."""

    def forward(x: np.ndarray) -> tuple[np.ndarray, Any]:
        return x * x, (x, threading.Lock())

    assert verify(square(forward=forward, vjp=lambda s, b: (b * 2 * s[0],)), examples=40).verdict is Verdict.PASS


@pytest.mark.parametrize("what", ["forward", "vjp"])
def test_a_hang_is_stopped(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a minute, here after a moment: the error names the function and what it was given."""

    def endless(*_: Any) -> Any:
        while True:
            pass

    monkeypatch.setattr("gradspec.limits.CALL_SECONDS", 0.2)
    given = r"did not return within 0\.2 s for x of shape \(2,\), p=3; allowed: a function that returns"
    hanging: dict[str, Any] = {"forward": lambda x, p: (x * p, p), "vjp": lambda saved, y_bar: (y_bar * saved,)}
    hanging[what] = (lambda x, p: endless()) if what == "forward" else endless
    with pytest.raises(DeclarationError, match=rf"endless: {what}: {given}"):
        verify(Op(name="endless", inputs={"x": real("n")}, params={"p": (3,)}, **hanging))


def _wait_too_long() -> None:
    with WATCH:
        WATCH.begin()
        try:
            with WATCH:  # blocks within blocks
                threading.Event().wait(5.0)
        finally:
            WATCH.end()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no alarms on this system")
def test_somebody_elses_alarm_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """pytest-timeout sets one, too: ours is not set beside it, and none is left behind."""
    signal.setitimer(signal.ITIMER_REAL, 1000.0)
    try:
        with WATCH:
            WATCH.begin()
            WATCH.end()
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 900
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
    handler = signal.getsignal(signal.SIGALRM)
    monkeypatch.setattr("gradspec.limits.CALL_SECONDS", 0.01)
    with pytest.raises(OutOfTimeError):
        _wait_too_long()
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    assert signal.getsignal(signal.SIGALRM) is handler


REFERENCES: dict[str, tuple[Any, str]] = {
    "raises": (boom, "the torch reference raised RuntimeError: boom"),
    "returns None": (lambda x: None, "the torch reference raised"),
    "returns NaN": (lambda x: x * float("nan"), "torch's gradient for 'x' is not finite"),
    "returns another shape": (lambda x: (x * x).sum(), "the torch reference raised"),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_a_reference_of_no_use_is_said_so(name: str) -> None:
    """It never turns into a PASS."""
    pytest.importorskip("torch")
    reference, words = REFERENCES[name]
    report = verify(square(torch=reference, inputs={"x": nonzero("n")}), examples=40)
    assert report.verdict is Verdict.INCONCLUSIVE
    (result,) = [check for check in report.checks if check.name == "vjp_torch"]
    assert words in result.reason
