"""Which cases one verification draws, and in which order."""

from __future__ import annotations

import itertools
import math
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Protocol

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity

from gradspec.covering import covering
from gradspec.crossed import around_numbers, beside_params
from gradspec.domains import Case, Recipe, make_case, required, systematic
from gradspec.examples import declared_examples
from gradspec.layouts import Space
from gradspec.spec import Op
from gradspec.strategies import strategy, without_constants

DEFAULT_EXAMPLES = 100
SYSTEMATIC_SHARE = 0.8  # of the examples; the rest is drawn by Hypothesis
REDRAWS = 3  # of an ordinary case in which the rule says 0 of every entry: a single one often shows nothing of a hinge
REDRAWN_SHARE = 0.1  # of all examples, at most: an op may be flat everywhere
LEAST = 1e-6  # a discrepancy below this share of its bar, or above its inverse, is no goal to climb towards


class Examiner(Protocol):
    """Who looks at the cases.

    Attributes:
        op: The op.
        space: What can be drawn for it.
        examples: Cases looked at so far.
        was_flat: Whether the rule said 0 of every entry of the last one, if that was an ordinary one.
        is_decided: Whether only a verdict is wanted, and no further case would change it.
    """

    op: Op
    space: Space
    examples: int
    was_flat: bool
    is_decided: bool

    def examine(self, case: Case, *, sampled: bool = True) -> float:
        """Look at one case, drawn evenly or sought out; return the largest discrepancy over its bar."""


def draw(run: Examiner, seed: int, examples: int, max_seconds: float | None) -> None:
    """Examine what is listed, what is systematic, and then random draws."""
    deadline = math.inf if max_seconds is None else time.monotonic() + max_seconds
    pairs = len(covering(run.space, seed))  # on top: they take nothing from special values and small sizes
    beside = [*beside_params(run.space, seed)]
    around = [*around_numbers(run.space, seed)]
    share = min(examples / DEFAULT_EXAMPLES, 1.0)
    beside, around = beside[: round(len(beside) * share)], around[: round(len(around) * share)]
    listed = max(round(SYSTEMATIC_SHARE * examples) + pairs, len(required(run.space, seed)))
    recipes = itertools.chain(itertools.islice(systematic(run.space, seed), listed), beside)
    declared = (case for dtype in run.op.dtypes for case in declared_examples(run.op, dtype))
    drawn = itertools.chain(declared, _cases(run, recipes, redraws=round(REDRAWN_SHARE * examples)))
    samples = ((case, True) for case in drawn)
    sought = ((make_case(run.space, recipe), False) for recipe in around)
    for case, sampled in itertools.chain(samples, sought):
        run.examine(case, sampled=sampled)
        if run.is_decided or time.monotonic() > deadline:
            break
    else:
        _by_hypothesis(run, seed, examples + pairs + len(beside) + len(around) - run.examples, deadline)


def _cases(run: Examiner, recipes: Iterable[Recipe], redraws: int) -> Iterator[Case]:
    for recipe in recipes:
        yield make_case(run.space, recipe)
        for again in range(1, REDRAWS + 1):
            if run.was_flat and redraws:
                redraws -= 1
                yield make_case(run.space, replace(recipe, seed=recipe.seed + again * 2**32))  # others' are below


def _by_hypothesis(run: Examiner, seed: int, examples: int, deadline: float) -> None:
    """Let Hypothesis draw the rest. Nothing is raised inside, so every check sees every case."""
    if examples < 1:
        return

    @hypothesis.seed(zlib.crc32(f"{run.op.name} {seed}".encode()))
    @hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=False,
        phases=(Phase.generate, Phase.target),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
        verbosity=Verbosity.quiet,
    )
    @hypothesis.given(strategy(run.space))
    def drawn(recipe: Recipe) -> None:
        if not run.is_decided and time.monotonic() <= deadline:
            worst = run.examine(make_case(run.space, recipe), sampled=False)
            hypothesis.target(math.log10(min(max(worst, LEAST), 1 / LEAST)), label="discrepancy over bar")

    with without_constants():
        drawn()
