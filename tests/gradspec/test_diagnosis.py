"""Guesses at the cause: the right one for each mistake, and none where there is nothing to say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gradspec.diagnosis import NOTHING, contradicts, diagnose, diagnose_along

WANT = np.random.default_rng(0).normal(size=(3, 4))
SQUARE = np.random.default_rng(1).normal(size=(3, 3))
ROWS = WANT.sum(axis=1, keepdims=True)
MASK = np.arange(12).reshape(3, 4) % 3 > 0


@pytest.mark.parametrize(
    ("got", "want", "expected"),
    [
        (0 * WANT, WANT, "nothing is propagated to this input: every entry is 0"),
        (-WANT, WANT, "the wrong sign"),
        (-(WANT * (1 + 1e-7 * ROWS)).astype(np.float32), WANT, "the wrong sign"),
        (2 * WANT, WANT, "a factor 2"),
        (-2 * WANT, WANT, "a factor -2"),
        (WANT / 2, WANT, "a factor 1/2"),
        (3 * WANT, WANT, "a factor 3"),
        (WANT * math.log(2), WANT, "a factor ln 2"),
        (WANT * math.pi, WANT, "a factor π"),
        (WANT[:, :3].repeat(5, 0)[:5] * 5, WANT[:, :3].repeat(5, 0)[:5], "a factor 5, the length of axis 0"),
        (np.ones(7) / 7, np.ones(7), "a factor 1/7, the length of axis 0"),
        (WANT * 1.7, WANT, "a factor 1.7"),
        (WANT * 0.9995, WANT, "a constant that is slightly off: a factor 1 - 0.0005"),
        (WANT * (1 + 1e-5), WANT, "a constant that is slightly off: a factor 1 + 1e-05"),
        (SQUARE.T, SQUARE, "the right values, transposed"),
        (WANT[::-1], WANT, "the right values, in reverse order along axis 0"),
        (WANT[:, ::-1], WANT, "the right values, in reverse order along axis 1"),
        (WANT + ROWS, WANT, "a missing term: the difference is constant along axis 1"),
        (WANT + WANT.sum(axis=0), WANT, "a missing term: the difference is constant along axis 0"),
        (
            WANT + np.outer([1, 2, 3], [1, -1, 2, 5]),
            WANT,
            "a missing term: the difference is an outer product (rank 1)",
        ),
        (WANT * MASK, WANT, "a mask that is too narrow: entries are 0 that should not be"),
        (np.abs(WANT), WANT, "the right sizes with wrong signs: abs() or a wrong branch"),
        (
            np.where(MASK, WANT, np.nan),
            WANT,
            "an overflow or a division by zero: entries are NaN",
        ),
        (np.where(MASK, WANT, np.inf), WANT, "an overflow or a division by zero: entries are inf"),
        (WANT + np.random.default_rng(2).normal(size=(3, 4)), WANT, ""),
        (np.empty((0, 2)), np.empty((0, 2)), ""),
    ],
)
def test_the_guess_names_the_cause(got: np.ndarray, want: np.ndarray, expected: str) -> None:
    """The first guess that explains nearly all of the difference."""
    assert expected == diagnose(got, want)


def test_unknown_entries_are_left_out() -> None:
    """Where the oracle knows some entries only, a factor can still be named."""
    want = np.where(MASK, WANT, np.nan)
    assert "a factor 2" == diagnose(2 * WANT, want)
    assert "" == diagnose(WANT + ROWS, want)
    assert "" == diagnose(np.array([2.0, 1.0]), np.array([1.0, np.nan]))


def test_directions_tell_what_all_of_a_cotangent_has() -> None:
    """Of one alone, or of a mistake in one of them, there is nothing to say."""
    want = np.array([0.2, -1.5, 3.0])
    assert "the wrong sign" == diagnose_along(-want, want)
    assert "a factor 1/2" == diagnose_along(want / 2, want)
    assert "" == diagnose_along(-want[:1], want[:1])
    assert "" == diagnose_along(np.array([0.2, 1.5, 3.0]), want)
    assert "" == diagnose_along(np.array([0.2, np.nan, 3.0]), want)


def test_a_guess_must_explain_nearly_everything() -> None:
    """A factor 2 with another mistake beside it is not called a factor 2."""
    got = 2 * WANT
    got[0, 0] += 0.1
    assert "a factor 2" != diagnose(got, WANT)


def test_nothing_propagated_is_said_of_two_entries() -> None:
    """Two numbers are too few to tell a factor; that both are 0 can be seen."""
    assert "nothing is propagated" in diagnose(np.zeros(2), np.array([1.0, -2.0]))
    assert not diagnose(np.zeros(2), np.array([1.0, 0.0]))


def test_a_guess_made_elsewhere_must_hold_for_what_is_shown() -> None:
    """A factor, a sign and "nothing" are looked for in the numbers below the guess."""
    assert contradicts(NOTHING, 2 * WANT, WANT)
    assert not contradicts(NOTHING, 0 * WANT, WANT)
    assert contradicts("a factor 2", 3 * WANT, WANT)
    assert not contradicts("a factor 2", 2 * WANT, WANT)
