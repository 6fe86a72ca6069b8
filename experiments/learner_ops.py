"""The learner of this repository's verified ops."""

from __future__ import annotations

import math

import numpy as np

import ops
from experiments.config import Config
from experiments.data import Split
from experiments.learner import EVALUATION_BATCH, Arrays, as_input, make_model
from ops.nn import MLP, Net
from ops.optim import SGD, Adam


class OpsLearner:
    """Forward and backward by the verified ops, the step by this repository's optimizers."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.model: MLP | Net = make_model(config)
        weights = self.model.parameters()
        self.optimizer: SGD | Adam
        if config.optimizer == "adam":
            self.optimizer = Adam(weights, lr=config.lr)
        else:
            self.optimizer = SGD(weights, lr=config.lr, momentum=config.momentum)

    @np.errstate(over="ignore", invalid="ignore")  # a divergence is in the row that is written, not in a warning
    def step(self, x: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
        """Learn from one batch; see :class:`experiments.learner.Learner`."""
        reduction = self.config.reduction
        self.optimizer.zero_grad()
        loss = ops.cross_entropy(self.model(as_input(self.config, x)), labels, reduction=reduction)
        loss.backward()
        total = float(loss.value) * (len(labels) if reduction == "mean" else 1)
        norm = gradient_norm([np.asarray(weight.grad) for weight in self.model.parameters()])
        if math.isfinite(total):
            self.optimizer.step()
        return total, norm

    def evaluate(self, points: Split) -> tuple[float, float]:
        """Mean loss and accuracy; see :class:`experiments.learner.Learner`."""
        loss, right = 0.0, 0
        for first in range(0, len(points), EVALUATION_BATCH):
            part = slice(first, first + EVALUATION_BATCH)
            logits, labels = self.logits(points.x[part]), points.labels[part]
            with np.errstate(over="ignore", invalid="ignore"):
                loss += float(ops.cross_entropy(logits, labels, reduction="sum"))
            # argmax calls a row of NaN class 0: a diverged model would look as good as the share of that class
            finite = np.isfinite(logits).all(axis=1)
            right += int(np.count_nonzero(finite & (logits.argmax(axis=1) == labels)))
        return loss / len(points), right / len(points)

    @np.errstate(over="ignore", invalid="ignore")
    def logits(self, x: np.ndarray) -> np.ndarray:
        """The logits (n, classes); see :class:`experiments.learner.Learner`."""
        starts = range(0, len(x), EVALUATION_BATCH)
        parts = [self.model(as_input(self.config, x[start : start + EVALUATION_BATCH])).value for start in starts]
        return np.concatenate(parts)

    def parameters(self) -> dict[str, np.ndarray]:
        """Copies of the weights."""
        return self.model.state()

    def memory(self) -> dict[str, np.ndarray]:
        """Copies of what the optimizer remembers."""
        return self.optimizer.state()

    def load(self, parameters: Arrays, memory: Arrays) -> None:
        """Go on from these; see :class:`experiments.learner.Learner`."""
        self.model.load(parameters)
        self.optimizer.load(memory)


def gradient_norm(gradients: list[np.ndarray]) -> float:
    """The Euclidean norm of all *gradients* together; of float32 ones in float32, where that can hold it."""
    rows = [gradient.ravel() for gradient in gradients]
    squares = sum(float(row @ row) for row in rows)
    if not math.isfinite(squares):
        squares = sum(float(row @ row) for row in (row.astype(np.float64) for row in rows))
    return math.sqrt(squares)
