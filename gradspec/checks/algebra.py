"""What every linear map does exactly, in floating point too: no oracle, no tolerance; and what is exact in x."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradspec.caller import CallFailedError
from gradspec.checks.outcome import Mismatch, Outcome, entry, number
from gradspec.checks.scaled import where_scaled
from gradspec.evidence import Evidence
from gradspec.trial import Trial

POWERS = (2, -2, 20, -20)


def vjp_algebra(trial: Trial, evidence: Evidence) -> list[Outcome]:
    """B(0) = 0, B(-y_bar) = -B(y_bar) and B(2^k y_bar) = 2^k B(y_bar), each to the last bit; and no overflow in x."""
    try:
        base = trial.x_bar
        factors = [0.0, -1.0, *(2.0**power for power in POWERS)]
        scaled = [_scaled(trial, factor) for factor in factors]
    except CallFailedError:
        return []  # the contract check says what is wrong
    apart = where_scaled(trial, evidence)
    outcomes = []
    for position, name in enumerate(trial.op.inputs):
        x_bar = base[position]
        if x_bar is None:
            continue
        x_bar = np.asarray(x_bar)
        mismatch = next(
            (
                found
                for factor, answers in zip(factors, scaled, strict=True)
                if (found := _compare(name, factor, x_bar, np.asarray(answers[position])))
            ),
            apart.get(name),
        )
        outcomes.append(
            Outcome(
                input=name,
                entries=x_bar.size,
                comparisons=len(factors),
                conclusive=len(factors),
                discrepancy=0.0 if mismatch is None else np.inf,
                mismatch=mismatch,
            )
        )
    return outcomes


def _scaled(trial: Trial, factor: float) -> Sequence[np.ndarray | None]:
    _, saved = trial.forward(trial.copies())
    y_bar = [None if bar is None else np.asarray(bar * bar.dtype.type(factor)) for bar in trial.y_bar]
    return trial.owned(trial.vjp(saved, y_bar))


def _compare(name: str, factor: float, x_bar: np.ndarray, scaled: np.ndarray) -> Mismatch | None:
    want = x_bar * x_bar.dtype.type(factor) + x_bar.dtype.type(0)  # + 0 makes -0 and 0 one
    got = scaled + scaled.dtype.type(0)
    if np.array_equal(got, want):
        return None
    info = np.finfo(x_bar.dtype)
    with np.errstate(all="ignore"):
        # A power of two is exact only away from overflow and subnormals, in every intermediate too.
        margin = 2.0 ** (1 if factor in (0.0, -1.0) else 2 * max(POWERS))
        size = np.maximum(np.abs(x_bar), np.abs(want))
        sound = np.isfinite(x_bar) & (size < info.max / margin)
        if factor not in (0.0, -1.0):
            smallest = np.minimum(np.abs(x_bar), np.abs(want))
            least = info.smallest_normal * margin
            sound &= np.where(x_bar == 0, (got == 0) | (np.abs(got) > least), smallest > least)
        different = np.argwhere(sound & (got != want))
    if not len(different):
        return None
    where = tuple(int(axis) for axis in different[0])
    answer, right = float(got[where]), float(want[where])
    what = {0.0: "B(0) = 0", -1.0: "B(-y_bar) = -B(y_bar)"}.get(factor, "B(2^k y_bar) = 2^k B(y_bar)")
    times = "0" if factor == 0 else ("-1" if factor == -1 else f"2^{int(np.log2(factor))}")
    return Mismatch(
        headline=f"vjp is not linear in y_bar, for input {name!r}: {what} does not hold",
        kind=f"algebra {what}",
        input=name,
        lines=(
            f"{entry(name, where)} = {number(answer, right)} for {times} times y_bar, but should be "
            f"{number(right, answer)}     (exact)",
        ),
    )
