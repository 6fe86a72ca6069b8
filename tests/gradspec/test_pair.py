"""check_vjp: what it accepts, how it judges, and how it says what to call again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradspec import DeclarationError, Verdict, check_vjp, positive, verify
from tests.gradspec.samples import square, square_forward, square_vjp, times_vjp, wrong_vjp


@pytest.mark.parametrize(
    "x", [np.array([1.0, -2.0]), np.array(3.0), np.float64(3.0), [1.0, 2.0], np.ones((2, 0, 3)) + 1]
)
def test_a_right_pair_passes(x: Any) -> None:
    """Arrays, 0-d arrays, scalars and lists; empty arrays have nothing to compare."""
    report = check_vjp(square_forward, square_vjp, x)
    expected = Verdict.PASS if np.size(x) else Verdict.INCONCLUSIVE
    assert expected is report.verdict, str(report)
    assert "square_forward" == report.op


def test_forward_may_return_y_alone() -> None:
    """Then the vjp gets the tuple of arrays as saved."""
    x, w = np.array([1.0, 2.0]), np.array([3.0, -4.0])
    assert Verdict.PASS is check_vjp(lambda x, w: x * w, times_vjp, x, w).verdict
    wrong = check_vjp(lambda x, w: x * w, lambda saved, y: (saved[0] * y, saved[0] * y), x, w)
    assert Verdict.FAIL is wrong.verdict
    assert "forward: vjp is wrong for input 'x0'" in str(wrong)


def test_integer_arrays_are_indices() -> None:
    """An int64 array gets None, and is not moved."""

    def pick_vjp(saved: Any, y_bar: np.ndarray) -> Any:
        x, i = saved
        x_bar = np.zeros_like(x)
        np.add.at(x_bar, i, y_bar)
        return x_bar, None

    x, i = np.array([1.0, 2.0, 3.0]), np.array([2, 2, 0])
    assert Verdict.PASS is check_vjp(lambda x, i: x[i], pick_vjp, x, i).verdict
    wrong = check_vjp(lambda x, i: x[i], lambda saved, y: (pick_vjp(saved, y)[0], saved[1]), x, i)
    assert "for input 'x1'; it should be None" in str(wrong)


def test_float32_is_judged_as_float32() -> None:
    """The dtype of the arrays is the dtype that is verified."""
    x = np.array([0.3, 2.0], dtype=np.float32)
    assert Verdict.PASS is check_vjp(square_forward, square_vjp, x).verdict
    upcast = check_vjp(square_forward, lambda s, y: (2.0 * s.astype(float) * y,), x)
    assert "float64 cotangent for the float32 input 'x'" in str(upcast)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ((np.ones(2, dtype=np.int32),), "got dtype int32; allowed: float64, float32, int64"),
        ((np.ones(2, dtype=bool),), "got dtype bool"),
        ((np.ones(2, dtype=complex),), "got dtype complex128"),
        ((np.ones(2, dtype=np.float16),), "got dtype float16"),
        ((np.array(["a"]),), "allowed: float64"),
        ((np.ones(2), np.ones(2, dtype=np.float32)), "allowed: one float dtype for all"),
        ((np.array([0.0, np.nan]),), "got nan among the numbers; allowed: finite numbers"),
        ((np.array([1e200]),), "not finite at these arrays"),
        ((np.arange(3),), "at least one differentiable input"),
        ((), "at least one input"),
    ],
)
def test_arrays_that_do_not_fit_are_named(arrays: Any, words: str) -> None:
    """A DeclarationError says which dtype or point it got."""
    with pytest.raises(DeclarationError) as caught:
        check_vjp(lambda *arrays: arrays[0] * arrays[-1], lambda saved, y_bar: (y_bar,) * len(saved), *arrays)
    assert words in str(caught.value)


def test_functions_that_do_not_fit_are_named() -> None:
    """A vjp of another signature, and a forward that takes fewer arrays."""
    with pytest.raises(DeclarationError, match="vjp"):
        check_vjp(square_forward, lambda y_bar: (y_bar,), np.ones(2))
    with pytest.raises(DeclarationError, match="forward"):
        check_vjp(square_forward, square_vjp, np.ones(2), np.ones(2))


def test_a_forward_without_arrays_is_a_failure() -> None:
    """Returning no array is told in the words of the contract."""
    report = check_vjp(lambda x: [x], square_vjp, np.ones(2))
    assert Verdict.FAIL is report.verdict
    assert "got list from forward; it should be an array y, or a pair (y, saved)" in str(report)


@pytest.mark.parametrize("position", [577, 1199])
def test_one_wrong_entry_of_1200_is_named(position: int) -> None:
    """Bisection finds the entry and says what it should be."""

    def one_wrong(saved: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        x_bar = 2 * saved * y_bar
        x_bar.flat[position] *= 1.001
        return (x_bar,)

    x = np.random.default_rng(0).uniform(1, 2, size=(30, 40))
    report = check_vjp(square_forward, one_wrong, x)
    row, column = divmod(position, 40)
    for failure in report.failures:
        assert f"x_bar[{row}, {column}] = " in failure.message
        assert "at least 1 of 1200 entries differ" in failure.message
    assert {"vjp_finite_difference", "vjp_complex_step"} == {failure.name for failure in report.failures}
    assert 1 == str(report).count("entries differ")  # told once
    assert Verdict.PASS is check_vjp(square_forward, square_vjp, x).verdict


def test_check_vjp_says_how_to_repeat_itself() -> None:
    """There is no op to replay: the last line is the call."""
    report = check_vjp(square_forward, wrong_vjp, np.array([1.0, 2.0]))
    assert (
        report.failures[0]
        .message.splitlines()[-1]
        .endswith("gradspec.check_vjp(square_forward, wrong_vjp, ...) with these arrays")
    )


def test_a_positive_domain_is_not_left_by_check_vjp_of_log() -> None:
    """At a small point of log the steps stay where it is defined."""
    assert Verdict.PASS is check_vjp(lambda x: (np.log(x), x), lambda x, y: (y / x,), np.array([1e-3, 1.0])).verdict
    assert (
        Verdict.PASS
        is verify(
            square(forward=lambda x: (np.log(x), x), vjp=lambda x, y: (y / x,), inputs={"x": positive("n")}),
            examples=30,
        ).verdict
    )


def test_a_guarded_quotient_is_wrong_where_its_divisor_is_0() -> None:
    """A quotient with a guard answers to an ulp by a thousandth of what it is off by: that excuses nothing."""

    def vjp(saved: tuple[np.ndarray], y_bar: np.ndarray) -> tuple[np.ndarray]:
        q = 1 - saved[0]
        return (y_bar[:, None] * q.prod(axis=1, keepdims=True) / np.maximum(q, 1e-12),)

    report = check_vjp(lambda p: 1 - (1 - p).prod(axis=1), vjp, np.array([[1.0, 0.3]]))
    assert report.verdict is Verdict.FAIL
    assert "x_bar[0, 0] = 0.0, but should be" in report.failures[0].message
