"""Shrinking: the smallest case that fails in the same way."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from gradspec import Op, Verdict, array, index, nonnegative, positive, real, verify
from gradspec.counterexample import Counterexample
from tests.gradspec.samples import power, power_vjp, square, square_vjp, times


def smallest(op: Op, check: str, *, seed: int = 0, examples: int = 20) -> Counterexample:
    """The counterexample that verify ends with."""
    (failure,) = verify(op, seed=seed, examples=examples, checks=[check]).failures
    assert failure.counterexample is not None
    return failure.counterexample


@pytest.mark.parametrize("seed", range(4))
def test_a_wrong_factor_shrinks_to_two_ones(seed: int) -> None:
    """Size 2, not 1; plain values; one entry of y_bar; float64."""
    found = smallest(square(vjp=lambda s, y: (3 * s * y,)), "vjp_finite_difference", seed=seed).case
    assert {"n": 2} == found.sizes
    np.testing.assert_array_equal([1.0, 1.0], found.drawn[0])
    assert found.y_bar is not None
    assert found.y_bar[0] is not None
    assert 1 == np.count_nonzero(found.y_bar[0])
    assert "float64" == found.dtype


@pytest.mark.parametrize("size", [0, 1, 3, 4])
def test_a_mistake_at_one_size_keeps_that_size(size: int) -> None:
    """Size 0 or 1 only if it fails only there, and no smaller than where it fails."""

    def vjp(saved: np.ndarray, y_bar: np.ndarray) -> Any:
        if len(saved) == size:
            raise ValueError("unlucky size")
        return square_vjp(saved, y_bar)

    found = smallest(square(vjp=vjp), "contract", examples=40)
    assert {"n": size} == found.case.sizes


def test_the_leading_axes_go() -> None:
    """``...`` shrinks to nothing where that fails too."""
    found = smallest(square(inputs={"x": real("... n")}, vjp=lambda s, y: (s * y,)), "vjp_finite_difference").case
    assert () == found.lead
    assert (2,) == found.drawn[0].shape


def test_the_param_that_matters_stays() -> None:
    """A mistake at p=3 alone is shown with p=3."""
    op = power(vjp=lambda s, y: (np.asarray(power_vjp(s, y)[0] * (2 if s[1] == 3 else 1)),))
    assert {"p": 3} == smallest(op, "vjp_finite_difference").case.params


def test_a_param_that_does_not_matter_goes_to_its_default() -> None:
    """A mistake at every p is shown with the first."""
    op = power(params={"p": (3, 4, 5)}, vjp=lambda s, y: (2 * power_vjp(s, y)[0],))
    assert {"p": 3} == smallest(op, "vjp_finite_difference").case.params


def test_float32_stays_where_only_float32_fails() -> None:
    """The dtype is part of the failure."""
    op = square(vjp=lambda s, y: (2 * s * y * s.dtype.type(1 if s.dtype == np.float64 else 1.1),))
    assert "float32" == smallest(op, "vjp_finite_difference", examples=40).case.dtype


def test_shrunk_values_stay_inside_the_domain() -> None:
    """1 is not tried where the domain does not have it."""
    op = square(inputs={"x": array("n", lo=5.0, hi=6.0)}, vjp=lambda s, y: (s * y,))
    found = smallest(op, "vjp_finite_difference").case
    assert ((found.drawn[0] >= 5) & (found.drawn[0] <= 6)).all()
    assert (found.drawn[0] == np.round(found.drawn[0], 1)).all()


def test_indices_stay_inside() -> None:
    """Integer inputs keep to their range."""

    def vjp(saved: Any, y_bar: np.ndarray) -> Any:
        x, i = saved
        x_bar = np.zeros_like(x)
        x_bar[i] = y_bar  # wrong where an index comes twice
        return x_bar, None

    op = Op(
        name="pick",
        forward=lambda x, i: (x[i], (x, i)),
        vjp=vjp,
        inputs={"x": real("k"), "i": index("n", "k")},
        sizes={"k": (1, 4)},
    )
    x, i = smallest(op, "vjp_finite_difference", examples=40).case.drawn
    assert ((i >= 0) & (i < len(x))).all()
    assert len(set(i.tolist())) < len(i)


def test_the_failure_keeps_its_kind() -> None:
    """A breach is not traded for another one while shrinking."""

    def vjp(saved: np.ndarray, y_bar: np.ndarray) -> Any:
        if saved.size >= 3:
            y_bar *= 2
            return (saved * y_bar,)
        return [2 * saved * y_bar]

    result = verify(square(vjp=vjp, sizes={"n": (3, 4)}), examples=10, checks=["contract"]).failures[0]
    assert "writes into y_bar" in result.message


def test_the_counterexample_fails_on_its_own() -> None:
    """What is saved is what fails: forward and vjp at these arrays differ from finite differences."""
    found = smallest(times(vjp=lambda s, y: (s[1] * y, 2 * s[0] * y)), "vjp_finite_difference").case
    x, w = found.drawn
    assert found.y_bar is not None
    assert found.y_bar[0] is not None
    assert (2 * x * found.y_bar[0] != x * found.y_bar[0]).any()
    assert (2, 2) >= x.shape == w.shape


def test_a_positive_domain_has_ones() -> None:
    """The plainest value that the domain has."""
    op = square(forward=lambda x: (np.log(x), x), vjp=lambda x, y: (y / x + y,), inputs={"x": positive("n")})
    np.testing.assert_array_equal([1.0, 1.0], smallest(op, "vjp_finite_difference").case.drawn[0])


def test_cotangents_that_are_no_numbers_warn_nobody() -> None:
    """0 log 0 in a rule: NumPy's warnings inside gradspec are not the user's business (here a warning is an error)."""

    def vjp(saved: Any, y_bar: np.ndarray) -> Any:
        a, b = saved
        with np.errstate(all="ignore"):
            return y_bar * b * a ** (b - 1), y_bar * a**b * np.log(a)

    op = Op(
        name="pow",
        forward=lambda a, b: (a**b, (a, b)),
        vjp=vjp,
        inputs={"a": nonnegative("n", typical=(0.0, 5.0)), "b": real("n", typical=(-3.0, 3.0))},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = verify(op)
    assert Verdict.FAIL is report.verdict
    assert "= nan, but should be" in str(report)
