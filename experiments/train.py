"""The training loop: a pure function of a config and its data that yields one epoch after the other.

It writes nothing and prints nothing; who wants a record or a progress bar reads what it yields.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import numpy as np

from experiments.config import Config
from experiments.data import Dataset, Split
from experiments.learner import Learner, make_learner
from experiments.randomness import streams
from experiments.records import Epoch, State


def train(config: Config, data: Dataset, *, start: State | None = None) -> Iterator[tuple[Epoch, State]]:
    """Train, yielding the row of each epoch and the state after it.

    Args:
        config: What to train.
        data: On what.
        start: A state yielded earlier: what follows is equal to the bit to what followed then.

    Yields:
        One pair per epoch. A loss that is not finite ends the run after the row that shows it.
    """
    learner, shuffle = resumed(config, start)
    total, seen, done = (start.loss_total, start.points_seen, start.epoch) if start else (0.0, 0, 0)
    while done < config.epochs and math.isfinite(total):
        order = shuffle.permutation(len(data.train))
        losses, norm = _one_epoch(learner, data.train, order, config.batch_size)
        done, seen, total = done + 1, seen + len(order), total + losses
        validation_loss, validation_accuracy = learner.evaluate(data.validation)
        row = Epoch(
            epoch=done,
            loss_epoch_mean=losses / len(order),
            loss_running_mean=total / seen,
            train_accuracy=learner.evaluate(data.train)[1],
            validation_accuracy=validation_accuracy,
            validation_loss=validation_loss,
            test_accuracy=learner.evaluate(data.test)[1],
            gradient_norm=norm,
        )
        yield (
            row,
            State(
                epoch=done,
                parameters=learner.parameters(),
                memory=learner.memory(),
                shuffle=json.dumps(shuffle.bit_generator.state, sort_keys=True),
                loss_total=total,
                points_seen=seen,
            ),
        )


def resumed(config: Config, start: State | None) -> tuple[Learner, np.random.Generator]:
    """The learner and the generator that orders the points, as they are after *start* (None: before epoch 1).

    Raises:
        ValueError: *start* is not of a run of *config*.
    """
    learner = make_learner(config)
    shuffle = np.random.default_rng(streams(config.seed).shuffle)
    if start is not None:
        if not 1 <= start.epoch <= config.epochs:
            raise ValueError(f"it is of epoch {start.epoch} of {config.epochs}")
        learner.load(start.parameters, start.memory)
        try:
            shuffle.bit_generator.state = json.loads(start.shuffle)
        except (KeyError, TypeError, OverflowError) as error:
            raise ValueError(f"its generator has no such state ({error!r})") from error
    return learner, shuffle


def _one_epoch(learner: Learner, points: Split, order: np.ndarray, batch_size: int) -> tuple[float, float]:
    """One pass over *points* in this order; the sum of the losses and the mean norm of the gradients."""
    losses, norms, steps = 0.0, 0.0, 0
    for first in range(0, len(order), batch_size):
        batch = order[first : first + batch_size]
        loss, norm = learner.step(points.x[batch], points.labels[batch])
        losses, norms, steps = losses + loss, norms + norm, steps + 1
        if not math.isfinite(losses):
            break
    return losses, norms / steps
