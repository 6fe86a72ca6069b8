"""Ops that meet the contract, and ways to change them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradspec import Op, index, real
from tests.gradspec.samples import square, times_vjp


def identity(**changes: Any) -> Op:
    """A copy of x, with these fields changed."""
    fields: dict[str, Any] = {
        "name": "identity",
        "forward": lambda x: (x.copy(), None),
        "vjp": lambda s, y_bar: (y_bar,),
    }
    return square(**{**fields, **changes})


def needing(wrong: str) -> Callable[..., Any]:
    """A rule of times that heeds needs, or is wrong in this way."""

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


def pick(vjp: Callable[..., Any]) -> Op:
    """x[i], with this rule."""
    return Op(
        name="pick",
        forward=lambda x, i: (x[i], (x, i)),
        vjp=vjp,
        inputs={"x": real("k"), "i": index("n", "k")},
        sizes={"k": (1, 4)},
    )


def picked(saved: Any, y_bar: np.ndarray) -> np.ndarray:
    """The cotangent of x in pick."""
    x, i = saved
    x_bar = np.zeros_like(x)
    np.add.at(x_bar, i, y_bar)
    return x_bar
