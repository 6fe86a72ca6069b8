"""How an experiment is declared: one base config, the variants that differ in what is studied, the study's claims."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from experiments.claims import Claim, Curve
from experiments.config import Config
from experiments.data import DATASETS

LOW_LOSS = 0.1
"""A mean loss that every variant of R10 passes on its way: about 98 % of the points are right there."""
HIDDEN_PER_INPUT = 4
"""The study's width of a hidden layer: 4 x the number of input features."""
FULL_SEEDS = tuple(range(10))
QUICK_SEEDS = tuple(range(3))
QUICK: Mapping[str, Any] = {"epochs": 6, "train_points": 12_800, "held_out_points": 2_560}
"""What ``--quick`` changes in a config: enough to see the page, too little to judge a claim."""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One question of the study.

    Attributes:
        name: What commands call it.
        row: Its row in the study, such as ``R9``.
        figure: The number of its figure.
        title: What is compared, in a few words.
        question: What is asked and how it is answered, in a few sentences.
        base: What all variants share.
        variants: Label -> the fields in which this variant differs (the scientific ones; all others are fixed).
        claims: What the study says about it.
    """

    name: str
    row: str
    figure: int
    title: str
    question: str
    base: Config
    variants: Mapping[str, Mapping[str, Any]]
    claims: tuple[Claim, ...]

    def configs(self, seeds: Iterable[int], *, quick: bool = False) -> dict[str, tuple[Config, ...]]:
        """Label -> one config per seed.

        Raises:
            ConfigError: A seed is wrong.
        """
        seeds = tuple(seeds)
        budget = QUICK if quick else {}
        return {
            label: tuple(replace(self.base, **changes, **budget, seed=seed) for seed in seeds)
            for label, changes in self.variants.items()
        }


def default_seeds(*, quick: bool) -> tuple[int, ...]:
    """The seeds that are run where none are named."""
    return QUICK_SEEDS if quick else FULL_SEEDS


def hidden_width(dataset: str) -> int:
    """The study's hidden width for this data set."""
    return HIDDEN_PER_INPUT * DATASETS[dataset].features


def first_accuracy(curve: Curve) -> float:
    """Validation accuracy after the first epoch."""
    return curve[0].validation_accuracy


def final_accuracy(curve: Curve) -> float:
    """Validation accuracy after the last epoch."""
    return curve[-1].validation_accuracy


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
