"""The training loop: a pure function of a config and its data, equal to the bit whenever it is called."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from experiments.config import Config
from experiments.execute import load
from experiments.experiment import QUICK
from experiments.learner import make_learner, make_model
from experiments.records import Epoch, State, digest
from experiments.train import resumed, train
from tests.experiments.small import VARIANTS, config

DRAWN = {"train_points": 2000, "batch_size": 20, "epochs": 6}
LEARNS: dict[tuple[str, str], dict[str, Any]] = {
    ("mlp", "sgd"): {**QUICK, "batch_size": 128},
    ("net", "sgd"): {**DRAWN, "lr": 0.03, "momentum": 0.9},
    ("net", "adam"): {**DRAWN, "lr": 0.002},
}
"""Budgets and step sizes with which a network learns in a few epochs."""
LEARNING = {one.run_id: one for one in (replace(one, **LEARNS[one.model, one.optimizer]) for one in VARIANTS.values())}
"""Each variant with these; those that differed in what is replaced are one."""


def run(config: Config, start: State | None = None) -> list[tuple[Epoch, State]]:
    """All epochs, with their states."""
    return list(train(config, load(config), start=start))


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> Config:
    """Each variant of each experiment."""
    return VARIANTS[request.param]


def test_same_seed_same_bits(variant: Config) -> None:
    """Two runs of one config have equal rows and equal states, to the bit."""
    first, second = run(variant), run(variant)

    assert [row for row, _ in first] == [row for row, _ in second]
    assert [state.to_npz() for _, state in first] == [state.to_npz() for _, state in second]


def test_different_seeds_differ(variant: Config) -> None:
    """Another seed means other weights, other rows and other points."""
    other = replace(variant, seed=variant.seed + 1)
    (row, state), (other_row, other_state) = run(variant)[-1], run(other)[-1]

    assert row != other_row
    assert digest(state.parameters) != digest(other_state.parameters)
    assert not np.array_equal(load(variant).train.x, load(other).train.x)


@pytest.mark.parametrize("variant", LEARNING.values(), ids=LEARNING)
def test_the_loss_falls(variant: Config) -> None:
    """With the points and epochs of --quick, the last mean training loss is less than half of the first."""
    losses = [row.loss_epoch_mean for row, _ in run(variant)]

    assert losses[-1] < losses[0] / 2


def test_variants_of_one_seed_share_their_start(variant: Config) -> None:
    """First weights, points and order are the seed's alone: this is what makes pairs of runs comparable."""
    mine, other = make_model(variant).state(), make_model(replace(variant, lr=0.5, epochs=7)).state()
    _, shuffle = resumed(variant, None)
    _, other_shuffle = resumed(replace(variant, lr=0.5), None)

    assert digest(mine) == digest(other)
    assert shuffle.permutation(9).tolist() == other_shuffle.permutation(9).tolist()


def test_no_global_randomness(variant: Config) -> None:
    """NumPy's global generator is neither read nor moved."""
    np.random.seed(1)
    before = np.random.get_state()[1].tolist()
    first = run(variant)[-1][1]
    after = np.random.get_state()[1].tolist()
    np.random.seed(2)

    assert before == after
    assert digest(first.parameters) == digest(run(variant)[-1][1].parameters)


def _with_momentum() -> Iterator[tuple[str, float]]:
    """Each variant, with and without momentum; Adam has none of it."""
    for label, variant in VARIANTS.items():
        yield label, 0.0
        if variant.optimizer == "sgd":
            yield label, 0.9


@pytest.mark.parametrize("backend", ["ops", "torch"])
@pytest.mark.parametrize(("label", "momentum"), [*_with_momentum()])
def test_going_on_from_any_epoch(label: str, momentum: float, backend: str) -> None:
    """From the state of any epoch on, through bytes and back, the same rows and states follow."""
    if backend == "torch":
        pytest.importorskip("torch", reason="the twin is written in torch")
    variant = replace(VARIANTS[label], backend=backend, momentum=momentum)
    whole = run(variant)
    for done, (_, state) in enumerate(whole, start=1):
        rest = run(variant, State.from_npz(state.to_npz()))

        assert [row for row, _ in whole[done:]] == [row for row, _ in rest]
        assert [later.to_npz() for _, later in whole[done:]] == [later.to_npz() for _, later in rest]


def test_running_mean_is_over_all_points_so_far() -> None:
    """The epoch's mean is reset each epoch, the running mean never; the last batch of an epoch may be smaller."""
    rows = [row for row, _ in run(config(train_points=610))]
    means = np.cumsum([row.loss_epoch_mean for row in rows]) / np.arange(1, len(rows) + 1)

    np.testing.assert_allclose([row.loss_running_mean for row in rows], means, rtol=1e-14)
    assert rows[0].loss_running_mean == rows[0].loss_epoch_mean


def test_a_diverged_run_ends_and_shows_it() -> None:
    """A loss that is not finite is the last row, without a warning, and what follows from its state is nothing."""
    diverging = config(activation="relu", layers=3, lr=1e30, epochs=5)
    epochs = run(diverging)
    row, state = epochs[-1]

    assert len(epochs) < 5
    assert row.diverged
    assert not any(before.diverged for before, _ in epochs[:-1])
    assert run(diverging, state) == []


def test_logits_that_are_not_finite_are_wrong() -> None:
    """A model full of NaN has accuracy 0, not the share of class 0."""
    small = config()
    learner = make_learner(small)
    learner.load({name: np.full_like(value, np.nan) for name, value in learner.parameters().items()}, {})
    loss, accuracy = learner.evaluate(load(small).validation)

    assert math.isnan(loss)
    assert accuracy == 0.0


def test_evaluation_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss and accuracy do not depend on how many points are looked at at once."""
    small = config()
    learner, points = make_learner(small), load(small).validation
    whole, logits = learner.evaluate(points), learner.logits(points.x)
    monkeypatch.setattr("experiments.learner_ops.EVALUATION_BATCH", 7)

    assert learner.evaluate(points) == pytest.approx(whole, rel=1e-13)
    np.testing.assert_allclose(learner.logits(points.x), logits, rtol=1e-12)


def test_states_of_other_runs_are_refused() -> None:
    """Parameters, velocities, epoch and generator of a state must be of the config."""
    small = config()
    state = run(small)[-1][1]
    wrong: Iterator[State] = iter(
        (
            run(config(hidden=3))[0][1],
            replace(state, memory={"9.velocity": np.zeros(2)}),
            replace(state, epoch=small.epochs + 1),
            replace(state, epoch=0),
            replace(state, shuffle="{}"),
            replace(state, shuffle='{"bit_generator": "PCG64"'),
            replace(state, shuffle='{"bit_generator": "MT19937"}'),
        )
    )
    for other in wrong:
        with pytest.raises(ValueError, match=r"\w"):
            resumed(small, other)
