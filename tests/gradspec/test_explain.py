"""From failures to texts: one counterexample for all who see the same, and no work for what is known."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from gradspec import Op, Report, real, verify
from gradspec.explain import shrink
from gradspec.tally import ENOUGH
from tests.gradspec.samples import square

WRONG = {"vjp": lambda x, y_bar: (3 * x * y_bar,), "torch": lambda x: x * x}


def failing(op: Op) -> Report:
    """The report of an op that three oracles find wrong."""
    report = verify(op)
    assert len(report.failures) >= 3
    return report


def test_oracles_that_see_the_same_show_the_same_case() -> None:
    """Finite differences, the complex step and torch each fail on the case that the first of them made small."""
    shown = Counter(str(check.counterexample) for check in failing(square(**WRONG)).failures)
    assert len(shown) == 1


def test_what_one_check_has_made_small_no_other_makes_small_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shrinking costs more than anything else of a failure."""
    asked = []

    def counted(space: Any, case: Any, check: Any, mismatch: Any) -> Any:
        asked.append(check.name)
        return shrink(space, case, check, mismatch)

    monkeypatch.setattr("gradspec.explain.shrink", counted)
    failing(square(**WRONG))
    assert len(asked) == 1


def test_a_check_that_has_seen_enough_looks_at_no_further_case() -> None:
    """The others go on: what is wrong with the form of an answer says nothing of its numbers."""
    report = failing(square(**WRONG))
    by_name = {check.name: check for check in report.checks}
    assert len(by_name["vjp_finite_difference"].message) > 0
    assert by_name["vjp_finite_difference"].comparisons < 6 * ENOUGH
    assert by_name["contract"].comparisons > 3 * ENOUGH


def test_a_direction_is_printed() -> None:
    """Where no entry stands out, the numbers are of a sum over some: without d nobody could compute them."""
    op = Op(
        name="trace",
        forward=lambda a: (np.trace(a), a),
        vjp=lambda a, y_bar: (2 * y_bar * np.eye(len(a), dtype=a.dtype),),
        inputs={"a": real("n n", transform=lambda a: a + a.T)},
    )
    message = verify(op).failures[0].message
    assert "⟨a_bar, d⟩" in message
    assert "\n  d = [[" in message


def test_a_sign_is_named_along_directions_too() -> None:
    """Behind a transform no entry stands out: along all directions the answer is negated."""
    op = Op(
        name="log_det",
        forward=lambda a: (np.asarray(np.log(np.linalg.det(a))), a),
        vjp=lambda a, y_bar: (-y_bar * np.linalg.inv(a).T,),
        inputs={"a": real("n n", lo=-2, hi=2, transform=lambda a: a @ a.T + np.eye(len(a), dtype=a.dtype))},
        sizes={"n": (1, 3)},
    )
    message = verify(op, checks=["vjp_finite_difference"]).failures[0].message
    assert "  Looks like   the wrong sign\n" in message


@pytest.mark.parametrize("seed", range(3))
def test_a_sign_is_named_whatever_the_dtype(seed: int) -> None:
    """In float32 it is one to seven digits."""
    op = Op(
        name="sine",
        forward=lambda x, y: (np.sin(x) * y, (x, y)),
        vjp=lambda s, y_bar: (np.cos(s[0]) * s[1] * y_bar, -np.sin(s[0]) * y_bar),
        inputs={"x": real("n"), "y": real("n")},
        linear_in=frozenset({"y"}),
    )
    report = verify(op, seed=seed)
    assert {"vjp_linear", "vjp_finite_difference", "vjp_complex_step"} == {one.name for one in report.failures}
    assert all("  Looks like   the wrong sign\n" in one.message for one in report.failures)


def test_the_guess_is_about_the_input_that_is_shown() -> None:
    """Nothing reaches z, in most of the failures: that says nothing of x, whose cotangent has a mistake of its own."""
    op = Op(
        name="product",
        forward=lambda x, z, w: (x * z * w, (x, z, w)),
        vjp=lambda saved, y_bar: (2 * y_bar * saved[1] * saved[2], *2 * [np.zeros_like(y_bar)]),
        inputs={name: real("n") for name in ("x", "z", "w")},
    )
    said = [check.message for check in verify(op).failures if "for input 'x'" in check.message]
    assert said
    assert all("  Looks like   a factor 2\n" in message for message in said)


def test_gross_errors_are_shown_before_small_ones() -> None:
    """1e-8 of a slope is less of a proof than all of it."""
    op = Op(
        name="cube",
        forward=lambda x: (x**3, x),
        vjp=lambda x, y_bar: (y_bar * 3 * x * x * np.where(x < 0, 1 + 1e-6, np.where(x < 2, 1, 2)).astype(x.dtype),),
        inputs={"x": real("n")},
    )
    shown = [check.counterexample.case for check in verify(op).failures]
    assert shown
    assert all((case.drawn[0] >= 2).any() for case in shown)
