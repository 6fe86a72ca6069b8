"""Layouts: which sizes, params and broadcasting patterns an op has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradspec import array, index, real
from gradspec.layouts import FULL, LEADS, MAX_PARAMS, MAX_SIZES, Pattern, Space, bounds
from tests.gradspec.samples import power, square, times


def sizes_of(space: Space) -> set[tuple[int, ...]]:
    """Every assignment of sizes that the space has."""
    return {tuple(combination.sizes.values()) for combination in space.combinations}


def test_equal_symbols_are_equal_sizes() -> None:
    """Two inputs that share symbols always get equal axes."""
    space = Space(times(inputs={"x": real("n d"), "w": real("d n")}))
    assert {(n, d) for n in range(5) for d in range(5)} == sizes_of(space)
    for combination in space.combinations:
        x, w = space.shapes(combination.sizes, (), (FULL, FULL))
        assert x == w[::-1]


def test_declared_sizes_bound_the_choice() -> None:
    """Sizes are drawn from the declared range, both ends included."""
    space = Space(times(sizes={"n": (1, 3), "d": 2}))
    assert {(1, 2), (2, 2), (3, 2)} == sizes_of(space)


def test_products_multiply() -> None:
    """An axis g*i has g times i entries."""
    space = Space(times(inputs={"x": real("g*i"), "w": real("g 2*i")}))
    shapes = {space.shapes(c.sizes, (), (FULL, FULL)) for c in space.combinations}
    assert {((g * i,), (g, 2 * i)) for g in range(5) for i in range(5)} == shapes


def test_dots_are_shared_by_all_that_have_them() -> None:
    """``...`` stands for the same axes in every input that has it, and for none elsewhere."""
    space = Space(times(inputs={"x": real("... n"), "w": real("n")}))
    assert LEADS == space.leads
    assert {0, 1, 2, 3} == {len(lead) for lead in space.leads}
    for lead in space.leads:
        assert ((*lead, 3), (3,)) == space.shapes({"n": 3}, lead, (FULL, FULL))


def test_without_dots_there_is_nothing_to_choose() -> None:
    """An op without ``...`` has one choice of leading axes: none."""
    assert ((),) == Space(square()).leads


def test_an_op_of_0d_inputs_has_one_layout() -> None:
    """Without symbols there is one assignment, the empty one."""
    (combination,) = Space(square(inputs={"x": real("")})).combinations
    assert ({}, {}, {}) == (combination.sizes, combination.params, combination.keys)


def test_where_removes_combinations() -> None:
    """where sees sizes and params, and what it refuses is not in the space."""
    op = times(where=lambda sizes, params: sizes["n"] <= sizes["d"])
    assert {(n, d) for n in range(5) for d in range(n, 5)} == sizes_of(Space(op))


def test_params_are_functions_of_the_sizes() -> None:
    """A list of values, or one value in it, may be computed from the sizes."""
    listed = Space(power(params={"p": lambda sizes: range(1, sizes["n"] + 1)}))
    assert {(n, p) for n in range(5) for p in range(1, n + 1)} == {
        (c.sizes["n"], c.params["p"]) for c in listed.combinations
    }
    single = Space(power(params={"p": (1, lambda sizes: sizes["n"] + 1)}))
    assert {(n, p) for n in range(5) for p in (1, n + 1)} == {
        (c.sizes["n"], c.params["p"]) for c in single.combinations
    }
    assert ["0", "1"] == single.values("p")


def test_an_index_never_points_into_nothing() -> None:
    """No nonempty index array has an empty range; an empty one may."""
    op = times(inputs={"x": real("k"), "w": index("n", "k")})
    space = Space(op)
    for combination in space.combinations:
        lo, hi = bounds(op, "w", combination.sizes)
        assert combination.sizes["n"] == 0 or lo <= hi
    assert {(k, n) for k in range(5) for n in range(5) if k > 0 or n == 0} == sizes_of(space)


def test_a_bound_can_depend_on_the_sizes() -> None:
    """lo and hi are evaluated once the sizes are known."""
    op = square(inputs={"x": real("n", lo=lambda sizes: -sizes["n"], hi=lambda sizes: sizes["n"] / 2)})
    assert (-3.0, 1.5) == bounds(op, "x", {"n": 3})


def test_generic_sizes_come_first() -> None:
    """The default has sizes of at least 2 that differ, and the default params."""
    op = power(inputs={"x": real("n d k")}, params={"p": (2, 3)})
    default = Space(op).default
    assert {2, 3, 4} == set(default.sizes.values())
    assert {"p": "0"} == default.keys


def test_nearest_finds_a_size_or_a_value() -> None:
    """It keeps everything else generic, and says so where there is none."""
    space = Space(power(inputs={"x": real("n d")}))
    small, other = space.nearest("d", 0), space.nearest("p", "2")
    assert small is not None
    assert other is not None
    assert (0, "0") == (small.sizes["d"], small.keys["p"])
    assert small.sizes["n"] >= 2
    assert (1, space.default.sizes) == (other.params["p"], other.sizes)
    assert space.nearest("d", 5) is None
    assert space.nearest("p", "9") is None


def test_nearest_keeps_to_default_params_before_generic_sizes() -> None:
    """Of the combinations that have the value, the one with the fewest other params off their defaults."""
    op = square(
        forward=lambda x, p, q: (x * x, x),
        inputs={"x": real("n d")},
        params={"p": (2, 3), "q": (0, 1)},
        where=lambda sizes, params: sizes["n"] == 1 or params["q"] == 1,
    )
    found = Space(op).nearest("p", "1")
    assert found is not None
    assert ({"p": "1", "q": "0"}, 1) == (found.keys, found.sizes["n"])


def test_many_symbols_are_sampled_with_each_size_in_each_position() -> None:
    """Above MAX_SIZES assignments a fixed sample is taken that leaves no size out."""
    op = square(inputs={"x": real("a b c d e f")})
    assert 5**6 > MAX_SIZES
    space, again = Space(op), Space(op)
    assert MAX_SIZES <= len(space.combinations) <= MAX_SIZES + 30
    for symbol in "abcdef":
        assert {0, 1, 2, 3, 4} == {c.sizes[symbol] for c in space.combinations}
    assert [c.sizes for c in space.combinations] == [c.sizes for c in again.combinations]


def test_many_params_leave_no_value_out() -> None:
    """However many combinations there are, every listed value is in one of them."""
    values = tuple(range(1, 31))
    op = square(
        forward=lambda x, p, q: (x * p * q, p * q),
        vjp=lambda saved, y_bar: (np.asarray(y_bar * saved, y_bar.dtype),),
        inputs={"x": real("")},
        params={"p": values, "q": values},
    )
    assert len(values) ** 2 > MAX_PARAMS
    space = Space(op)
    assert set(values) == {c.params["q"] for c in space.combinations}
    assert set(values) == {c.params["p"] for c in space.combinations}


@pytest.mark.parametrize(
    ("pattern", "shape", "expected"),
    [
        (FULL, (2, 3), (2, 3)),
        (Pattern(ones=(0,)), (2, 3), (1, 3)),
        (Pattern(ones=(0, 1)), (2, 3), (1, 1)),
        (Pattern(missing=1), (2, 3), (3,)),
        (Pattern(missing=2), (2, 3), ()),
        (Pattern(missing=5), (2, 3), ()),
    ],
)
def test_patterns_cut_shapes(pattern: Pattern, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """A pattern makes axes 1 or leaves leading ones away."""
    assert expected == pattern.apply(shape)


@pytest.mark.parametrize("shapes", [("n d", "n d"), ("... n", "... n"), ("n d", "d"), ("... n d", "d")])
def test_broadcastable_inputs_really_broadcast(shapes: tuple[str, str]) -> None:
    """Every pattern, in every layout, gives shapes that NumPy broadcasts together."""
    inputs = {name: array(shape, broadcastable=True) for name, shape in zip("xw", shapes, strict=True)}
    space = Space(times(inputs=inputs))
    assert len(space.patterns) > 5
    seen = set()
    for combination in space.combinations:
        for lead in space.leads:
            for pattern in space.patterns:
                pair = space.shapes(combination.sizes, lead, pattern)
                if pair not in seen:
                    seen.add(pair)
                    np.broadcast_shapes(*pair)
    assert any(len(a) != len(b) for a, b in seen)
    assert any(len(a) == len(b) and a != b for a, b in seen)


def test_both_inputs_are_cut_at_once_in_different_axes() -> None:
    """(n, 1) with (1, d) is tried: the outer product of broadcasting."""
    inputs: dict[str, Any] = {name: array("n d", broadcastable=True) for name in "xw"}
    space = Space(times(inputs=inputs))
    assert FULL == space.patterns[0][0] == space.patterns[0][1]
    shapes = {space.shapes({"n": 2, "d": 3}, (), pattern) for pattern in space.patterns}
    assert {((2, 1), (1, 3)), ((1, 3), (2, 1)), ((2, 3), (3,)), ((), (2, 3)), ((1, 1), (2, 3))} <= shapes


def test_only_broadcastable_inputs_are_cut() -> None:
    """An input that is not declared broadcastable keeps its full shape."""
    space = Space(times(inputs={"x": array("n d", broadcastable=True), "w": real("n d")}))
    assert {FULL} == {pattern[1] for pattern in space.patterns}
    assert [(FULL, FULL)] == Space(times()).patterns
