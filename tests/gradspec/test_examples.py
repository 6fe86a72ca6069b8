"""The examples of a declaration: a report says which of them no oracle could judge."""

from __future__ import annotations

import numpy as np
import pytest

from gradspec import DeclarationError, Op, real, verify
from gradspec.examples import declared_examples
from tests.right_ops.mixed import distances

RELU = Op(
    name="relu",
    forward=lambda x: (np.maximum(x, 0), x),
    vjp=lambda x, y_bar: (y_bar * (x > 0),),
    inputs={"x": real("n")},
)
SWINGS = Op(
    name="sin_of_square",
    forward=lambda x: (np.sin(x * x), x),
    vjp=lambda x, y_bar: (2 * x * np.cos(x * x) * y_bar,),
    inputs={"x": real("n")},
)
FAR, SAME = np.array([[10.0, 2.0]]), np.array([[10.0, 2.0]])
HIDDEN = (np.array([5e7, 0.5]),)
TOLD = "examples[0]: 1 of the 2 entries of x could be judged"


@pytest.mark.parametrize("points", [(FAR, SAME), (FAR, -FAR)], ids=["equal", "apart"])
def test_what_is_judged_is_not_told(points: tuple[np.ndarray, np.ndarray]) -> None:
    """On a kink, any slope between those of its sides is right: that is judged."""
    assert verify(distances.replace(examples=(points,)), examples=2).unjudged == ()
    assert verify(RELU.replace(examples=((np.array([0.0, 1.0, 0.0]),),)), examples=2).unjudged == ()


def test_what_is_not_judged_is_told() -> None:
    """Where forward swings within an ulp there is nothing to see."""
    report = verify(SWINGS.replace(examples=(HIDDEN, (np.ones(2),))), examples=4)

    assert (TOLD,) == report.unjudged
    assert f"  {TOLD}\n" in str(report)
    assert list(report.unjudged) == report.to_dict()["unjudged"]


def test_many_are_not_told_one_by_one() -> None:
    """Three lines are enough to see that something is not as it was meant."""
    report = verify(SWINGS.replace(examples=(HIDDEN,) * 6), examples=6)

    assert 6 == len(report.unjudged)
    assert "  and 3 more like these\n" in str(report)


def test_a_failure_found_at_once_says_nothing_of_the_rest() -> None:
    """The run ends with it: what was not looked at is no news."""
    wrong = SWINGS.replace(vjp=lambda x, y_bar: (0 * y_bar,))
    assert verify(wrong.replace(examples=(HIDDEN, (np.ones(2),))), explain=False).unjudged == ()


def test_where_no_oracle_is_asked_nothing_is_told() -> None:
    """A run of the contract alone judges no derivative at all."""
    assert verify(SWINGS.replace(examples=(HIDDEN,)), examples=2, checks=["contract"]).unjudged == ()


def test_a_name_that_is_no_variable_is_not_replayed_by_it() -> None:
    """A dot is allowed in an op's name, and means something else in the call."""
    wrong = RELU.replace(name="my.relu", vjp=lambda x, y_bar: (-y_bar * (x > 0),))
    message = verify(wrong, examples=4, checks=["vjp_finite_difference"]).failures[0].message
    assert "  Replay       gradspec.verify(op, seed=0," in message


def test_a_required_needs_is_told_how_it_may_be() -> None:
    """The keyword is optional: most calls do without."""
    with pytest.raises(DeclarationError, match=r"allowed: \(saved, y_bar\), and needs=None if"):
        RELU.replace(vjp=lambda x, y_bar, needs: (y_bar * (x > 0),))


def test_their_labels_are_what_a_report_knows_them_by() -> None:
    """The engine asks for what is labelled so."""
    cases = declared_examples(RELU.replace(examples=((np.ones(1),), (np.ones(2),))))
    assert ["examples[0]", "examples[1]"] == [case.label for case in cases]
