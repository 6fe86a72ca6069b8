"""From a wrong cotangent to a named guess at the cause. A guess is called a guess: the text says "looks like"."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

EXPLAINED = 1e-3  # a guess must explain all but this share of the difference
DIGITS = 1e-5  # of a factor with a name: those of float32
TELLING = 3  # entries of both that are not 0, for a guess to be worth anything
NOTHING = "nothing is propagated to this input: every entry is 0"
NOTHING_HERE = "nothing is propagated in these cases: every entry is 0, and is not in others"
OF_A_FACTOR = ("the wrong sign", "a factor", "a constant that is")
NAMED = {"2": 2.0, "1/2": 0.5, "3": 3.0, "1/3": 1 / 3, "4": 4.0, "1/4": 0.25, "ln 2": math.log(2), "π": math.pi}


def diagnose(got: np.ndarray, want: np.ndarray) -> str:
    """Name what turns *want* into *got*.

    Args:
        got: The rule's cotangent, of one input.
        want: What the oracle says; NaN where unknown.

    Returns:
        The first guess that explains nearly all of the difference, or "".
    """
    known = np.isfinite(want)
    if known.all() and not got.any() and np.count_nonzero(want) > 1:
        return NOTHING
    if np.count_nonzero(got[known]) + np.count_nonzero(want[known]) < TELLING:
        return ""  # between two numbers there is always a factor
    if not known.all():
        return _scalar_guess(got[known], want[known])
    return next(_guesses(got, want), "")


def diagnose_along(claim: np.ndarray, want: np.ndarray) -> str:
    """The same of what is known along directions (p,) only: a sign or a factor that all of the cotangent has, or ""."""
    if not np.isfinite(claim).all() or np.count_nonzero(claim) + np.count_nonzero(want) < TELLING:
        return ""
    return _scalar_guess(claim, want)


def contradicts(guess: str, got: np.ndarray, want: np.ndarray) -> bool:
    """Whether a guess at a factor, a sign or nothing at all, made on other numbers, does not hold for these.

    Other guesses speak of axes, which a small case need not have.
    """
    known = np.isfinite(want) & np.isfinite(got)
    if guess == NOTHING:
        return bool(got.any())
    if not guess.startswith(OF_A_FACTOR) or not (got[known] != want[known]).any():
        return False
    return guess != _scalar_guess(got[known], want[known])


def _guesses(got: np.ndarray, want: np.ndarray) -> Iterator[str]:
    if not np.isfinite(got).all():
        finite = np.isfinite(got)
        kind = "NaN" if np.isnan(got[~finite]).any() else "inf"
        yield f"an overflow or a division by zero: entries are {kind}"
        return
    guess = _scalar_guess(got, want)
    if guess:
        yield guess
    if got.ndim >= 2 and got.shape[-1] == got.shape[-2] and _explains(got, want, want.swapaxes(-1, -2)):
        yield "the right values, transposed"
    for axis in range(got.ndim):
        if got.shape[axis] > 1 and _explains(got, want, np.flip(want, axis)):
            yield f"the right values, in reverse order along axis {axis}"
    yield from _missing_term(got, want)
    different = ~np.isclose(got, want, rtol=1e-9, atol=0.0)
    if 0 < different.sum() < got.size and not got[different].any():
        yield "a mask that is too narrow: entries are 0 that should not be"
    if _explains(got, want, np.copysign(want, got)):
        yield "the right sizes with wrong signs: abs() or a wrong branch"


def _scalar_guess(got: np.ndarray, want: np.ndarray) -> str:
    size = float(np.sum(want * want))
    if size == 0:
        return ""
    factor = float(np.sum(got * want)) / size
    if not np.isfinite(factor) or factor == 0 or not _explains(got, want, factor * want):
        return ""
    if math.isclose(factor, -1, rel_tol=DIGITS):
        return "the wrong sign"
    named = dict(NAMED)
    for axis, length in enumerate(want.shape):
        if length > 2:
            named |= {
                f"{length}, the length of axis {axis}": length,
                f"1/{length}, the length of axis {axis}": 1 / length,
            }
    for name, value in named.items():
        for sign, word in ((1, ""), (-1, "-")):
            if math.isclose(factor, sign * value, rel_tol=DIGITS):
                return f"a factor {word}{name}"
    if abs(abs(factor) - 1) < 1e-2:
        return f"a constant that is slightly off: a factor 1 {factor - 1:+.3g}".replace("+", "+ ").replace(" -", " - ")
    return f"a factor {factor:.6g}"


def _missing_term(got: np.ndarray, want: np.ndarray) -> Iterator[str]:
    difference = got - want
    size = float(np.abs(difference).max())
    for axis in reversed(range(got.ndim)):
        if got.shape[axis] > 1 and size > 0:
            spread = np.ptp(difference, axis=axis)
            if float(spread.max()) <= EXPLAINED * size:
                yield f"a missing term: the difference is constant along axis {axis}"
                return
    if got.ndim == 2 and min(got.shape) > 2 and size > 0:
        singular = np.linalg.svd(difference, compute_uv=False)
        if singular[1] <= EXPLAINED * singular[0] and np.isfinite(singular).all():
            yield "a missing term: the difference is an outer product (rank 1)"


def _explains(got: np.ndarray, want: np.ndarray, guess: np.ndarray) -> bool:
    """Whether *guess* leaves nearly nothing of the difference between *got* and *want*."""
    size = float(np.abs(got - want).max(initial=0.0))
    return size > 0 and float(np.abs(got - guess).max(initial=0.0)) <= EXPLAINED * size
