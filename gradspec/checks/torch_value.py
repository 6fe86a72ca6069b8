"""Forward against its torch reference: a wrong forward and a vjp that fits it would pass every other check."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradspec.caller import float_outputs
from gradspec.checks.outcome import Mismatch, Outcome, entry, number
from gradspec.evidence import Evidence
from gradspec.oracles import torch_autograd
from gradspec.rounding import CONCLUSIVE, NOISE, ROUNDING
from gradspec.spec import Op
from gradspec.trial import EPS, Trial

UNTIED = 4  # ways in which equal entries are moved apart
SLIGHT = 2.0**-30  # of the inputs: a move that no value follows by a thousandth of itself, unless rounding made it
SCATTERED = 2.0**-10  # of a value
IMPRECISE = 1e-8  # references cut corners below this share of the terms: softplus beyond 20, for one


def needs_torch(op: Op) -> str:
    """Why the torch checks do not apply to *op*; "" if they do."""
    if op.torch is None:
        return "the op declares no torch reference"
    if not torch_autograd.available():
        return f"torch is not installed: {torch_autograd.INSTALL}"
    return ""


def value_torch(trial: Trial, evidence: Evidence) -> list[Outcome]:
    """Compare forward's values; where forward is not finite, with what the reference says in the same dtype."""
    if not trial.is_inside:
        return _where_not_finite(trial)
    answer = trial.torch
    if isinstance(answer, torch_autograd.ReferenceFailedError):
        return [Outcome(comparisons=1, note=str(answer))]
    if len(answer.values) != len(trial.ys):
        headline = f"forward has {len(trial.ys)} outputs where its torch reference has {len(answer.values)}"
        return [Outcome(comparisons=1, conclusive=1, mismatch=Mismatch(headline=headline, kind="outputs"))]
    found = _compared(trial, evidence, answer.values, evidence.value_noise)
    if any(outcome.mismatch for outcome in found):  # a look at what rounding does that costs more
        moved = np.max([np.abs(y - trial.y64) for y, _ in (*trial.shaken, *_untied(trial))], axis=0)
        noise = np.fmax(evidence.value_noise, np.nan_to_num(moved, nan=0.0, posinf=0.0))
        noise = np.fmax(noise, _lost_by_reference(trial, evidence))
        found = _compared(trial, evidence, answer.values, noise, _left_over(trial, answer.values))
    return found


def _lost_by_reference(trial: Trial, evidence: Evidence) -> np.ndarray:
    """(m,) what float32 costs the reference itself: no move by ulps shows a mean of 1000, 1000 and 999.6 to be off."""
    lost = evidence.lost_by_reference if trial.case.dtype == "float32" else None
    sizes = [np.abs(values) for values, _ in lost or () if values.size == trial.y64.size]
    return np.asarray(np.nan_to_num(np.max([np.zeros(trial.y64.size), *sizes], axis=0), nan=0.0, posinf=0.0))


def _untied(trial: Trial) -> list[tuple[np.ndarray, np.ndarray]]:
    """As :attr:`Trial.shaken`, equal entries moving apart: a mean of equal numbers is off by an ulp of theirs."""
    return _moved_apart(trial, EPS[trial.case.dtype])


def _moved_apart(trial: Trial, share: float) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng((trial.case.seed, 15))
    moves = 1.0 + share * rng.choice((-1.0, 1.0), size=(UNTIED, trial.point.size))
    return [trial.pulled_back(trial.inside(trial.point * move), trial.y_bar64) for move in moves]


def _left_over(trial: Trial, values: Sequence[np.ndarray]) -> np.ndarray:
    """(m,) which outputs are 0 but for what rounding leaves over, such as the skewness of two numbers.

    They are no larger than rounding of the inputs; and the reference is 0, or they answer to a move that is far from
    their own size: what is left over can be the same for all moves by ulps.
    """
    want = float_outputs(values)
    if want.size != trial.y64.size:
        return np.zeros(trial.y64.size, bool)
    smallness = ROUNDING * EPS[trial.case.dtype] * np.abs(trial.point).max(initial=0.0)
    small = np.asarray(np.fmax(np.abs(trial.y64), np.abs(want)) <= smallness)
    if not small.any():
        return small
    moved = np.max([np.abs(y - trial.y64) for y, _ in _moved_apart(trial, SLIGHT)], axis=0)
    return np.asarray(small & ((want == 0) | (moved > SCATTERED * np.abs(trial.y64))))


def _compared(
    trial: Trial,
    evidence: Evidence,
    values: Sequence[np.ndarray],
    noise: np.ndarray,
    left_over: np.ndarray | None = None,
) -> list[Outcome]:
    """Compare output by output; those *left_over* (m,) are rounded as the inputs are."""
    terms, found, start = _value_terms(trial, evidence), [], 0
    if left_over is not None:
        terms = np.where(left_over, np.abs(trial.point).max(initial=0.0), terms)
    for y, want in zip(trial.ys, values, strict=True):
        if y.shape != want.shape:
            headline = f"forward returns shape {y.shape} where its torch reference has {want.shape}"
            return [Outcome(comparisons=1, conclusive=1, mismatch=Mismatch(headline=headline, kind="y shape"))]
        if y.dtype.kind != "f":
            found.append(_exact_values(y, want))
            continue
        mine = slice(start, start + y.size)
        start += y.size
        found.append(_values(trial, y, want, noise[mine].reshape(y.shape), terms[mine].reshape(y.shape)))
    return found


def _value_terms(trial: Trial, evidence: Evidence) -> np.ndarray:
    """(m,) the terms that enter each output: |y|, Σ |∂y/∂x| |x|, and |y| elsewhere, up to |x|.

    Where a slope is not known, as at ties that cancel exactly, the largest terms of all outputs count, too. What is 0
    at every input may be rounded as the inputs are in the reference: x less its projection on the only axis there is.
    """
    terms = _terms_of_slopes(trial, evidence)
    return np.where(terms == 0, np.abs(trial.point).max(initial=0.0), terms)


def _terms_of_slopes(trial: Trial, evidence: Evidence) -> np.ndarray:
    single = evidence.directions.entries >= 0
    terms = np.abs(trial.y64) + evidence.saturated
    if single.sum() < trial.point.size:
        return np.asarray(terms + terms.max(initial=0.0))
    directions, estimate = evidence.directions, evidence.estimate
    slopes, size = np.abs(estimate.value[single]), np.abs(trial.point[directions.entries[single]])
    unknown = ~np.isfinite(slopes)
    slopes = np.where(unknown, 0.0, slopes) / directions.scale[single, None]
    terms = terms + (slopes * size[:, None]).sum(axis=0)
    return np.asarray(np.where(unknown.any(axis=0), terms + terms.max(initial=0.0), terms))


def _values(trial: Trial, y: np.ndarray, want: np.ndarray, noise: np.ndarray, terms: np.ndarray) -> Outcome:
    dtype = trial.case.dtype
    tiny = float(np.finfo(dtype).tiny)
    with np.errstate(all="ignore"):
        bar = ROUNDING * (EPS[dtype] * terms + tiny) + NOISE * noise
        difference = np.abs(y.astype(np.float64) - want)
        limit = CONCLUSIVE[dtype] * np.where(want == 0, 1.0, terms + tiny / EPS[dtype])
        judged = np.isfinite(want) & (NOISE * noise <= limit)  # no float32 forward gets sin(1e8) right
        conclusive = judged & ((bar <= limit) | (difference == 0))
        wrong = conclusive & (difference != 0) & ~(difference <= bar)
        relative = np.where(conclusive & (want != 0), bar / np.abs(want), np.inf)
        ratio = np.where(conclusive & (difference > 0), difference / bar, 0.0)
        by_reference = wrong & (difference <= IMPRECISE * terms)
    wrong &= ~by_reference
    ratio = np.where(by_reference, 0.0, ratio)
    mismatch = None
    if wrong.any():
        worst = np.unravel_index(int(np.argmax(np.where(wrong, ratio, -1.0))), y.shape)
        place = entry("y", tuple(map(int, worst)), suffix="")
        got, right = float(y[worst]), float(want[worst])
        mismatch = Mismatch(
            headline="forward differs from its torch reference",
            kind="value",
            lines=(
                f"{place} = {number(got, right)}, but should be {number(right, got)} ± "
                f"{float(bar[worst]):.0e}     (torch)",
                f"{int(wrong.sum())} of {y.size} entries differ",
            ),
            discrepancy=float(ratio.max()),
        )
    return Outcome(
        entries=int(conclusive.sum()),
        comparisons=int(judged.sum()) if y.size else 1,  # an empty output has its shape to compare
        conclusive=int(conclusive.sum()) if y.size else 1,
        resolution=float(relative.min(initial=np.inf)),
        discrepancy=float(ratio.max(initial=0.0)),
        mismatch=mismatch,
        note=_value_note(want, by_reference),
    )


def _value_note(want: np.ndarray, by_reference: np.ndarray) -> str:
    if not np.isfinite(want).all():
        return "the torch reference is not finite where forward is"
    return "torch's value differs by less than the references themselves are exact" if by_reference.any() else ""


def _exact_values(y: np.ndarray, want: np.ndarray) -> Outcome:
    mismatch = None
    if not np.array_equal(y, want):
        mismatch = Mismatch(headline="forward differs from its torch reference in an integer output", kind="value")
    return Outcome(entries=y.size, comparisons=y.size, conclusive=y.size, mismatch=mismatch)


def _where_not_finite(trial: Trial) -> list[Outcome]:
    """A forward that is not finite where its reference is: a softmax that does not take the largest entry off.

    A product of 1e30, 1e30 and 1e-40 overflows in one order and not in another. So nothing is said where the reference
    is infinite at the magnitudes of the inputs.
    """
    found = (_overflown(trial, y, want) for y, want in zip(trial.ys, _reference(trial, trial.inputs), strict=False))
    mismatch = next(filter(None, found), None)
    if mismatch is None:
        return []
    large = [x if x.dtype.kind == "i" else np.maximum(np.abs(x), x.dtype.type(1)) for x in trial.inputs]
    if any(np.isinf(y).any() for y in _reference(trial, large)):
        return []
    return [Outcome(comparisons=1, conclusive=1, mismatch=mismatch)]


def _reference(trial: Trial, inputs: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    try:
        answer = torch_autograd.torch_autograd(trial.op, inputs, trial.case.params, None, trial.case.dtype)
    except torch_autograd.ReferenceFailedError:
        return ()
    return answer.values


def _overflown(trial: Trial, y: np.ndarray, want: np.ndarray) -> Mismatch | None:
    if y.shape != want.shape or y.dtype.kind != "f":
        return None
    wrong = ~np.isfinite(y) & np.isfinite(want)
    if not wrong.any():
        return None
    first = tuple(map(int, np.argwhere(wrong)[0]))
    return Mismatch(
        headline="forward is not finite where its torch reference is",
        kind="not finite",
        lines=(
            f"{entry('y', first, suffix='')} = {number(float(y[first]))}, but should be "
            f"{number(float(want[first]))}     (torch, in {trial.case.dtype})",
            f"{int(wrong.sum())} of {y.size} entries are not finite",
        ),
    )
