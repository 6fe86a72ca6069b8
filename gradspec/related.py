"""Filling one input with values that have to do with those of another: equal ones, and close ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradspec.values import NEAR, Interval, fill, thresholds

SHARED = "shared with another input"
BESIDE = "close to another input"
DEEP = (0.4, 0.7)  # relative distance to a threshold: a small one needs room for the steps of an oracle
FARTHEST = 100.0  # thresholds for the distance of two inputs; a larger one is no part of ordinary draws


def shared(
    others: Sequence[np.ndarray], domain: Interval, shape: tuple[int, ...], rng: np.random.Generator
) -> np.ndarray:
    """Ordinary values, but half of the rows are rows of an earlier input: points that coincide.

    Args:
        others: The earlier inputs, of any dtype; the last one of floats counts.
        domain: Where the values may lie.
        shape: The shape to fill.
        rng: Decides which rows.
    """
    return domain.repaired(_with_rows_of(others, domain, shape, rng, share=0.5))


def beside(
    others: Sequence[np.ndarray],
    domain: Interval,
    shape: tuple[int, ...],
    rng: np.random.Generator,
    params: Mapping[str, Any],
) -> np.ndarray:
    """Values close to those of an earlier input, on both sides of a threshold for the distance if a param is one.

    A branch on the difference of two inputs (a Huber loss, a kernel with a cutoff) is hardly ever drawn otherwise.

    Args:
        others: The earlier inputs, of any dtype; the last one of floats counts.
        domain: Where the values may lie.
        shape: The shape to fill.
        rng: Decides how close.
        params: The op's params; the numbers among them may be thresholds.
    """
    x = _with_rows_of(others, domain, shape, rng, share=1.0)
    distances = 10.0 ** rng.uniform(-2.0, 0.0, size=shape)
    limits = [limit for limit in thresholds(params) if limit <= FARTHEST]
    if limits:
        order = rng.permutation(math.prod(shape)).reshape(shape)  # just outside, just inside and deep inside by turns
        near, deep = rng.uniform(*NEAR, size=shape), rng.uniform(*DEEP, size=shape)
        distances = rng.choice(limits, size=shape) * (1.0 + np.choose(order % 3, (near, -near, -deep)))
    return domain.repaired(x + distances * rng.choice((-1.0, 1.0), size=shape))


def _with_rows_of(
    others: Sequence[np.ndarray], domain: Interval, shape: tuple[int, ...], rng: np.random.Generator, share: float
) -> np.ndarray:
    """Ordinary values, but a *share* of the rows are rows of an earlier input."""
    x = fill(domain, shape, "uniform", rng)
    source = next((other for other in reversed(others) if other.dtype.kind == "f"), None)
    if source is None or not x.size or not source.size:
        return x
    width = shape[-1] if x.ndim > 1 and source.shape[-1:] == shape[-1:] else 1
    rows, available = x.reshape(-1, width), source.reshape(-1, width)
    chosen = rng.permutation(len(rows))[: max(1, round(share * len(rows)))]
    if len(rows) == len(available):  # entry by entry where the inputs are alike
        rows[chosen] = available[chosen]
    else:
        rows[chosen] = available[rng.integers(len(available), size=len(chosen))]
    return rows.reshape(shape)
