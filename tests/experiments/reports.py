"""A small report, made once for all workers of a test run, and what a person reads of a page."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from experiments import report as command
from tests.experiments.small import BUDGET

EXAMPLES = 4
"""Drawn per op: the fewest with which every op passes."""
PATIENCE = 120
SEEDS = ("0", "1")


@dataclass(frozen=True)
class Report:
    """A report, the folder of its runs and what the command printed."""

    out: Path
    runs: Path

    @property
    def html(self) -> str:
        """The page."""
        return (self.out / "index.html").read_text(encoding="utf-8")

    @property
    def facts(self) -> dict[str, Any]:
        """What ``report.json`` holds."""
        facts: dict[str, Any] = json.loads((self.out / "report.json").read_text(encoding="utf-8"))
        return facts


def make_report(out: Path, runs: Path, extra: Sequence[str] = ()) -> int:
    """Call the command in this process, with the smallest budget there is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("experiments.experiment.QUICK", BUDGET)
        patch.setattr("experiments.report.QUICK_EXAMPLES", EXAMPLES)
        arguments = ["--quick", "--seeds", *SEEDS, "--workers", "1", "--out", str(out), "--runs", str(runs), *extra]
        return command.main(arguments)


def shared_report(base: Path) -> Report:
    """The report of the test run with this temporary folder.

    Under xdist the first worker that asks makes it, and the others wait.
    """
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "report"
    ready = folder / "ready"
    try:
        folder.mkdir()
    except FileExistsError:
        deadline = time.monotonic() + PATIENCE
        while not ready.exists():
            assert time.monotonic() < deadline, "the worker that makes the report did not finish"
            time.sleep(0.1)
    else:
        code = make_report(folder / "out", folder / "runs")
        ready.write_text(str(code))
    assert ready.read_text() == "0"
    return Report(folder / "out", folder / "runs")


def visible_text(html: str) -> str:
    """What a person reads: no tags, no styles, no annotation behind a formula."""
    html = re.sub(r"<(style|annotation)\b.*?</\1>", "", html, flags=re.DOTALL)
    return re.sub(r"<[^>]*>", "", html)


def words(html: str) -> str:
    """The same in one line, with ordinary spaces, also between the cells of a table."""
    return " ".join(visible_text(re.sub(r"</(td|th)>", r" </\1>", html)).split())
