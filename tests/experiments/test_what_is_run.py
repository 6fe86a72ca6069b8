"""The report computes only what nobody has: records and finished runs are shown as they are."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments import report as command
from experiments.again import command as command_of
from experiments.catalogue import find
from experiments.recorded import collect, studies
from experiments.report import must_run
from experiments.section import Section
from tests.experiments.made_up import REAL, write_run, write_study

GRID, ACTIVATIONS = find("cnn_grid"), find("activations")
SEEDS = (0, 1)


def decided(folders: Sequence[Path], runs: Path, *, quick: bool = False, train: bool = False) -> bool:
    """Whether the default runs of the activations would be computed."""
    planned = ACTIVATIONS.configs(SEEDS, quick=quick)
    return must_run(ACTIVATIONS, collect([*folders, runs]), planned, runs, quick=quick, train=train)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder of runs."""
    return tmp_path / "runs"


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """A folder of records."""
    return tmp_path / "records"


def test_nothing_there(runs: Path, records: Path) -> None:
    """Without any run the experiment is run; runs of others do not help."""
    write_study(records, GRID, (0,))

    assert decided([records], runs)


def test_records_are_enough(runs: Path, records: Path) -> None:
    """A study on whatever data, with whatever seeds, is enough; --train runs all the same."""
    write_study(records, ACTIVATIONS, (7,), lr=0.1)

    assert not decided([records], runs)
    assert not decided([records], runs, quick=True)
    assert decided([records], runs, train=True)


def test_a_small_study_is_enough_for_a_quick_report_only(runs: Path, records: Path) -> None:
    """What --quick has left does not stand in for a full report."""
    write_study(runs, ACTIVATIONS, SEEDS, **ACTIVATIONS.quick)

    assert not decided([records], runs, quick=True)
    assert decided([records], runs)


def test_what_was_begun_is_finished(runs: Path, records: Path) -> None:
    """An interrupted report goes on, though every variant has a run already; not so if there is a study beside it."""
    write_study(runs, ACTIVATIONS, SEEDS[:1])

    assert decided([records], runs)
    write_study(records, ACTIVATIONS, (0,), lr=0.1)
    assert not decided([records], runs)


def test_what_was_finished_is_not_begun_again(runs: Path, records: Path) -> None:
    """All default runs are there, or all that were recorded: nothing is run."""
    paths = write_study(runs, ACTIVATIONS, SEEDS)
    assert not decided([records], runs)
    for path in paths[1:]:
        shutil.rmtree(path)
    assert decided([records], runs)
    records.mkdir()
    shutil.rmtree(paths[0])
    for label in ("sigmoid", "ReLU"):
        write_run(records, ACTIVATIONS.configs(SEEDS)[label][0])
    assert not decided([records], runs)


def test_a_fresh_clone_shows_the_records(runs: Path, records: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """With a study of each experiment in the records not one epoch is trained, and no run directory is made."""
    for experiment in command.EXPERIMENTS:
        write_study(records, experiment, SEEDS, **(REAL if experiment.base.model == "net" else {}))
    monkeypatch.setattr(command, "op_names", list)
    monkeypatch.setattr("experiments.attempt.execute", lambda *_, **__: pytest.fail("a run was computed"))
    code = command.main(["--quick", "--out", f"{tmp_path / 'out'}", "--runs", f"{runs}", "--records", f"{records}"])

    assert 0 == code
    assert [] == list(runs.iterdir())


def test_train_runs_the_default_plan(runs: Path, records: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """With --train the default runs are computed beside what was found, and both are shown."""
    small = {"epochs": 2, "train_points": 200, "validation_points": 100, "test_points": 100}
    cheap = replace(ACTIVATIONS, quick=small)
    write_study(records, cheap, SEEDS, lr=0.1)
    shown: list[Section] = []
    monkeypatch.setattr(command, "op_names", list)
    monkeypatch.setattr(command, "EXPERIMENTS", (cheap,))
    monkeypatch.setattr(command, "write", lambda page, out: shown.extend(page.sections))
    arguments = ["--out", f"{tmp_path / 'out'}", "--runs", f"{runs}", "--records", f"{records}"]
    code = command.main(["--quick", "--train", "--seeds", "4", "--workers", "1", *arguments])

    assert 0 == code
    (section,) = shown
    assert [" --seeds 0 1 --lr 0.1", " --seeds 4 --quick"] == [
        part.command.removeprefix("python -m experiments.run activations") for part in section.parts
    ]
    assert 2 == len(list(runs.glob("*/result.json")))


def test_a_run_that_fails_stops_no_report(
    runs: Path, records: Path, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    """It is told in one line, the code is 2, and the page has everything else."""
    write_study(records, GRID, SEEDS)
    monkeypatch.setattr(command, "op_names", list)
    monkeypatch.setattr(command, "EXPERIMENTS", (replace(ACTIVATIONS, quick={"epochs": 1, "train_points": 100}), GRID))
    monkeypatch.setattr("experiments.execute.train", lambda *_, **__: 1 / 0)
    arguments = ["--out", f"{tmp_path / 'out'}", "--runs", f"{runs}", "--records", f"{records}"]
    code = command.main(["--quick", "--seeds", "0", "--workers", "1", *arguments])
    html = (tmp_path / "out" / "index.html").read_text()

    assert 2 == code
    said = capsys.readouterr().err.splitlines()
    assert ["failed run: activations sigmoid, seed 0", "failed run: activations ReLU, seed 0"] == [
        line.split(":")[0] + ":" + line.split(":")[1] for line in said
    ]
    assert '<section id="cnn_grid"' in html
    assert "activations" not in html


def test_links_are_relative(tmp_path: Path) -> None:
    """From the page to the run, and none where only the root is common: such a way names the machine's folders."""
    assert "../runs/abc/" == command.link(tmp_path / "runs" / "abc", tmp_path / "report")
    assert "../../docs/abc/" == command.link(tmp_path / "docs" / "abc", tmp_path / "a" / "b")
    assert "" == command.link(Path("/somewhere/abc"), tmp_path)


def test_the_command_is_of_the_study(records: Path) -> None:
    """The command of what --quick makes says --quick."""
    write_study(records, ACTIVATIONS, (0, 1, 2), **ACTIVATIONS.quick)
    (study,) = studies(ACTIVATIONS, collect([records]).runs.values())

    assert "python -m experiments.run activations --quick" == command_of(study)
