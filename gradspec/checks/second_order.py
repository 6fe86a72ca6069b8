"""Second order: the vjp itself, differentiated by finite differences, against torch's double backward.

For an op with a torch reference the vjp is the subject and the double backward the oracle, so that Hessian-vector
products can be trusted. For an op made of torch the roles are exchanged: a backward whose numbers are right may still
not be differentiable (a detached factor, a residual saved as a number), and finite differences of it tell.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradspec.caller import Arrays, CallFailedError
from gradspec.checks.outcome import Mismatch, Outcome, number
from gradspec.directions import Directions
from gradspec.evidence import ORACLE, SECOND_STEP, SHARP_ENOUGH, Evidence
from gradspec.measurement import JUMP
from gradspec.oracles import torch_autograd
from gradspec.oracles.double_backward import SecondOrder, double_backward, own_double_backward
from gradspec.oracles.finite_difference import finite_difference
from gradspec.rounding import CONCLUSIVE, NOISE, ROUNDING
from gradspec.spec import Op
from gradspec.trial import EPS, JITTERS, Trial

MAX_ENTRIES = 64  # of the inputs together; the layouts of a declaration are smaller
SLACK = 1e-9  # of the terms: a missing part is no matter of digits, and a double backward may lose some
FASTER = 64.0  # than x the reference's error may change: exp(-z), as of torch's softplus, does z times, down to an ulp
MARK = "if it is not meant to be differentiated twice, mark backward with @once_differentiable: it then says so"


def needs_double_backward(op: Op) -> str:
    """Why the second order cannot be checked; "" if it can."""
    if own_double_backward(op) is not None:
        return ""
    if op.torch is None:
        return "the op declares no torch reference"
    if not torch_autograd.available():
        return f"torch is not installed: {torch_autograd.INSTALL}"
    return ""


def vjp_second_order(trial: Trial, evidence: Evidence) -> list[Outcome]:
    """Compare ⟨w, ∂x_bar/∂x d⟩ along one direction of random signs per input, in float64 where the vjp is smooth."""
    own = _is_subject(trial)
    small = 0 < trial.point.size <= MAX_ENTRIES and trial.v.size
    if trial.case.dtype != "float64" or not small or not (own or trial.case.ordinary):
        return []
    try:
        trial.flat_cotangents(trial.x_bar)
    except CallFailedError:
        return []  # the contract check says what is wrong
    doubt = 0.0 if own else _doubt(trial)
    if doubt > SHARP_ENOUGH:
        return []  # vjp_torch says so
    if evidence.of_rule.wrong.any():
        doubt = 0.0  # it is the rule that is off
    directions = evidence.projections
    slopes, errors, smooth = _slopes(trial, directions)
    w = _weights(trial, smooth)
    if not len(directions) or not w.any():
        return []
    try:
        answer = _answer(trial, w, trial.drawn64)
    except torch_autograd.ReferenceFailedError as failed:
        return [Outcome(note=str(failed))]
    found = _along_inputs(trial, evidence, directions, slopes, errors, w, answer, doubt)
    return [*found, _along_y_bar(trial, w, answer)] if own else found


def _is_subject(trial: Trial) -> bool:
    """Whether the double backward is what is judged, not what judges."""
    return own_double_backward(trial.op) is not None


def _doubt(trial: Trial) -> float:
    """How far the reference's own gradient is from the rule's, as a share of it.

    Its derivative says nothing of the rule beyond that: the gradient of torch's celu has the digits of a float32 alpha.
    """
    if isinstance(trial.torch, torch_autograd.ReferenceFailedError):
        return np.inf
    mine, theirs = trial.exact_rule[1], trial.flat_cotangents(trial.torch.cotangents)
    if mine.shape != theirs.shape:
        return np.inf
    size = np.abs(theirs).max(initial=np.finfo(float).tiny)
    with np.errstate(all="ignore"):
        doubt = float((np.abs(mine - theirs) / size).max(initial=0.0))
    return doubt if np.isfinite(doubt) else np.inf


def _slopes(trial: Trial, directions: Directions) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """∂x_bar/∂x d (p, n') by finite differences, their errors, and which entries (n',) are smooth in all of them."""
    exact = trial.exact_rule[1]
    moved = np.max([np.abs(x_bar - exact) for _, x_bar in trial.jittered[:2]], axis=0)
    noise = np.where(
        moved <= JUMP * EPS["float64"] * np.fmax(np.abs(exact), np.abs(trial.v).max(initial=0.0)), moved, 0.0
    )
    estimate = finite_difference(
        trial.cotangents, trial.point, directions.moves, directions.both, np.nan_to_num(noise, nan=0.0, posinf=0.0)
    )
    with np.errstate(all="ignore"):
        sharp = np.isfinite(estimate.error) & ~estimate.diverges & (estimate.width == 0)
    return estimate.value, estimate.error, np.asarray(sharp.all(axis=0))


def _weights(trial: Trial, smooth: np.ndarray) -> np.ndarray:
    """(n',) a signed, non-uniform cotangent of x_bar; 0 where x_bar has a kink and no derivative to compare with."""
    rng = np.random.default_rng((trial.case.seed, 9))
    return np.where(smooth, rng.uniform(0.5, 2.0, smooth.size) * rng.choice((-1.0, 1.0), smooth.size), 0.0)


def _answer(trial: Trial, w: np.ndarray, drawn: Arrays) -> SecondOrder:
    arrays = trial.transformed(drawn, "float64")
    weights: list[np.ndarray | None] = []
    start = 0
    for x, domain in zip(arrays, trial.op.inputs.values(), strict=True):
        if domain.differentiable:
            weights.append(w[start : start + x.size].reshape(x.shape))
            start += x.size
        else:
            weights.append(None)
    return double_backward(trial.op, arrays, trial.case.params, trial.y_bar64, weights)


def _along_inputs(
    trial: Trial,
    evidence: Evidence,
    directions: Directions,
    slopes: np.ndarray,
    errors: np.ndarray,
    w: np.ndarray,
    answer: SecondOrder,
    doubt: float,
) -> list[Outcome]:
    own, by_x = _is_subject(trial), trial.flat_cotangents(answer.by_x)
    with np.errstate(all="ignore"):
        want, error = _contracted(w, slopes, errors)
        claim = np.where(directions.images != 0, directions.images * by_x, 0.0).sum(axis=1)
        terms = np.abs(np.where(directions.images != 0, directions.images * by_x, 0.0)).sum(axis=1)
        terms = (
            np.where(np.isfinite(terms), terms, 0.0)
            + _sizes(trial, evidence, directions, w)
            + np.abs(w) @ np.abs(slopes).T
        )
        blurred = np.where(by_x != 0, directions.blur * np.abs(by_x), 0.0).sum(axis=1)
        bar = error + blurred + (SLACK + FASTER * doubt) * terms
        conclusive = (bar <= CONCLUSIVE["float64"] * terms) & (error <= SHARP_ENOUGH * terms)
        wrong = conclusive & ~(np.abs(claim - want) <= bar)
    if wrong.any():
        bar = bar + _own_rounding(trial, directions, w, by_x)
        wrong &= ~(np.abs(claim - want) <= bar)
        conclusive &= bar <= CONCLUSIVE["float64"] * terms
    if wrong.any():
        confirmed = _confirmed(trial, directions, w, claim, bar) if own else _by_reference(trial, directions, w, claim)
        wrong, conclusive = wrong & confirmed, conclusive & (confirmed | ~wrong)
    found = []
    for p, name in enumerate(directions.inputs):
        found.append(
            Outcome(
                input=name,
                entries=int((directions.moves[p] != 0).sum()) if conclusive[p] else 0,
                comparisons=int(conclusive[p]),  # near a kink of the vjp there is nothing to compare
                conclusive=int(conclusive[p]),
                resolution=float(bar[p] / abs(want[p])) if conclusive[p] and want[p] else np.inf,
                discrepancy=float(abs(claim[p] - want[p]) / bar[p]) if conclusive[p] and bar[p] else 0.0,
                mismatch=_described(trial, directions, p, claim, want, bar) if wrong[p] and conclusive[p] else None,
            )
        )
    return found


def _contracted(w: np.ndarray, slopes: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    matters = w != 0
    want = np.where(matters, w * slopes, 0.0).sum(axis=1)
    return want, ORACLE * np.where(matters, np.abs(w) * errors, 0.0).sum(axis=1)


def _sizes(trial: Trial, evidence: Evidence, directions: Directions, w: np.ndarray) -> np.ndarray:
    """(p,) Σ |w_i x_bar_i|, as far as the direction moves the entries: what rounding of the vjp is relative to."""
    relative = np.abs(directions.moves) / np.maximum(np.abs(trial.point), 1.0)
    x_bar = np.nan_to_num(np.abs(trial.exact_rule[1]), nan=0.0, posinf=0.0)
    x_bar = np.fmax(x_bar, evidence.ordinary[1].max(initial=0.0))  # a saturated vjp is rounded at the size it had
    return np.asarray(float(np.abs(w) @ x_bar) * relative.max(axis=1, initial=0.0))


def _own_rounding(trial: Trial, directions: Directions, w: np.ndarray, by_x: np.ndarray) -> np.ndarray:
    """(p,) how far the double backward moves when x moves by ulps."""
    found = np.zeros(len(directions))
    for turn in range(len(JITTERS)):
        try:
            moved = np.abs(trial.flat_cotangents(_answer(trial, w, trial.aside(turn)).by_x) - by_x)
        except torch_autograd.ReferenceFailedError:
            continue
        moved = np.where(np.isfinite(moved), moved, 0.0)
        found = np.maximum(found, (np.abs(directions.images) * moved).sum(axis=1))
    return NOISE * found


def _confirmed(trial: Trial, directions: Directions, w: np.ndarray, claim: np.ndarray, bar: np.ndarray) -> np.ndarray:
    """(p,) whether steps of another length see the same difference."""
    other = directions.times(SECOND_STEP)
    slopes, errors, smooth = _slopes(trial, other)
    with np.errstate(all="ignore"):
        want, error = _contracted(w, slopes / SECOND_STEP, errors / SECOND_STEP)
        return np.asarray(smooth[w != 0].all() & ~(np.abs(claim - want) <= np.maximum(bar, error)))


def _by_reference(trial: Trial, directions: Directions, w: np.ndarray, claim: np.ndarray) -> np.ndarray:
    """(p,) whether finite differences of the reference's own gradient confirm its double backward.

    Where they do not, the difference says something about the reference and nothing about the rule.
    """

    def gradient(point: np.ndarray) -> np.ndarray:
        arrays = trial.transformed(trial.unflattened(point), "float64")
        try:
            answer = torch_autograd.torch_autograd(trial.op, arrays, trial.case.params, trial.y_bar64)
        except torch_autograd.ReferenceFailedError:
            return np.full(w.size, np.nan)
        return trial.flat_cotangents(answer.cotangents)

    zero = np.zeros(w.size)
    estimate = finite_difference(gradient, trial.point, directions.moves, directions.both, zero)
    with np.errstate(all="ignore"):
        want, error = _contracted(w, estimate.value, estimate.error)
        sharp = error <= SHARP_ENOUGH * np.maximum(np.abs(want), np.abs(claim))
        return np.asarray(sharp & (np.abs(claim - want) <= error + CONCLUSIVE["float64"] * np.abs(want)))


def _described(
    trial: Trial, directions: Directions, p: int, claim: np.ndarray, want: np.ndarray, bar: np.ndarray
) -> Mismatch:
    own = _is_subject(trial)
    name = directions.inputs[p]
    moved = int((directions.moves[p] != 0).sum())
    where = f"moving {moved} entries of {name!r} together" if moved > 1 else f"moving one entry of {name!r}"
    measured, other = float(want[p]), float(claim[p])
    if own:
        headline = f"double backward is wrong for input {name!r}"
        line = (
            f"{where}, the double backward says that ⟨w, x_bar⟩ changes by {number(other, measured)}, but the vjp "
            f"changes it by {number(measured, other)} ± {bar[p]:.0e}     (finite difference of the vjp)"
        )
    else:
        headline = f"vjp has a wrong derivative along input {name!r}"
        line = (
            f"{where}, ⟨w, x_bar⟩ changes by {number(measured, other)} ± {bar[p]:.0e}, but should change by "
            f"{number(other, measured)}     (torch's double backward, confirmed by finite differences of its gradient)"
        )
    lines = (line, MARK) if own else (line,)
    with np.errstate(all="ignore"):
        discrepancy = float(abs(claim[p] - want[p]) / max(bar[p], np.finfo(float).tiny))
    return Mismatch(
        headline=headline,
        kind=f"second order {name}",
        input=name,
        lines=lines,
        discrepancy=discrepancy if np.isfinite(discrepancy) else np.inf,
    )


def _along_y_bar(trial: Trial, w: np.ndarray, answer: SecondOrder) -> Outcome:
    """The vjp is linear in y_bar: ⟨by_y_bar, δ⟩ has to be ⟨w, B(x, δ)⟩ up to rounding, for any δ."""
    rng = np.random.default_rng((trial.case.seed, 10))
    delta = [
        None if bar is None else rng.uniform(0.5, 2.0, bar.shape) * rng.choice((-1.0, 1.0), bar.shape)
        for bar in trial.y_bar64
    ]
    by_y_bar, flat = trial.flat_cotangents(answer.by_y_bar), trial.flat_cotangents(delta)
    claim = float(by_y_bar @ flat)
    products = w * np.where(w != 0, trial.pulled_back(trial.drawn64, delta)[1], 0.0)
    want, terms = float(products.sum()), float(np.abs(products).sum() + np.abs(by_y_bar * flat).sum())
    noise = _by_ulps(trial, delta, w) + _by_ulps(trial, trial.y_bar64, w)
    unit = float(np.abs(w).max() * np.abs(flat).max())  # a saturated vjp is small, and rounded at the size of y_bar
    bar = SLACK * terms + NOISE * noise + ROUNDING * EPS["float64"] * unit
    conclusive = bool(np.isfinite(want) and bar <= CONCLUSIVE["float64"] * terms)
    mismatch = None
    if conclusive and not abs(claim - want) <= bar:
        mismatch = Mismatch(
            headline="double backward is wrong for y_bar",
            kind="second order y_bar",
            lines=(
                f"the vjp is linear in y_bar: the double backward should give ⟨w, B(x, δ)⟩ = {number(want, claim)} "
                f"± {bar:.0e} for a random δ, but gives {number(claim, want)}",
                MARK,
            ),
            discrepancy=abs(claim - want) / bar if bar and np.isfinite(claim) else np.inf,
        )
    return Outcome(comparisons=int(conclusive), conclusive=int(conclusive), mismatch=mismatch)


def _by_ulps(trial: Trial, y_bar: Sequence[np.ndarray | None], w: np.ndarray) -> float:
    """How far ⟨w, x_bar⟩ moves when x moves by ulps: the rounding of the rule, and with it its conditioning."""
    here = trial.pulled_back(trial.drawn64, y_bar)[1]
    moved = [np.abs(trial.pulled_back(trial.aside(turn), y_bar)[1] - here) for turn in range(len(JITTERS))]
    return float(np.abs(w) @ np.nan_to_num(np.max(moved, axis=0), nan=0.0, posinf=0.0))
