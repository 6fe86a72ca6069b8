"""The verdict of ``gradspec.verify`` without the explaining, which decides nothing."""

from __future__ import annotations

import gradspec
from gradspec import Op, Report
from gradspec.drawing import DEFAULT_EXAMPLES


def judge(op: Op, seed: int = 0, examples: int = DEFAULT_EXAMPLES) -> Report:
    """Verify with default settings, but end with the first failure, and do not shrink it."""
    return gradspec.verify(op, seed=seed, examples=examples, explain=False)
