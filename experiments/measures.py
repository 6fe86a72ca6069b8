"""One number from the epochs of a run: what claims compare."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import fmean

from experiments.claims import Curve

LOW_LOSS = 0.1
"""A mean loss that every variant of R10 passes on its way: about 98 % of the points are right there."""


def first_accuracy(curve: Curve) -> float:
    """Validation accuracy after the first epoch."""
    return curve[0].validation_accuracy


def final_accuracy(curve: Curve) -> float:
    """Validation accuracy after the last epoch."""
    return curve[-1].validation_accuracy


def best_accuracy(curve: Curve) -> float:
    """The highest validation accuracy of any epoch."""
    return max(row.validation_accuracy for row in curve)


def test_accuracy_at_best(curve: Curve) -> float:
    """Test accuracy after the epoch with the best validation accuracy, the first of equals."""
    return max(curve, key=lambda row: (row.validation_accuracy, -row.epoch)).test_accuracy


def restlessness(curve: Curve) -> float:
    """How far test accuracy moves from one epoch to the next: the root of the mean square; NaN for a single epoch."""
    moves = [after.test_accuracy - before.test_accuracy for before, after in pairwise(curve)]
    return math.sqrt(fmean(move * move for move in moves)) if moves else math.nan


def lost_from_best(curve: Curve) -> float:
    """The best test accuracy of any epoch minus that of the last."""
    return max(row.test_accuracy for row in curve) - curve[-1].test_accuracy


def first_loss(curve: Curve) -> float:
    """Mean training loss of the first epoch; the study's running mean is the same number there."""
    return curve[0].loss_epoch_mean


def final_loss(curve: Curve) -> float:
    """Mean training loss of the last epoch."""
    return curve[-1].loss_epoch_mean


def final_running_loss(curve: Curve) -> float:
    """Mean training loss over all epochs: the last point of the study's curve."""
    return curve[-1].loss_running_mean


def epochs_to_low_loss(curve: Curve) -> float:
    """Epochs until the mean training loss is below LOW_LOSS, interpolated in its logarithm; the last one if never."""
    if curve[0].loss_epoch_mean < LOW_LOSS:
        return 1.0
    for before, row in pairwise(curve):
        if row.loss_epoch_mean < LOW_LOSS:
            # a loss that is exactly 0 fell infinitely far: the threshold was passed at once
            fall = math.log(before.loss_epoch_mean / row.loss_epoch_mean) if row.loss_epoch_mean else math.inf
            return before.epoch + math.log(before.loss_epoch_mean / LOW_LOSS) / fall
    return float(len(curve))


def share_left(curve: Curve) -> float:
    """The share of the first epoch's mean training loss that is left in the next one; NaN where it was 0 already."""
    if not curve[0].loss_epoch_mean:
        return math.nan
    return curve[min(1, len(curve) - 1)].loss_epoch_mean / curve[0].loss_epoch_mean
