"""The vjp against the torch reference, with finite differences as the judge between the two."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradspec.caller import CallFailedError, float_outputs
from gradspec.checks.comparison import corrected, outcomes, wrong_cotangent
from gradspec.checks.outcome import Mismatch, Outcome, number, show
from gradspec.checks.reference import confirms_itself, reference_noise
from gradspec.directions import Directions
from gradspec.evidence import ORACLE, Evidence
from gradspec.judgement import Judgement
from gradspec.oracles.torch_autograd import ReferenceFailedError, TorchAnswer
from gradspec.trial import Trial

SAME_VALUE = 1e-6  # relative; a reference that differs by more is another function
PRECISE = 5e-13  # relative: below it torch's own special functions are off, and nobody is accused by torch alone
SAME_ROUGH_VALUE = 1e-3  # of the largest value: the same of a kernel
GROSS = 1e-2  # relative: a kernel whose values are the reference's has its derivative, up to this
CLEAR = 4.0  # a difference of this many bars counts even where finite differences cannot see it


def vjp_torch(trial: Trial, evidence: Evidence) -> list[Outcome]:
    """Compare the vjp with torch.autograd in float64.

    torch alone never fails an op: where the two differ, finite differences say who is right. Those of
    a kernel in float32 may be too rough to: then those of the reference say whether its gradient is to be believed.
    """
    answer = trial.torch
    try:
        cotangent = trial.flat_cotangents(trial.x_bar)
    except CallFailedError:
        return []  # the contract check says what is wrong
    if not trial.point.size:
        return []
    if isinstance(answer, ReferenceFailedError):
        return [Outcome(comparisons=1, note=str(answer), doubted=True)]
    reference = trial.flat_cotangents(answer.cotangents)
    judgement = evidence.judge_against(cotangent, reference)
    confirmed, doubtful, refuted = _adjudicated(trial, evidence, judgement)
    names = np.array(evidence.directions.inputs)
    remarkable = doubtful & (judgement.discrepancy > CLEAR)
    unknown = {name for name in trial.slices if remarkable[names == name].any()}
    notes = {
        name: f"torch's gradient for {name!r} differs and finite differences do not confirm it" for name in unknown
    }
    for name, where in trial.slices.items():
        if reference.size == trial.point.size and not np.isfinite(reference[where]).all():
            unknown.add(name)
            notes.setdefault(name, f"torch's gradient for {name!r} is not finite")
    accepted = Judgement(
        **{
            **judgement.__dict__,
            "conclusive": judgement.conclusive & ~doubtful,
            "judged": judgement.judged & ~doubtful,
        }
    )
    found = outcomes(
        trial,
        evidence.directions,
        accepted,
        confirmed,
        lambda name: _described(trial, evidence, name, judgement, confirmed, reference),
        notes,
    )
    found = [replace(outcome, doubted=outcome.input in unknown) for outcome in found]
    dispute = _dispute(trial, evidence, judgement)
    if confirmed.any() or refuted.any():
        found = [_with_its_witnesses(outcome, evidence, names, judgement, confirmed, refuted) for outcome in found]
    return [replace(outcome, dispute=dispute) for outcome in found] if dispute else found


def _with_its_witnesses(
    outcome: Outcome,
    evidence: Evidence,
    names: np.ndarray,
    against: Judgement,
    confirmed: np.ndarray,
    refuted: np.ndarray,
) -> Outcome:
    """Say in which comparisons nothing but torch accuses the rule, by how much, and whether torch was caught itself."""
    mine = names == outcome.input
    accused = mine & confirmed
    alone = accused if not (accused & evidence.of_rule.wrong).any() else np.zeros_like(accused)
    with np.errstate(all="ignore"):
        relative = np.abs(against.claim - against.want)[alone] / np.abs(against.want)[alone]
    return replace(outcome, alone=tuple(relative.tolist()), refuted=bool((mine & refuted).any()))


def _adjudicated(trial: Trial, evidence: Evidence, against: Judgement) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which differences from torch are the rule's fault, which may be the reference's, and which surely are."""
    if not against.wrong.any():
        return against.wrong, against.wrong, against.wrong
    by_difference = evidence.of_rule
    theirs = evidence.cancellation @ np.abs(trial.v)
    if (against.wrong & ~by_difference.wrong).any():
        theirs = theirs + reference_noise(trial, evidence)
    with np.errstate(all="ignore"):
        torch_is_off, rule_is_off = (np.abs(x - by_difference.want) for x in (against.want, against.claim))
        sharp = by_difference.bar / ORACLE  # what differences claim themselves: beyond it is one of a thousand
        torch_is_possible = (torch_is_off <= by_difference.bar) & ~((rule_is_off <= sharp) & (sharp < torch_is_off))
        allowed = np.fmax(CLEAR * (against.bar + theirs), PRECISE * np.abs(against.want))
        clear = ~(np.abs(against.claim - against.want) <= allowed)
    smooth = by_difference.conclusive & (by_difference.width == 0)
    confirmed = against.wrong & (by_difference.wrong | (smooth & torch_is_possible & clear))
    confirmed &= by_difference.wrong | ~_explained_by_entries(evidence.directions, confirmed, against.wrong)
    if evidence.is_coarse:
        confirmed |= _too_rough_to_tell(trial, evidence, against, clear & torch_is_possible)
    return confirmed, against.wrong & ~confirmed, against.wrong & smooth & clear & ~torch_is_possible & ~confirmed


def _too_rough_to_tell(trial: Trial, evidence: Evidence, against: Judgement, clear: np.ndarray) -> np.ndarray:
    """(p,) the *clear* differences of a kernel that its own differences cannot judge, and the reference's do.

    Nothing is said where a few ulps move its values at random: they have no derivative that a rule could be held to.
    """
    answer, found = trial.torch, np.zeros(len(evidence.directions), dtype=bool)
    with np.errstate(all="ignore"):
        largest = np.fmax(np.abs(against.claim), np.abs(against.want))
        gross = ~(np.abs(against.claim - against.want) <= GROSS * largest)
    asked = np.flatnonzero(against.wrong & clear & gross & ~evidence.of_rule.conclusive)
    if not asked.size or isinstance(answer, ReferenceFailedError) or (evidence.is_chaotic & (trial.v != 0)).any():
        return found
    value = float_outputs(answer.values)
    if np.array_equal(trial.y64.shape, value.shape) and _are_near(trial.y64, value):
        found[asked] = confirms_itself(trial, evidence.directions.chosen([*asked]))
    return found


def _are_near(y: np.ndarray, value: np.ndarray) -> bool:
    return bool((np.abs(y - value) <= SAME_ROUGH_VALUE * np.abs(value).max(initial=0.0)).all())


def _explained_by_entries(directions: Directions, confirmed: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """(p,) the directions over several entries that move one at which torch is known to be the less exact.

    Along many entries differences are blurred and exclude little: torch's softplus has the slope 1 from 20 on.
    """
    single = directions.entries >= 0
    theirs = directions.entries[single & wrong & ~confirmed]
    ours = directions.entries[single & confirmed]
    moved = directions.moves != 0
    return np.asarray(~single & moved[:, theirs].any(axis=1) & ~moved[:, ours].any(axis=1))


def _dispute(trial: Trial, evidence: Evidence, against: Judgement) -> str:
    """The evidence that the oracles contradict each other, whatever the rule says; "" if they do not."""
    answer = trial.torch
    if not trial.case.ordinary or isinstance(answer, ReferenceFailedError):
        return ""
    by_difference = evidence.of_rule
    theirs = evidence.cancellation @ np.abs(trial.v)
    with np.errstate(all="ignore"):
        bar = by_difference.bar + against.bar + theirs
        apart = np.abs(against.want - by_difference.want) > CLEAR * bar
        sure = by_difference.conclusive & (by_difference.width == 0) & (bar <= SAME_VALUE * np.abs(by_difference.want))
    found = np.flatnonzero(apart & sure)
    if not found.size or not _is_same_value(trial, answer):
        return ""
    p = max(found, key=lambda p: int(evidence.directions.entries[p] >= 0))
    name, scale = evidence.directions.inputs[p], evidence.directions.scale[p]
    return (
        f"its values are forward's, its gradient for {name!r} is not: it says "
        f"{number(against.want[p] / scale, by_difference.want[p] / scale)} where finite differences of forward say "
        f"{number(by_difference.want[p] / scale)} ± {by_difference.bar[p] / scale:.0e}, at "
        f"{', '.join(f'{n} = {show(u)}' for n, u in zip(trial.op.inputs, trial.case.drawn, strict=True))}"
    )


def _is_same_value(trial: Trial, answer: TorchAnswer) -> bool:
    return all(
        np.allclose(np.asarray(y, dtype=float), value, rtol=SAME_VALUE, atol=SAME_VALUE)
        for y, value in zip(trial.ys, answer.values, strict=True)
        if y.shape == value.shape
    )


def _described(
    trial: Trial, evidence: Evidence, name: str, judgement: Judgement, wrong: np.ndarray, reference: np.ndarray
) -> Mismatch:
    found = wrong_cotangent(trial, evidence, name, evidence.directions, judgement, wrong, "torch")
    return corrected(found, reference[trial.slices[name]], "torch")
