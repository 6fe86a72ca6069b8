"""The verdict of ``gradspec.verify`` without the shrinking, which explains a failure and decides nothing."""

from __future__ import annotations

from unittest.mock import patch

import gradspec
from gradspec import Op, Report


def _first(space, check, failures, replay):
    _, mismatch = failures[0]
    return f"{check.name}: {mismatch}", None


def judge(op: Op, seed: int = 0) -> Report:
    """Verify with default settings, but do not shrink what fails."""
    with patch("gradspec.engine.explained", _first):
        return gradspec.verify(op, seed=seed)
