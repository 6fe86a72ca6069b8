"""What a trial computes once and hands out often: it has to be what a fresh computation would give."""

from __future__ import annotations

import numpy as np
import pytest

from gradspec import Op, nonnegative
from gradspec.cotangents import random_signs
from gradspec.domains import Case
from gradspec.evidence import Evidence
from gradspec.layouts import Space
from gradspec.trial import Trial
from tests.gradspec.samples import square


def evidence_of(op: Op, *x: float) -> Evidence:
    """The evidence at one point of an op with one input."""
    drawn = (np.array(x),)
    return Evidence(
        Trial(op, Case(sizes={"n": len(x)}, lead=(), params={}, keys={}, drawn=drawn, dtype="float64", seed=0))
    )


@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 3)])
def test_random_signs_are_the_draws_of_choice(shape: tuple[int, ...]) -> None:
    """The same numbers, and the generator goes on from the same place: seeds keep their meaning."""
    ours, numpys = np.random.default_rng(3), np.random.default_rng(3)
    for _ in range(20):
        assert np.array_equal(random_signs(shape, ours), numpys.choice((-1.0, 1.0), size=shape))
    assert ours.random() == numpys.random()


def test_the_scale_is_that_of_the_adopted_moves() -> None:
    """Next to an edge the first steps are replaced by finer ones; what was remembered of them has to go."""
    evidence = evidence_of(square(inputs={"x": nonnegative("n")}), 1e-6, 3.0)
    directions, _ = evidence.entries(np.arange(2))
    assert directions.moves[0, 0] <= 1e-6
    assert np.array_equal(directions.scale, np.abs(directions.moves).max(axis=1))


def test_terms_are_remembered_for_their_own_directions() -> None:
    """Twice the steps, twice the terms; and asked again, the same array."""
    evidence = evidence_of(square(), 1.5, -2.0)
    there, longer = evidence.directions, evidence.directions.times(2.0)
    assert np.array_equal(evidence.value_terms(longer), 2.0 * evidence.value_terms(there))
    assert evidence.value_terms(there) is evidence.value_terms(there)


def test_jitters_go_opposite_ways_in_pairs() -> None:
    """By one ulp and by eight, up and down by the same signs; the two pairs by signs of their own."""
    trial = evidence_of(square(), *np.linspace(1.0, 2.0, 16)).trial
    moves = [(trial.aside(turn)[0] - trial.point) > 0 for turn in range(4)]
    assert np.array_equal(moves[0], ~moves[1])
    assert np.array_equal(moves[2], ~moves[3])
    assert not np.array_equal(moves[0], moves[2])


def test_sampled_params_are_the_same_for_all_sizes() -> None:
    """More combinations of params than are kept: each assignment of sizes gets its sample, of its own values."""
    listed = {name: [*range(9)] for name in "abcd"}

    def forward(x: np.ndarray, *, a: int, b: int, c: int, d: int) -> tuple[np.ndarray, np.ndarray]:
        return x * x, x

    space = Space(square(forward=forward, params={**listed, "d": lambda sizes: [sizes["n"] + i for i in range(9)]}))
    by_size = {n: [c for c in space.combinations if c.sizes["n"] == n] for n in (2, 3)}
    keys = [{tuple(combination.keys.values()) for combination in found} for found in by_size.values()]
    assert keys[0] == keys[1]
    assert len(keys[0]) > 500
    for n, found in by_size.items():
        assert all(combination.params["d"] == n + int(combination.keys["d"]) for combination in found)
