"""Inputs declared linear: a difference with any step is exact up to rounding."""

from __future__ import annotations

import numpy as np

from gradspec.caller import CallFailedError
from gradspec.checks.comparison import outcomes, wrong_cotangent
from gradspec.checks.outcome import Outcome
from gradspec.directions import Directions
from gradspec.errors import DeclarationError
from gradspec.evidence import Evidence
from gradspec.rounding import ROUNDING
from gradspec.spec import Op
from gradspec.trial import Trial

EXACT = 4.0  # ulps that each output may be off
NOT_LINEAR = 2.0**-20  # of the outputs: no rounding explains a curvature of this size


def needs_linear_inputs(op: Op) -> str:
    """Why the check does not apply to *op*; "" if it does."""
    return "" if op.linear_in else "no input is declared linear"


def vjp_linear(trial: Trial, evidence: Evidence) -> list[Outcome]:
    """⟨f(x + d/2) - f(x - d/2), y_bar⟩ = ⟨d, x_bar⟩ for the inputs in ``linear_in``, at any size of x and d.

    Raises:
        DeclarationError: The op is not linear in an input that is declared so.
    """
    try:
        cotangent = trial.flat_cotangents(trial.x_bar)
    except CallFailedError:
        return []  # the contract check says what is wrong
    directions = evidence.projections
    directions = directions.chosen([p for p, name in enumerate(directions.inputs) if name in trial.op.linear_in])
    if not len(directions):
        return []
    ahead = np.array([trial.outputs(trial.point + move / 2) for move in directions.moves])
    behind = np.array([trial.outputs(trial.point - move / 2) for move in directions.moves])
    noise = EXACT * evidence.eps * (np.abs(ahead) + np.abs(behind))
    if evidence.is_coarse:
        noise = noise + evidence.value_noise + evidence.eps * evidence.saturated  # 3.8 - 3.8 has the rounding of 3.8
    elif trial.case.dtype == "float64":
        noise = noise + evidence.value_noise
    _insist(trial, directions, ahead, behind, noise)
    everywhere = np.ones(len(directions), dtype=bool)
    judgement = evidence.judge_along(directions, cotangent, ahead - behind, noise, everywhere)
    return outcomes(
        trial,
        directions,
        judgement,
        judgement.wrong,
        lambda name: wrong_cotangent(trial, evidence, name, directions, judgement, judgement.wrong, "exact difference"),
    )


def _insist(trial: Trial, directions: Directions, ahead: np.ndarray, behind: np.ndarray, noise: np.ndarray) -> None:
    """The declaration has to be right: f(x + d/2) + f(x - d/2) = 2 f(x), up to a share of the largest output.

    Asked of ordinary draws only: with equal or extreme values whole outputs cancel, a × a for one.
    """
    if not trial.case.ordinary or not trial.y64.size:
        return
    size = np.max(np.abs(ahead) + np.abs(behind) + np.abs(trial.y64), axis=1)
    rounding = ROUNDING * np.max(noise, axis=1, initial=0.0)
    curved = np.max(np.abs(ahead + behind - 2 * trial.y64), axis=1) > NOT_LINEAR * size + rounding
    for p in np.flatnonzero(curved & np.isfinite(size)):
        raise DeclarationError(
            trial.op.name,
            "linear_in",
            f"got {directions.inputs[p]!r}, but forward is not linear in it: f(x + d) + f(x - d) is not 2 f(x); "
            "allowed: inputs in which it is",
        )
