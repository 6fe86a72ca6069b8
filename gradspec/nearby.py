"""Points beside a trial's own: what an op gives there tells what is usual for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from gradspec.cotangents import signs_by_value
from gradspec.intervals import Interval
from gradspec.oracles.finite_difference import STEPS
from gradspec.trial import Trial

GOLDEN = (5**0.5 - 1) / 2  # multiples of it, modulo 1, are spread evenly
SHORT = 2.0**21  # a number with no more binary digits than that, of float32's 24, tells nothing of how it was computed
TELLING = 2  # numbers of float32, and none that is not, that are no multiples of the last digit of the largest
FLOAT32_DIGITS = 24  # binary
DIGITS = 25  # and one more: the largest may be a power of two
WITHIN = (0.5137, 0.5391, 0.5703, 0.6291, 0.6548, 0.6868, 0.7571, 0.7694, 0.8329, 0.8847, 0.9113, 0.9719)
"""Of the shortest step, without any pattern: evenly spread ones would meet a period again and again."""
BESIDE = 2.0**-18  # of a number: some ulps of float32
SPREAD = np.linspace(-1.0, 1.0, 13)
STEPPED = 2.0**-36  # of the outputs and the inputs, where these are small
DRAWN = 4  # ordinary points, before a rule is accused
WITNESSES = 2  # of them, before the complex step is believed where nothing else sees as much


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
    return trial.pulled_back(_ordinary(trial), trial.y_bar64)


def usual_slopes(trial: Trial) -> np.ndarray:
    """(n',) the largest |x_bar| at a few points drawn from the ordinary part of the domain."""
    found = []
    for drawn in _typical(trial, DRAWN):
        x_bar = np.abs(trial.pulled_back(drawn, trial.y_bar64)[1])
        found.append(np.where(np.isfinite(x_bar), x_bar, 0.0))
    return np.asarray(np.max(found, axis=0))


def ordinary_trials(trial: Trial) -> Iterator[Trial]:
    """The same case at a few ordinary inputs, in float64."""
    for drawn in (_ordinary(trial), *_typical(trial, WITNESSES)):
        yield Trial(trial.op, replace(trial.case, drawn=tuple(drawn), dtype="float64", y_bar=trial.y_bar64))


def _typical(trial: Trial, count: int) -> Iterator[list[np.ndarray]]:
    """Inputs drawn from the ordinary part of the domain."""
    rng = np.random.default_rng((trial.case.seed, 15))
    for _ in range(count):
        pairs = zip(trial.drawn64, trial.domains, strict=True)
        yield [d.repaired(rng.uniform(*d.typical, size=u.shape)) if u.dtype.kind == "f" else u for u, d in pairs]


def within_a_step(trial: Trial, move: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares (s,) of a *move* (n,), within the shortest step that differences take, and what is there.

    Returns:
        The shares, outputs (s, m) and cotangents (s, n').
    """
    steps = STEPS[-1] * np.array(WITHIN)
    seen = [trial.pulled_back(trial.unflattened(trial.point + step * move), trial.y_bar64) for step in steps]
    return steps, np.array([y for y, _ in seen]), np.array([x_bar for _, x_bar in seen])


def turns(values: np.ndarray) -> int:
    """How often a sequence crosses its mean."""
    return int((np.diff(np.sign(values - values.mean())) != 0).sum())


def is_stepped(trial: Trial) -> bool:
    """Whether outputs go in steps between numbers of float32 that lie side by side, here or at ordinary inputs.

    A step bends them one way and the other; a kink bends one way, and a smooth function too little to be seen.
    """
    for other in (trial, *ordinary_trials(trial)):
        moves = BESIDE * other.point * signs_by_value(other.point, np.random.default_rng((trial.case.seed, 18)))
        with np.errstate(all="ignore"):
            ys = np.array([other.outputs(other.point + share * moves) for share in SPREAD])
        if ys.size and np.isfinite(ys).all():
            bends = np.diff(ys, 2, axis=0)
            size = max(np.abs(ys).max(), min(np.abs(other.point).max(initial=0.0), 1.0))  # 1 - 1 is rounded as 1 is
            if ((bends.max(axis=0) > STEPPED * size) & (bends.min(axis=0) < -STEPPED * size)).any():
                return True
    return False


def only_float32(usual: np.ndarray, others: Iterable[np.ndarray]) -> bool:
    """Whether outputs computed in float64 are numbers of float32, at ordinary inputs and at others.

    Numbers of few digits, such as the bounds of a clip, are so by themselves, and so are multiples of one power of two,
    such as integers: the digits of a number of float32 begin where it does, not at a fixed place.
    """
    if not _is_long(usual[np.isfinite(usual)]).any() or not _fits_float32(usual):
        return False
    seen = np.unique(np.concatenate([usual, *others]))
    seen = seen[np.isfinite(seen) & (seen != 0)]
    place = np.ldexp(seen, DIGITS - np.frexp(np.abs(seen).max())[1])  # 1 is the last digit of the largest
    return _fits_float32(seen) and bool((place != np.round(place)).sum() >= TELLING)


def last_digits(ys: np.ndarray) -> np.ndarray:
    """(m,) the place of the last binary digit that any of several values (s, m) of float32 has; 0 of nothing but 0.

    Values that differ, and all lack their last digits, have lost them: as differences of numbers of 1e13 have.
    """
    mantissa, exponent = np.frexp(np.where(np.isfinite(ys), ys, 0.0))
    whole = np.abs(mantissa * 2.0**FLOAT32_DIGITS).astype(np.int64)
    last = np.ldexp((whole & -whole).astype(float), exponent - FLOAT32_DIGITS)
    found = np.where(whole != 0, last, np.inf).min(axis=0)
    return np.where(np.isfinite(found), found, 0.0)


def _fits_float32(y: np.ndarray) -> bool:
    """Whether all that are finite are numbers of float32."""
    return bool(((y.astype(np.float32) == y) | ~np.isfinite(y)).all())


def _is_long(y: np.ndarray) -> np.ndarray:
    """Which numbers have more digits than tell nothing."""
    digits = np.frexp(y)[0] * SHORT
    return np.asarray(digits != np.round(digits))


def _closer(u: np.ndarray) -> np.ndarray:
    return u / 8


def _ordinary(trial: Trial) -> list[np.ndarray]:
    drawn, start = [], 1
    for u, domain in zip(trial.drawn64, trial.domains, strict=True):
        drawn.append(_spread(u, domain, start))
        start += u.size  # equal inputs are not ordinary: the cross product of two is 0
    return drawn


def _spread(u: np.ndarray, domain: Interval, start: int) -> np.ndarray:
    """Spread ordinary values in place of *u*, none in the middle of the domain, where ops have their zeros."""
    if u.dtype.kind != "f":
        return u
    low, high = domain.typical
    places = np.arange(start, start + u.size) * GOLDEN % 1.0
    return domain.repaired((low + (high - low) * places).reshape(u.shape))


def _is_inside(u: np.ndarray, domain: Interval) -> bool:
    return bool(np.array_equal(u, domain.repaired(u)))


def _reversed(u: np.ndarray) -> np.ndarray:
    return u.reshape(-1)[::-1].reshape(u.shape)
