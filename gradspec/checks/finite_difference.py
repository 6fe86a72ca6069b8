"""The vjp against finite differences that know their error."""

from __future__ import annotations

from gradspec.caller import CallFailedError
from gradspec.checks.comparison import outcomes, wrong_cotangent
from gradspec.checks.outcome import Outcome
from gradspec.directions import ROOM
from gradspec.evidence import Evidence
from gradspec.trial import Trial

BLURRED = "forward computes in float32 alone, which blurs some differences"
REMEDY = ": a torch reference sees more"


def vjp_finite_difference(trial: Trial, evidence: Evidence) -> list[Outcome]:
    """Compare along single entries, tied entries and random signs; at kinks, any slope in between is right."""
    try:
        judgement = evidence.of_rule
    except CallFailedError:
        return []  # the contract check says what is wrong
    blurred = ""
    if evidence.is_coarse and not judgement.conclusive.all():
        blurred = BLURRED + (REMEDY if trial.op.torch is None else "")
    return outcomes(
        trial,
        evidence.directions,
        judgement,
        judgement.wrong,
        lambda name: wrong_cotangent(
            trial, evidence, name, evidence.directions, judgement, judgement.wrong, "finite difference"
        ),
        {name: _no_room(trial, name) or blurred for name in trial.slices},
    )


def _no_room(trial: Trial, name: str) -> str:
    """That no step fits into the domain of an input; "" if one may."""
    domain = trial.domains[[*trial.op.inputs].index(name)]
    size = max(abs(domain.lo), abs(domain.hi), 1.0)
    if domain.hi - domain.lo >= ROOM * size:
        return ""
    return f"the domain of {name!r}, from {domain.lo!r} to {domain.hi!r}, leaves no room to differentiate"
