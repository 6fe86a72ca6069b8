"""The numbers that claims compare, on curves whose answers are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from experiments import measures
from experiments.catalogue import find
from experiments.cnn_grid import cells, label
from experiments.records import Epoch
from tests.experiments.small import epoch


def curve(name: str, *values: float) -> list[Epoch]:
    """Epochs that differ in one number."""
    return [epoch(number, **{name: value}) for number, value in enumerate(values, start=1)]


def test_restlessness_is_scatter_about_a_line() -> None:
    """A curve that rises steadily has none, whatever came in the first half; scatter is measured as it is."""
    rising = [0.1, 0.3, 0.45, 0.5, 0.52, 0.54, 0.56, 0.58, 0.60, 0.62]
    scatter = np.random.default_rng(0).normal(0, 0.01, 4001)

    assert pytest.approx(0.0, abs=1e-12) == measures.restlessness(curve("test_accuracy", *rising))
    assert pytest.approx(0.2 / math.sqrt(6)) == measures.restlessness(curve("test_accuracy", 0.9, 0.5, 0.6, 0.5))
    assert pytest.approx(0.01, rel=0.05) == measures.restlessness(curve("test_accuracy", *(0.5 + scatter)))
    assert math.isnan(measures.restlessness(curve("test_accuracy", 0.5, 0.6)))


def test_lost_from_best() -> None:
    """The best test accuracy minus the last; a single epoch has no answer."""
    assert pytest.approx(0.3) == measures.lost_from_best(curve("test_accuracy", 0.5, 0.8, 0.5))
    assert math.isnan(measures.lost_from_best(curve("test_accuracy", 0.5)))


def test_what_never_came_is_no_number() -> None:
    """A loss that stays high was never low, and a single epoch has no next one."""
    assert math.isnan(measures.epochs_to_low_loss(curve("loss_epoch_mean", 0.5, 0.4)))
    assert 1.5 == pytest.approx(measures.epochs_to_low_loss(curve("loss_epoch_mean", 1.0, 0.01)))
    assert math.isnan(measures.share_left(curve("loss_epoch_mean", 0.5)))
    assert 0.5 == measures.share_left(curve("loss_epoch_mean", 0.5, 0.25))


def test_validation_chooses_the_epoch_whose_test_accuracy_counts() -> None:
    """Not the best test accuracy; of equal epochs the first."""
    rows = [
        epoch(1, validation_accuracy=0.6, test_accuracy=0.9),
        epoch(2, validation_accuracy=0.7, test_accuracy=0.5),
        epoch(3, validation_accuracy=0.7, test_accuracy=0.8),
    ]

    assert 0.5 == measures.test_accuracy_at_best(rows)
    assert 0.7 == measures.best_accuracy(rows)


def test_the_grids_effects() -> None:
    """A grid where lr 0.01 costs 0.2, momentum gains 0.03 at lr 0.0005, and momentum 0.9 scatters at lr 0.001."""

    def accuracy(lr: float, momentum: float) -> float:
        return 0.6 - 0.2 * (lr == 0.01) + 0.03 * (lr == 0.0005 and momentum == 0.95)

    def run(lr: float, momentum: float, batch: int) -> list[Epoch]:
        final, bend = accuracy(lr, momentum), 0.06 * (lr == 0.001 and momentum == 0.9)
        best = batch == 32
        values = (0.1, final - 0.1, final - 0.05 + bend, final)
        return [
            epoch(n, validation_accuracy=value + 0.01 * best, test_accuracy=value - 0.02 * best)
            for n, value in enumerate(values, start=1)
        ]

    curves = {
        label(lr, momentum, batch): run(lr, momentum, batch)
        for lr in (0.0005, 0.001, 0.01)
        for momentum in (0.9, 0.95)
        for batch in (8, 32, 64)
    }
    effects = [claim.effect(curves) for claim in find("cnn_grid").claims]
    # Validation chooses batch 32 on both sides: 0.60 for the study's best; 0.63 for lr 0.0005 with momentum 0.95.
    best = (0.60 - 0.02) - (0.63 - 0.02)

    assert effects == pytest.approx([-0.2, -0.215, best, 0.0, 0.12 / math.sqrt(6), 0.03])
    assert 18 == len(cells())


def test_what_is_chosen_has_the_best_mean() -> None:
    """Over common seeds, of the best validation accuracy; a variant without a run, or a diverged one, is not chosen."""
    optimizers = find("optimizers")
    curves = {
        "SGD, lr 0.001": {0: curve("validation_accuracy", 0.55, 0.4), 1: curve("validation_accuracy", 0.55)},
        "SGD, lr 0.01": {0: curve("validation_accuracy", 0.1, 0.9), 1: curve("validation_accuracy", 0.1)},
        "SGD, lr 0.003": {1: curve("validation_accuracy", 0.99), 2: [epoch(1, loss_epoch_mean=math.nan)]},
        "Adam, lr 0.001": {0: curve("validation_accuracy", 0.3)},
    }

    assert {"SGD, tuned": "SGD, lr 0.001", "Adam, tuned": "Adam, lr 0.001"} == optimizers.chosen(curves)
    assert curves["SGD, lr 0.001"] == optimizers.with_chosen(curves)["SGD, tuned"]
