"""Hypothesis strategies over everything that a declaration allows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from hypothesis import strategies as st

from gradspec.domains import COTANGENTS, Case, Recipe, make_case, sharing
from gradspec.intervals import interval
from gradspec.layouts import Space
from gradspec.related import BESIDE, SHARED
from gradspec.spec import Op
from gradspec.values import kinds


def strategy(space: Space) -> st.SearchStrategy[Recipe]:
    """Every case that the declaration allows, ordinary values more often than special ones."""
    op, sharers = space.op, sharing(space.op)
    # Built here, once: Hypothesis hashes all that a strategy samples from when it is first drawn from.
    turns, seeds = st.integers(0, 2), st.integers(0, 2**32 - 1)
    roomy, combinations = st.sampled_from(space.roomy), st.sampled_from(space.combinations)
    leads, patterns = st.sampled_from(space.leads), st.sampled_from(space.patterns)
    dtypes = st.sampled_from([dtype for dtype in op.dtypes for _ in range(3 if dtype == "float64" else 1)])
    cotangents = st.sampled_from(("signed", *COTANGENTS))

    @st.composite
    def recipes(draw: st.DrawFn) -> Recipe:
        # Empty axes hide everything: of all layouts most have one, of all draws few should.
        combination = draw(roomy if draw(turns) else combinations)
        fillings = []
        for name in op.inputs:
            special = kinds(interval(op, name, combination.sizes), combination.params)
            special += (SHARED, BESIDE) * (name in sharers)
            fillings.append(draw(st.sampled_from((*special, *["uniform"] * (len(special) // 2)))))
        return Recipe(
            combination=combination,
            lead=draw(leads),
            pattern=draw(patterns),
            dtype=draw(dtypes),
            kinds=tuple(fillings),
            cotangent=draw(cotangents),
            seed=draw(seeds),
        )

    return recipes()


def cases(op: Op) -> st.SearchStrategy[Case]:
    """A Hypothesis strategy for the inputs of *op*, for tests of your own.

    Raises:
        DeclarationError: The declaration leaves nothing to draw from.
    """
    space = Space(op)
    return strategy(space).map(lambda recipe: make_case(space, recipe))


@contextmanager
def without_constants() -> Iterator[None]:
    """Keep the constants of whatever modules are loaded out of the draws: a seed is to give the same cases anywhere.

    Hypothesis has no setting for it. Where another version has no such method its draws stay as they are.
    """
    provider: Any = None
    with suppress(ImportError):
        from hypothesis.internal.conjecture.providers import HypothesisProvider

        provider = HypothesisProvider
    method = getattr(provider, "_maybe_draw_constant", None)
    if method is None:
        yield
        return
    provider._maybe_draw_constant = lambda *_, **__: None
    try:
        yield
    finally:
        provider._maybe_draw_constant = method
