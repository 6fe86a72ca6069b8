"""The command that computes a study again."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from experiments.config import Config
from experiments.data import DATASETS
from experiments.errors import ConfigError
from experiments.experiment import Experiment
from experiments.recorded import Study, varied

SETTABLE = ("epochs", "batch_size", "lr", "momentum", "train_points", "validation_points", "test_points")
"""The options of experiments.run that change a setting."""


def command(study: Study) -> str:
    """What computes the runs of *study* again."""
    experiment, config = study.experiment, study.config
    found = _options(experiment, config, quick=False)
    quick = _options(experiment, config, quick=True)
    is_quick = len(quick) < len(found)
    words = [f"python -m experiments.run {experiment.name}"]
    if config.dataset != experiment.base.dataset:
        words.append(f"--data {config.dataset}")
    if not study.is_generated:
        words.append("--root PATH")
    if study.seeds != experiment.default_seeds(quick=is_quick):
        words.append(f"--seeds {' '.join(map(str, study.seeds))}")
    return " ".join([*words, *(["--quick", *quick] if is_quick else found)])


def _options(experiment: Experiment, config: Config, *, quick: bool) -> list[str]:
    """The settings that differ from what the command has by default, as options."""
    budget = dict(experiment.quick) if quick else {}
    try:
        expected = replace(experiment.base, **budget)
    except ConfigError:
        expected = experiment.base
    usual: dict[str, Any] = {name: getattr(expected, name) for name in SETTABLE}
    if config.dataset != experiment.base.dataset:
        source = DATASETS[config.dataset]
        for name in ("train_points", "validation_points", "test_points"):
            usual[name] = min(getattr(source, name), budget.get(name, math.inf))
    free = varied(experiment)
    return [
        f"--{name.replace('_', '-')} {getattr(config, name):g}"
        for name in SETTABLE
        if name not in free and getattr(config, name) != usual[name]
    ]
