"""Entries that are equal: which directions part them, and points nearby at which they differ."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

HIGHEST = 0.8135  # rank, where the lowest is -1: no two have the same magnitude
MANY_SLOPES = 8  # different ones
DECADES = 1.5  # of very uneven offsets
BLOCKS = 24  # parts of a direction, at most, that are followed by themselves
STEP = 2.0**-12  # along them: little beside what bends, and far from rounding
NEARLY = 2.0**-6  # of the sum: what smooth functions of several entries lack over such a step is less


def moves_ties_apart(moves: np.ndarray, groups: np.ndarray, tied: np.ndarray) -> np.ndarray:
    """(p,) whether a direction moves equal entries by different amounts."""
    apart = np.zeros(len(moves), dtype=bool)
    for group in np.unique(groups[tied]):
        apart |= np.ptp(moves[:, groups == group], axis=1) > 0
    return apart


def are_varied(samples: np.ndarray) -> np.ndarray:
    """(p,) whether most of the samples (turns, p) that are known differ; at kinks of max, sorting, |x| they are few."""
    digits = np.round(samples / np.fmax(np.nanmax(np.abs(samples), axis=0, initial=0.0), np.finfo(float).tiny), 6)
    different = np.array([np.unique(column[np.isfinite(column)]).size for column in digits.T], dtype=int)
    return np.asarray((2 * different > np.isfinite(digits).sum(axis=0)) & (different >= MANY_SLOPES))


def uneven(size: int, rng: np.random.Generator) -> np.ndarray:
    """Offsets in [-1, 1] of very different sizes: a matrix of them is nearly of rank 1, and what is left of it, too."""
    return np.asarray(10.0 ** rng.uniform(-DECADES, 0.0, size=size) * rng.choice((-1.0, 1.0), size=size))


def ranked(groups: np.ndarray, turn: int, rng: np.random.Generator) -> np.ndarray:
    """Offsets in [-1, 1] that tell the members of each group apart, and their magnitudes; after some turns at random.

    First each takes each rank with the others in rising and in falling order: torch.topk takes the first of equals.
    None is 0, where the largest magnitude, or a limiter of slopes, has its kink itself.
    """
    offsets = np.zeros(groups.shape)
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        ranks = np.linspace(-1.0, HIGHEST, len(members)) * (-1.0 if turn % 2 else 1.0)
        if turn < 2 * len(members):
            offsets[members] = np.roll(ranks, turn // 2)
        else:
            offsets[members] = rng.permutation(ranks)
    return offsets


def adds_up(function: Callable[[np.ndarray], np.ndarray], point: np.ndarray, move: np.ndarray, v: np.ndarray) -> bool:
    """Whether *function* (n,) -> (m,) changes along *move* (n,) by what it changes along the entries' parts of it.

    Then its kinks have nothing to do with each other, as those of two hats of a histogram: one may rise where another
    falls, and between the two slopes of both together need not lie what valid choices of each add up to. At a tie
    of a maximum they have: it rises once, however many of its entries rise.
    """
    base = function(point)
    blocks = np.array_split(np.flatnonzero(move), BLOCKS)
    parts = [np.where(np.isin(np.arange(move.size), block), move, 0.0) for block in blocks if block.size]
    for step in (STEP, -STEP):
        together = function(point + step * move) - base
        singly = [function(point + step * part) - base for part in parts]
        lacking = np.abs(v) * np.abs(together - np.sum(singly, axis=0))
        if not lacking.sum() <= NEARLY * (np.abs(v) * np.abs(singly)).sum():
            return False
    return True
