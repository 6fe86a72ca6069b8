"""Points beside a trial's own: what an op gives there tells what is usual for it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from gradspec.trial import Trial
from gradspec.values import Interval

GOLDEN = (5**0.5 - 1) / 2  # multiples of it, modulo 1, are spread evenly
SHORT = 2.0**16  # a number with no more binary digits than that tells nothing of how it was computed
TELLING = 3  # different longer ones that are all numbers of float32 are no accident


def nearby(trial: Trial) -> list[tuple[np.ndarray, np.ndarray]]:
    """Outputs (m,) and cotangents (n') at the same inputs with signs flipped, entries reversed, closer to 0."""
    found = []
    for change in (np.negative, _reversed, _closer):
        drawn = [change(u) if u.dtype.kind == "f" else u for u in trial.drawn64]
        if all(map(_is_inside, drawn, trial.domains)):  # moved inside it would not be of this magnitude any more
            found.append(trial.pulled_back(drawn, trial.y_bar64))
    return found


def at_ordinary(trial: Trial) -> tuple[np.ndarray, np.ndarray]:
    """Outputs (m,) and cotangents (n') at ordinary inputs of the same shapes."""
    drawn = [_ordinary(u, domain) for u, domain in zip(trial.drawn64, trial.domains, strict=True)]
    return trial.pulled_back(drawn, trial.y_bar64)


def only_float32(usual: np.ndarray, others: Iterable[np.ndarray]) -> bool:
    """Whether outputs computed in float64 are numbers of float32, at ordinary inputs and at others.

    Numbers of few digits, such as integers or the bounds of a clip, are so by themselves, and large ones for their
    size: so some of the *usual* ones must have more.
    """
    long = _long(usual)
    seen = np.unique(np.concatenate([long, *map(_long, others)]))
    return bool(long.size) and seen.size >= TELLING and bool((seen.astype(np.float32) == seen).all())


def _long(y: np.ndarray) -> np.ndarray:
    """The finite numbers in *y* with more digits than a short one."""
    digits = np.frexp(y)[0] * SHORT
    return np.asarray(y[np.isfinite(y) & (digits != np.round(digits))])


def _closer(u: np.ndarray) -> np.ndarray:
    return u / 8


def _ordinary(u: np.ndarray, domain: Interval) -> np.ndarray:
    """Spread ordinary values in place of *u*, none in the middle of the domain, where ops have their zeros."""
    if u.dtype.kind != "f":
        return u
    low, high = domain.typical
    places = np.arange(1, u.size + 1) * GOLDEN % 1.0
    return domain.repaired((low + (high - low) * places).reshape(u.shape))


def _is_inside(u: np.ndarray, domain: Interval) -> bool:
    return bool(np.array_equal(u, domain.repaired(u)))


def _reversed(u: np.ndarray) -> np.ndarray:
    return u.reshape(-1)[::-1].reshape(u.shape)
