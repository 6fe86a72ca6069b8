"""Correct ops outside the registry, chosen to be easy to accuse: none may fail, whatever the seed."""

from __future__ import annotations

import pytest

from gradspec import Op, Verdict, verify
from tests.power.right import RIGHT

SEEDS = 3  # a sample: the long run is an environment of its own


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("op", RIGHT, ids=lambda op: op.name)
def test_a_correct_op_is_not_accused(op: Op, seed: int) -> None:
    """No FAIL on a correct op: where gradspec cannot see, it says so."""
    report = verify(op, seed=seed)

    assert Verdict.FAIL is not report.verdict, str(report)
    assert report.compared > 0
