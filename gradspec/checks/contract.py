"""The contract of a rule: form, dtype, ownership, no mutation, no state. No derivative is needed for it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from gradspec.caller import Arrays, CallFailedError
from gradspec.checks.finite import finite
from gradspec.checks.outcome import Mismatch, Outcome, entry, number
from gradspec.evidence import Evidence
from gradspec.trial import Trial

SELDOM, SEVERAL = 8, 16  # in one of 8 cases, 16 other forwards come in between: a pool of residuals has a few places
SAME_SUM = {"float64": 1e-8, "float32": 1e-2}  # of the largest entry; what aliasing breaks is broken by far more


def contract(trial: Trial, evidence: Evidence) -> list[Outcome]:
    """Check everything that the rule's contract asks for, stopping at the first breach."""
    try:
        breach = next(_breaches(trial, evidence), None)
    except CallFailedError as error:
        breach = Mismatch(headline=f"{error.what} {error.problem}", kind=f"{error.what} call")
    entries = 0 if breach else sum(x.size for x in trial.inputs)
    return [
        Outcome(entries=entries, comparisons=1, conclusive=1, discrepancy=np.inf if breach else 0.0, mismatch=breach)
    ]


def _breaches(trial: Trial, evidence: Evidence) -> Iterator[Mismatch]:
    elsewhere = cache(partial(_elsewhere, trial))  # drawn once, when first asked for
    yield from _forward(trial, elsewhere)
    yield from _vjp_form(trial)
    yield from _vjp_mutation(trial)
    yield from _read_only(trial)
    yield from _ownership(trial)
    yield from _state(trial, elsewhere)
    yield from _needs(trial)
    yield from _aliasing(trial)
    yield from _precision(trial, evidence)
    yield from finite(trial, evidence)


def _precision(trial: Trial, evidence: Evidence) -> Iterator[Mismatch]:
    """A rounding that nobody sees from outside; outputs whose dtype is float32 say it themselves."""
    hidden = trial.case.dtype == "float64" and all(y.dtype != np.float32 for y in trial.ys)
    if hidden and trial.is_inside and evidence.is_coarse:
        yield Mismatch(
            headline="forward computes in float32, though its inputs are float64",
            kind="forward float32",
            lines=("every output is a number of float32; what computes in float32 alone has dtypes=('float32',)",),
        )


def _forward(trial: Trial, elsewhere: Callable[[], Arrays]) -> Iterator[Mismatch]:
    given = trial.copies()
    first, _ = trial.forward(given)
    for name, x, before in zip(trial.op.inputs, given, trial.inputs, strict=True):
        if not _same(x, before):
            yield Mismatch(headline=f"forward changes its input {name!r}", kind="forward mutates", input=name)
    kept = [y.copy() for y in first]
    trial.forward([x.copy() for x in elsewhere()])
    if any(not _same(a, b) for a, b in zip(kept, first, strict=True)):
        yield Mismatch(headline="forward returns a buffer that its next call overwrites", kind="forward buffer")
    second, _ = trial.forward(trial.copies())
    if any(not _same(a, b) for a, b in zip(kept, second, strict=True)):
        yield Mismatch(headline="forward gives different values when called again", kind="forward state")


def _vjp_form(trial: Trial) -> Iterator[Mismatch]:
    for (name, domain), x, x_bar in zip(trial.op.inputs.items(), trial.inputs, trial.x_bar, strict=True):
        if domain.differentiable and x_bar is not None and x_bar.dtype != x.dtype:
            yield Mismatch(
                headline=f"vjp gives a {x_bar.dtype} cotangent for the {x.dtype} input {name!r}",
                kind="dtype",
                input=name,
                lines=(f"{name}_bar has dtype {x_bar.dtype}, but should have {x.dtype}",),
            )


def _vjp_mutation(trial: Trial) -> Iterator[Mismatch]:
    given = trial.copies()
    ys, saved = trial.forward(given)
    ys_before = [y.copy() for y in ys]
    saved_before = trial.fresh(saved)
    y_bar = trial.cotangent_copies()
    trial.vjp(saved, y_bar)
    for bar, before in zip(y_bar, trial.y_bar, strict=True):
        if bar is not None and before is not None and not _same(bar, before):
            yield Mismatch(
                headline="vjp writes into y_bar", kind="writes y_bar", lines=(_first_change("y", before, bar),)
            )
    for name, x, before in zip(trial.op.inputs, given, trial.inputs, strict=True):
        if not _same(x, before):
            yield Mismatch(
                headline=f"vjp writes into the input {name!r}",
                kind="writes input",
                input=name,
                lines=(_first_change(name, before, x, suffix=""),),
            )
    kept, given_first = _arrays(saved), _arrays(saved_before)
    if len(kept) < len(given_first):
        told = f"it holds {len(kept)} arrays afterwards, {len(given_first)} before"
        yield Mismatch(headline="vjp writes into its residuals (`saved`)", kind="writes saved", lines=(told,))
    is_as_long = len(kept) == len(given_first)  # a rule may remember more than it was given
    for now, before in zip(kept, given_first, strict=True) if is_as_long else ():
        if not _same(now, before):
            yield Mismatch(
                headline="vjp writes into its residuals (`saved`)",
                kind="writes saved",
                lines=(_first_change("saved", before, now, suffix=""),),
            )
    for y, before in zip(ys, ys_before, strict=True):
        if not _same(y, before):
            yield Mismatch(
                headline="vjp writes into the y that forward returned",
                kind="writes y",
                lines=(_first_change("y", before, y, suffix=""),),
            )


def _read_only(trial: Trial) -> Iterator[Mismatch]:
    """Anything that writes into an array that it does not own raises here."""
    given = trial.copies()
    y_bar = trial.cotangent_copies()
    for array in (*given, *(bar for bar in y_bar if bar is not None)):
        array.flags.writeable = False
    try:
        _, saved = trial.forward(given)
        trial.vjp(saved, y_bar)
    except CallFailedError as error:
        yield Mismatch(
            headline=f"{error.what} fails when inputs and y_bar are read-only",
            kind="read-only",
            lines=(f"{error.what} {error.problem}",),
        )


def _ownership(trial: Trial) -> Iterator[Mismatch]:
    given = trial.copies()
    _, saved = trial.forward(given)
    y_bar = trial.cotangent_copies()
    returned = trial.checked(trial.vjp(saved, y_bar))
    for name, x_bar in zip(trial.op.inputs, returned, strict=True):
        if x_bar is None:
            continue
        for other, x in zip(trial.op.inputs, given, strict=True):
            if _shares(x_bar, x):
                yield Mismatch(
                    headline=f"vjp returns memory of the input {other!r} as the cotangent of {name!r}",
                    kind="shares input",
                    input=name,
                )
        if any(_shares(x_bar, array) for array in _arrays(saved)):
            yield Mismatch(
                headline=f"vjp returns memory of its residuals (`saved`) as the cotangent of {name!r}",
                kind="shares saved",
                input=name,
            )


def _state(trial: Trial, elsewhere: Callable[[], Arrays]) -> Iterator[Mismatch]:
    """B(a), another B(b), another forward: B(a) must stay as it is, and come out the same again."""
    _, saved = trial.forward(trial.copies())
    first = trial.checked(trial.vjp(saved, trial.cotangent_copies()))
    kept = [None if x_bar is None else x_bar.copy() for x_bar in first]
    other = [None if bar is None else np.asarray(bar * -3 + 1, dtype=bar.dtype) for bar in trial.y_bar]
    trial.vjp(saved, other)
    for name, now, before in zip(trial.op.inputs, first, kept, strict=True):
        if now is not None and before is not None and not _same(now, before):
            yield Mismatch(
                headline=f"vjp returns a buffer that its next call overwrites, for input {name!r}",
                kind="buffer",
                input=name,
                lines=(_first_change(name, before, now),),
            )
    again = trial.checked(trial.vjp(saved, trial.cotangent_copies()))
    yield from _differs(trial, kept, again, "vjp gives another result when called again", "second call")
    for _ in range(1 if trial.case.seed % SELDOM else SEVERAL):
        trial.forward([x.copy() for x in elsewhere()])
    again = trial.checked(trial.vjp(saved, trial.cotangent_copies()))
    yield from _differs(trial, kept, again, "vjp gives another result after another forward", "stale state")


def _elsewhere(trial: Trial) -> Arrays:
    """Other inputs of the same shapes, still inside the domain."""
    rng = np.random.default_rng((trial.case.seed, 5))
    drawn = []
    for u, domain in zip(trial.case.drawn, trial.domains, strict=True):
        low, high = domain.typical
        other = u if domain.integer else domain.repaired(rng.uniform(low, high, size=u.shape).astype(u.dtype))
        drawn.append(other)
    return trial.transformed(drawn, trial.case.dtype)


def _differs(trial: Trial, before: Sequence[Any], after: Sequence[Any], headline: str, kind: str) -> Iterator[Mismatch]:
    for name, a, b in zip(trial.op.inputs, before, after, strict=True):
        if a is not None and b is not None and not _same(a, b):
            yield Mismatch(
                headline=f"{headline}, for input {name!r}", kind=kind, input=name, lines=(_first_change(name, a, b),)
            )


def _needs(trial: Trial) -> Iterator[Mismatch]:
    """A rule that takes ``needs`` gives, for every mask, None or what it gives without a mask."""
    if not trial.op.takes_needs:
        return
    names = [*trial.op.inputs]
    for mask in itertools.product((True, False), repeat=len(names)):
        _, saved = trial.forward(trial.copies())
        returned = trial.vjp(saved, trial.cotangent_copies(), needs=mask)
        if not isinstance(returned, tuple) or len(returned) != len(names):
            yield Mismatch(headline=f"vjp with needs={mask} does not return {len(names)} cotangents", kind="needs")
            return
        for name, needed, x_bar, full in zip(names, mask, returned, trial.x_bar, strict=True):
            if needed and full is not None and (x_bar is None or not _same(np.asarray(x_bar), np.asarray(full))):
                yield Mismatch(
                    headline=f"vjp with needs={mask} gives another cotangent for input {name!r} than without",
                    kind="needs",
                    input=name,
                )


def _aliasing(trial: Trial) -> Iterator[Mismatch]:
    """op(x, x): the same array given twice must do what two equal arrays do."""
    names = [name for name, domain in trial.op.inputs.items() if not domain.integer]
    for first, second in itertools.combinations(names, 2):
        a, b = (list(trial.op.inputs).index(name) for name in (first, second))
        x = trial.inputs[a]
        if x.shape != trial.inputs[b].shape or not x.size or not np.array_equal(x, trial.domains[b].repaired(x)):
            continue
        if any(trial.op.inputs[name].transform is not None for name in (first, second)):
            continue
        answers = []
        for twice in (True, False):
            given = trial.copies()
            given[a] = x.copy()
            given[b] = given[a] if twice else x.copy()
            ys, saved = trial.forward(given)
            answers.append((*(y.copy() for y in ys), *trial.owned(trial.vjp(saved, trial.cotangent_copies()))))
        for once, apart in zip(*answers, strict=True):
            if once is None or apart is None or _close(once, apart):
                continue
            yield Mismatch(
                headline=f"another result when {first!r} and {second!r} are the same array than for two equal ones",
                kind="aliasing",
            )
            return


def _close(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal up to the rounding of another order of summation: BLAS multiplies x by itself in a way of its own."""
    if a.dtype.kind != "f":
        return bool(np.array_equal(a, b))
    size = float(np.abs(np.where(np.isfinite(b), b, 0.0)).max(initial=0.0))
    return bool((np.isclose(a, b, rtol=0.0, atol=SAME_SUM[str(b.dtype)] * size, equal_nan=True)).all())


def _same(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    bits = a.dtype.kind in "fiub" and a.tobytes() == b.tobytes()  # nearly always so, and soon seen
    return bits or bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))


def _shares(a: Any, b: Any) -> bool:
    return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and np.shares_memory(a, b)


def _arrays(value: Any) -> list[np.ndarray]:
    """Every array in nested tuples, lists and dicts."""
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, (tuple, list)):
        return [array for item in value for array in _arrays(item)]
    if isinstance(value, dict):
        return [array for item in value.values() for array in _arrays(item)]
    return []


def _first_change(name: str, before: Any, after: Any, *, suffix: str = "_bar") -> str:
    before, after = np.asarray(before), np.asarray(after)
    with np.errstate(all="ignore"):
        changed = np.argwhere(~((before == after) | (np.isnan(before) & np.isnan(after))))
    where = tuple(int(axis) for axis in changed[0]) if len(changed) else ()
    old, new = float(before[where]), float(after[where])
    return f"{entry(name, where, suffix)} was {number(old, new)} and became {number(new, old)}"
