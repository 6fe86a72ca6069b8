"""Runs that lie somewhere: which belong together, which come first, and what is damaged or missing."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.again import command
from experiments.catalogue import EXPERIMENTS, find
from experiments.experiment import Experiment
from experiments.recorded import Study, collect, studies, varied
from tests.experiments.made_up import REAL, recorded, recorded_runs, write_run, write_study
from tests.experiments.small import config

GRID, OPTIMIZERS = find("cnn_grid"), find("optimizers")
FASHION: dict[str, Any] = {
    "dataset": "fashion-mnist",
    "data": "abc",
    "classes": 10,
    "hidden": 0,
    "train_points": 54_000,
    "validation_points": 6_000,
    "test_points": 10_000,
}


def one_study(experiment: Experiment, seeds: range, **changes: Any) -> Study:
    """The study that these runs make."""
    (study,) = studies(experiment, recorded_runs(experiment, seeds, **changes))
    return study


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda one: one.name)
def test_runs_find_their_variants(experiment: Experiment) -> None:
    """Every config that an experiment makes is found again under its label, with its seeds in order."""
    runs = recorded_runs(experiment, (3, 1))
    others = [run for other in EXPERIMENTS if other is not experiment for run in recorded_runs(other, (1,))]
    (study,) = studies(experiment, [*others, *reversed(runs)])

    assert list(experiment.variants) == list(study.runs)
    assert (1, 3) == study.seeds
    configs = experiment.configs((1, 3))
    assert configs == {label: tuple(run.record.config for run in group) for label, group in study.runs.items()}


def test_a_study_has_every_variant() -> None:
    """A variant without a run: no study. Runs with other settings do not help."""
    runs = recorded_runs(GRID, (0,))
    longer = recorded_runs(GRID, (0,), epochs=11)

    assert 1 == len(studies(GRID, runs))
    assert () == studies(GRID, runs[1:])
    assert () == studies(GRID, [*runs[1:], longer[0]])
    assert 2 == len(studies(GRID, [*runs, *longer]))
    strange = recorded(replace(runs[0].record.config, lr=0.5))
    assert 18 == len(studies(GRID, [*runs, strange])[0].all_runs)


def test_the_order_of_studies() -> None:
    """Real data before generated, then the full budget before a small one, then more runs before fewer."""
    experiment = find("activations")
    small = recorded_runs(experiment, range(9), epochs=2)
    little = recorded_runs(experiment, range(9), train_points=experiment.base.train_points // 2 - 1)
    full = recorded_runs(experiment, range(2))
    more = recorded_runs(experiment, range(3), lr=0.02)
    real = recorded_runs(experiment, range(1), epochs=3, **FASHION)
    found = studies(experiment, [*small, *full, *more, *real, *little])

    assert [2, 6, 4, 18, 18] == [len(study.all_runs) for study in found]
    assert [False, True, True, True, True] == [study.is_generated for study in found]
    assert [True, False, False, True, True] == [study.is_small for study in found]


def test_a_smaller_set_is_no_small_budget() -> None:
    """All of Fashion-MNIST, or half of the points, is enough; a tenth is not; that of --quick never is."""
    activations = find("activations")
    shares = [
        one_study(activations, range(1), **FASHION),
        one_study(activations, range(1), train_points=30_000),
        one_study(activations, range(1), **FASHION | {"train_points": 5_000}),
    ]
    quick = [one_study(one, range(1), **one.quick) for one in EXPERIMENTS]

    assert [False, False, True] == [study.is_small for study in shares]
    assert [True] * 4 == [study.is_small for study in quick]


def test_twins_stand_beside_their_study() -> None:
    """Runs by torch with the same settings belong to the study, by device; alone they make none."""
    torch = recorded_runs(GRID, (0,), backend="torch")
    cuda = recorded_runs(GRID, (0,), backend="torch", device="cuda")
    other = recorded_runs(GRID, (0,), backend="torch", epochs=3)
    (study,) = studies(GRID, [*recorded_runs(GRID, (0, 1)), *torch[:5], *cuda, *other])

    assert {"cpu": 5, "cuda": 18} == {device: len(runs) for device, runs in study.twins.items()}
    assert {"ops"} == {run.record.config.backend for run in study.all_runs}
    assert () == studies(GRID, torch)


def test_what_the_data_are_called() -> None:
    """A folder with a known digest is named by what it holds; only such pictures are those of the study."""
    jpeg, shapes = one_study(GRID, range(1), **REAL), one_study(GRID, range(1))
    unknown = one_study(GRID, range(1), **{**REAL, "data": "0123456789ab"})
    cifar = one_study(GRID, range(1), **{**REAL, "dataset": "cifar10", "data": "0123456789ab"})

    assert ["CIFAR-10 as JPEG", "shapes", "image-folder", "cifar10"] == [
        study.data_name for study in (jpeg, shapes, unknown, cifar)
    ]
    assert [True, False, False, True] == [study.is_cifar10 for study in (jpeg, shapes, unknown, cifar)]


def test_the_best_run() -> None:
    """The run with the highest validation accuracy of any epoch, whatever its test accuracy."""
    study = one_study(GRID, range(2))
    best = max(row.validation_accuracy for run in study.all_runs for row in run.record.epochs)

    assert best in [row.validation_accuracy for row in study.best_run.record.epochs]


@pytest.mark.parametrize(
    ("experiment", "seeds", "changes", "expected"),
    [
        ("activations", range(10), {}, ""),
        (
            "activations",
            range(3),
            {"epochs": 6, "train_points": 12_800, "validation_points": 2_560, "test_points": 2_560},
            " --quick",
        ),
        ("activations", range(3), {}, " --seeds 0 1 2"),
        ("activations", range(10), {"epochs": 3, "lr": 0.1}, " --epochs 3 --lr 0.1"),
        (
            "activations",
            range(10),
            FASHION | {"train_points": 50_000, "validation_points": 10_000},
            " --data fashion-mnist --root PATH",
        ),
        ("cnn_grid", range(5), REAL, " --data image-folder --root PATH"),
        (
            "optimizers",
            range(5),
            REAL | {"train_points": 500, "batch_size": 8},
            " --data image-folder --root PATH --batch-size 8 --train-points 500",
        ),
    ],
)
def test_the_command_of_a_study(experiment: str, seeds: range, changes: dict[str, Any], expected: str) -> None:
    """It names what differs from what the command does by default, and nothing else."""
    study = one_study(find(experiment), seeds, **changes)

    assert f"python -m experiments.run {experiment}{expected}" == command(study)


def test_collect(tmp_path: Path) -> None:
    """Finished runs of all folders, each id once; unfinished ones and what was set aside are no runs."""
    here, there = tmp_path / "here", tmp_path / "there"
    both = write_run(here, config(seed=0))
    write_run(there, config(seed=0))
    only_there = write_run(there, config(seed=1))
    unfinished = write_run(there, config(seed=2))
    (unfinished / "result.json").unlink()
    shutil.copytree(only_there, there / f"{only_there.name}.corrupt-1")
    found = collect([here, tmp_path / "nowhere", there])

    assert {both.name: both, only_there.name: only_there} == {name: run.path for name, run in found.runs.items()}
    assert ((), 0) == (found.problems, found.older)
    assert list(found.runs) == sorted(found.runs)


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        ("metrics.jsonl", "0.", "0.1", "was changed after"),
        ("config.json", "{", "", "is no config of a run"),
        ("config.json", '"seed": 0', '"seed": 99', "is the config of another run"),
        ("config.json", '"synth"', '"coco"', "is no config of a run (dataset: got 'coco'"),
        ("env.json", '"packages"', '"package"', "is no environment of a run"),
        ("result.json", "finished", "done", "is no result of a run"),
    ],
)
def test_damaged_runs_are_told(tmp_path: Path, file: str, old: str, new: str, problem: str) -> None:
    """One line for each, and the others are read."""
    path = write_run(tmp_path, config(seed=0))
    whole = write_run(tmp_path, config(seed=1))
    text = (path / file).read_text()
    assert old in text
    (path / file).write_text(text.replace(old, new, 1))
    found = collect([tmp_path])

    assert [whole.name] == list(found.runs)
    (said,) = found.problems
    assert said.startswith(f"{path / file}: {problem}")


def test_runs_of_another_version_are_counted(tmp_path: Path) -> None:
    """They are not damaged, and cannot be read."""
    path = write_run(tmp_path, config())
    values = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(values | {"format": 1}))
    found = collect([tmp_path])

    assert ({}, (), 1) == (found.runs, found.problems, found.older)


def test_varied() -> None:
    """The fields of the variants, each once."""
    assert ("lr", "momentum", "batch_size") == varied(GRID)
    assert ("optimizer", "momentum", "lr") == varied(OPTIMIZERS)


def test_written_runs_are_as_in_memory(tmp_path: Path) -> None:
    """What the tests make up is read back as it was: the same numbers, with and without a disk."""
    paths = write_study(tmp_path, find("residual"), (0,), seconds=2.0)
    found = collect([tmp_path]).runs

    assert {path.name for path in paths} == set(found)
    for run in found.values():
        other = recorded(run.record.config).record
        assert (other.epochs, other.seconds) == (run.record.epochs, run.record.seconds)
