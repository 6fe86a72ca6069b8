"""A small report, made once for all workers of a test run, and what a person reads of a page."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import gradspec
import ops
from experiments import report as command
from experiments.catalogue import EXPERIMENTS, find
from experiments.experiment import Experiment
from tests.experiments.made_up import REAL, write_study

SHOWN = ops.OPS[::4]
"""The ops of the report: the tests of each op verify the others, and ``sh .ci/tox report`` shows them all."""
EXAMPLES = 4
"""Drawn per op: the fewest with which every op passes."""
PATIENCE = 300
SEEDS = ("0", "1")
OF_MLP: Mapping[str, Any] = {"epochs": 3, "train_points": 600, "validation_points": 200, "test_points": 200}
OF_CNN: Mapping[str, Any] = {"epochs": 2, "train_points": 96, "validation_points": 40, "test_points": 40}
"""Budgets without a batch size, which a grid varies."""
CHEAP: tuple[Experiment, ...] = tuple(
    replace(one, quick=OF_MLP if one.base.model == "mlp" else OF_CNN) for one in EXPERIMENTS
)
"""The experiments, with the smallest budget there is for ``--quick``."""
RECORDED = "cnn_grid"
"""The experiment of which there are records, of runs that were never computed."""


@dataclass(frozen=True)
class Report:
    """A report, the folder of its runs and that of the records it found."""

    out: Path
    runs: Path
    records: Path

    @property
    def html(self) -> str:
        """The page."""
        return (self.out / "index.html").read_text(encoding="utf-8")

    @property
    def facts(self) -> dict[str, Any]:
        """What ``report.json`` holds."""
        facts: dict[str, Any] = json.loads((self.out / "report.json").read_text(encoding="utf-8"))
        return facts


def make_report(
    out: Path,
    runs: Path,
    records: Path,
    *,
    experiments: Sequence[Experiment] = CHEAP,
    shown: Iterable[str] = tuple(op.name for op in SHOWN),
) -> int:
    """Call the command in this process, on some of the ops, with the smallest budget there is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("experiments.report.EXPERIMENTS", tuple(experiments))
        patch.setattr("experiments.report.QUICK_EXAMPLES", EXAMPLES)
        patch.setattr("gradspec.verify", partial(gradspec.verify, examples=EXAMPLES))  # what the gate asks
        patch.setattr("experiments.report.op_names", lambda: list(shown))
        patch.setattr("experiments.environment.git_state", lambda: None)  # a commit meanwhile is no difference
        folders = ["--out", str(out), "--runs", str(runs), "--records", str(records)]
        return command.main(["--quick", "--seeds", *SEEDS, "--workers", "1", *folders])


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
        for backend in ("ops", "torch"):
            write_study(folder / "records", find(RECORDED), map(int, SEEDS), **REAL, backend=backend)
        code = make_report(folder / "out", folder / "runs", folder / "records")
        ready.write_text(str(code))
    assert ready.read_text() == "0"
    return Report(folder / "out", folder / "runs", folder / "records")


def visible_text(html: str) -> str:
    """What a person reads: no tags, no styles, no annotation behind a formula."""
    html = re.sub(r"<(style|annotation)\b.*?</\1>", "", html, flags=re.DOTALL)
    return re.sub(r"<[^>]*>", "", html)


def words(html: str) -> str:
    """The same in one line, with ordinary spaces, also between the cells of a table."""
    return " ".join(visible_text(re.sub(r"</(td|th|dt|dd)>", r" </\1>", html)).split())
