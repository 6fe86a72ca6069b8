"""What is random in a trial: the upstream gradient, and the signs by which inputs are moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gradspec.domains import LARGE, ONE_OUTPUT, SMALL

GRID = 2.0**10  # its multiples add up exactly, in float32 too and in any order
SIGNS = np.array((-1.0, 1.0))


@dataclass(frozen=True)
class Signs:
    """The signs by which a trial's inputs and y_bar are moved.

    Attributes:
        point: (n,) for the flat inputs, one per distinct magnitude.
        y_bar: For each output; None for integer ones.
        rng: What they were drawn from, as they left it.
    """

    point: np.ndarray
    y_bar: tuple[np.ndarray | None, ...]
    rng: np.random.Generator

    def moved(self, y_bar: Sequence[np.ndarray | None], relative: float) -> list[np.ndarray | None]:
        """The cotangents, moved by that share of themselves."""
        pairs = zip(y_bar, self.y_bar, strict=True)
        return [None if bar is None or sign is None else bar * (1.0 + relative * sign) for bar, sign in pairs]


def drawn_signs(point: np.ndarray, y_bar: Sequence[np.ndarray | None], rng: np.random.Generator) -> Signs:
    """Signs for a point (n,) and cotangents."""
    by_value = signs_by_value(point, rng)
    return Signs(by_value, tuple(None if bar is None else random_signs(bar.shape, rng) for bar in y_bar), rng)


def random_signs(shape: int | tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """An array of random signs: the draws of ``rng.choice((-1.0, 1.0), shape)`` in a third of its time."""
    return np.asarray(SIGNS[rng.integers(2, size=shape)])


def drawn_cotangents(ys: Sequence[np.ndarray], kind: str, rng: np.random.Generator) -> tuple[np.ndarray | None, ...]:
    """A cotangent of this kind, one of COTANGENTS, for each output; None for integers."""
    bars = tuple(drawn_cotangent(y, kind, rng) for y in ys)
    looked_at = [position for position, bar in enumerate(bars) if bar is not None and bar.size]
    if kind != ONE_OUTPUT or len(looked_at) < 2:
        return bars
    kept = looked_at[rng.integers(len(looked_at))]  # a network looks at no mean: all other cotangents are 0
    return tuple(bar if bar is None or at == kept else np.zeros_like(bar) for at, bar in enumerate(bars))


def drawn_cotangent(y: np.ndarray, kind: str, rng: np.random.Generator) -> np.ndarray | None:
    """A cotangent for the output *y* of this kind, one of COTANGENTS; None for integers."""
    if y.dtype.kind != "f":
        return None
    bar = rng.uniform(0.5, 2.0, size=y.shape) * random_signs(y.shape, rng)
    if kind == "balanced" and bar.size > 1:  # the gradient of a loss that ignores a common shift: its entries sum to 0
        rows = bar.reshape(-1, bar.shape[-1] if bar.ndim and bar.shape[-1] > 1 else bar.size)  # each, as softmax does
        half = np.round(rows[:, : rows.shape[1] // 2] * GRID) / GRID
        entries = np.concatenate([half, -half, np.zeros((len(rows), rows.shape[1] % 2))], axis=1)
        bar = rng.permuted(entries, axis=1).reshape(bar.shape)
    if kind == "one-hot" and bar.size:
        keep = int(rng.integers(bar.size))
        bar = np.where(np.arange(bar.size).reshape(bar.shape) == keep, bar, 0.0)
    bar = bar * {"large": LARGE, "small": SMALL}.get(kind, 1.0)
    return np.asarray(bar, dtype=y.dtype)


def signs_by_value(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random sign per distinct magnitude: moved by a share of themselves, equal and opposite entries stay so."""
    _, which = np.unique(np.abs(x), return_inverse=True)
    return np.asarray(random_signs(x.size, rng)[which.reshape(-1)])
