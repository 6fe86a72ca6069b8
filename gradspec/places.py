"""Values at all distances from a place where formulas switch: an edge, a point that is excluded, a number in code."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

DECADES = (-8.0, -1.5)  # of the distances: of the ordinary range, or of the number itself
OVERFLOWS = (89.0, 100.0)  # exp(88.73) is no float32 any more; a threshold of 100 lets these through
EXACTLY = 12  # whole numbers that are tried, at most
NEIGHBOURS = (0, -1, 1)


def distances(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """One distance from each of as many parts of :data:`DECADES` as there are entries: none of them is left out."""
    size = math.prod(shape)
    low, high = DECADES
    shares = (np.arange(size) + rng.random(size)) / max(size, 1)
    return np.asarray(10.0 ** (low + (high - low) * rng.permutation(shares)).reshape(shape))


def next_to(edge: float, inward: float, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Values inside an *edge*: *inward* is the ordinary range, negative where the inside lies below."""
    return np.asarray(edge + inward * distances(shape, rng))


def around(points: Sequence[float], shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Values on both sides of the *points*, which are taken in turn."""
    which = rng.permutation(np.resize(rng.permutation(points), math.prod(shape))).reshape(shape)
    return np.asarray(which * (1.0 + distances(shape, rng) * rng.choice((-1.0, 1.0), size=shape)))


def overflowing(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Values of both signs whose exponential just overflows, or vanishes, in float32."""
    signs = rng.permutation(np.resize(rng.permutation((1.0, -1.0)), math.prod(shape))).reshape(shape)
    return np.asarray(rng.uniform(*OVERFLOWS, size=shape) * signs)


def whole_numbers(numbers: Sequence[float]) -> list[int]:
    """The whole ones of the *numbers* with their neighbours, at most :data:`EXACTLY`, each once."""
    whole = (int(number) + step for number in numbers if number == int(number) for step in NEIGHBOURS)
    return [*dict.fromkeys(whole)][:EXACTLY]
