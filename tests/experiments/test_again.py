"""The command below a study: whoever types it gets the same runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from experiments import cli, run
from experiments import plan as plan_module
from experiments.again import command
from experiments.catalogue import find
from experiments.config import Config
from experiments.data import DATASETS, Known, Place
from experiments.plan import plan
from experiments.recorded import Study, studies
from experiments.settings import changed, varied
from tests.experiments.made_up import FASHION, REAL, recorded_runs

ACTIVATIONS, RESIDUAL = find("activations"), find("residual")
GRID, OPTIMIZERS = find("cnn_grid"), find("optimizers")
MLP_OPTIONS = {"lr": 0.00123456789, "momentum": 1 / 3, "batch_size": 7, "hidden": 13, "dtype": "float32", "epochs": 9}
SIZES = {"train_points": 1_234_567, "validation_points": 123_457, "test_points": 1}
SHAPES: dict[str, Any] = {"dataset": "shapes", "classes": 0, "hidden": 0, "train_points": 10_000}
SHAPES |= {"validation_points": 2_000, "test_points": 2_000}
STORED = " --train-points 45000 --validation-points 5000 --test-points 10000"


def study_of(experiment: str, seeds: range, changes: Mapping[str, Any], *devices: str) -> Study:
    """A study with these settings, and the same by torch on *devices*."""
    one = find(experiment)
    runs = recorded_runs(one, seeds, **changes)
    for device in devices:
        runs += recorded_runs(one, seeds[1:], **changes, backend="torch", device=device)
    (study,) = studies(one, runs)
    return study


def typed(command: str, stored: Config, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The ids of the runs that *command* computes, where the stored data are those of *stored*, and some more."""
    known = Known(digest=stored.data + "0" * 52, shape=(), classes=("c",) * stored.classes, train=70_003, test=10_007)
    sources = {
        name: source if source.generated else replace(source, prepare=lambda _: known)
        for name, source in DATASETS.items()
    }
    python, m, module, *arguments = command.split()
    assert ["python", "-m", run.PROG.split()[-1]] == [python, m, module]
    options = cli.parse(run.Options, run.PROG, arguments)
    assert options.name is not None
    experiment = find(options.name)
    seeds = options.seeds if options.seeds is not None else experiment.default_seeds(quick=options.quick)
    changes = {name: getattr(options, name) for name in run.OVERRIDES if getattr(options, name) is not None}
    with monkeypatch.context() as patch:
        patch.setattr(plan_module, "DATASETS", sources)
        configs = plan(experiment, seeds, Place(), quick=options.quick, dataset=options.data, changes=changes)
    return {config.run_id for group in configs.values() for config in group}


@pytest.mark.parametrize(
    ("experiment", "seeds", "changes"),
    [
        ("activations", range(10), {}),
        ("activations", range(3), {}),
        ("activations", range(3), ACTIVATIONS.quick),
        ("activations", range(3), {**ACTIVATIONS.quick, "epochs": 7}),
        ("residual", range(5, 7), MLP_OPTIONS),
        ("residual", range(2), SIZES | {"lr": 1e-05}),
        *(("activations", range(3), {name: value}) for name, value in {**MLP_OPTIONS, **SIZES}.items()),
        ("activations", range(3), SHAPES),
        ("activations", range(3), SHAPES | {"hidden": 8, "epochs": 5}),
        ("activations", range(10), FASHION),
        ("residual", range(5), FASHION | {"hidden": 256, "dtype": "float32", "lr": 0.001}),
        ("residual", range(3), {**FASHION, **RESIDUAL.quick}),
        ("cnn_grid", range(5), REAL),
        ("cnn_grid", range(1), {**REAL, **GRID.quick}),
        ("cnn_grid", range(1), {**REAL, "epochs": 2}),
        ("cnn_grid", range(2), {"dtype": "float64", "train_points": 777}),
        ("optimizers", range(5), REAL | {"batch_size": 8}),
        ("optimizers", range(1), OPTIMIZERS.quick),
    ],
)
def test_the_command_computes_the_same_runs(
    experiment: str, seeds: range, changes: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read back by the command itself, it plans exactly the runs of the study, ours and torch's."""
    study = study_of(experiment, seeds, changes, "cpu", "cuda")
    ids = {run.record.config.run_id for run in study.all_runs}

    assert ids == typed(command(study), study.config, monkeypatch)
    for device, groups in study.twins.items():
        theirs = {run.record.config.run_id for group in groups.values() for run in group}
        if theirs:
            assert theirs == typed(command(study, device), study.config, monkeypatch)


@pytest.mark.parametrize(
    ("experiment", "seeds", "changes", "expected"),
    [
        ("activations", range(10), {}, ""),
        ("activations", range(3), ACTIVATIONS.quick, " --quick"),
        ("activations", range(3), {}, " --seeds 0 1 2"),
        ("activations", range(10), {"epochs": 3, "lr": 0.1}, " --epochs 3 --lr 0.1"),
        ("activations", range(10), {"train_points": 1_234_567}, " --train-points 1234567"),
        (
            *("activations", range(10), FASHION),
            " --data fashion-mnist --root PATH --train-points 54000 --validation-points 6000 --test-points 10000",
        ),
        ("cnn_grid", range(5), REAL, f" --data image-folder --root PATH{STORED}"),
        ("cnn_grid", range(1), REAL | {"epochs": 2}, f" --data image-folder --root PATH --quick{STORED}"),
        ("optimizers", range(5), REAL | {"batch_size": 8}, f" --data image-folder --root PATH --batch-size 8{STORED}"),
    ],
)
def test_the_command_is_short(experiment: str, seeds: range, changes: dict[str, Any], expected: str) -> None:
    """It names what differs from what the command does by default, always the sizes of stored sets, and no more."""
    assert f"python -m experiments.run {experiment}{expected}" == command(study_of(experiment, seeds, changes))


def test_the_command_by_torch() -> None:
    """It names torch, its device unless that is the processor, and the seeds that torch has."""
    study = study_of("activations", range(4), {}, "cpu", "cuda")

    assert "python -m experiments.run activations --backend torch --seeds 1 2 3" == command(study, "cpu")
    assert "python -m experiments.run activations --backend torch --device cuda --seeds 1 2 3" == command(study, "cuda")


@pytest.mark.parametrize("changes", [{"layers": 3}, {"reduction": "mean"}, {"optimizer": "adam"}])
def test_what_no_option_sets(changes: dict[str, Any]) -> None:
    """There is no command rather than a wrong one."""
    assert "" == command(study_of("activations", range(10), changes))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({"lr": 0.1, "train_points": 5}, {"lr": 0.1, "train_points": 5}),
        (FASHION, {}),
        (FASHION | {"train_points": 5, "hidden": 8}, {"hidden": 8}),
    ],
)
def test_what_is_changed(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    """What differs from the experiment on these data; the size of a stored set is not known, its width follows."""
    (config, *_) = ACTIVATIONS.configs((3,), **changes)["ReLU"]

    assert expected == changed(ACTIVATIONS, config)


def test_varied() -> None:
    """The fields of the variants, each once."""
    assert ("lr", "momentum", "batch_size") == varied(GRID)
    assert ("optimizer", "momentum", "lr") == varied(OPTIMIZERS)
