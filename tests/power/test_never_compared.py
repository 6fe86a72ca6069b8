"""Mistakes where nothing was ever compared: among many entries, for one input of several, in a part of a domain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradspec import Op, Verdict, array, real, verify

SEEDS = (0, 3)
ACTIVATIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "square": (lambda x: x * x, lambda x: 2 * x),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "sin": (np.sin, np.cos),
    "softsign": (lambda x: x / (1 + np.abs(x)), lambda x: 1 / (1 + np.abs(x)) ** 2),
    "log_cosh": (lambda x: np.logaddexp(x, -x), np.tanh),
    "arctan": (np.arctan, lambda x: 1 / (1 + x * x)),
}


def residuals(sizes: dict[str, tuple[int, int]], *, wrong: bool) -> Op:
    """The influence of residuals, whose derivative at 0 is 1: a guard against 0/0 says 0."""

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray, ...]:
        d, w = saved
        bell = np.exp(-d * d / 2)
        slope = (1 - d * d) * bell * w * y_bar
        slope = np.where(d == 0, 0, slope).astype(d.dtype) if wrong else slope
        return slope, -slope, d * bell * y_bar

    return Op(
        name="influence",
        forward=lambda a, b, w: (w * (a - b) * np.exp(-((a - b) ** 2) / 2), (a - b, w)),
        vjp=vjp,
        inputs={name: real("n d", typical=(-3, 3)) for name in "abw"},
        sizes=sizes,
    )


def years(*, wrong: bool) -> Op:
    """A curve in three pieces, the middle one a parabola with half its slope: far from 0, where most draws would be."""

    def forward(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        y = np.where(t < 2050, 10 + (t - 1920) ** 2 * 0.01, 179 + (t - 2050) * 0.3)
        return np.where(t < 1920, (t - 1900) * 0.5, y).astype(t.dtype), t

    def vjp(t: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        slope = np.where(t < 2050, (t - 1920) * (0.01 if wrong else 0.02), 0.3)
        return ((np.where(t < 1920, 0.5, slope) * y_bar).astype(t.dtype),)

    return Op(name="years", forward=forward, vjp=vjp, inputs={"t": array("n", lo=1900, hi=2100)})


def carrier(frequency: float, factor: float) -> Op:
    """x sin(f t): a derivative for t that no step of usual length sees, beside one for x that any step does."""

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, angle = saved
        return y_bar * np.sin(angle), np.asarray((y_bar * x).sum() * np.cos(angle) * factor * frequency, x.dtype)

    return Op(
        name="carrier",
        forward=lambda x, t: (x * np.sin(frequency * t), (x, frequency * t)),
        vjp=vjp,
        inputs={"x": real("20"), "t": real("")},
        dtypes=("float64",),
    )


def last_of_several(wrong: Callable[[Any, Any], Any] | None, last: str, **inputs: Any) -> Op:
    """An activation out of a list, of which the last one may have another slope."""
    names = [*(name for name in ACTIVATIONS if name != last), last]

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray]:
        x, mode = saved
        slope = ACTIVATIONS[mode][1](x)
        x_bar = (slope * y_bar).astype(x.dtype)
        return (wrong(x, x_bar) if wrong and mode == last else x_bar,)

    return Op(
        name="activation",
        forward=lambda x, mode: (ACTIVATIONS[mode][0](x), (x, mode)),
        vjp=vjp,
        inputs={"x": real("n d", **inputs)},
        params={"mode": names},
    )


def _with_a_quotient(x: np.ndarray, x_bar: np.ndarray) -> np.ndarray:
    """What sinh(x) / cosh(x) makes of the slope: inf / inf for large x. No number of the code says from where on."""
    with np.errstate(over="ignore"):
        return np.where(np.isfinite(np.sinh(x)), x_bar, np.nan).astype(x.dtype)


def running_sum(largest: int, *, wrong: bool) -> Op:
    """A cumulative sum in blocks, which loses the last block of the largest array."""

    def vjp(x: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        x_bar = y_bar[::-1].cumsum()[::-1].astype(x.dtype)
        if wrong and x.size >= largest:
            x_bar[-4:] = 0
        return (x_bar,)

    return Op(
        name="running_sum",
        forward=lambda x: (x.cumsum(), x),
        vjp=vjp,
        inputs={"x": real("n")},
        sizes={"n": (1, largest)},
    )


def broadcast(*, wrong: bool) -> Op:
    """Six functions of two arrays that broadcast; the last one forgets that y did."""

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, y, power = saved
        bars = [power * x ** (power - 1) * y * y_bar, x**power * y_bar]
        summed = [_unbroadcast(bars[0], x.shape), _unbroadcast(bars[1], y.shape)]
        return tuple(bars) if wrong and power == 6 else tuple(summed)  # type: ignore[return-value]

    return Op(
        name="power_times",
        forward=lambda x, y, power: (x**power * y, (x, y, power)),
        vjp=vjp,
        inputs={"x": array("n d", lo=-2, hi=2, broadcastable=True), "y": array("n d", lo=-2, hi=2, broadcastable=True)},
        params={"power": (1, 2, 3, 4, 5, 6)},
    )


def _unbroadcast(x_bar: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    x_bar = x_bar.sum(axis=tuple(range(x_bar.ndim - len(shape))))
    axes = tuple(axis for axis, size in enumerate(shape) if size == 1)
    return np.asarray(x_bar.sum(axis=axes, keepdims=True), x_bar.dtype)


RIGHT_AND_WRONG: dict[str, tuple[Op, Op]] = {
    "equal entries among many": tuple(residuals({"n": (6, 7), "d": (5, 6)}, wrong=w) for w in (False, True)),  # type: ignore[dict-item]
    "far from 0": (years(wrong=False), years(wrong=True)),
    "one steep input, half": (carrier(1e5, 1.0), carrier(1e5, 0.5)),
    "one steep input, forgotten": (carrier(1e4, 1.0), carrier(1e4, 0.0)),
    "overflow for the last mode": (
        last_of_several(None, "log_cosh"),
        last_of_several(_with_a_quotient, "log_cosh"),
    ),
    "float32 for the last mode": (
        last_of_several(None, "arctan"),
        last_of_several(lambda _, x_bar: x_bar.astype(np.float64), "arctan"),
    ),
    "an edge for the last mode": (
        last_of_several(None, "sin", lo=0, hi=1),
        last_of_several(lambda x, x_bar: np.where(x == 1, 0, x_bar).astype(x.dtype), "sin", lo=0, hi=1),
    ),
    "the largest size": (running_sum(32, wrong=False), running_sum(32, wrong=True)),
    "broadcast for the last power": (broadcast(wrong=False), broadcast(wrong=True)),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("what", RIGHT_AND_WRONG)
def test_it_is_compared_now(what: str, seed: int) -> None:
    """FAIL with the default settings, and PASS without the mistake."""
    right, wrong = RIGHT_AND_WRONG[what]
    assert Verdict.FAIL is verify(wrong, seed=seed, explain=False).verdict
    assert Verdict.PASS is verify(right, seed=seed, explain=False).verdict


@pytest.mark.parametrize("factor", [0.0, 1.0], ids=["forgotten", "right"])
def test_an_input_that_nobody_sees_is_no_pass(factor: float) -> None:
    """At 1e9 radians per unit even the shortest step spans a whole turn."""
    report = verify(carrier(1e9, factor), explain=False)
    assert Verdict.INCONCLUSIVE is report.verdict
    reasons = [check.reason for check in report.checks if check.verdict is Verdict.INCONCLUSIVE]
    assert any("for 't'" in reason for reason in reasons)
