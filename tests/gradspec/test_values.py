"""Filling one input: values inside the domain, of every kind that its name promises."""

from __future__ import annotations

import dataclasses
import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from gradspec import Array, array, index, nonnegative, nonzero, positive, real
from gradspec.intervals import Interval, interval
from gradspec.values import IDENTITY, SMALLEST, fill, kinds
from tests.gradspec.samples import square, times

DOMAINS = {
    "real": real("n d"),
    "positive": positive("n d"),
    "nonnegative": nonnegative("n d"),
    "nonzero": nonzero("n d"),
    "probability": array("n d", lo=0.0, hi=1.0),
    "open interval": array("n d", lo=-1.0, hi=1.0, exclude=(-1.0, 1.0)),
    "two holes": array("n d", lo=-1.0, hi=1.0, exclude=(0.0, 1.0)),
    "holes in the default range": real("n d", exclude=(0.0, 10.0)),
    "far away": array("n d", lo=1e6),
    "far below": array("n d", hi=-50.0),
    "one point": array("n d", lo=3.0, hi=3.0),
    "tiny": array("n d", lo=1e-12, hi=1e-9),
    "bounds of the sizes": array("n d", lo=lambda sizes: sizes["n"], hi=lambda sizes: 2 * sizes["n"] + 1),
    "fraction bounds": array("n d", lo=0.7, hi=1.1),
    "no upper end": array("n d", lo=1.0, typical=(1.0, 1.0)),
    "typical across the edge": array("n d", lo=0.0, typical=(-3.0, 2.0)),
}


def as_interval(domain: Array, sizes: dict[str, int] | None = None) -> Interval:
    """The interval of an input declared so."""
    return interval(square(inputs={"x": domain}), "x", sizes or {"n": 2, "d": 3})


@pytest.mark.parametrize("name", DOMAINS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_kind_stays_inside(name: str, dtype: str) -> None:
    """Whatever the kind: inside [lo, hi], not an excluded point, finite, in the dtype."""
    domain = as_interval(DOMAINS[name])
    rng = np.random.default_rng(0)
    for kind in kinds(domain):
        for _ in range(10):
            x = domain.repaired(fill(domain, (2, 3), kind, rng).astype(dtype))
            assert ((2, 3), dtype) == (x.shape, str(x.dtype))
            bad = [value for value in x.reshape(-1).astype(float) if not domain.holds(float(value))]
            assert [] == bad, kind


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        (index("n", 3), {0, 1, 2}),
        (index("n", 1), {0}),
        (array("n", integer=True, lo=-2, hi=2), {-2, -1, 0, 1, 2}),
        (array("n", integer=True, lo=0, hi=3, exclude=(1, 3)), {0, 2}),
    ],
)
def test_integers_reach_every_value_and_no_other(domain: Array, expected: set[int]) -> None:
    """Integer inputs are int64 and cover their domain, excluded points aside."""
    op = times(inputs={"x": real("n"), "w": domain})
    mine = interval(op, "w", {"n": 2})
    rng = np.random.default_rng(0)
    seen: set[int] = set()
    for kind in kinds(mine):
        x = fill(mine, (64,), kind, rng)
        assert np.dtype(np.int64) == x.dtype
        seen |= set(x.tolist())
    assert expected == seen


@pytest.mark.parametrize(
    ("kind", "shape", "expected"),
    [
        ("a zero", (3, 4), lambda x: (x == 0).sum() == 1),
        ("two zeros", (3, 4), lambda x: (x == 0).sum() == 2),
        ("all zeros", (3, 4), lambda x: not x.any()),
        ("ties", (3, 4), lambda x: len(np.unique(np.abs(x))) <= 2),
        ("equal rows", (3, 4), lambda x: (x == x[0]).all() and len(np.unique(x[0])) == 4),
        ("whole numbers", (3, 4), lambda x: (x == np.round(x)).all()),
        ("whole numbers", (7,), lambda x: sorted(x) == [-3, -2, -1, 0, 1, 2, 3]),
        ("whole numbers", (2,), lambda x: 1 in x and len({*x}) == 2),
        ("small", (3, 4), lambda x: (np.abs(x) <= 1e-3).all() and (np.abs(x) >= 1e-8).all()),
        ("large", (3, 4), lambda x: (np.abs(x) >= 1e3).all() and (np.abs(x) <= 1e8).all()),
        ("log-uniform", (3, 4), lambda x: (np.abs(x) >= 1e-3).all() and (np.abs(x) <= 1e3).all()),
        ("a 1.0", (3, 4), lambda x: (x == 1).sum() == 1),
        ("a -0.0", (3, 4), lambda x: np.signbit(x[x == 0]).tolist() == [True]),
        ("uniform", (3, 4), lambda x: len(np.unique(x)) == 12),
    ],
)
def test_a_kind_is_what_it_says(kind: str, shape: tuple[int, ...], expected: object) -> None:
    """The name of a kind describes what is drawn."""
    domain = as_interval(real("n d"))
    assert kind in kinds(domain)
    x = fill(domain, shape, kind, np.random.default_rng(1))
    assert callable(expected)
    assert expected(x), x


def test_multiples_of_the_identity_are_drawn_for_square_matrices() -> None:
    """One factor per matrix, none of them near 0, and only where the last two axes are declared to be equal."""
    square, oblong = as_interval(real("... n n")), as_interval(real("n d"))
    assert IDENTITY in kinds(square)
    assert IDENTITY not in kinds(oblong)
    assert IDENTITY not in kinds(as_interval(positive("n n")))
    assert fill(square, (3,), IDENTITY, np.random.default_rng(1)).shape == (3,)
    x = fill(square, (2, 3, 3), IDENTITY, np.random.default_rng(1))
    assert np.array_equal(x[:, :1, :1] * np.eye(3), x)
    assert len(np.unique(x)) == 3
    drawn = [fill(square, (2, 2), IDENTITY, np.random.default_rng(seed))[0, 0] for seed in range(50)]
    assert np.mean(np.abs(drawn) > 2.5) > 0.9  # of ordinary draws from -10 to 10 a quarter is nearer to 0


def test_ties_have_a_row_or_a_column_of_equal_entries_and_both_signs() -> None:
    """Whatever is drawn: the largest of it is met more than once, by x and -x, too."""
    domain = as_interval(real("n d"))
    for seed in range(20):
        x = fill(domain, (3, 4), "ties", np.random.default_rng(seed))
        assert any((line == line[0]).all() for line in (*x, *x.T)), x
        assert np.isin(-x, x).any(), x


def test_thresholds_are_met_exactly() -> None:
    """Params and numbers of the code, of either sign; what SPECIAL has is not listed again."""
    domain = dataclasses.replace(as_interval(real("n d")), numbers=(0.75, 0.5))
    (kind,) = (kind for kind in kinds(domain, {"beta": 1.345, "axis": -1}) if kind.startswith("at "))
    assert "at 1.345 0.75" == kind
    x = fill(domain, (3, 4), kind, np.random.default_rng(0))
    assert {1.345, -1.345, 0.75, -0.75} <= {*x.reshape(-1).tolist()}
    assert 12 == len(np.unique(x))
    above = dataclasses.replace(domain, lo=0.0)
    assert not {-1.345, -0.75} & {*fill(above, (3, 4), kind, np.random.default_rng(0)).reshape(-1).tolist()}


def test_one_sided_domains_keep_the_magnitudes() -> None:
    """Huge and tiny values are drawn on the side that the domain has."""
    domain = as_interval(array("n d", hi=0.0))
    x = fill(domain, (50,), "large", np.random.default_rng(0))
    assert (x <= -1e3).all()


def test_edges_and_their_neighbours_are_drawn() -> None:
    """The edge itself and one ulp inside are kinds of their own."""
    domain = as_interval(array("n d", lo=1.0, hi=2.0))
    rng = np.random.default_rng(0)
    assert 1.0 in fill(domain, (3,), "the lo edge", rng)
    assert math.nextafter(1.0, 2.0) in fill(domain, (3,), "one ulp inside lo", rng)
    assert 2.0 in fill(domain, (3,), "the hi edge", rng)
    assert math.nextafter(2.0, 1.0) in fill(domain, (3,), "one ulp inside hi", rng)


def test_an_excluded_edge_is_no_kind() -> None:
    """positive() has no lo edge to draw, and no subnormal beside it."""
    assert not {"the lo edge", "one ulp inside lo", "a zero", "a -0.0"} & set(kinds(as_interval(positive("n d"))))


def test_room_ends_at_edges_and_holes() -> None:
    """How far a step may go in each direction."""
    domain = as_interval(array("n d", lo=0.0, hi=5.0, exclude=(2.0,)))
    down, up = domain.room(np.array([0.0, 1.0, 3.0, 5.0]))
    np.testing.assert_array_equal([0.0, 1.0, 1.0, 3.0], down)
    np.testing.assert_array_equal([2.0, 1.0, 2.0, 0.0], up)


@hypothesis.given(
    lo=st.floats(-1e6, 1e6),
    width=st.floats(1e-3, 1e6),
    seed=st.integers(0, 2**16),
    dtype=st.sampled_from(("float64", "float32")),
)
def test_any_interval_is_respected(lo: float, width: float, seed: int, dtype: str) -> None:
    """For any [lo, hi] wide enough for the dtype, nothing falls outside, and nothing is subnormal."""
    hi = lo + width
    hypothesis.assume(np.float32(hi) - np.float32(lo) > 4 * np.spacing(np.float32(max(abs(lo), abs(hi)))))
    domain = as_interval(array("n d", lo=lo, hi=hi))
    rng = np.random.default_rng(seed)
    for kind in kinds(domain):
        x = domain.repaired(fill(domain, (5,), kind, rng).astype(dtype)).astype(float)
        assert ((lo <= x) & (x <= hi)).all(), kind
        assert ((x == 0) | (np.abs(x) > SMALLEST / 2)).all(), kind
