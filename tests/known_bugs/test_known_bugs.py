"""Every known bug is caught with default settings; no repaired op is accused."""

from __future__ import annotations

import numpy as np
import pytest

from gradspec import Op, Verdict, array
from tests.known_bugs.bug import KnownBug
from tests.known_bugs.collection import BUGS
from tests.known_bugs.judge import judge
from tests.known_bugs.right import sigmoid

EXAMPLES = 8  # of repaired ops, of 100 by default
_ULPS = "the error is that of moving y or x by an ulp, which the bar allows every rule"

HOLES: dict[str, str] = {  # bug -> why it is not caught
    "stan-1679": f"needs two inputs that nearly agree, and both large; even then {_ULPS}",
    "tensorflow-126060": _ULPS,
    "jax-40820": _ULPS,
}
ALARMS = (  # op, an input at which it was accused
    ("gelu", {"x": [6.9]}),  # abs(x) in forward: the complex step was wrong by less than differences can see
    ("elu_backward", {"x": [-738.0], "g": [5.6]}),  # values of forward are subnormal: it did not look linear
    ("sinc_square", {"x": [[1.0, 4.2774568e7, 1.0], [1.0, 1.0, 1.0]]}),  # sin(1e15): slopes average out to 0
    ("pow", {"a": [0.0], "b": [1.0000000000000002]}),  # a branch between two ulps
)


_RIGHT = tuple({bug.right.name: bug.right for bug in BUGS}.values())


def _marked(reasons: dict[str, str], name: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.xfail(strict=True, reason=reasons[name])] if name in reasons else []


def test_ids_and_names_are_unique():
    """A result belongs to one bug, or to one op."""
    assert len({bug.id for bug in BUGS}) == len(BUGS)
    assert len({id(bug.right) for bug in BUGS}) == len(_RIGHT)


@pytest.mark.parametrize("bug", [pytest.param(bug, id=bug.id, marks=_marked(HOLES, bug.id)) for bug in BUGS])
def test_known_bug_is_caught(bug: KnownBug):
    """A bug that shipped is a FAIL."""
    assert judge(bug.wrong).verdict is Verdict.FAIL, f"{bug.what} {bug.url}"


@pytest.mark.parametrize("op", [pytest.param(op, id=op.name) for op in _RIGHT])
def test_repaired_op_is_not_accused(op):
    """A repaired op is not a FAIL; docs/records/known_bugs.json has more seeds, with the default examples."""
    report = judge(op, examples=EXAMPLES)
    assert report.verdict is not Verdict.FAIL, report


@pytest.mark.parametrize(
    ("op", "example"),
    [pytest.param(op, example, id=op.name) for name, example in ALARMS for op in _RIGHT if op.name == name],
)
def test_repaired_op_is_not_accused_where_it_once_was(op, example):
    """Points at which other seeds raised a false alarm."""
    arrays = {name: np.array(values) for name, values in example.items()}
    assert judge(op.replace(examples=(arrays,))).verdict is not Verdict.FAIL


def _naive_softplus(x):
    return np.log(1 + np.exp(x)), x


def _naive_softplus_vjp(saved, y_bar):
    return (y_bar * sigmoid(saved),)


def test_right_vjp_of_a_forward_that_rounds_to_zero_is_not_accused():
    """The everyday softplus has lost e^x below -37; its vjp has not, and is right."""
    op = Op(
        name="naive_softplus",
        forward=_naive_softplus,
        vjp=_naive_softplus_vjp,
        inputs={"x": array("...", hi=80)},
        examples=({"x": np.array([-33.0])}, {"x": np.array([-100.0])}),
    )
    assert judge(op).verdict is not Verdict.FAIL
