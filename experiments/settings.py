"""Which settings the runs of a study share, and which of them are not those that the command has by default."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from experiments.config import Config
from experiments.data import DATASETS, Place
from experiments.experiment import Experiment
from experiments.plan import SIZES, plan

_FREE = ("seed", "experiment", "backend", "device")


def varied(experiment: Experiment) -> tuple[str, ...]:
    """The fields in which variants differ."""
    return tuple(dict.fromkeys(name for changes in experiment.variants.values() for name in changes))


def shared(experiment: Experiment, config: Config) -> dict[str, Any]:
    """What *config* shares with all other runs of its study, by field."""
    free = {*varied(experiment), *_FREE}
    return {field.name: getattr(config, field.name) for field in fields(config) if field.name not in free}


def changed(experiment: Experiment, config: Config, *, quick: bool = False) -> dict[str, Any]:
    """The shared settings that the command does not have by default on these data, by field.

    How many points a stored set has is not known without it, so the sizes of its parts count as they are.

    Args:
        experiment: The experiment.
        config: One of its runs.
        quick: Whether the defaults are those of ``--quick``.
    """
    usual = shared(experiment, _usual(experiment, config, quick=quick))
    return {name: value for name, value in shared(experiment, config).items() if value != usual[name]}


def _usual(experiment: Experiment, config: Config, *, quick: bool) -> Config:
    """A run as the command plans it on the data of *config*; a stored set is not asked for and has the same sizes."""
    if DATASETS[config.dataset].generated:
        runs = plan(experiment, (config.seed,), Place(), quick=quick, dataset=config.dataset)
    else:
        known = {name: getattr(config, name) for name in ("dataset", "data", "classes", *SIZES)}
        known |= {"hidden": 0} if config.model == "mlp" else {}  # the study's width follows from the data
        runs = experiment.configs((config.seed,), quick=quick, **known)
    return next(iter(runs.values()))[0]
