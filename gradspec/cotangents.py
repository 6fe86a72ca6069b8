"""What is random in a trial: the upstream gradient, and the signs by which inputs are moved."""

from __future__ import annotations

import numpy as np

from gradspec.domains import LARGE, SMALL


def drawn_cotangent(y: np.ndarray, kind: str, rng: np.random.Generator) -> np.ndarray | None:
    """A cotangent for the output *y* of this kind, one of COTANGENTS; None for integers."""
    if y.dtype.kind != "f":
        return None
    bar = rng.uniform(0.5, 2.0, size=y.shape) * rng.choice((-1.0, 1.0), size=y.shape)
    if kind == "one-hot" and bar.size:
        keep = int(rng.integers(bar.size))
        bar = np.where(np.arange(bar.size).reshape(bar.shape) == keep, bar, 0.0)
    bar = bar * {"large": LARGE, "small": SMALL}.get(kind, 1.0)
    return np.asarray(bar, dtype=y.dtype)


def signs_by_value(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random sign per distinct value, so that equal entries stay equal."""
    _, which = np.unique(x, return_inverse=True)
    return rng.choice((-1.0, 1.0), size=x.size)[which.reshape(-1)]
