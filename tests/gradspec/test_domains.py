"""From a declaration to cases: what no run leaves out, and that every case is inside the domain."""

from __future__ import annotations

from itertools import islice
from typing import Any

import hypothesis
import numpy as np
import pytest

from gradspec import Op, array, index, nonnegative, nonzero, positive, real
from gradspec.domains import COTANGENTS, Case, make_case, required, systematic
from gradspec.examples import declared_examples
from gradspec.intervals import interval
from gradspec.layouts import Space
from gradspec.strategies import cases
from tests.gradspec.samples import power, square, times

# the declarations that are rich in ways to go wrong
OPS: dict[str, Op] = {
    "positive": square(inputs={"x": positive("n d")}),
    "nonzero": square(inputs={"x": nonzero("... n")}),
    "two holes": square(inputs={"x": array("n", lo=-1.0, hi=1.0, exclude=(0.0, 1.0))}),
    "fraction bounds": square(inputs={"x": array("n", lo=0.7, hi=1.1)}),
    "one point": square(inputs={"x": array("n", lo=0.5, hi=0.5)}),
    "far": square(inputs={"x": array("n", lo=1e6, hi=2e6)}),
    "sizes in bounds": square(inputs={"x": array("n d", lo=lambda s: s["n"], hi=lambda s: s["n"] + s["d"])}),
    "index": times(inputs={"x": real("k d"), "w": index("n", "k")}),
    "integer with holes": times(inputs={"x": real("n"), "w": array("n", integer=True, lo=-1, hi=3, exclude=(0, 3))}),
    "broadcast": times(inputs={name: array("... n d", broadcastable=True) for name in "xw"}),
    "params": power(params={"p": (1, 2, lambda sizes: sizes["n"] + 1)}),
    "empty range at size 0": square(inputs={"x": array("n 2", lo=1.0, hi=lambda sizes: sizes["n"])}),
}


def outside(op: Op, case: Case) -> list[str]:
    """What is wrong with a case; [] if nothing."""
    problems = []
    for name, u in zip(op.inputs, case.drawn, strict=True):
        domain = interval(op, name, case.sizes)
        dtype = "int64" if domain.integer else case.dtype
        if str(u.dtype) != dtype:
            problems.append(f"{name}: dtype {u.dtype} instead of {dtype}")
        problems += [f"{name}: {value!r}" for value in u.reshape(-1).tolist() if not domain.holds(value)]
    return problems


@pytest.mark.parametrize("name", OPS)
def test_every_generated_case_is_inside(name: str) -> None:
    """A property: whatever Hypothesis draws is inside [lo, hi], no excluded point, of the right dtype and shape."""
    op = OPS[name]

    @hypothesis.settings(max_examples=60)
    @hypothesis.given(cases(op))
    def holds(case: Case) -> None:
        assert [] == outside(op, case)
        assert case.dtype in op.dtypes
        assert case.cotangent in COTANGENTS

    holds()


@pytest.mark.parametrize("name", OPS)
def test_every_systematic_case_is_inside(name: str) -> None:
    """The same for the list that every run makes."""
    op = OPS[name]
    space = Space(op)
    made = [make_case(space, recipe) for recipe in islice(systematic(space, 0), 300)]
    assert [] == [problem for case in made for problem in outside(op, case)]


def test_float32_bounds_hold_after_rounding() -> None:
    """0.7 and 1.1 are no float32 numbers: draws at the edges are moved inside, not beside."""
    op = OPS["fraction bounds"]
    space = Space(op)
    narrow = [make_case(space, recipe) for recipe in systematic(space, 0) if recipe.dtype == "float32"]
    assert any(np.isclose(case.drawn[0], 0.7, atol=1e-7).any() for case in narrow)
    assert all(0.7 <= value <= 1.1 for case in narrow for value in case.drawn[0].tolist())


def test_the_shortest_run_tries_every_param_value_and_dtype() -> None:
    """required() has each value of each param, and each dtype."""
    op = power(
        forward=lambda x, p, q: (x**p * q, (x, p, q)),
        params={"p": (2, 3, 1), "q": lambda sizes: [1, sizes["n"]]},
    )
    recipes = required(Space(op), 0)
    assert {2, 3, 1} == {recipe.combination.params["p"] for recipe in recipes}
    assert {"0", "1"} == {recipe.combination.keys["q"] for recipe in recipes}
    assert {"float64", "float32"} == {recipe.dtype for recipe in recipes}


def test_every_valid_combination_of_params_is_reached() -> None:
    """systematic() ends with every pair of values that where allows."""
    op = power(
        forward=lambda x, p, q: (x**p * q, (x, p, q)),
        params={"p": (1, 2, 3), "q": (1, 5)},
        where=lambda sizes, params: (params["p"], params["q"]) != (3, 5),
    )
    seen = {tuple(recipe.combination.params.values()) for recipe in systematic(Space(op), 0)}
    assert {(1, 1), (1, 5), (2, 1), (2, 5), (3, 1)} == seen


def test_sizes_0_and_1_are_reached_in_each_position() -> None:
    """Each symbol is 0 once and 1 once while the others are at least 2."""
    recipes = list(systematic(Space(square(inputs={"x": real("a b c")})), 0))
    for symbol in "abc":
        for size in (0, 1):
            assert any(
                recipe.combination.sizes[symbol] == size
                and all(other >= 2 for s, other in recipe.combination.sizes.items() if s != symbol)
                for recipe in recipes
            ), (symbol, size)


def test_every_lead_is_reached() -> None:
    """``...`` stands for 0 to 3 axes, an empty one among them."""
    space = Space(square(inputs={"x": real("... n")}))
    assert set(space.leads) == {recipe.lead for recipe in systematic(space, 0)}


def test_every_broadcasting_pattern_is_reached() -> None:
    """Each way of cutting the inputs down is in the list."""
    space = Space(OPS["broadcast"])
    assert set(space.patterns) == {recipe.pattern for recipe in systematic(space, 0)}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("kind", ["a zero", "ties", "all zeros", "large", "small", "whole numbers", "the lo edge"])
@pytest.mark.parametrize("special", [0, 1])
def test_special_values_come_in_one_input_while_the_other_is_ordinary(dtype: str, kind: str, special: int) -> None:
    """All at once would hide mistakes: each input has each kind alone."""
    op = times(inputs={"x": nonnegative("n d"), "w": nonnegative("n d")})
    expected = tuple(kind if position == special else "uniform" for position in range(2))
    assert (expected, dtype) in {(recipe.kinds, recipe.dtype) for recipe in systematic(Space(op), 0)}


def test_special_values_come_in_all_inputs_too() -> None:
    """After that, all inputs alike."""
    kinds = {recipe.kinds for recipe in systematic(Space(times()), 0)}
    assert {("a zero", "a zero"), ("all zeros", "all zeros"), ("ties", "ties")} <= kinds


def test_nothing_is_listed_twice() -> None:
    """Each recipe of the list differs from every other."""
    recipes = list(systematic(Space(power()), 0))
    keys = [(id(r.combination), r.lead, r.pattern, r.dtype, r.kinds) for r in recipes]
    assert len(keys) == len(set(keys))


def test_the_seed_decides_no_kind() -> None:
    """Another seed gives other values and sizes, but the same kinds of values; the same seed the same values."""
    space = Space(times())

    def drawn(seed: int) -> list[Any]:
        return [make_case(space, recipe).drawn[0].tolist() for recipe in islice(systematic(space, seed), 20)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    labels = [{recipe.label for recipe in systematic(space, seed)} for seed in (1, 2)]
    assert labels[0] == labels[1]


def test_ordinary_cases_say_so() -> None:
    """Only uniform draws count when forward's finiteness is judged."""
    space = Space(square())
    made = [make_case(space, recipe) for recipe in systematic(space, 0)]
    assert all(case.ordinary == (case.label == "ordinary") for case in made)
    assert {True, False} == {case.ordinary for case in made}


def test_declared_examples_become_cases() -> None:
    """Tuples and mappings both give cases, params at their default unless given, in the asked dtype."""
    op = power(examples=([np.array([1, 2])], {"x": [3.0, 4.0, 5.0], "p": 3}))
    first, second = declared_examples(op, "float32")
    assert ({"n": 2}, {"p": 2}, "float32") == (first.sizes, first.params, str(first.drawn[0].dtype))
    assert ({"n": 3}, {"p": 3}, "examples[1]") == (second.sizes, second.params, second.label)


def test_examples_may_have_leading_axes() -> None:
    """``...`` matches whatever comes first."""
    op = square(inputs={"x": real("... n")}, examples=((np.ones((2, 5, 3)),),))
    (case,) = declared_examples(op)
    assert {"n": 3} == case.sizes
