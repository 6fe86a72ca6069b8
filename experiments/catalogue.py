"""The one literal list of experiments."""

from __future__ import annotations

from experiments.activations import ACTIVATIONS
from experiments.cnn_grid import CNN_GRID
from experiments.errors import UnknownExperimentError
from experiments.experiment import Experiment
from experiments.optimizers import OPTIMIZERS
from experiments.residual import RESIDUAL

EXPERIMENTS = (ACTIVATIONS, RESIDUAL, CNN_GRID, OPTIMIZERS)


def find(name: str) -> Experiment:
    """The experiment of this name.

    Raises:
        UnknownExperimentError: There is none.
    """
    for experiment in EXPERIMENTS:
        if experiment.name == name:
            return experiment
    raise UnknownExperimentError(name, (experiment.name for experiment in EXPERIMENTS))
