"""One number from the epochs of a run: what claims compare."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import fmean

from experiments.claims import Curve

LOW_LOSS = 0.1
"""A mean loss that every variant of R10 passes on its way on ``synth``: about 98 % of the points are right there."""


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
    """How far test accuracy scatters about a straight line in the second half of the epochs.

    The root mean square of second differences over √6: for independent scatter about a line that is its standard
    deviation, and a curve that still rises counts as no less steady for that. NaN for fewer than three such epochs.
    """
    late = [row.test_accuracy for row in curve[(len(curve) - 1) // 2 :]]
    bends = [before - 2 * here + after for before, here, after in zip(late, late[1:], late[2:], strict=False)]
    return math.sqrt(fmean(bend * bend for bend in bends) / 6) if bends else math.nan


def lost_from_best(curve: Curve) -> float:
    """The best test accuracy of any epoch minus that of the last; NaN for a single epoch."""
    if len(curve) < 2:
        return math.nan
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
    """Epochs until the mean training loss is below LOW_LOSS, interpolated in its logarithm; NaN if never."""
    if curve[0].loss_epoch_mean < LOW_LOSS:
        return 1.0
    for before, row in pairwise(curve):
        if row.loss_epoch_mean < LOW_LOSS:
            # a loss that is exactly 0 fell infinitely far: the threshold was passed at once
            fall = math.log(before.loss_epoch_mean / row.loss_epoch_mean) if row.loss_epoch_mean else math.inf
            return before.epoch + math.log(before.loss_epoch_mean / LOW_LOSS) / fall
    return math.nan


def share_left(curve: Curve) -> float:
    """The share of the first epoch's mean training loss that is left in the next one; NaN without one, or of 0."""
    if len(curve) < 2 or not curve[0].loss_epoch_mean:
        return math.nan
    return curve[1].loss_epoch_mean / curve[0].loss_epoch_mean
