"""Runs that lie somewhere: which belong together, which come first, and what is damaged or missing."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.catalogue import EXPERIMENTS, find
from experiments.experiment import Experiment
from experiments.recorded import Study, collect, studies
from tests.experiments.made_up import FASHION, REAL, recorded, recorded_runs, write_run, write_study
from tests.experiments.small import config, epoch

GRID, OPTIMIZERS = find("cnn_grid"), find("optimizers")


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


LITTLE: dict[str, Any] = {"train_points": 20_000}


@pytest.mark.parametrize(
    ("experiment", "first", "second"),
    [
        # the study's own data, though the others are real, have more runs and the experiment's own settings
        ("activations", (1, LITTLE | {"epochs": 2, "lr": 0.1}), (3, FASHION)),
        ("cnn_grid", (1, REAL | {"epochs": 2}), (2, {})),
        ("cnn_grid", (1, REAL | {"epochs": 2}), (2, REAL | {"data": "0123456789ab"})),
        # real data, though the generated ones have the full budget, more runs and the experiment's own settings
        ("cnn_grid", (1, REAL | {"data": "0123456789ab", "epochs": 2, "dtype": "float64"}), (2, {})),
        # the full budget, though the small one has more runs and fewer settings are others
        ("activations", (1, {"lr": 0.1, "batch_size": 64, "momentum": 0.5}), (3, {"epochs": 2})),
        ("activations", (1, {"lr": 0.1, "batch_size": 64}), (3, {"train_points": 29_999})),
        # more runs, though their settings are others
        ("activations", (3, {"lr": 0.1}), (2, {})),
        # the experiment's own settings, and then fewer that are others
        ("activations", (2, {}), (2, {"lr": 0.1})),
        ("activations", (2, FASHION), (2, FASHION | {"lr": 0.001})),
        ("activations", (2, FASHION | {"lr": 0.001}), (2, FASHION | {"lr": 0.001, "hidden": 256})),
    ],
)
def test_the_study_that_counts(
    experiment: str, first: tuple[int, dict[str, Any]], second: tuple[int, dict[str, Any]]
) -> None:
    """A reason decides only where every reason before it is equal, and against all that come after it."""
    one = find(experiment)
    runs = [recorded_runs(one, range(seeds), **changes) for seeds, changes in (first, second)]
    counts = runs[0][0].record.config

    for group in (runs, runs[::-1]):
        found, other = studies(one, [run for part in group for run in part])
        assert counts == found.config != other.config


def test_equal_studies_are_in_the_order_of_their_ids() -> None:
    """The order is the same, whatever the order of the folders."""
    experiment = find("activations")
    runs = [run for lr in (0.1, 0.2, 0.3, 0.4) for run in recorded_runs(experiment, (0,), lr=lr)]
    ids = [study.config.run_id for study in studies(experiment, runs)]

    assert sorted(ids) == ids == [study.config.run_id for study in studies(experiment, runs[::-1])]


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
    """The run with the highest validation accuracy of any epoch, also if it fell again, whatever the test says."""
    configs = [config for group in OPTIMIZERS.configs((0,)).values() for config in group]
    curves = [[epoch(number, validation_accuracy=0.1, test_accuracy=0.9) for number in (1, 2, 3)] for _ in configs]
    curves[1][2] = epoch(3, validation_accuracy=0.6)  # the best by the last epoch
    curves[2][1] = epoch(2, validation_accuracy=0.7)
    curves[4][0] = epoch(1, validation_accuracy=0.65)  # the best by the first one
    curves[5][1] = epoch(2, validation_accuracy=0.8, loss_epoch_mean=math.nan)
    curves[5][2] = epoch(3, validation_accuracy=0.1, loss_epoch_mean=math.nan)  # diverged: its weights are no numbers
    (study,) = studies(OPTIMIZERS, [recorded(*pair) for pair in zip(configs, curves, strict=True)])
    lost = [[epoch(loss_epoch_mean=math.nan, validation_accuracy=value)] for value in (0.1, 0.3, 0.2, 0.1)] * 2
    (only_lost,) = studies(OPTIMIZERS, [recorded(*pair) for pair in zip(configs, lost, strict=True)])

    assert configs[2] == study.best_run.record.config
    assert only_lost.best_run.record.config in (configs[1], configs[5])


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


def test_written_runs_are_as_in_memory(tmp_path: Path) -> None:
    """What the tests make up is read back as it was: the same numbers, with and without a disk."""
    paths = write_study(tmp_path, find("residual"), (0,), seconds=2.0)
    found = collect([tmp_path]).runs

    assert {path.name for path in paths} == set(found)
    for run in found.values():
        other = recorded(run.record.config).record
        assert (other.epochs, other.seconds) == (run.record.epochs, run.record.seconds)
