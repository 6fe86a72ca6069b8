"""No right op is accused, whoever wrote it."""

from __future__ import annotations

import pytest

from gradspec import Op, Verdict, verify
from tests.right_ops.collection import RIGHT_OPS

EXAMPLES = 5  # of 100 by default


def test_names_are_unique() -> None:
    """A result belongs to one op."""
    assert len({op.name for op in RIGHT_OPS}) == len(RIGHT_OPS)


@pytest.mark.parametrize("op", [pytest.param(op, id=op.name) for op in RIGHT_OPS])
def test_right_op_is_not_accused(op: Op) -> None:
    """The systematic examples and a few at random; many seeds of all of them are in docs/records/right_ops.json."""
    report = verify(op, examples=EXAMPLES, explain=False)
    assert report.verdict is not Verdict.FAIL, report
    assert report.compared > 0
