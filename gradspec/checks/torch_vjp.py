"""The vjp against the torch reference, with finite differences as the judge between the two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gradspec.caller import CallFailedError
from gradspec.checks.comparison import corrected, outcomes, wrong_cotangent
from gradspec.checks.outcome import Mismatch, Outcome, number, show
from gradspec.directions import Directions
from gradspec.evidence import ORACLE, Evidence
from gradspec.judgement import Judgement
from gradspec.oracles import torch_autograd
from gradspec.rounding import NOISE
from gradspec.trial import EPS, Trial

SAME_VALUE = 1e-6  # relative; a reference that differs by more is another function
PRECISE = 5e-13  # relative: below it torch's own special functions are off, and nobody is accused by torch alone
MULTIPLES = (1.0, 1.0, 0.7, 1.3)  # of y_bar
STRETCH = 2.0**-26  # of the inputs: too short to bend on, and many ulps long
SAMPLES = 9
CLEAR = 4.0  # a difference of this many bars counts even where finite differences cannot see it


def vjp_torch(trial: Trial, evidence: Evidence) -> list[Outcome]:
    """Compare the vjp with torch.autograd in float64.

    torch alone never fails an op: where the two differ, finite differences say who is right.
    """
    answer = trial.torch
    try:
        cotangent = trial.flat_cotangents(trial.x_bar)
    except CallFailedError:
        return []  # the contract check says what is wrong
    if not trial.point.size:
        return []
    if isinstance(answer, torch_autograd.ReferenceFailedError):
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
        theirs = theirs + _reference_noise(trial, evidence)
    with np.errstate(all="ignore"):
        torch_is_off, rule_is_off = (np.abs(x - by_difference.want) for x in (against.want, against.claim))
        sharp = by_difference.bar / ORACLE  # what differences claim themselves: beyond it is one of a thousand
        torch_is_possible = (torch_is_off <= by_difference.bar) & ~((rule_is_off <= sharp) & (sharp < torch_is_off))
        allowed = np.fmax(CLEAR * (against.bar + theirs), PRECISE * np.abs(against.want))
        clear = ~(np.abs(against.claim - against.want) <= allowed)
    smooth = by_difference.conclusive & (by_difference.width == 0)
    confirmed = against.wrong & (by_difference.wrong | (smooth & torch_is_possible & clear))
    confirmed &= by_difference.wrong | ~_explained_by_entries(evidence.directions, confirmed, against.wrong)
    return confirmed, against.wrong & ~confirmed, against.wrong & smooth & clear & ~torch_is_possible & ~confirmed


def _explained_by_entries(directions: Directions, confirmed: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """(p,) the directions over several entries that move one at which torch is known to be the less exact.

    Along many entries differences are blurred and exclude little: torch's softplus has the slope 1 from 20 on.
    """
    single = directions.entries >= 0
    theirs = directions.entries[single & wrong & ~confirmed]
    ours = directions.entries[single & confirmed]
    moved = directions.moves != 0
    return np.asarray(~single & moved[:, theirs].any(axis=1) & ~moved[:, ours].any(axis=1))


def _reference_noise(trial: Trial, evidence: Evidence) -> np.ndarray:
    """(p,) how far the reference's own answer moves when inputs and y_bar move by ulps, equal entries apart, too.

    The mean of equal entries is rounded, and layer_norm divides by the square root of what that leaves; of a single
    entry, which is its own mean, y_bar is all that is rounded. A multiple of y_bar has that multiple of the answer:
    torch's logcumsumexp adds the logarithm of y_bar to numbers as large as x, and loses the same digits an ulp away.
    """
    if isinstance(trial.torch, torch_autograd.ReferenceFailedError):
        return np.zeros(len(evidence.directions))
    here, found = trial.flat_cotangents(trial.torch.cotangents), np.zeros(evidence.directions.images.shape[1])
    for turn, multiple in enumerate(MULTIPLES):
        rng = np.random.default_rng((trial.case.seed, 11, turn))
        point = trial.point * (1.0 + EPS["float64"] * rng.choice((-1.0, 1.0), trial.point.size))
        y_bar = [
            None if bar is None else bar * multiple * (1.0 + EPS["float64"] * rng.choice((-1.0, 1.0), bar.shape))
            for bar in trial.y_bar64
        ]
        change = np.abs(_reference_at(trial, point, y_bar) / multiple - here)
        found = np.maximum(found, np.nan_to_num(change, nan=0.0, posinf=0.0))
    found = np.maximum(found, _roughness(trial))
    return np.asarray(NOISE * (np.abs(evidence.directions.images) * found).sum(axis=1))


def _roughness(trial: Trial) -> np.ndarray:
    """(n',) how far the reference's answer is from a parabola over a stretch that is nearly a point.

    1 + tanh(-5) has eleven digits, and has the same wrong ones an ulp away: tanh moves by less than one of its own.
    """
    rng = np.random.default_rng((trial.case.seed, 16))
    move = STRETCH * trial.point * rng.choice((-1.0, 1.0), trial.point.size)
    places = np.linspace(-1.0, 1.0, SAMPLES)
    answers = np.array([_reference_at(trial, trial.point + place * move, trial.y_bar64) for place in places])
    parabolas = np.vander(places, 3)
    residual = answers - parabolas @ (np.linalg.pinv(parabolas) @ np.nan_to_num(answers, posinf=0.0, neginf=0.0))
    return np.asarray(np.nan_to_num(np.abs(residual).max(axis=0), nan=0.0, posinf=0.0))


def _reference_at(trial: Trial, point: np.ndarray, y_bar: Sequence[np.ndarray | None]) -> np.ndarray:
    """The reference's cotangents (n') at another point (n,); NaN where it gives none."""
    arrays = trial.transformed(trial.inside(point), "float64")
    try:
        return trial.flat_cotangents(
            torch_autograd.torch_autograd(trial.op, arrays, trial.case.params, y_bar).cotangents
        )
    except torch_autograd.ReferenceFailedError:
        return np.full(trial.flat_cotangents(trial.x_bar).size, np.nan)


def _dispute(trial: Trial, evidence: Evidence, against: Judgement) -> str:
    """The evidence that the oracles contradict each other, whatever the rule says; "" if they do not."""
    answer = trial.torch
    if not trial.case.ordinary or isinstance(answer, torch_autograd.ReferenceFailedError):
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


def _is_same_value(trial: Trial, answer: torch_autograd.TorchAnswer) -> bool:
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
