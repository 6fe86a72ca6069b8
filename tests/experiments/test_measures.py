"""The numbers that claims compare, on curves whose answers are known."""

from __future__ import annotations

import math

import pytest

from experiments import measures
from experiments.catalogue import find
from experiments.cnn_grid import cells, label
from experiments.records import Epoch
from tests.experiments.small import epoch


def curve(name: str, *values: float) -> list[Epoch]:
    """Epochs that differ in one number."""
    return [epoch(number, **{name: value}) for number, value in enumerate(values, start=1)]


def test_restlessness_is_the_rms_of_the_moves() -> None:
    """A steady curve has none, moves of 0.1 up and down have 0.1, a single epoch has no answer."""
    assert 0.0 == measures.restlessness(curve("test_accuracy", 0.5, 0.5, 0.5))
    assert pytest.approx(0.1) == measures.restlessness(curve("test_accuracy", 0.5, 0.6, 0.5))
    assert pytest.approx(math.sqrt((0.01 + 0.09) / 2)) == measures.restlessness(curve("test_accuracy", 0.1, 0.2, 0.5))
    assert math.isnan(measures.restlessness(curve("test_accuracy", 0.5)))


def test_lost_from_best() -> None:
    """The best test accuracy minus the last."""
    assert pytest.approx(0.3) == measures.lost_from_best(curve("test_accuracy", 0.5, 0.8, 0.5))


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
    """On a grid where only two things are true: lr 0.01 costs 0.2, and momentum gains 0.03 at lr 0.0005."""

    def accuracy(lr: float, momentum: float) -> float:
        return 0.6 - 0.2 * (lr == 0.01) + 0.03 * (lr == 0.0005 and momentum == 0.95)

    curves = {
        label(lr, momentum, batch): curve("validation_accuracy", 0.1, accuracy(lr, momentum))
        for lr in (0.0005, 0.001, 0.01)
        for momentum in (0.9, 0.95)
        for batch in (8, 32, 64)
    }
    effects = [claim.effect(curves) for claim in find("cnn_grid").claims]

    assert effects == pytest.approx([-0.2, -0.215, -0.03, 0.0, 0.0, 0.03])
    assert 18 == len(cells())


def test_what_is_chosen_has_the_best_mean() -> None:
    """Over seeds, of the best validation accuracy; a variant without a run is not chosen."""
    optimizers = find("optimizers")
    curves = {
        "SGD, lr 0.001": {0: curve("validation_accuracy", 0.5, 0.4), 1: curve("validation_accuracy", 0.5)},
        "SGD, lr 0.01": {0: curve("validation_accuracy", 0.1, 0.9), 1: curve("validation_accuracy", 0.2)},
        "Adam, lr 0.001": {0: curve("validation_accuracy", 0.3)},
    }

    assert {"SGD, tuned": "SGD, lr 0.01", "Adam, tuned": "Adam, lr 0.001"} == optimizers.chosen(curves)
    assert curves["SGD, lr 0.01"] == optimizers.with_chosen(curves)["SGD, tuned"]
