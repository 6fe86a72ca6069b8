"""The config of a run: what is allowed, what the errors say, and that its id is stable."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from experiments.catalogue import EXPERIMENTS, find
from experiments.config import Config
from experiments.errors import (
    ConfigError,
    CorruptRunError,
    ExperimentError,
    InterruptedSweepError,
    UnknownExperimentError,
)
from tests.experiments.small import VARIANTS, config

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no experiment": ({"experiment": ""}, "experiment: got ''; allowed: a name"),
    "dataset": ({"dataset": "mnist"}, "dataset: got 'mnist'; allowed: synth"),
    "no points": (
        {"train_points": 0},
        "train_points: got 0; allowed: a whole number, at least 1 and",
    ),
    "many points": ({"held_out_points": 10**9}, "held_out_points: got 1000000000; allowed: a whole number"),
    "half an epoch": ({"epochs": 0.5}, "epochs: got 0.5; allowed: a whole number, at least 1"),
    "true epochs": ({"epochs": True}, "epochs: got True; allowed: a whole number, at least 1"),
    "negative seed": ({"seed": -1}, "seed: got -1; allowed: a whole number, at least 0"),
    "batch": ({"batch_size": 0}, "batch_size: got 0; allowed: a whole number, at least 1"),
    "width": ({"hidden": -3}, "hidden: got -3; allowed: a whole number, at least 1"),
    "layers": ({"layers": "2"}, "layers: got '2'; allowed: a whole number, at least 1"),
    "lr 0": ({"lr": 0}, "lr: got 0; allowed: a finite number above 0"),
    "lr nan": ({"lr": float("nan")}, "lr: got nan; allowed: a finite number above 0"),
    "lr inf": ({"lr": float("inf")}, "lr: got inf; allowed: a finite number above 0"),
    "lr text": ({"lr": "0.1"}, "lr: got '0.1'; allowed: a finite number above 0"),
    "momentum": ({"momentum": 1}, "momentum: got 1; allowed: a number from 0 up to, not including, 1"),
    "activation": ({"activation": "gelu"}, "activation: got 'gelu'; allowed: sigmoid, relu, tanh"),
    "dtype": ({"dtype": "float16"}, "dtype: got 'float16'; allowed: float64, float32"),
    "residual 1": ({"residual": 1, "layers": 2}, "residual: got 1; allowed: True or False"),
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
    assert "dc5d3fdbf49a" == Config(experiment="activations").run_id


def test_each_field_is_part_of_the_id() -> None:
    """Two configs that differ in any field are two runs."""
    base = config(layers=2)
    changed = {
        "experiment": "other",
        "train_points": 7,
        "held_out_points": 7,
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
    }
    ids = {config(**{"layers": 2, name: value}).run_id for name, value in changed.items()} | {base.run_id}

    assert len(ids) == len(changed) + 1
    assert {*changed, "dataset"} == set(Config.__dataclass_fields__)


def test_whole_and_broken_numbers_are_one_setting() -> None:
    """lr=1 and lr=1.0 are the same run."""
    assert config(lr=1).run_id == config(lr=1.0).run_id


@pytest.mark.parametrize("name", VARIANTS)
def test_there_and_back(name: str) -> None:
    """A config written as JSON is read back as the same config."""
    assert VARIANTS[name] == Config.from_dict(json.loads(json.dumps(VARIANTS[name].to_dict())))


def test_the_studys_settings() -> None:
    """The defaults are the study's: 20 epochs, batches of 128, lr 0.01, four hidden units per feature, no momentum."""
    for experiment in EXPERIMENTS:
        base = experiment.base

        assert (20, 128, 0.01, 0.0, 8) == (base.epochs, base.batch_size, base.lr, base.momentum, base.hidden)
        assert (60_000, 10_000, "synth") == (base.train_points, base.held_out_points, base.dataset)
    assert {"R9": 1, "R10": 2} == {experiment.row: experiment.base.layers for experiment in EXPERIMENTS}
    assert {"R9": 1, "R10": 2} == {experiment.row: experiment.figure for experiment in EXPERIMENTS}


def test_variants_differ_in_what_is_studied() -> None:
    """Each experiment has two variants, and its claims speak of them."""
    for experiment in EXPERIMENTS:
        labels = set(experiment.variants)

        assert 2 == len({tuple(changes.items()) for changes in experiment.variants.values()})
        assert all({claim.variant, claim.against} == labels for claim in experiment.claims)


def test_unknown_experiment() -> None:
    """The names that there are, are told."""
    assert find("residual").row == "R10"
    with pytest.raises(UnknownExperimentError, match="unknown experiment 'x'; there are: activations, residual"):
        find("x")


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("lr", -1, "above 0"),
        UnknownExperimentError("x", ("a", "b")),
        CorruptRunError("path", "is bad"),  # type: ignore[arg-type]
        InterruptedSweepError(1, 2),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_come_back_from_processes(error: ExperimentError) -> None:
    """An error raised in a worker process arrives with its attributes."""
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    assert str(error) == str(copy)
    assert vars(error) == vars(copy)
