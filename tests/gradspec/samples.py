"""Small ops and declarations that several test modules use."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradspec import Op, real


def square_forward(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x squared."""
    return x * x, x


def square_vjp(saved: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
    """The right rule of square."""
    return (2 * saved * y_bar,)


def wrong_vjp(saved: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
    """Square's rule without its factor 2."""
    return (saved * y_bar,)


def times_forward(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Elementwise product."""
    return x * w, (x, w)


def times_vjp(saved: tuple[np.ndarray, np.ndarray], y_bar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The right rule of times."""
    x, w = saved
    return w * y_bar, x * y_bar


def power_forward(x: np.ndarray, *, p: int) -> tuple[np.ndarray, tuple[np.ndarray, int]]:
    """x to the power p."""
    return x**p, (x, p)


def power_vjp(saved: tuple[np.ndarray, int], y_bar: np.ndarray) -> tuple[np.ndarray]:
    """The right rule of power, for p >= 1."""
    x, p = saved
    return (p * x ** (p - 1) * y_bar,)


def square(**changes: Any) -> Op:
    """The op x squared, with these fields changed."""
    fields: dict[str, Any] = {
        "name": "square",
        "forward": square_forward,
        "vjp": square_vjp,
        "inputs": {"x": real("n")},
    }
    return Op(**{**fields, **changes})


def times(**changes: Any) -> Op:
    """The op x * w, with these fields changed."""
    fields: dict[str, Any] = {
        "name": "times",
        "forward": times_forward,
        "vjp": times_vjp,
        "inputs": {"x": real("n d"), "w": real("n d")},
    }
    return Op(**{**fields, **changes})


def power(**changes: Any) -> Op:
    """The op x ** p, p one of 2, 3, 1, with these fields changed."""
    fields: dict[str, Any] = {
        "name": "power",
        "forward": power_forward,
        "vjp": power_vjp,
        "inputs": {"x": real("n")},
        "params": {"p": (2, 3, 1)},
    }
    return Op(**{**fields, **changes})
