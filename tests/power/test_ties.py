"""Kinks of many dimensions: any derivative that occurs nearby is right, and no sample of those finds them all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradspec.domains import Case
from gradspec.evidence import Evidence
from gradspec.trial import Trial
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
