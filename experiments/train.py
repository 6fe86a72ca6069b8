"""The training loop: a pure function of a config and its data that yields one epoch after the other.

It writes nothing and prints nothing; who wants a record or a progress bar reads what it yields.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping

import numpy as np

import ops
from experiments.config import Config
from experiments.data import DATASETS, Dataset, Split
from experiments.randomness import streams
from experiments.records import Epoch, State
from ops.nn import MLP
from ops.optim import SGD

EVALUATION_BATCH = 10_000


def train(config: Config, data: Dataset, *, start: State | None = None) -> Iterator[tuple[Epoch, State]]:
    """Train, yielding the row of each epoch and the state after it.

    Args:
        config: What to train.
        data: On what.
        start: A state yielded earlier: what follows is equal to the bit to what followed then.

    Yields:
        One pair per epoch. A loss that is not finite ends the run after the row that shows it.
    """
    model, optimizer, shuffle = resumed(config, start)
    total, seen, done = (start.loss_total, start.points_seen, start.epoch) if start else (0.0, 0, 0)
    while done < config.epochs and math.isfinite(total):
        order = shuffle.permutation(len(data.train))
        losses, norms = _one_epoch(config, model, optimizer, data.train, order)
        done, seen, total = done + 1, seen + len(order), total + losses
        validation_loss, validation_accuracy = evaluate(model, data.validation)
        row = Epoch(
            epoch=done,
            loss_epoch_mean=losses / len(order),
            loss_running_mean=total / seen,
            train_accuracy=evaluate(model, data.train)[1],
            validation_accuracy=validation_accuracy,
            validation_loss=validation_loss,
            gradient_norm=norms,
        )
        yield (
            row,
            State(
                epoch=done,
                parameters=model.state(),
                velocity=optimizer.state(),
                shuffle=json.dumps(shuffle.bit_generator.state, sort_keys=True),
                loss_total=total,
                points_seen=seen,
            ),
        )


def resumed(config: Config, start: State | None) -> tuple[MLP, SGD, np.random.Generator]:
    """Model, optimizer and the generator that orders the points, as they are after *start* (None: before epoch 1).

    Raises:
        ValueError: *start* is not of a run of *config*.
    """
    model = make_model(config, start.parameters if start else None)
    optimizer = SGD(model.parameters(), lr=config.lr, momentum=config.momentum)
    shuffle = np.random.default_rng(streams(config.seed).shuffle)
    if start is not None:
        if not 1 <= start.epoch <= config.epochs:
            raise ValueError(f"it is of epoch {start.epoch} of {config.epochs}")
        optimizer.load(start.velocity)
        try:
            shuffle.bit_generator.state = json.loads(start.shuffle)
        except (KeyError, TypeError, OverflowError) as error:
            raise ValueError(f"its generator has no such state ({error!r})") from error
    return model, optimizer, shuffle


def make_model(config: Config, parameters: Mapping[str, np.ndarray] | None = None) -> MLP:
    """The model of *config*, with its first weights or with *parameters* (name -> array)."""
    source = DATASETS[config.dataset]
    model = MLP(
        source.features,
        source.classes,
        hidden=config.hidden,
        layers=config.layers,
        activation=config.activation,
        residual=config.residual,
        seed=streams(config.seed).init,
        dtype=config.numpy_dtype,
    )
    if parameters is not None:
        model.load(parameters)
    return model


@np.errstate(over="ignore", invalid="ignore")  # a divergence is in the row that is written, not in a warning
def _one_epoch(config: Config, model: MLP, optimizer: SGD, points: Split, order: np.ndarray) -> tuple[float, float]:
    """One pass over *points* in this order; the sum of the losses and the mean norm of the gradients."""
    losses, norms, steps = 0.0, 0.0, 0
    for first in range(0, len(order), config.batch_size):
        batch = order[first : first + config.batch_size]
        optimizer.zero_grad()
        loss = ops.cross_entropy(model(points.x[batch]), points.labels[batch], reduction="sum")
        loss.backward()
        losses += float(loss.value)
        norms += gradient_norm(model)
        steps += 1
        if not math.isfinite(losses):
            break
        optimizer.step()
    return losses, norms / steps


def gradient_norm(model: MLP) -> float:
    """The Euclidean norm over all parameters of the gradient that ``backward`` left."""
    gradients = [np.asarray(parameter.grad, dtype=np.float64).ravel() for parameter in model.parameters()]
    return math.sqrt(sum(float(gradient @ gradient) for gradient in gradients))


@np.errstate(over="ignore", invalid="ignore")
def evaluate(model: MLP, points: Split) -> tuple[float, float]:
    """Mean loss and accuracy on *points*. A point whose logits are not finite counts as wrong."""
    loss, right = 0.0, 0
    for first in range(0, len(points), EVALUATION_BATCH):
        part = slice(first, first + EVALUATION_BATCH)
        logits = model(points.x[part])
        loss += float(ops.cross_entropy(logits, points.labels[part], reduction="sum").value)
        # argmax calls a row of NaN class 0: a diverged model would look as good as the share of that class
        finite = np.isfinite(logits.value).all(axis=1)
        right += int(np.count_nonzero(finite & (logits.value.argmax(axis=1) == points.labels[part])))
    return loss / len(points), right / len(points)
