"""What multiplying all inputs by a power of two leaves as it is: the rule must overflow nowhere where forward does not.

Draws end at magnitudes at which a formula that adds constants still has digits. Beyond them only an op can be judged
to which all magnitudes are alike, and its own forward says whether it is one: it is then exactly 2^k times as large, or
the same, to the last bit. A formula that squares is wrong there, unless forward squares, too, and overflows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gradspec.caller import Arrays, CallFailedError
from gradspec.checks.outcome import Mismatch, entry, number
from gradspec.evidence import Evidence
from gradspec.trial import Trial

Cotangents = tuple[np.ndarray | None, ...]

POWERS = {"float64": 540, "float32": 80}  # squares overflow or vanish; numbers are far from both ends
GROWN = 2.0**20  # times the largest entry
SHARE = 2.0**-10  # of the largest entry: an overflow takes all of it, a logarithm's rounding far less


def where_scaled(trial: Trial, evidence: Evidence) -> dict[str, Mismatch]:
    """Input -> what is wrong with its cotangent when all inputs are multiplied by a large or a small power of two."""
    if trial.case.dtype == "float32" and evidence.is_coarse:
        return {}  # which of its terms have merely been too small for float32 nobody knows
    sizes = (*trial.case.sizes.values(), *trial.case.lead)
    if not (trial.case.ordinary and trial.is_plain and trial.point.any()) or min(sizes, default=2) < 2:
        return {}  # at size 1 many an op is homogeneous that is not what its formula says: x softmax(x) is x
    rng = np.random.default_rng((trial.case.seed, 15))
    signs = [rng.uniform(0.5, 2.0, y.shape) * rng.choice((-1.0, 1.0), y.shape) for y in trial.ys]
    y_bar = tuple(
        np.asarray(bar, y.dtype) if y.dtype.kind == "f" else None for y, bar in zip(trial.ys, signs, strict=True)
    )
    found: dict[str, Mismatch] = {}
    for sign in (1, -1):
        for mismatch in _compared(trial, y_bar, sign * POWERS[trial.case.dtype]):
            found.setdefault(mismatch.input, mismatch)
    return found


def _compared(trial: Trial, y_bar: Cotangents, power: int) -> Iterator[Mismatch]:
    with np.errstate(all="ignore"):
        inputs = tuple(
            x * x.dtype.type(2.0**power) if domain.differentiable else x.copy()
            for x, domain in zip(trial.inputs, trial.op.inputs.values(), strict=True)
        )
    if not all(np.array_equal(x, domain.repaired(x)) for x, domain in zip(inputs, trial.domains, strict=True)):
        return
    try:
        degree = _degree(trial, inputs, power)
        if degree is None or (degree == 0 and power < 0):
            return  # what does not change with x has a derivative of 1/x, whose square may well overflow
        with np.errstate(all="ignore"):
            here, there = (_pulled_back(trial, xs, y_bar) for xs in (trial.copies(), inputs))
    except CallFailedError:
        return  # forward overflows; or it is the contract check's business
    for name, small, x_bar in zip(trial.op.inputs, here, there, strict=True):
        if small is None or x_bar is None or not np.isfinite(small).all():
            continue
        wrong = ~np.isfinite(x_bar)
        if degree == 1 and power > 0:
            with np.errstate(all="ignore"):
                wrong |= np.abs(x_bar - small) > SHARE * np.abs(small).max(initial=0.0)
        if wrong.any():
            yield _described(name, power, degree, small, x_bar, tuple(int(axis) for axis in np.argwhere(wrong)[0]))


def _degree(trial: Trial, inputs: Arrays, power: int) -> int | None:
    """1 where all outputs are 2^power times as large for these inputs, 0 where they are the same, bit by bit; or None.

    Raises:
        CallFailedError: Forward overflows, or makes no number.
    """
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        there, _ = trial.forward([x.copy() for x in inputs])
    here = trial.ys
    if not any(y.any() for y in here if y.dtype.kind == "f"):
        return None
    for degree in (1, 0):
        times = 2.0 ** (degree * power)
        with np.errstate(all="ignore"):
            expected = [y * y.dtype.type(times) if y.dtype.kind == "f" else y for y in here]
        if all(np.isfinite(y).all() and np.array_equal(y, want) for y, want in zip(there, expected, strict=True)):
            return degree if trial.case.dtype == "float64" or _is_so_in_float64(trial, power, times) else None
    return None


def _is_so_in_float64(trial: Trial, power: int, times: float) -> bool:
    """Whether no term has merely been too small for float32: exp(-20) beside 1, in the logarithm of a sum."""
    return np.array_equal(trial.outputs(trial.point * 2.0**power), trial.y64 * times)


def _pulled_back(trial: Trial, inputs: Sequence[np.ndarray], y_bar: Cotangents) -> Cotangents:
    _, saved = trial.forward(inputs)
    return trial.owned(trial.vjp(saved, [None if bar is None else bar.copy() for bar in y_bar]))


def _described(
    name: str, power: int, degree: int, small: np.ndarray, x_bar: np.ndarray, where: tuple[int, ...]
) -> Mismatch:
    right = f"be {number(float(small[where]))}, as it is for the inputs themselves" if degree else "be finite"
    forward = f"2^{power} times as large" if degree else "the same"
    grown = GROWN * np.abs(small).max(initial=0.0) < np.abs(x_bar[where]) < np.inf  # a wrong rule, and no overflow
    headline = f"vjp {'overflows' if power > 0 else 'underflows'} for input {name!r} where forward does not"
    return Mismatch(
        headline=f"vjp grows for input {name!r} with all inputs, and the derivative does not" if grown else headline,
        kind=f"scaled {name}",
        input=name,
        lines=(
            f"{entry(name, where)} = {number(float(x_bar[where]))} for 2^{power} times all inputs, but should {right}: "
            f"forward is {forward}, to the last bit     (exact)",
        ),
    )
