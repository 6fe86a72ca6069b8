"""Claims: every outcome can be reached, each for its reason, and a diverged run never helps one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from experiments.claims import LEAST_SEEDS, Claim, Curve, Expect, Outcome, judge
from experiments.measures import (
    LOW_LOSS,
    best_accuracy,
    epochs_to_low_loss,
    final_accuracy,
    final_loss,
    final_running_loss,
    first_accuracy,
    first_loss,
    lost_from_best,
    restlessness,
    share_left,
)
from experiments.measures import test_accuracy_at_best as accuracy_at_best
from tests.experiments.small import epoch

SURE, UNSURE = (0.9, 1.0, 1.1, 1.0, 0.95), (-1.0, 1.0, -0.5, 0.6, 0.1)


def claim(expect: Expect, margin: float = 0.0, **changes: Any) -> Claim:
    """A claim on the last loss of variant "a" against "b"."""
    values = {"text": "t", "measured": "m", "measure": final_loss, "variant": "a", "against": "b"} | changes
    return Claim(expect=expect, margin=margin, **values)


def curves(differences: Sequence[float]) -> dict[str, dict[int, Curve]]:
    """Runs of both variants, one pair per difference, with another level in each pair."""
    level = {seed: 10.0 * (seed + 1) for seed in range(len(differences))}
    return {
        "a": {seed: (epoch(loss_epoch_mean=level[seed] + d),) for seed, d in enumerate(differences)},
        "b": {seed: (epoch(loss_epoch_mean=level[seed]),) for seed in level},
    }


def minus(values: Sequence[float]) -> list[float]:
    """The same differences the other way round."""
    return [-value for value in values]


@pytest.mark.parametrize(
    ("expect", "margin", "differences", "outcome", "reason"),
    [
        (Expect.HIGHER, 0.0, SURE, Outcome.CONFIRMED, "the whole interval lies above 0"),
        (Expect.HIGHER, 0.0, minus(SURE), Outcome.REFUTED, "no part of the interval lies above 0"),
        (Expect.HIGHER, 0.0, UNSURE, Outcome.UNDECIDED, "only a part of the interval lies above 0"),
        (Expect.LOWER, 0.0, minus(SURE), Outcome.CONFIRMED, "the whole interval lies below 0"),
        (Expect.LOWER, 0.0, SURE, Outcome.REFUTED, "no part of the interval lies below 0"),
        (Expect.LOWER, 0.0, UNSURE, Outcome.UNDECIDED, "only a part of the interval lies below 0"),
        (Expect.SIMILAR, 2.0, SURE, Outcome.CONFIRMED, "the whole interval lies within ±2"),
        (Expect.SIMILAR, 0.5, SURE, Outcome.REFUTED, "no part of the interval lies within ±0.5"),
        (Expect.SIMILAR, 0.5, minus(SURE), Outcome.REFUTED, "no part of the interval lies within ±0.5"),
        (Expect.SIMILAR, 1.0, SURE, Outcome.UNDECIDED, "only a part of the interval lies within ±1"),
        (Expect.SIMILAR, 0.5, UNSURE, Outcome.UNDECIDED, "only a part of the interval lies within ±0.5"),
        (Expect.HIGHER, 0.0, [0.0] * 5, Outcome.UNDECIDED, "there is no difference at all"),
    ],
)
def test_outcomes(expect: Expect, margin: float, differences: Sequence[float], outcome: Outcome, reason: str) -> None:
    """The place of the interval of the mean difference decides."""
    judgement = judge(claim(expect, margin), curves(differences))

    assert (outcome, reason) == (judgement.outcome, judgement.reason)
    assert judgement.difference is not None
    assert 5 == judgement.difference.n
    assert judgement.difference.mean == pytest.approx(math.fsum(differences) / 5, abs=1e-12)


def test_pairs_not_groups() -> None:
    """Seeds differ by 10 and variants by 1: only the differences of pairs can see it."""
    assert Outcome.CONFIRMED is judge(claim(Expect.HIGHER), curves(SURE)).outcome


def test_several_variants() -> None:
    """A claim may speak of several variants on each side: their numbers are combined seed by seed."""
    runs = curves(SURE)
    runs |= {"c": runs["b"], "d": {seed: (epoch(loss_epoch_mean=0.0),) for seed in runs["b"]}}
    of_mean = claim(Expect.HIGHER, of=("a", "d"), against_of=("b", "c"))
    of_most = claim(Expect.HIGHER, of=("a", "d"), against_of=("b", "c"), combine=max)

    assert ("a", "d", "b", "c") == of_mean.labels
    seed_0 = {label: by_seed[0] for label, by_seed in runs.items()}
    assert of_mean.effect(seed_0) == pytest.approx((10.0 + SURE[0]) / 2 - 10.0)
    assert of_most.effect(seed_0) == pytest.approx(SURE[0])
    assert Outcome.REFUTED is judge(of_mean, runs).outcome
    assert Outcome.CONFIRMED is judge(of_most, runs).outcome
    del runs["d"][3]
    difference = judge(of_most, runs).difference
    assert difference is not None
    assert 4 == difference.n


@pytest.mark.parametrize(
    ("expect", "second", "outcome", "reason"),
    [
        (Expect.HIGHER, [0.1, 0.2, 0.1, 0.2, 0.1], Outcome.CONFIRMED, "the whole interval lies above 0"),
        (Expect.HIGHER, UNSURE, Outcome.CONFIRMED, "the whole interval lies above 0"),
        (
            *(Expect.HIGHER, [-0.1, -0.2, -0.1, -0.2, -0.1], Outcome.UNDECIDED),
            "the whole interval lies above 0, but for second all of it lies below 0",
        ),
        (
            *(Expect.LOWER, [-0.1, -0.2, -0.1, -0.2, -0.1], Outcome.UNDECIDED),
            "no part of the interval lies below 0, but for second all of it lies below 0",
        ),
    ],
)
def test_a_mean_that_hides_a_part(expect: Expect, second: list[float], outcome: Outcome, reason: str) -> None:
    """What holds in the mean of several settings, and surely not in one of them, is undecided; the parts are shown."""
    runs = curves([4 * value for value in SURE])
    other = curves(second)
    runs |= {"c": other["a"], "d": other["b"]}
    parts = {"first": (("a",), ("b",)), "second": (("c",), ("d",))}
    judgement = judge(claim(expect, of=("a", "c"), against_of=("b", "d"), parts=parts), runs)

    assert (outcome, reason) == (judgement.outcome, judgement.reason)
    means = {name: part.mean for name, part in judgement.parts.items()}
    assert means == {"first": pytest.approx(4 * sum(SURE) / 5), "second": pytest.approx(sum(second) / 5)}


def test_similar_is_said_of_the_mean() -> None:
    """That a mean is not similar stays refuted, whatever the signs of its parts."""
    runs = curves([4 * value for value in SURE])
    other = curves(minus(SURE))
    runs |= {"c": other["a"], "d": other["b"]}
    parts = {"first": (("a",), ("b",)), "second": (("c",), ("d",))}
    similar = claim(Expect.SIMILAR, 0.5, of=("a", "c"), against_of=("b", "d"), parts=parts)
    assert Outcome.REFUTED is judge(similar, runs).outcome


def test_few_seeds_decide_nothing() -> None:
    """Below five pairs the claim is undecided, however clear the differences are."""
    judgement = judge(claim(Expect.HIGHER), curves(SURE[: LEAST_SEEDS - 1]))

    assert Outcome.UNDECIDED is judgement.outcome
    assert "too few pairs (4): at least 5 seeds are needed" == judgement.reason


def test_only_seeds_of_both_count() -> None:
    """A seed that only one variant has is no pair."""
    runs = curves(SURE)
    del runs["b"][0]
    judgement = judge(claim(Expect.HIGHER), runs)

    assert judgement.difference is not None
    assert 4 == judgement.difference.n
    for nothing in ({}, {"a": runs["a"]}, {"a": {1: runs["a"][1]}, "b": {2: runs["b"][2]}}):
        judgement = judge(claim(Expect.HIGHER), nothing)
        assert (Outcome.UNDECIDED, None) == (judgement.outcome, judgement.difference)
        assert "no seed has been run for all variants that it speaks of" == judgement.reason


@pytest.mark.parametrize("variant", ["a", "b"])
@pytest.mark.parametrize("measure", [final_loss, epochs_to_low_loss, first_accuracy, final_accuracy, share_left])
def test_a_diverged_run_decides_nothing(variant: str, measure: Any) -> None:
    """A run that diverged has few epochs and some accuracy: neither may count as fast or similar."""
    runs = curves(SURE)
    runs[variant][2] = (epoch(loss_epoch_mean=math.nan, validation_loss=math.inf),)
    judgement = judge(claim(Expect.LOWER, measure=measure), runs)

    assert (Outcome.UNDECIDED, "1 of 5 pairs have a diverged run") == (judgement.outcome, judgement.reason)


def losses(*values: float) -> Curve:
    """A curve with these losses."""
    return [epoch(number, loss_epoch_mean=value) for number, value in enumerate(values, start=1)]


def test_measures() -> None:
    """First and last values are those of the first and last epoch."""
    curve = [
        epoch(1, validation_accuracy=0.1, loss_epoch_mean=4.0, loss_running_mean=4.0),
        epoch(2, validation_accuracy=0.3, loss_epoch_mean=1.0, loss_running_mean=2.5),
        epoch(3, validation_accuracy=0.2, loss_epoch_mean=0.5, loss_running_mean=1.8),
    ]

    assert (0.1, 0.2) == (first_accuracy(curve), final_accuracy(curve))
    assert (4.0, 0.5, 1.8) == (first_loss(curve), final_loss(curve), final_running_loss(curve))
    assert 0.25 == share_left(curve)
    assert math.isnan(share_left(curve[:1]))
    assert math.isnan(share_left(losses(0.0, 0.0)))


def test_what_validation_chooses() -> None:
    """The best epoch is the first of equals by validation; its test accuracy is taken, not the best test accuracy."""
    curve = [
        epoch(1, validation_accuracy=0.3, test_accuracy=0.9),
        epoch(2, validation_accuracy=0.5, test_accuracy=0.4),
        epoch(3, validation_accuracy=0.5, test_accuracy=0.6),
    ]

    assert (0.5, 0.4) == (best_accuracy(curve), accuracy_at_best(curve))
    assert lost_from_best(curve) == pytest.approx(0.3)
    assert math.isnan(restlessness(curve[:1]))


def test_epochs_to_low_loss() -> None:
    """Interpolated in the logarithm between two epochs; 1 if low from the start, no number if never."""
    assert LOW_LOSS == 0.1
    assert epochs_to_low_loss(losses(1.0, 0.01)) == pytest.approx(1.5)
    assert epochs_to_low_loss(losses(10.0, 1.0, 0.01, 0.001)) == pytest.approx(2.5)
    assert epochs_to_low_loss(losses(0.1, 0.05)) == pytest.approx(1.0)
    assert 1.0 == epochs_to_low_loss(losses(0.05, 0.2, 0.01))
    assert math.isnan(epochs_to_low_loss(losses(1.0, 0.9, 0.8)))
    assert epochs_to_low_loss(losses(1.0, 0.5, 0.0)) == 2.0
