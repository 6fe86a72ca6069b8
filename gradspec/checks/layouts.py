"""The same numbers in other memory layouts: Fortran order, negative strides, gaps, stride 0."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from gradspec.caller import CallFailedError
from gradspec.checks.outcome import Mismatch, Outcome, entry, number
from gradspec.evidence import Evidence
from gradspec.rounding import NOISE, ROUNDING
from gradspec.trial import EPS, Trial

Layout = Callable[[np.ndarray], np.ndarray]
Arrays = Sequence[np.ndarray | None]
Expanded = tuple[list[np.ndarray], Arrays, tuple[Layout | None, Layout | None]]


def vjp_layouts(trial: Trial, evidence: Evidence) -> list[Outcome]:
    """Hand in inputs and y_bar in other layouts; outputs and cotangents must stay the same up to rounding."""
    try:
        base = trial.flat_cotangents(trial.x_bar)
    except CallFailedError:
        return []  # the contract check says what is wrong
    expanded = list(_with_stride_0(trial))
    mismatch = next(_differences(trial, evidence, base, expanded), None)
    return [
        Outcome(
            entries=0 if mismatch else base.size,
            comparisons=len(LAYOUTS) + len(expanded),
            conclusive=len(LAYOUTS) + len(expanded),
            discrepancy=np.inf if mismatch else 0.0,
            mismatch=mismatch,
        )
    ]


def _differences(
    trial: Trial, evidence: Evidence, base: np.ndarray, expanded: Sequence[Expanded]
) -> Iterator[Mismatch]:
    for words, layout in LAYOUTS.items():
        found = _difference(trial, evidence, base, words, (layout, layout))
        if found is not None:  # which of the two is it?
            yield (
                _difference(trial, evidence, base, words, (None, layout))
                or _difference(trial, evidence, base, words, (layout, None))
                or found
            )
    for inputs, bars, layouts in expanded:
        yield from _expanded_difference(trial, evidence, inputs, bars, layouts)


def _with_stride_0(trial: Trial) -> Iterator[Expanded]:
    """Inputs, y_bar, and which of them to hand in expanded: such arrays hold one number, repeated."""
    bars = [None if bar is None else np.full_like(bar, 1.5) for bar in trial.y_bar]
    yield trial.copies(), bars, (None, _expanded)
    for axis in (0, -1):  # what the vjp of a sum over one axis hands on
        if any(bar is not None and bar.ndim > 1 and bar.shape[axis] > 1 for bar in trial.y_bar):
            layout = partial(_repeated, axis=axis)
            same = [None if bar is None else np.array(layout(bar)) for bar in trial.cotangent_copies()]
            yield trial.copies(), same, (None, layout)
    inputs = [np.full_like(x, x.flat[0]) if x.size else x for x in trial.copies()]
    if all(domain.transform is None for domain in trial.op.inputs.values()):
        yield inputs, trial.cotangent_copies(), (_expanded, None)


def _expanded_difference(
    trial: Trial,
    evidence: Evidence,
    inputs: list[np.ndarray],
    bars: Arrays,
    layouts: tuple[Layout | None, Layout | None],
) -> Iterator[Mismatch]:
    try:
        ys, saved = trial.forward([x.copy() for x in inputs])
        ys = tuple(y.copy() for y in ys)
        plain = trial.flat_cotangents(trial.owned(trial.vjp(saved, [None if b is None else b.copy() for b in bars])))
    except CallFailedError:
        return
    if not all(np.isfinite(y).all() for y in ys) or not np.isfinite(plain).all():
        return
    found = _difference(trial, evidence, plain, "of stride 0", layouts, (inputs, bars, ys))
    if found is not None:
        yield found


def _difference(
    trial: Trial,
    evidence: Evidence,
    base: np.ndarray,
    words: str,
    layouts: tuple[Layout | None, Layout | None],
    other: tuple[Sequence[np.ndarray], Sequence[np.ndarray | None], Sequence[np.ndarray]] | None = None,
) -> Mismatch | None:
    """What goes wrong with inputs and y_bar in these layouts (None: as they are).

    Args:
        trial: The trial.
        evidence: Its evidence.
        base: The rule's cotangents (n') for contiguous arrays.
        words: The layout in words.
        layouts: That of the inputs and that of y_bar.
        other: Inputs, y_bar and outputs in place of the trial's own.
    """
    for_inputs, for_bar = layouts
    who = " and ".join(name for name, layout in (("inputs", for_inputs), ("y_bar", for_bar)) if layout is not None)
    xs, given, before = other or (trial.copies(), trial.cotangent_copies(), trial.ys)
    inputs = [x if for_inputs is None else for_inputs(x) for x in xs]
    bars = [bar if bar is None or for_bar is None else for_bar(bar) for bar in given]
    try:
        ys, saved = trial.forward(inputs)
        again = trial.flat_cotangents(trial.owned(trial.vjp(saved, bars)))
    except CallFailedError as error:
        return Mismatch(
            headline=f"{error.what} fails for {who} {words}",
            kind=f"layout {words}",
            lines=(f"{error.what} {error.problem}",),
        )
    found = _wrong_value(trial, evidence, ys, before, who, words) or _wrong_cotangent(
        trial, evidence, base, again, who, words
    )
    if found is None or found.input == "":
        return found
    # Equal numbers have stayed equal so far: a mean of theirs is off by an ulp in one layout, and exact in another. And
    # where inputs or y_bar are not the trial's own, they may be larger, or cancel more.
    noise = _rounding_of(trial, xs, given, base)
    for where in trial.cotangent_slices.values():  # two samples of one entry may both be 0 by chance
        noise[where] = noise[where].max(initial=0.0)
    # A saturated softmax takes y_bar from itself: exactly, or but for an ulp, as einsum adds up.
    floor = ROUNDING * EPS[trial.case.dtype] * sum(float(np.abs(bar).sum()) for bar in given if bar is not None)
    with np.errstate(invalid="ignore"):
        different = ~(np.abs(again - base) <= NOISE * noise + floor) & np.isfinite(base)  # NaN from a gap is different
    return found if different.any() else None


def _rounding_of(trial: Trial, inputs: Sequence[np.ndarray], bars: Arrays, base: np.ndarray) -> np.ndarray:
    """(n',) how far the rule's cotangents move when inputs and y_bar move by an ulp."""
    eps, moved = EPS[trial.case.dtype], np.zeros(base.size)
    for turn in range(2):
        rng = np.random.default_rng((trial.case.seed, 12, turn))
        xs, ys = (
            [x if x is None or x.dtype.kind != "f" else _shaken(x, eps, rng) for x in arrays]
            for arrays in (inputs, bars)
        )
        try:
            _, saved = trial.forward([x for x in xs if x is not None])
            again = trial.flat_cotangents(trial.owned(trial.vjp(saved, ys)))
        except CallFailedError:
            continue
        moved = np.fmax(moved, np.abs(again - base))
    return np.nan_to_num(moved, posinf=0.0)


def _shaken(x: np.ndarray, eps: float, rng: np.random.Generator) -> np.ndarray:
    return (x * (1.0 + eps * rng.choice((-1.0, 1.0), size=x.shape))).astype(x.dtype)


def _wrong_value(
    trial: Trial, evidence: Evidence, ys: Sequence[np.ndarray], others: Sequence[np.ndarray], who: str, words: str
) -> Mismatch | None:
    spread, start = evidence.value_noise, 0
    for y, before in zip(ys, others, strict=True):
        if y.shape != before.shape:
            return Mismatch(
                headline=f"forward gives shape {y.shape} instead of {before.shape} for {who} {words}",
                kind=f"layout {words}",
            )
        if y.dtype.kind != "f":
            different = y != before
            bar = np.zeros(y.shape)
        else:
            here, start = slice(start, start + y.size), start + y.size
            if np.array_equal(y, before):
                continue
            largest = max(float(np.abs(before).max(initial=0.0)), float(np.abs(trial.point).max(initial=0.0)))
            sizes = np.fmax(largest, evidence.saturated[here])  # the inequality of equal incomes is rounded as 1 is
            bar = (ROUNDING * EPS[trial.case.dtype] * sizes + NOISE * spread[here]).reshape(y.shape)
            different = ~(np.abs(y.astype(np.float64) - before) <= bar)
        if different.any():
            where = tuple(int(axis) for axis in np.argwhere(different)[0])
            got, want = float(y[where]), float(before[where])
            return Mismatch(
                headline=f"forward gives other values for {who} {words}",
                kind=f"layout {words}",
                lines=(f"{entry('y', where, '')} = {number(got, want)}, but {number(want, got)} when contiguous",),
            )
    return None


def _wrong_cotangent(
    trial: Trial, evidence: Evidence, base: np.ndarray, again: np.ndarray, who: str, words: str
) -> Mismatch | None:
    floor = ROUNDING * EPS[trial.case.dtype] * np.abs(base).max(initial=0.0)
    if (np.abs(again - base) <= floor).all():
        return None
    judgement = evidence.judge_against(again, base)
    if not judgement.wrong.any():
        return None
    worst = int(np.argmax(np.where(np.isfinite(again), np.abs(again - base), np.inf)))
    name, where = next((n, s) for n, s in trial.cotangent_slices.items() if s.start <= worst < s.stop)
    shape = trial.inputs[[*trial.op.inputs].index(name)].shape
    place = tuple(int(axis) for axis in np.unravel_index(worst - where.start, shape))
    got, want = float(again[worst]), float(base[worst])
    return Mismatch(
        headline=f"vjp gives another result for {who} {words}, for input {name!r}",
        kind=f"layout {words}",
        input=name,
        lines=(f"{entry(name, place)} = {number(got, want)}, but {number(want, got)} when contiguous",),
        discrepancy=float(judgement.discrepancy[judgement.wrong].max()),
    )


def _fortran(x: np.ndarray) -> np.ndarray:
    return np.array(x, order="F")


def _reversed(x: np.ndarray) -> np.ndarray:
    # Not along axes of size 1: their stride is never used, numpy takes the array for contiguous and copies nothing,
    # and torch refuses it nevertheless.
    backwards = tuple(slice(None, None, -1 if size > 1 else 1) for size in x.shape)
    return np.asarray(x[backwards].copy()[backwards])


def _with_gaps(x: np.ndarray) -> np.ndarray:
    """Every second element of a buffer whose others are NaN (or absurd, for integers)."""
    poison = np.nan if x.dtype.kind == "f" else np.iinfo(x.dtype).min // 2
    buffer = np.full((*(2 * size for size in x.shape), 2), poison, dtype=x.dtype)
    every_second: tuple[Any, ...] = (slice(None, None, 2),) * x.ndim
    view = buffer[(*every_second, ..., 0)]  # the Ellipsis keeps a 0-d view an array
    view[...] = x
    return view


def _expanded(x: np.ndarray) -> np.ndarray:
    """One number with strides of 0; *x* is full of it, or has one entry at most, about which strides say nothing."""
    return np.broadcast_to(x.flat[0], x.shape) if x.size > 1 else x


def _repeated(x: np.ndarray, axis: int) -> np.ndarray:
    """The first slice along *axis* with a stride of 0 there, where there are two axes or more."""
    return np.broadcast_to(x.take([0], axis), x.shape) if x.ndim > 1 and x.size and x.shape[axis] > 1 else x


def _padded_rows(x: np.ndarray) -> np.ndarray:
    """The left part of a wider array: each row is contiguous, all of them together are not."""
    if x.ndim < 2:
        return _with_gaps(x)
    poison = np.nan if x.dtype.kind == "f" else np.iinfo(x.dtype).min // 2
    buffer = np.full((*x.shape[:-1], x.shape[-1] + 3), poison, dtype=x.dtype)
    view = buffer[..., : x.shape[-1]]
    view[...] = x
    return view


LAYOUTS: dict[str, Layout] = {
    "in Fortran order": _fortran,
    "with negative strides": _reversed,
    "with gaps between the elements": _with_gaps,
    "cut out of a wider array": _padded_rows,
}
