"""Trying mutants: which are noticed, by which check, and what the diagnosis says of them."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gradspec.drawing import DEFAULT_EXAMPLES
from gradspec.engine import verify
from gradspec.errors import DeclarationError
from gradspec.mutation.mutant import Mutant
from gradspec.mutation.source import source_mutants
from gradspec.mutation.wrappers import wrappers
from gradspec.results import Report, Verdict
from gradspec.spec import Op

FIRST = 30  # examples of a first look
KILLED, SAME, SURVIVED = "killed", "no difference", "survived"


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What became of one mutant.

    Attributes:
        name: The mutant.
        outcome: "killed"; "no difference" where it answered as the right rule does in every call, so that it is
            equivalent or lies where no draw fell; "survived" where it answered otherwise and nothing failed.
        checks: The checks that failed, in their order.
        guess: The words that a right diagnosis has; "" where none is expected.
        guessed: What the texts of the failures say, where a guess is expected.
        where: File and line of the change.
    """

    name: str
    outcome: str
    checks: tuple[str, ...] = ()
    guess: str = ""
    guessed: str = ""
    where: str = ""

    @property
    def is_named(self) -> bool:
        """Whether a failure text names the mistake."""
        return self.outcome == KILLED and bool(self.guess) and self.guess in self.guessed


def mutants(op: Op, *, wrapped: bool = True, source: bool = True) -> Iterator[Mutant]:
    """The mutants of *op*: mistakes made around its rule, and in the rule's source."""
    if wrapped:
        yield from wrappers(op)
    if source:
        yield from source_mutants(op)


def tried(mutant: Mutant, *, seed: int = 0, examples: int = DEFAULT_EXAMPLES) -> Fate:
    """Verify a mutant as a user would verify the op, until a check fails.

    Its checks are those that failed in the case that killed it. Where a diagnosis is expected they are those of the
    whole run, of few examples if these are enough.
    """
    common: dict[str, Any] = {"name": mutant.name, "guess": mutant.guess, "where": mutant.where}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the mean of nothing, and what else a mistake may do
            soon = _at_first_sight(mutant, seed, examples) if mutant.guess else None
            report = soon or _verified(mutant, seed, examples)
    except DeclarationError as error:
        return Fate(**common, outcome=KILLED, checks=("declaration",), guessed=str(error))
    if report.verdict is not Verdict.FAIL:
        return Fate(**common, outcome=SURVIVED if mutant.seen.different else SAME)
    failed = [check for check in report.checks if check.verdict is Verdict.FAIL]
    said = "\n".join(check.message for check in failed)
    return Fate(**common, outcome=KILLED, checks=tuple(check.name for check in failed), guessed=said)


def _verified(mutant: Mutant, seed: int, examples: int) -> Report:
    return verify(mutant.op, seed=seed, examples=examples, explain=bool(mutant.guess))


def _at_first_sight(mutant: Mutant, seed: int, examples: int) -> Report | None:
    """The report of a short run if that is a FAIL: most mutants fail in any case."""
    if examples <= FIRST:
        return None
    with contextlib.suppress(DeclarationError):  # which the long run may see otherwise
        report = _verified(mutant, seed, FIRST)
        return report if report.verdict is Verdict.FAIL else None
    return None
