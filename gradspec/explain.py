"""From the failures of a check to one message and one small counterexample."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from gradspec.caller import CallFailedError
from gradspec.checks import Check, Mismatch
from gradspec.checks.complex_step import by_complex_step
from gradspec.counterexample import Counterexample, counterexample_of
from gradspec.diagnosis import NOTHING, NOTHING_HERE, contradicts, diagnose, diagnose_along
from gradspec.domains import Case
from gradspec.errors import DeclarationError
from gradspec.layouts import Space
from gradspec.locating import Seen, located
from gradspec.oracles import torch_autograd
from gradspec.reporting.text import failure_text
from gradspec.shrink import failure, shrink
from gradspec.spec import Op
from gradspec.tally import Tally
from gradspec.trial import Trial

AGREES = 1e-2  # of the difference; only to say which oracles tell the same story


PROBED = 8  # passing cases in which a rule that propagates nothing may be seen to propagate something


def explained(space: Space, tally: Tally, replay: str, known: Sequence[Case] = ()) -> tuple[str, Counterexample]:
    """The failure text and the shrunk counterexample.

    The guess at the cause is made on the failing draws, before shrinking: at size 1 every axis looks alike.

    Args:
        space: The op's layouts.
        tally: What a check has said; at least one failure.
        replay: The command to put on the last line.
        known: Small cases that other checks fail on: where this one does, too, it is shown the same.
    """
    op, check, failures = space.op, tally.check, tally.failures
    case, mismatch = min(failures, key=lambda failure: _clarity(*failure))
    guess = _guess([failure for failure in failures if failure[1].input == mismatch.input])
    small, shrunk = _met_before(space, check, mismatch, known) or shrink(space, case, check, mismatch)
    if shrunk.got is not None and shrunk.want is not None and contradicts(guess, shrunk.got, shrunk.want):
        guess = ""
    if shrunk.along is not None and diagnose_along(*shrunk.along) not in ("", guess):
        guess = ""
    failing = _once(seen for seen, name, kind in tally.failing if name == shrunk.input and kind in ("", shrunk.kind))
    passing = _once(seen for seen, name in tally.passing if not shrunk.input or name in ("", shrunk.input))
    if (
        guess == NOTHING
        and shrunk.input
        and any(_propagates(op, seen.case, shrunk.input) for seen in passing[:PROBED] if seen.whole)
    ):
        guess = NOTHING_HERE
    shrunk = with_witnesses(space, small, shrunk)
    counterexample = counterexample_of(op, check.name, small)
    message = failure_text(
        op,
        check.name,
        shrunk,
        guess=guess,
        where=located(op, failing, passing, shown=small, first=tally.is_settled),
        smallest=str(counterexample),
        replay=replay,
    )
    return message, counterexample


def _met_before(space: Space, check: Check, mismatch: Mismatch, known: Sequence[Case]) -> tuple[Case, Mismatch] | None:
    """The first of the known cases that fails in the same way."""
    for case in known:
        with contextlib.suppress(DeclarationError):
            found = failure(space, case, check, mismatch.kind)
            if found is not None and found.input == mismatch.input and (found.is_gross or not mismatch.is_gross):
                return case, found
    return None


def _once(cases: Iterable[Seen]) -> list[Seen]:
    """Each case once, however many outcomes it has."""
    return [*{id(seen): seen for seen in cases}.values()]


def _propagates(op: Op, case: Case, name: str) -> bool:
    with np.errstate(all="ignore"), contextlib.suppress(CallFailedError):
        x_bar = Trial(op, case).x_bar[[*op.inputs].index(name)]
        return x_bar is not None and bool(x_bar.any())
    return False


def _clarity(case: Case, mismatch: Mismatch) -> tuple[bool, bool, bool, bool, int]:
    """Failures with an entry to show first, then float64, then gross errors, then ordinary cases, then small ones."""
    size = sum(u.size for u in case.drawn)
    return (
        mismatch.want is None and not size,
        case.dtype != "float64",
        not mismatch.is_gross,
        not case.ordinary,
        size,
    )


def _guess(failures: Sequence[tuple[Case, Mismatch]]) -> str:
    """The guess that more than half of the failing draws support, of those that can tell."""
    votes: dict[str, int] = {}
    asked = 0
    for _, mismatch in sorted(failures, key=lambda failure: -sum(u.size for u in failure[0].drawn)):
        if mismatch.along is not None and np.count_nonzero(mismatch.along[1]) > 1:
            asked += 1
            guess = diagnose_along(*mismatch.along)
        elif mismatch.got is not None and mismatch.want is not None and np.count_nonzero(mismatch.want) > 1:
            asked += 1
            guess = diagnose(mismatch.got, mismatch.want)
        else:
            continue
        if guess:
            votes[guess] = votes.get(guess, 0) + 1
    best = max(votes, key=lambda guess: votes[guess], default="")
    return best if best and 2 * votes[best] > asked else ""


def with_witnesses(space: Space, case: Case, mismatch: Mismatch) -> Mismatch:
    """Say which other oracles agree with the one that found the failure."""
    if mismatch.want is None or not mismatch.lines or "(finite difference)" not in mismatch.lines[0]:
        return mismatch
    names = [name for name, want in _witnesses(space, case, mismatch.input) if _agrees(want, mismatch)]
    if not names:
        return mismatch
    agree = f"{' and '.join(names)} agree{'s' * (len(names) == 1)}"
    first = mismatch.lines[0].replace("(finite difference)", f"(finite difference; {agree})")
    return replace(mismatch, lines=(first, *mismatch.lines[1:]))


def _witnesses(space: Space, case: Case, name: str) -> Iterator[tuple[str, np.ndarray | None]]:
    """What the other oracles say of the cotangent of an input."""
    trial = Trial(space.op, case)
    with np.errstate(all="ignore"), contextlib.suppress(CallFailedError):
        yield "complex step", by_complex_step(trial, name)
        if space.op.torch is not None and torch_autograd.available():
            answer = trial.torch
            if not isinstance(answer, torch_autograd.ReferenceFailedError):
                yield "torch", answer.cotangents[[*space.op.inputs].index(name)]


def _agrees(theirs: np.ndarray | None, mismatch: Mismatch) -> bool:
    """Whether a witness is far closer to *want* than *got* is, wherever these differ."""
    got, want, wrong = mismatch.got, mismatch.want, mismatch.wrong
    if theirs is None or got is None or want is None or wrong is None or not wrong.any():
        return False
    with np.errstate(all="ignore"):
        apart = np.abs(theirs.reshape(want.shape) - want)[wrong]
        missed = np.abs(got - want)[wrong]
    return bool((apart <= AGREES * np.where(np.isnan(missed), np.inf, missed)).all())
