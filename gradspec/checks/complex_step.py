"""The vjp against the complex step, where forward is analytic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradspec.caller import CallFailedError
from gradspec.checks.comparison import MAX_NAMED, corrected, outcomes, wrong_cotangent
from gradspec.checks.outcome import Mismatch, Outcome
from gradspec.directions import Directions, single_entries
from gradspec.evidence import ORACLE, Evidence
from gradspec.nearby import ordinary_trials
from gradspec.rounding import ROUNDING
from gradspec.trial import EPS, Trial

BEND = (2.0**-5, 2.0**-7)  # of a direction: how far to go to see a function bend


def vjp_complex_step(trial: Trial, evidence: Evidence) -> list[Outcome]:
    """Compare with Im f(x + ih) / h wherever finite differences confirm that it is the derivative."""
    try:
        cotangent = trial.flat_cotangents(trial.x_bar)
    except CallFailedError:
        return []  # the contract check says what is wrong
    found = trial.complex_slopes(evidence.directions.moves) if trial.point.size else None
    if found is None or not _is_confirmed(trial, evidence, found):
        return []
    directions, by_difference = evidence.directions, evidence.of_rule
    exists = by_difference.conclusive & (by_difference.width == 0)  # elsewhere nothing confirms the complex step
    with np.errstate(all="ignore"):
        saturation = evidence.saturation / np.abs(trial.v).sum()  # spread over the outputs
    error = evidence.cancellation + np.nan_to_num(saturation)[:, None]
    judgement = evidence.judge_along(directions, cotangent, found, error, exists)
    judgement = replace(
        judgement, judged=judgement.judged & judgement.conclusive
    )  # where it is blurred it adds nothing

    if judgement.wrong.any():
        wrong = np.flatnonzero(judgement.wrong)
        if _is_confirmed_elsewhere(trial):
            straight = np.array([_is_analytic(trial, directions, int(p)) for p in wrong])
        else:
            straight = np.zeros(len(wrong), dtype=bool)
        kept = ~judgement.wrong
        kept[judgement.wrong] = straight
        judgement = replace(
            judgement,
            wrong=judgement.wrong & kept,
            judged=judgement.judged & kept,
            conclusive=judgement.conclusive & kept,
        )

    def described(name: str) -> Mismatch:
        mismatch = wrong_cotangent(trial, evidence, name, directions, judgement, judgement.wrong, "complex step")
        want = by_complex_step(trial, name)
        return mismatch if want is None else corrected(mismatch, want, "complex step")

    return outcomes(trial, directions, judgement, judgement.wrong, described)


def by_complex_step(trial: Trial, name: str) -> np.ndarray | None:
    """The cotangent of an input (flat), entry by entry; None where it is large or the method does not apply."""
    where = trial.slices[name]
    if where.stop - where.start > MAX_NAMED:
        return None
    moves = single_entries(trial, np.arange(where.start, where.stop)).moves
    found = trial.complex_slopes(moves)
    return None if found is None else np.asarray((found @ trial.v) / moves[:, where].diagonal())


def _is_analytic(trial: Trial, directions: Directions, p: int) -> bool:
    """Whether f(u + it d) bends as much as f(u + t d) does, the other way: f'' i² = -f''.

    np.linalg.cholesky takes a complex matrix for a Hermitian one. Where the derivative is nearly 0 finite differences
    confirm anything that is. At an edge of the domain, where one cannot go both ways, nothing is asked.
    """
    if not directions.both[p]:
        return True
    move, bends, largest = directions.moves[p], [], np.abs(trial.y64)
    for h in BEND:
        turned = [trial.complex_outputs(trial.point + 1j * sign * h * move, near=False) for sign in (1, -1)]
        if any(y is None for y in turned):
            return False
        straight = [trial.outputs(trial.point + sign * h * move) for sign in (1, -1)]
        ys = [*straight, *(y.real for y in turned if y is not None)]
        bends.append(np.abs(np.sum(ys, axis=0) - 4 * trial.y64) / h**2)
        largest = np.fmax(largest, np.max(np.abs(ys), axis=0))
    wide, narrow = bends  # of order h² where f is analytic
    rounding = ROUNDING * EPS["float64"] * largest / BEND[-1] ** 2
    bent = (trial.v != 0) & (narrow > rounding) & (narrow > wide / 4)
    return not bent.any()


def _is_confirmed_elsewhere(trial: Trial) -> bool:
    """Whether it is the derivative at ordinary inputs, too, as it is not of log1p(exp(-abs(x))).

    At 30 finite differences do not see what abs has lost, nor does the complex step see anything else.
    """
    for other in ordinary_trials(trial):
        if not other.is_inside:
            continue
        evidence = Evidence(other)
        found = other.complex_slopes(evidence.directions.moves)
        if found is None or not _is_confirmed(other, evidence, found):
            return False
    return True


def _is_confirmed(trial: Trial, evidence: Evidence, found: np.ndarray) -> bool:
    """Whether finite differences see the same derivative everywhere.

    abs, max, conj, a comparison: one entry that differs is enough to distrust all others.
    """
    estimate = evidence.estimate
    relative = np.abs(evidence.directions.moves) / np.maximum(np.abs(trial.point), 1.0)
    with np.errstate(all="ignore"):
        size = np.abs(found) + np.abs(trial.y64) * relative.max(axis=1, initial=0.0)[:, None]
        close = np.abs(found - estimate.value) <= ORACLE * estimate.error + ROUNDING * evidence.eps * size
    unknown = ~np.isfinite(estimate.error)
    return bool((unknown | (close & (estimate.width == 0)))[:, trial.v != 0].all())
