"""Mistakes where no case was drawn: one output alone, next to an edge, whole numbers, params beside layouts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from gradspec import Op, Verdict, array, index, real, verify

SEEDS = (0, 3)


def moments(*, wrong: bool) -> Op:
    """Mean and variance, with a way out where nobody asks for either; the wrong one takes it for one alone."""

    def vjp(saved: Any, y_bar: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray]:
        centered, count = saved
        mean_bar, var_bar = y_bar
        asked = mean_bar.any() and var_bar.any() if wrong else mean_bar.any() or var_bar.any()
        x_bar = (mean_bar + 2 * centered * var_bar) / count if asked else np.zeros_like(centered)
        return (x_bar.astype(centered.dtype),)

    def forward(x: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], Any]:
        centered = x - x.mean(axis=0)
        return (x.mean(axis=0), (centered * centered).mean(axis=0)), (centered, len(x))

    return Op(name="moments", forward=forward, vjp=vjp, inputs={"x": real("n d")}, sizes={"n": (1, 4), "d": (0, 4)})


def arc_cosine(*, wrong: bool) -> Op:
    """Its derivative is clipped, a thousandth from the edges on: nothing but a neighbourhood of them tells."""

    def vjp(x: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        x = np.clip(x, -0.999, 0.999).astype(x.dtype) if wrong else x
        return (-y_bar / np.sqrt((1 - x) * (1 + x)),)

    inputs = {"x": array("n", lo=-1, hi=1, exclude=(-1, 1))}
    return Op(name="arc_cosine", forward=lambda x: (np.arccos(x), x), vjp=vjp, inputs=inputs)


def premium(*, wrong: bool) -> Op:
    """A rate by age, of which the middle one is wrong."""
    rate, wrong_rate = ([0.5, middle, 2.5] for middle in (1.0, 1.5))

    def bracket(age: np.ndarray) -> np.ndarray:
        return (age >= 18).astype(int) + (age >= 65)

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray, None]:
        x, age = saved
        return (2 * x * np.take(wrong_rate if wrong else rate, bracket(age)) * y_bar).astype(x.dtype), None

    return Op(
        name="premium",
        forward=lambda x, age: ((x * x * np.take(rate, bracket(age))).astype(x.dtype), (x, age)),
        vjp=vjp,
        inputs={"x": real("n"), "age": array("n", integer=True, lo=0, hi=120)},
    )


def codebook(*, wrong: bool) -> Op:
    """Rows of a table of 64, whose gradient is added up in 16 places."""

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray, None]:
        table, code = saved
        table_bar = np.zeros_like(table)
        np.add.at(table_bar, np.where(code == 63, code, code % 16) if wrong else code, y_bar)
        return table_bar, None

    return Op(
        name="codebook",
        forward=lambda table, code: (table[code], (table, code)),
        vjp=vjp,
        inputs={"table": real("64 d"), "code": index("n", 64)},
    )


def near_freezing(*, wrong: bool, negative: bool = False) -> Op:
    """sin(e) / e for e = (t - 273.15) / 10, by a series next to 0: that of its derivative has a wrong sign.

    If *negative*, t has the other sign, and no number of its domain stands in the code.
    """

    def forward(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        e = (-t - 273.15) / 10 if negative else (t - 273.15) / 10
        near = np.abs(e) < 1e-2
        safe = np.where(near, 1, e)
        return np.where(near, 1 - e * e / 6 + e**4 / 120, np.sin(safe) / safe), e

    def vjp(e: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        near = np.abs(e) < 1e-2
        safe = np.where(near, 1, e)
        series = (e / 3 if wrong else -e / 3) + e**3 / 30
        slope = np.where(near, series, (np.cos(safe) - np.sin(safe) / safe) / safe)
        return ((-y_bar if negative else y_bar) / 10 * slope,)

    inputs = {"t": array("n", lo=-400, hi=-200) if negative else array("n", lo=200, hi=400)}
    return Op(name="near_freezing", forward=forward, vjp=vjp, inputs=inputs, dtypes=("float64",))


def squared_error(*, wrong: bool) -> Op:
    """Of an empty batch the mean is 0, and so is its gradient; the wrong one divides by the size."""

    def forward(x: np.ndarray, w: np.ndarray, reduction: str) -> tuple[np.ndarray, Any]:
        y = x @ w
        total = {"none": y * y, "sum": (y * y).sum(), "mean": (y * y).sum() / max(len(x), 1)}[reduction]
        return np.asarray(total, x.dtype), (x, w, reduction)

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, w, reduction = saved
        slope = 2 * (x @ w) * y_bar
        count = x.dtype.type(len(x) if wrong else max(len(x), 1)) if reduction == "mean" else x.dtype.type(1)
        with np.errstate(all="ignore"):
            return np.outer(slope, w) / count, x.T @ slope / count

    return Op(
        name="squared_error",
        forward=forward,
        vjp=vjp,
        inputs={"x": real("n d"), "w": real("d")},
        params={"reduction": ("none", "sum", "mean")},
        sizes={"n": (0, 5), "d": (1, 4)},
    )


def scaled(*, wrong: bool) -> Op:
    """A function of x times w; for the last one, the gradient of a vector that no batch holds lacks the w."""
    powers = (1, 2, 3, 4, 5)

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, w, power = saved
        slope = y_bar * power * x ** (power - 1)
        w_bar = (y_bar * x**power).reshape(-1, w.size).sum(axis=0)
        return slope if wrong and power == powers[-1] and x.ndim == 1 else slope * w, w_bar

    return Op(
        name="scaled",
        forward=lambda x, w, power: (x**power * w, (x, w, power)),
        vjp=vjp,
        inputs={"x": real("... n", lo=-2, hi=2), "w": real("n")},
        params={"power": powers},
        sizes={"n": (1, 4)},
    )


def of_matrix(*, wrong: bool) -> Op:
    """A function of a symmetric matrix; the last one forgets that two eigenvalues may be equal."""
    functions: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
        "log": (np.log, lambda w: 1 / w),
        "sqrt": (np.sqrt, lambda w: 0.5 / np.sqrt(w)),
        "square": (lambda w: w * w, lambda w: 2 * w),
        "inverse": (lambda w: 1 / w, lambda w: -1 / w**2),
    }

    def forward(a: np.ndarray, kind: str) -> tuple[np.ndarray, Any]:
        w, u = np.linalg.eigh(a)
        return ((u * functions[kind][0](w)) @ u.T).astype(a.dtype), (w, u, kind)

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray]:
        w, u, kind = saved
        function, slope = functions[kind]
        apart = w[:, None] - w[None, :]
        close = np.abs(apart) < 1e-6 * w.max()
        middle = slope((w[:, None] + w[None, :]) / 2)
        middle = (
            np.where(apart == 0, 0, middle) + np.diag(slope(w)) * (apart == 0) * np.eye(w.size)
            if (wrong and kind == "inverse")
            else middle
        )
        quotient = np.where(close, middle, (function(w)[:, None] - function(w)[None, :]) / np.where(close, 1, apart))
        return ((u @ (quotient * (u.T @ y_bar @ u)) @ u.T).astype(y_bar.dtype),)

    return Op(
        name="of_matrix",
        forward=forward,
        vjp=vjp,
        inputs={"a": real("n n", transform=lambda a: a @ a.T + np.eye(len(a), dtype=a.dtype))},
        params={"kind": tuple(functions)},
        sizes={"n": (1, 3)},
        dtypes=("float64",),
    )


OPS: dict[str, Callable[..., Op]] = {
    "one output alone": moments,
    "next to an edge": arc_cosine,
    "whole numbers of a wide domain": premium,
    "rows of a long table": codebook,
    "around a number of the code": near_freezing,
    "around its negative": partial(near_freezing, negative=True),
    "nothing beside the last reduction": squared_error,
    "no batch beside the last power": scaled,
    "equal eigenvalues beside the last function": of_matrix,
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("what", OPS)
def test_it_is_drawn_now(what: str, seed: int) -> None:
    """FAIL with the default settings, and PASS without the mistake."""
    assert Verdict.FAIL is verify(OPS[what](wrong=True), seed=seed, explain=False).verdict
    assert Verdict.PASS is verify(OPS[what](wrong=False), seed=seed, explain=False).verdict
