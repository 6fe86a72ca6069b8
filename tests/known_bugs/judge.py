"""The verdict of ``gradspec.verify`` without the shrinking, which explains a failure and decides nothing."""

from __future__ import annotations

from unittest.mock import patch

import gradspec
from gradspec import Op, Report
from gradspec.counterexample import Counterexample


def _first(space, tally, replay, known):
    case, mismatch = tally.failures[0]
    counterexample = Counterexample(space.op.name, tally.check.name, case, tuple(space.op.inputs))
    return f"{tally.check.name}: {mismatch}", counterexample


def judge(op: Op, seed: int = 0) -> Report:
    """Verify with default settings, but do not shrink what fails."""
    with patch("gradspec.engine.explained", _first):
        return gradspec.verify(op, seed=seed)
