"""The verdict of ``gradspec.verify`` without the shrinking, which explains a failure and decides nothing."""

from __future__ import annotations

import gradspec
from gradspec import Op, Report


def judge(op: Op, seed: int = 0) -> Report:
    """Verify with default settings, but do not shrink what fails."""
    return gradspec.verify(op, seed=seed, explain=False)
