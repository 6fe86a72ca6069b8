"""Each claim of each experiment, on curves where it plainly holds and on those where its opposite does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from experiments.catalogue import EXPERIMENTS, find
from experiments.claims import Claim, Curve, Outcome, judge
from experiments.cnn_grid import cells
from experiments.records import Epoch
from tests.experiments.small import epoch

SEEDS = range(5)
GAIN, LITTLE = 0.1, 0.001
Fields = Mapping[str, Sequence[float]]


def rows(fields: Fields) -> list[Epoch]:
    """Epochs with these numbers."""
    count = len(next(iter(fields.values())))
    return [epoch(n + 1, **{name: values[n] for name, values in fields.items()}) for n in range(count)]


def level(name: str, value: float) -> Fields:
    """Three epochs at one level."""
    return {name: [value] * 3}


def scatter(size: float) -> Fields:
    """Four epochs that go up and down."""
    return {"test_accuracy": [0.5, 0.5 + size, 0.5, 0.5 + size]}


def chosen_and_tested(value: float) -> Fields:
    """A test accuracy that validation agrees with."""
    return {"validation_accuracy": [value] * 3, "test_accuracy": [value] * 3}


def low(count: float) -> Fields:
    """A loss that falls by the same factor each epoch and is below 0.1 after *count* of them."""
    return {"loss_epoch_mean": [0.1 ** (n / count) for n in range(1, 9)]}


HOLDS: dict[tuple[str, int], tuple[Callable[[float], Fields], float, float]] = {
    ("activations", 0): (lambda v: level("validation_accuracy", v), 0.9, 0.8),
    ("activations", 1): (lambda v: level("loss_epoch_mean", v), 0.3, 0.2),
    ("activations", 2): (lambda v: level("loss_running_mean", v), 0.3, 0.2),
    ("residual", 0): (lambda v: level("loss_epoch_mean", v), 0.2, 0.3),
    ("residual", 1): (low, 2.0, 3.0),
    ("residual", 2): (low, 2.0, 3.0),
    ("residual", 3): (lambda v: level("validation_accuracy", v), 0.9, 0.9),
    ("cnn_grid", 0): (lambda v: level("validation_accuracy", v), 0.3, 0.6),
    ("cnn_grid", 1): (lambda v: level("validation_accuracy", v), 0.3, 0.6),
    ("cnn_grid", 2): (chosen_and_tested, 0.7, 0.6),
    ("cnn_grid", 3): (lambda v: level("validation_accuracy", v), 0.6, 0.6),
    ("cnn_grid", 4): (scatter, 0.1, 0.01),
    ("cnn_grid", 5): (lambda v: level("validation_accuracy", v), 0.6, 0.5),
    ("optimizers", 0): (scatter, 0.1, 0.01),
    ("optimizers", 1): (lambda v: {"test_accuracy": [0.5 + v, 0.5]}, 0.1, 0.01),
    ("optimizers", 2): (chosen_and_tested, 0.6, 0.6),
}
"""Claim -> curves of a number, the number of what it speaks of and of what that is compared with, where it holds."""
SPOKEN_OF = {
    ("activations", 0): "ReLU",
    ("activations", 1): "ReLU",
    ("activations", 2): "ReLU",
    ("residual", 0): "residual",
    ("residual", 1): "residual",
    ("residual", 2): "residual",
    ("residual", 3): "residual",
    ("optimizers", 0): "Adam, tuned",
    ("optimizers", 1): "Adam, tuned",
    ("optimizers", 2): "Adam, tuned",
}
CELLS: dict[int, tuple[str, ...]] = {
    0: cells([0.01]),
    1: cells([0.01]),
    2: cells([0.001], [0.95]),
    3: cells([0.001], [0.95]),
    4: cells([0.001], [0.9]),
    5: cells([0.0005], [0.95]),
}
"""Of the grid: what is spoken of, by the claim's number."""
SIMILAR = {("residual", 3), ("cnn_grid", 3), ("optimizers", 2)}


def spoken_of(name: str, number: int) -> tuple[str, ...]:
    """The labels that a claim speaks of."""
    return CELLS[number] if name == "cnn_grid" else (SPOKEN_OF[name, number],)


def curves(name: str, number: int, ours: float, theirs: float) -> dict[str, dict[int, Curve]]:
    """Five seeds of every variant, each at a level of its own."""
    make = HOLDS[name, number][0]
    experiment, mine = find(name), spoken_of(name, number)
    labels = [*experiment.variants, *experiment.tuned]
    return {
        label: {seed: rows(make((ours if label in mine else theirs) * (1 + LITTLE * seed))) for seed in SEEDS}
        for label in labels
    }


def claim(name: str, number: int) -> Claim:
    """A claim by its place."""
    return find(name).claims[number]


@pytest.mark.parametrize("case", HOLDS, ids=lambda case: f"{case[0]} {case[1]}")
def test_it_is_confirmed_where_it_holds(case: tuple[str, int]) -> None:
    """And refuted where the two sides change places, or, of what is said to be similar, where they are not."""
    _, ours, theirs = HOLDS[case]
    opposite = (ours, theirs * (1 + GAIN)) if case in SIMILAR else (theirs, ours)

    assert Outcome.CONFIRMED is judge(claim(*case), curves(*case, ours, theirs)).outcome
    assert Outcome.REFUTED is judge(claim(*case), curves(*case, *opposite)).outcome


def test_every_claim_is_here() -> None:
    """None is left out."""
    every: set[tuple[str, int]] = {(one.name, number) for one in EXPERIMENTS for number in range(len(one.claims))}

    assert every == set(HOLDS)


def test_parts_of_the_grid() -> None:
    """Each claim about a mean over batch sizes has one part for each, of the same cells; their mean is the whole."""
    for number, one in enumerate(find("cnn_grid").claims):
        if number == 2:  # of what validation chooses, whatever its batch size
            assert {} == one.parts
            continue
        assert ["batch 8", "batch 32", "batch 64"] == list(one.parts)
        for side, labels in enumerate((one.of, one.against_of)):
            assert sorted(labels) == sorted(label for part in one.parts.values() for label in part[side])
        by_seed = curves("cnn_grid", number, *HOLDS["cnn_grid", number][1:])
        seed_0 = {label: runs[0] for label, runs in by_seed.items()}
        effects = [one.part(name).effect(seed_0) for name in one.parts]
        assert one.effect(seed_0) == pytest.approx(sum(effects) / 3)


def test_a_gain_more_than_a_gain() -> None:
    """Of two gains by momentum the difference, on their own scale: 0.1 at the lower lr and none at the higher one."""
    seed_0 = {label: runs[0] for label, runs in curves("cnn_grid", 5, 0.6, 0.5).items()}
    assert claim("cnn_grid", 5).effect(seed_0) == pytest.approx(0.1)


def test_only_our_own_question_is_not_the_studys() -> None:
    """What is shown in quotation marks was said."""
    asked: list[Any] = [claim.text for one in EXPERIMENTS for claim in one.claims if not claim.of_study]

    assert ["Both get as far."] == asked
