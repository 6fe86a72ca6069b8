"""Filling one input with values that have to do with those of another: equal ones, and close ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradspec.intervals import Interval
from gradspec.values import NEAR, fill, thresholds

SHARED = "shared with another input"
BESIDE = "close to another input"
DEEP = (0.4, 0.7)  # relative distance to a threshold: a small one needs room for the steps of an oracle
FARTHEST = 100.0  # thresholds for the distance of two inputs; a larger one is no part of ordinary draws


def shared(
    others: Sequence[np.ndarray], domain: Interval, shape: tuple[int, ...], rng: np.random.Generator
) -> np.ndarray:
    """Ordinary values, but half of the rows are rows of an earlier input, and one more the negative of one.

    Points that coincide, and pairs whose sum is 0 or whose magnitudes are equal.

    Args:
        others: The earlier inputs, of any dtype; the last one of floats counts.
        domain: Where the values may lie.
        shape: The shape to fill.
        rng: Decides which rows.
    """
    return domain.repaired(_with_rows_of(others, domain, shape, rng, share=0.5, opposite=True))


def beside(
    others: Sequence[np.ndarray],
    domain: Interval,
    shape: tuple[int, ...],
    rng: np.random.Generator,
    params: Mapping[str, Any],
) -> np.ndarray:
    """Values close to those of an earlier input, on both sides of a threshold for the distance and exactly there.

    A branch on the difference of two inputs (a Huber loss, a kernel with a cutoff) is hardly ever drawn otherwise. The
    thresholds are the params and the numbers of the op's code; without any, 1. Every fourth row is moved as a point is:
    its Euclidean distance is what a threshold meets, where each entry of the other rows has one of its own.

    Args:
        others: The earlier inputs, of any dtype; the last one of floats counts.
        domain: Where the values may lie.
        shape: The shape to fill.
        rng: Decides how close.
        params: The op's params; the numbers among them may be thresholds.
    """
    x = _with_rows_of(others, domain, shape, rng, share=1.0)
    order = rng.permutation(math.prod(shape)).reshape(shape) + rng.integers(4)
    limits = [limit for limit in (*thresholds(params), *domain.numbers) if limit <= FARTHEST]
    signs = rng.choice((-1.0, 1.0), size=shape)
    if limits:  # just outside, just inside, deep inside and exactly there by turns
        near, deep = rng.uniform(*NEAR, size=shape), rng.uniform(*DEEP, size=shape)
        there = rng.choice(limits, size=shape)
        signs = np.where(_is_exact(x, signs * there), signs, -signs)
        # Most sums are rounded, and then the distance is another one: it is exactly there more often where it can be.
        aside = np.choose(order % 4, (near, -near, -deep, np.zeros(shape)))
        distances = there * (1.0 + np.where(_is_exact(x, signs * there) & (order % 4 == 0), 0.0, aside))
    else:
        distances = np.where(order % 4 == 3, 1.0, 10.0 ** rng.uniform(-2.0, 0.0, size=shape))
    moves = distances * signs
    if len(shape) > 1 and shape[-1] > 1:
        directions = rng.normal(size=shape)
        directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
        points = (np.arange(math.prod(shape[:-1])) + rng.integers(4)).reshape(*shape[:-1], 1) % 4 == 0
        moves = np.where(points, distances[..., :1] * directions, moves)
    return domain.repaired(x + moves)


def _is_exact(x: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Whether the difference of x + moves and x is what x was moved by."""
    return np.asarray((x + moves) - x == moves)


def _with_rows_of(
    others: Sequence[np.ndarray],
    domain: Interval,
    shape: tuple[int, ...],
    rng: np.random.Generator,
    *,
    share: float,
    opposite: bool = False,
) -> np.ndarray:
    """Ordinary values, but a *share* of the rows are rows of an earlier input; and one more, negated, if *opposite*."""
    x = fill(domain, shape, "uniform", rng)
    source = next((other for other in reversed(others) if other.dtype.kind == "f"), None)
    if source is None or not x.size or not source.size:
        return x
    width = shape[-1] if x.ndim > 1 and source.shape[-1:] == shape[-1:] else 1
    rows, available = x.reshape(-1, width), source.reshape(-1, width)
    chosen, more = np.split(rng.permutation(len(rows)), [max(1, round(share * len(rows)))])
    # Entry by entry where the inputs are alike.
    source_of = np.arange(len(rows)) if len(rows) == len(available) else rng.integers(len(available), size=len(rows))
    rows[chosen] = available[source_of[chosen]]
    if opposite and more.size:
        negated = -available[source_of[more[0]]]
        if all(map(domain.holds, negated.tolist())):
            rows[more[0]] = negated
    return rows.reshape(shape)
