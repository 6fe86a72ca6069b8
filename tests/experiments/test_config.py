"""The config of a run: what is allowed, what the errors say, and that its id is stable."""

from __future__ import annotations

import json
import pickle
from itertools import product
from typing import Any

import numpy as np
import pytest

from experiments.catalogue import EXPERIMENTS, find
from experiments.config import NET, Config
from experiments.errors import (
    ConfigError,
    CorruptRunError,
    ExperimentError,
    UnknownExperimentError,
    UnverifiedOpError,
)
from experiments.executors import SchedulerError
from tests.experiments.small import VARIANTS, config

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no experiment": ({"experiment": ""}, "experiment: got ''; allowed: a name"),
    "dataset": ({"dataset": "coco"}, "dataset: got 'coco'; allowed: synth, shapes"),
    "no points": (
        {"train_points": 0},
        "train_points: got 0; allowed: a whole number, at least 1 and",
    ),
    "many points": ({"test_points": 10**10}, "test_points: got 10000000000; allowed: a whole number"),
    "half an epoch": ({"epochs": 0.5}, "epochs: got 0.5; allowed: a whole number, at least 1"),
    "true epochs": ({"epochs": True}, "epochs: got True; allowed: a whole number, at least 1"),
    "negative seed": ({"seed": -1}, "seed: got -1; allowed: a whole number, at least 0"),
    "batch": ({"batch_size": 0}, "batch_size: got 0; allowed: a whole number, at least 1"),
    "width": ({"hidden": -3}, "hidden: got -3; allowed: a whole number, at least 0"),
    "layers": ({"layers": "2"}, "layers: got '2'; allowed: a whole number, at least 1"),
    "lr 0": ({"lr": 0}, "lr: got 0; allowed: a finite number above 0"),
    "lr nan": ({"lr": float("nan")}, "lr: got nan; allowed: a finite number above 0"),
    "lr inf": ({"lr": float("inf")}, "lr: got inf; allowed: a finite number above 0"),
    "lr text": ({"lr": "0.1"}, "lr: got '0.1'; allowed: a finite number above 0"),
    "momentum": ({"momentum": 1}, "momentum: got 1; allowed: a number from 0 up to, not including, 1"),
    "activation": ({"activation": "gelu"}, "activation: got 'gelu'; allowed: sigmoid, relu, tanh"),
    "dtype": ({"dtype": "float16"}, "dtype: got 'float16'; allowed: float64, float32"),
    "residual 1": ({"residual": 1, "layers": 2}, "residual: got 1; allowed: True or False"),
    "optimizer": ({"optimizer": "lion"}, "optimizer: got 'lion'; allowed: sgd, adam"),
    "two momenta": ({"optimizer": "adam", "momentum": 0.9}, "momentum: got 0.9; allowed: 0 with optimizer='adam'"),
    "reduction": ({"reduction": "none"}, "reduction: got 'none'; allowed: sum, mean"),
    "model": ({"model": "vit"}, "model: got 'vit'; allowed: mlp, net"),
    "backend": ({"backend": "jax"}, "backend: got 'jax'; allowed: ops, torch"),
    "device": ({"device": "cuda"}, "device: got 'cuda'; allowed: cpu with backend='ops'"),
    "digest": ({"data": 5}, "data: got 5; allowed: the start of a digest, or nothing"),
    "widths of a net": ({**NET, "hidden": 8}, "hidden: got 8; allowed: 0 with model='net'"),
    "points for a net": ({**NET}, "dataset: got 'synth'; allowed: pictures of shape (3, 32, 32)"),
    "residual of one": ({"residual": True}, "residual: got True; allowed: False with layers=1"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_field_is_named(case: str) -> None:
    """The message says the field, what it got and what is allowed, in one line."""
    changes, told = WRONG[case]
    with pytest.raises(ConfigError) as caught:
        config(**changes)

    assert str(caught.value).startswith(told)
    assert "\n" not in str(caught.value)
    assert caught.value.field in set(Config.__dataclass_fields__)


def test_the_id_is_stable() -> None:
    """The id of a config never changes: run directories of older versions are found again."""
    assert "af716e45522b" == Config(experiment="activations").run_id


def test_each_field_is_part_of_the_id() -> None:
    """Two configs that differ in any field are two runs."""
    base = config(layers=2)
    changed = {
        "experiment": "other",
        "train_points": 7,
        "validation_points": 7,
        "test_points": 7,
        "data": "abc",
        "classes": 7,
        "seed": 7,
        "epochs": 7,
        "batch_size": 7,
        "lr": 7.0,
        "momentum": 0.7,
        "hidden": 7,
        "layers": 7,
        "activation": "tanh",
        "residual": True,
        "dtype": "float32",
        "optimizer": "adam",
        "reduction": "mean",
        "backend": "torch",
    }
    ids = {config(**{"layers": 2, name: value}).run_id for name, value in changed.items()} | {base.run_id}

    assert len(ids) == len(changed) + 1
    assert {*changed, "dataset", "model", "device"} == set(Config.__dataclass_fields__)


def test_whole_and_broken_numbers_are_one_setting() -> None:
    """lr=1 and lr=1.0 are the same run."""
    assert config(lr=1).run_id == config(lr=1.0).run_id


@pytest.mark.parametrize("name", VARIANTS)
def test_there_and_back(name: str) -> None:
    """A config written as JSON is read back as the same config."""
    assert VARIANTS[name] == Config.from_dict(json.loads(json.dumps(VARIANTS[name].to_dict())))


def test_the_studys_settings() -> None:
    """MLPs: 20 epochs, batches of 128, lr 0.01, four hidden units per feature; CNNs: 18 runs of 10 epochs."""
    for name in ("activations", "residual"):
        base = find(name).base

        assert (20, 128, 0.01, 0.0, 8) == (base.epochs, base.batch_size, base.lr, base.momentum, base.hidden)
        assert (60_000, 10_000, "synth") == (base.train_points, base.validation_points, base.dataset)
        assert ("sum", "sgd", "float64") == (base.reduction, base.optimizer, base.dtype)
    assert {"R9": 1, "R10": 2, "R11": 0, "R12": 0} == {one.row: one.base.layers for one in EXPERIMENTS}
    assert {"R9": (1,), "R10": (2,), "R11": (3, 4, 5), "R12": (6,)} == {one.row: one.figures for one in EXPERIMENTS}
    grid = find("cnn_grid")
    cells = {tuple(changes.values()) for changes in grid.variants.values()}
    assert cells == set(product((0.0005, 0.001, 0.01), (0.9, 0.95), (8, 32, 64)))
    assert ("mean", 10, "net") == (grid.base.reduction, grid.base.epochs, grid.base.model)


def test_variants_differ_in_what_is_studied() -> None:
    """No two variants of an experiment are the same, and its claims speak of variants, or of what is chosen of them."""
    for experiment in EXPERIMENTS:
        labels = {*experiment.variants, *experiment.tuned}

        assert len(experiment.variants) == len({tuple(sorted(c.items())) for c in experiment.variants.values()})
        assert all(set(claim.labels) <= labels for claim in experiment.claims)
        assert all(set(candidates) <= set(experiment.variants) for candidates in experiment.tuned.values())


def test_each_optimizer_has_as_many_trials() -> None:
    """Tuned with equal care: as many step sizes, of one spacing."""
    experiment = find("optimizers")
    rates = [[experiment.variants[name]["lr"] for name in names] for names in experiment.tuned.values()]

    assert [4, 4] == [len(one) for one in rates]
    assert np.ptp(np.diff(np.log10(rates), axis=1)) < 0.1


def test_unknown_experiment() -> None:
    """The names that there are, are told."""
    assert find("residual").row == "R10"
    with pytest.raises(
        UnknownExperimentError, match="unknown experiment 'x'; there are: activations, residual, cnn_grid, optimizers"
    ):
        find("x")


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("lr", -1, "above 0"),
        UnknownExperimentError("x", ("a", "b")),
        CorruptRunError("path", "is bad"),  # type: ignore[arg-type]
        UnverifiedOpError("exp", "FAIL", "the vjp is wrong"),
        SchedulerError("tcp://host:8786", "no answer"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_come_back_from_processes(error: ExperimentError) -> None:
    """An error raised in a worker process arrives with its attributes."""
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    assert str(error) == str(copy)
    assert vars(error) == vars(copy)
