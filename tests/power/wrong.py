"""Wrong versions of a rule: what a check must catch. Each is wrong in one way only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Rule = Callable[[Any, Any], tuple[Any, ...]]


def changed(vjp: Rule, change: Callable[[np.ndarray], Any]) -> Rule:
    """*vjp* with *change* applied to the cotangent of the first input."""

    def wrong_vjp(saved: Any, y_bar: Any) -> tuple[Any, ...]:
        x_bar, *rest = vjp(saved, y_bar)
        return (change(x_bar), *rest)

    return wrong_vjp


def on_cotangent(vjp: Rule, change: Callable[[np.ndarray], Any]) -> Rule:
    """*vjp* with *change* applied to y_bar before it is used."""

    def wrong_vjp(saved: Any, y_bar: Any) -> tuple[Any, ...]:
        return vjp(saved, change(y_bar))

    return wrong_vjp


def writes_y_bar(vjp: Rule) -> Rule:
    """Scale y_bar in place, and undo it in the result: the numbers are right, the caller's array is not."""

    def wrong_vjp(saved: Any, y_bar: Any) -> tuple[Any, ...]:
        y_bar *= 2
        return tuple(None if x_bar is None else x_bar / 2 for x_bar in vjp(saved, y_bar))

    return wrong_vjp


def cached_buffer(vjp: Rule) -> Rule:
    """Return the same array on every call."""
    buffers: dict[tuple[Any, ...], np.ndarray] = {}

    def wrong_vjp(saved: Any, y_bar: Any) -> tuple[Any, ...]:
        x_bar, *rest = vjp(saved, y_bar)
        buffer = buffers.setdefault((x_bar.shape, x_bar.dtype), np.empty_like(x_bar))
        buffer[...] = x_bar
        return (buffer, *rest)

    return wrong_vjp


def stale_residuals(vjp: Rule) -> Rule:
    """Remember the residuals of the first call of each shape and use them for ever."""
    first: dict[tuple[int, ...], Any] = {}

    def wrong_vjp(saved: Any, y_bar: Any) -> tuple[Any, ...]:
        return vjp(first.setdefault((*np.shape(y_bar), np.asarray(y_bar).dtype.num), saved), y_bar)

    return wrong_vjp


def first_entry_only(x_bar: np.ndarray) -> np.ndarray:
    """Get one entry wrong by 50 %."""
    wrong = x_bar.copy()
    wrong.reshape(-1)[:1] *= x_bar.dtype.type(1.5)
    return wrong


def scaled(factor: float) -> Callable[[np.ndarray], np.ndarray]:
    """Multiply, keeping the dtype."""
    return lambda x_bar: np.asarray(x_bar * x_bar.dtype.type(factor))


# name -> (the wrong rule made of the right one, a check that must fail, words that its failure text must have)
WRONG: dict[str, tuple[Callable[[Rule], Rule], str, str]] = {
    "wrong sign": (lambda vjp: changed(vjp, np.negative), "vjp_finite_difference", "wrong sign"),
    "factor 2": (lambda vjp: changed(vjp, scaled(2.0)), "vjp_finite_difference", "a factor 2"),
    "factor 1.000001": (lambda vjp: changed(vjp, scaled(1.000001)), "vjp_finite_difference", "slightly off"),
    "factor 1 + 1e-9": (lambda vjp: changed(vjp, scaled(1 + 1e-9)), "vjp_finite_difference", "slightly off"),
    "factor 1 + 1e-12": (lambda vjp: changed(vjp, scaled(1 + 1e-12)), "vjp_torch", "slightly off"),
    "zero": (lambda vjp: changed(vjp, np.zeros_like), "vjp_finite_difference", "nothing is propagated"),
    "one entry": (lambda vjp: changed(vjp, first_entry_only), "vjp_finite_difference", "should be"),
    "abs of y_bar": (lambda vjp: on_cotangent(vjp, np.abs), "vjp_algebra", "B(-y_bar) = -B(y_bar)"),
    "relu of y_bar": (lambda vjp: on_cotangent(vjp, lambda v: np.maximum(v, v * 0)), "vjp_algebra", "B(-y_bar)"),
    "clip of y_bar": (lambda vjp: on_cotangent(vjp, lambda v: np.clip(v, -1, 1)), "vjp_algebra", "B(2^k y_bar)"),
    "constant added": (lambda vjp: changed(vjp, lambda x_bar: x_bar + x_bar.dtype.type(1)), "vjp_algebra", "B(0) = 0"),
    "float64 for float32": (lambda vjp: changed(vjp, np.float64), "contract", "has dtype float64"),
    "in-place write": (writes_y_bar, "contract", "writes into y_bar"),
    "cached buffer": (cached_buffer, "contract", "returns a buffer that its next call overwrites"),
    "stale residuals": (stale_residuals, "vjp_finite_difference", "should be"),
    "list": (lambda vjp: lambda saved, y_bar: list(vjp(saved, y_bar)), "contract", "it should be a tuple"),
    "one too many": (lambda vjp: lambda saved, y_bar: (*vjp(saved, y_bar), None), "contract", "it should be 1, for x"),
    "None": (lambda vjp: changed(vjp, lambda _: None), "contract", "returns None for input 'x'"),
    "transposed shape": (lambda vjp: changed(vjp, np.transpose), "contract", "has shape"),
}
