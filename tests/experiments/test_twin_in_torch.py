"""The twin in torch: its autograd, its losses and its optimizers, on our data, first weights and order of points."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.config import Config
from experiments.execute import execute, load
from experiments.learner import make_learner
from experiments.randomness import streams
from experiments.train import train
from tests.experiments.small import VARIANTS, config

torch = pytest.importorskip("torch", reason="the twin is written in torch")

CLOSE = 1e-12
SINGLE = 1e-4
"""What the first 50 losses in float32 may differ by, relative to them."""
STEPS = 20
SHORT: Mapping[str, Any] = {
    "train_points": 4 * 32 + 7,
    "validation_points": 50,
    "test_points": 50,
    "batch_size": 32,
    "epochs": 4,
    "dtype": "float64",
}
"""Four epochs of five steps, the last of them with fewer points."""
TWINS = {
    **{name: replace(variant, **SHORT) for name, variant in VARIANTS.items()},
    "tanh": config(**SHORT, activation="tanh"),
    "ReLU residual": config(**SHORT, activation="relu", layers=2, residual=True),
    "three layers, residual, tanh": config(**SHORT, activation="tanh", layers=3, residual=True),
    "momentum": config(**SHORT, momentum=0.9),
    "Adam on the mean": config(**SHORT, optimizer="adam", reduction="mean"),
}


def close(mine: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray], bar: float = CLOSE) -> None:
    """Make sure that all arrays agree to *bar* times their largest entry."""
    assert mine.keys() == theirs.keys()
    for key, value in mine.items():
        scale = np.abs(theirs[key]).max(initial=0.0)
        np.testing.assert_allclose(value, theirs[key], rtol=bar, atol=bar * scale, err_msg=key)


@pytest.mark.parametrize("name", TWINS)
def test_twenty_steps_are_torchs(name: str) -> None:
    """Rows, every parameter and what the optimizer remembers agree to 1e-12, epoch by epoch over 20 steps."""
    mine = TWINS[name]
    data = load(mine)
    epochs = list(zip(train(mine, data), train(replace(mine, backend="torch"), data), strict=True))

    assert mine.epochs * math.ceil(mine.train_points / mine.batch_size) == STEPS
    for (row, state), (their_row, their_state) in epochs:
        assert row.to_dict() == pytest.approx(their_row.to_dict(), rel=CLOSE)
        # Adam divides a gradient by its own size: where that is all rounding, the step is too.
        close(state.parameters, their_state.parameters, CLOSE if mine.optimizer == "sgd" else 100 * CLOSE)
        close(state.memory, their_state.memory)


@pytest.mark.parametrize("name", TWINS)
def test_each_step_is_torchs(name: str) -> None:
    """Each of 20 single steps has torch's loss and norm of the gradient."""
    mine = TWINS[name]
    data = load(mine)
    ours, theirs = make_learner(mine), make_learner(replace(mine, backend="torch"))
    for start in range(STEPS):
        x, labels = data.train.x[start : start + 32], data.train.labels[start : start + 32]
        assert ours.step(x, labels) == pytest.approx(theirs.step(x, labels), rel=CLOSE)
    close(ours.parameters(), theirs.parameters(), CLOSE if mine.optimizer == "sgd" else 100 * CLOSE)
    np.testing.assert_allclose(ours.logits(data.test.x), theirs.logits(data.test.x), rtol=1e-9)


@pytest.mark.parametrize("name", VARIANTS)
def test_fifty_losses_in_single_precision(name: str) -> None:
    """In float32 the first 50 losses agree to 1e-4 of them, on the batches that a run begins with."""
    mine = replace(VARIANTS[name], dtype="float32", batch_size=10, train_points=500)
    data, losses = load(mine), []
    for backend in ("ops", "torch"):
        learner = make_learner(replace(mine, backend=backend))
        order = first_order(mine)
        batches = [order[start : start + 10] for start in range(0, 500, 10)]
        losses.append([learner.step(data.train.x[batch], data.train.labels[batch])[0] for batch in batches])

    assert len(losses[0]) == 50
    assert losses[0] == pytest.approx(losses[1], rel=SINGLE)


def first_order(config: Config) -> np.ndarray:
    """The order of points in the first epoch."""
    return np.random.default_rng(streams(config.seed).shuffle).permutation(config.train_points)


def test_the_twin_computes_on_one_thread(tmp_path: Path) -> None:
    """Its last bits depend on the number; the record says it, and the process has its own number again afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        record = execute(config(backend="torch"), tmp_path).record
        after = torch.get_num_threads()
    finally:
        torch.set_num_threads(before)

    assert {1} == {pool["threads"] for pool in record.environment["threads"]}
    assert 2 == after
