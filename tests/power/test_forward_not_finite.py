"""Where forward is not finite its torch reference is asked; where both are not, or order decides, nobody is accused."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradspec import Op, Verdict, nonnegative, real, verify
from gradspec.checks import CHECKS, Mismatch
from gradspec.domains import Case
from gradspec.layouts import Space
from gradspec.shrink import failure

torch = pytest.importorskip("torch")


def _softmax(x: np.ndarray) -> tuple[np.ndarray, Any]:
    e = np.exp(x)
    y = e / e.sum(axis=-1, keepdims=True)
    return y, y.copy()


def _softmax_vjp(y: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
    return (y * (y_bar - (y_bar * y).sum(axis=-1, keepdims=True)),)


def _logsumexp(x: np.ndarray) -> tuple[np.ndarray, Any]:
    e = np.exp(x)
    total = e.sum(axis=-1)
    return np.log(total), (e, total)


def _logsumexp_vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray]:
    e, total = saved
    return ((y_bar / total)[..., None] * e,)


def _sigmoid(x: np.ndarray) -> tuple[np.ndarray, Any]:
    e = np.exp(x)
    y = e / (1 + e)
    return y, y.copy()


def _sigmoid_vjp(y: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
    return (y_bar * y * (1 - y),)


def _entropy(p: np.ndarray) -> tuple[np.ndarray, Any]:
    """0 log 0 is not a number here."""
    return -p * np.log(p), p


def _entropy_vjp(p: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
    return (-y_bar * (np.log(p) + 1),)


OVERFLOWING = [
    Op(
        name="naive_softmax",
        forward=_softmax,
        vjp=_softmax_vjp,
        inputs={"x": real("n d")},
        torch=lambda x: torch.softmax(x, -1),
    ),
    Op(
        name="naive_logsumexp",
        forward=_logsumexp,
        vjp=_logsumexp_vjp,
        inputs={"x": real("n d")},
        sizes={"d": (1, 4)},
        torch=lambda x: torch.logsumexp(x, -1),
    ),
    Op(name="naive_sigmoid", forward=_sigmoid, vjp=_sigmoid_vjp, inputs={"x": real("...")}, torch="torch.sigmoid"),
    Op(
        name="entropy",
        forward=_entropy,
        vjp=_entropy_vjp,
        inputs={"p": nonnegative("...")},
        torch="torch.special.entr",
    ),
]


@pytest.mark.parametrize("op", [pytest.param(op, id=op.name) for op in OVERFLOWING])
def test_a_forward_that_is_not_finite_where_its_reference_is_fails(op: Op) -> None:
    """The classic: exp of a large entry. The vjp cannot be judged there, and everywhere else all is right."""
    (found,) = [check for check in verify(op).failures if check.name == "value_torch"]
    assert f"{op.name}: forward is not finite where its torch reference is" in found.message


@pytest.mark.parametrize("op", [pytest.param(op, id=op.name) for op in OVERFLOWING[:3]])
def test_the_smallest_case_shows_the_large_entry(op: Op) -> None:
    """Plain values do not overflow: the failing ones are kept in a smaller array."""
    (found,) = verify(op, checks=["value_torch"]).failures
    assert found.counterexample is not None
    (x,) = found.counterexample.case.drawn
    assert x.size <= 2
    assert x.max() > 88


@pytest.mark.parametrize("op", [pytest.param(op, id=op.name) for op in OVERFLOWING])
def test_without_a_reference_the_report_says_where_it_did_not_look(op: Op) -> None:
    """Nobody else knows what forward should be there."""
    report = verify(op.replace(torch=None), checks=["vjp_finite_difference"])
    assert report.outside > 0
    assert f"{report.outside} examples not judged, since forward is not finite there: " in str(report)
    assert report.outside_at in str(report)
    point = re.fullmatch(r"(?:\S+=\S+ +)*(\w+) = (\[.*\]|\S+)(?: +(float32))?", report.outside_at)
    assert point is not None, report.outside_at
    assert next(iter(op.inputs)) == point[1]
    x = np.array(ast.literal_eval(point[2]), dtype=point[3] or "float64")
    with np.errstate(all="ignore"):
        assert not np.isfinite(op.forward(x)[0]).all()


def test_no_finite_forward_no_line() -> None:
    """A report of an op that is finite everywhere says nothing of it."""
    op = OVERFLOWING[2].replace(inputs={"x": real("...", lo=-9, hi=9)})
    report = verify(op, examples=20)
    assert (0, "") == (report.outside, report.outside_at)
    assert "not judged" not in str(report)
    assert Verdict.PASS is report.verdict


def _at(
    forward: Callable[..., Any], reference: Callable[..., Any], values: list[float], dtype: str = "float64"
) -> Mismatch | None:
    """What value_torch says of an op of one vector at one point."""
    op = Op(
        name="subject", forward=forward, vjp=lambda s, y_bar: (y_bar * s,), inputs={"x": real("n")}, torch=reference
    )
    (check,) = [check for check in CHECKS if check.name == "value_torch"]
    case = Case({"n": len(values)}, (), {}, {}, (np.array(values, dtype=dtype),), dtype, 0)
    return failure(Space(op), case, check)


def _product(x: np.ndarray) -> tuple[np.ndarray, Any]:
    return np.asarray(np.multiply.reduce(x), dtype=x.dtype), x


def test_an_overflow_that_the_order_of_factors_decides_is_no_mistake() -> None:
    """1e30 · 1e30 · 1e-40 is infinite in float32, 1e30 · 1e-40 · 1e30 is not."""

    def other_order(x: Any) -> Any:
        return (x[0] * x[2]) * x[1]

    factors = [1e30, 1e30, 1e-40]
    with np.errstate(over="ignore"):
        assert np.isinf(_product(np.array(factors, dtype=np.float32))[0])
    assert torch.isfinite(other_order(torch.tensor(factors)))
    assert _at(_product, other_order, factors, "float32") is None


def test_a_reference_that_overflows_too_accuses_nobody() -> None:
    """exp(1000) is infinite, and torch says so."""
    assert _at(lambda x: (np.exp(x), np.exp(x)), lambda x: x.exp(), [1000.0, 0.0]) is None


def test_each_entry_is_looked_at() -> None:
    """log(0) is infinite for both; log(x) at -1 is a number for a reference that takes the absolute value."""
    found = _at(lambda x: (np.log(x), x), lambda x: x.abs().log(), [0.0, -2.0])
    assert found is not None
    assert "y[1] = nan, but should be 0.693147     (torch, in float64)" == found.lines[0]
    assert "1 of 2 entries are not finite" == found.lines[1]


def test_float32_is_compared_with_float32() -> None:
    """The square of 1e30 overflows in float32 for everybody."""
    assert _at(lambda x: (x * x, x), lambda x: x * x, [1e30], "float32") is None


def test_a_reference_that_raises_accuses_nobody() -> None:
    """What it would have said is not known."""

    def refusing(x: Any) -> Any:
        raise ValueError("too large")

    assert _at(lambda x: (np.exp(x), np.exp(x)), refusing, [1000.0]) is None
