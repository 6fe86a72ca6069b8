"""Kinks of many dimensions: any derivative that occurs nearby is right, and no sample of those finds them all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradspec import Op, Verdict, verify
from gradspec.domains import Case
from gradspec.evidence import Evidence
from gradspec.trial import Trial
from tests.right_ops.choices import (
    chamfer_distance,
    largest_magnitude_kept,
    largest_of_shifted,
    min_mod,
    nearest_to_a_thousand,
)
from tests.right_ops.linear_algebra import singular_values


def _evidence(op: Any, seed: int) -> Evidence:
    """Of the zero matrix, whose singular vectors may be any."""
    sizes, drawn = {"n": 2, "m": 3}, (np.zeros((2, 3)),)
    return Evidence(Trial(op, Case(sizes=sizes, lead=(), params={}, keys={}, drawn=drawn, dtype="float64", seed=seed)))


@pytest.mark.parametrize("seed", range(4))
def test_singular_values_of_zero_have_many_derivatives(seed: int) -> None:
    """Next to diag(2, 1) the second one moves with the last entry; from 0, that moves the first one alone."""
    assert not _evidence(singular_values, seed).of_rule.wrong.any()


@pytest.mark.parametrize("seed", range(4))
def test_but_not_any(seed: int) -> None:
    """Ten times as much occurs nowhere."""

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray]:
        u, vt = saved
        return (10 * (u * y_bar[..., None, :]) @ vt,)

    assert _evidence(singular_values.replace(vjp=vjp), seed).of_rule.wrong.any()


@pytest.mark.parametrize("seed", [0, 4])
@pytest.mark.parametrize("op", [chamfer_distance, largest_of_shifted, nearest_to_a_thousand], ids=lambda op: op.name)
def test_what_float32_cannot_tell_excuses_no_mistake_in_float32(op: Op, seed: int) -> None:
    """Which of two points is nearer may be anybody's guess; one percent is not."""

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray, ...]:
        x_bar, *others = op.vjp(saved, y_bar)
        return (x_bar * np.float32(1.01) if x_bar.dtype == np.float32 else x_bar, *others)

    assert Verdict.FAIL is verify(op.replace(vjp=vjp), seed=seed, explain=False).verdict


@pytest.mark.parametrize("op", [largest_magnitude_kept, min_mod, nearest_to_a_thousand], ids=lambda op: op.name)
def test_choices_of_one_of_several_are_not_accused(op: Op) -> None:
    """At (0, 0) the largest magnitude has the slope 1 along each axis, and a rule that takes one of them is right."""
    for seed in (0, 2, 3):
        assert Verdict.PASS is verify(op, seed=seed, explain=False).verdict
