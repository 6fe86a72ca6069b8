"""The vjp against finite differences that know their error."""

from __future__ import annotations

from gradspec.caller import CallFailedError
from gradspec.checks.comparison import outcomes, wrong_cotangent
from gradspec.checks.outcome import Outcome
from gradspec.evidence import Evidence
from gradspec.trial import Trial


def vjp_finite_difference(trial: Trial, evidence: Evidence) -> list[Outcome]:
    """Compare along single entries, tied entries and random signs; at kinks, any slope in between is right."""
    try:
        judgement = evidence.of_rule
    except CallFailedError:
        return []  # the contract check says what is wrong
    return outcomes(
        trial,
        evidence.directions,
        judgement,
        judgement.wrong,
        lambda name: wrong_cotangent(
            trial, evidence, name, evidence.directions, judgement, judgement.wrong, "finite difference"
        ),
    )
