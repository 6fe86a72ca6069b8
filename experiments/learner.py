"""What a training loop needs of a backend: one step, one look at a set, and a state that both backends can read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

import ops
from experiments.config import Config
from experiments.data import DATASETS, Split
from experiments.randomness import streams
from gradspec.spec import Op
from ops.graph import TensorNode
from ops.nn import MLP, Net

Arrays = Mapping[str, np.ndarray]
EVALUATION_BATCH = 200
"""Points looked at at once: more of them fall out of the cache, fewer cost more calls (measured on the CNN)."""


class Learner(Protocol):
    """A model and its optimizer. Weights and what the optimizer remembers have the same names in every backend."""

    def step(self, x: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
        """Learn from one batch.

        Args:
            x: Points (n, ...).
            labels: Their classes (n,).

        Returns:
            The sum of the losses before the step, and the Euclidean norm of the gradient that was descended on. A loss
            that is not finite leaves the weights as they are.
        """

    def evaluate(self, points: Split) -> tuple[float, float]:
        """Mean loss and accuracy. A point whose logits are not finite counts as wrong."""

    def logits(self, x: np.ndarray) -> np.ndarray:
        """The logits (n, classes) of points (n, ...), computed in parts."""

    def parameters(self) -> dict[str, np.ndarray]:
        """Copies of the weights."""

    def memory(self) -> dict[str, np.ndarray]:
        """Copies of what the optimizer remembers."""

    def load(self, parameters: Arrays, memory: Arrays) -> None:
        """Go on from weights and what an optimizer remembered.

        Raises:
            ValueError: They are of another model or optimizer.
        """


def make_learner(config: Config) -> Learner:
    """The model of *config* with its first weights, and its optimizer.

    Raises:
        MissingDependencyError: The backend is torch, and it is not installed.
        ConfigError: The device is cuda, and there is none.
    """
    if config.backend == "torch":
        from experiments.learner_torch import TorchLearner

        return TorchLearner(config)
    from experiments.learner_ops import OpsLearner

    return OpsLearner(config)


def make_model(config: Config) -> MLP | Net:
    """The model of *config* in this repository's ops, with its first weights: every backend begins with these."""
    seed = streams(config.seed).init
    if config.model == "net":
        return Net(seed, config.numpy_dtype, classes=config.classes)
    return MLP(
        config.features,
        config.classes,
        hidden=config.hidden,
        layers=config.layers,
        activation=config.activation,
        residual=config.residual,
        seed=seed,
        dtype=config.numpy_dtype,
    )


def as_input(config: Config, x: np.ndarray) -> np.ndarray:
    """Points as the model takes them: an MLP sees a picture as a row."""
    return x if config.model == "net" or x.ndim == 2 else x.reshape(len(x), -1)


def ops_of(config: Config) -> tuple[Op, ...]:
    """Every op that a training step of *config* uses, found in the graph of one; by their names."""
    model = make_model(config)
    x = np.zeros((2, *DATASETS[config.dataset].shape), config.numpy_dtype)
    loss = ops.cross_entropy(model(as_input(config, x)), np.zeros(2, np.int64), reduction=config.reduction)
    waiting: list[TensorNode] = [loss]
    seen: dict[str, Op] = {}
    while waiting:
        source = waiting.pop().source
        if source is not None:
            seen[source.op.name] = source.op
            waiting.extend(source.inputs)
    return tuple(seen[name] for name in sorted(seen))
