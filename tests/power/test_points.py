"""Points that are close to each other, on kinks together, or at an edge that float32 loses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradspec import Op, Verdict, array, real, verify
from tests.right_ops.mixed import chain_partition, distances, group_norm, linear_histogram


def _guarded(within: float) -> Op:
    """The right rule, but 0 for points closer than that."""

    def vjp(saved: tuple[np.ndarray, ...], y_bar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return distances.vjp(saved, np.where(saved[-1] > within, y_bar, 0).astype(y_bar.dtype))

    return distances.replace(vjp=vjp)


@pytest.mark.parametrize(("within", "seed"), [(1e-2, 0), (1e-2, 1), (1e-4, 0), (1e-6, 0)])
def test_a_guard_that_is_too_wide(within: float, seed: int) -> None:
    """Two points that are closer than that in all of their coordinates, and not equal, are drawn."""
    assert verify(_guarded(within), seed=seed, explain=False).verdict is Verdict.FAIL


@pytest.mark.parametrize(("rule", "verdict"), [("left", Verdict.PASS), ("right", Verdict.PASS), ("none", Verdict.FAIL)])
def test_two_kinks_at_once(rule: str, verdict: Verdict) -> None:
    """Along (-1, 2), which moves both entries, the sum has one slope: neither says what each entry's may be."""

    def forward(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.maximum(1 - np.abs(x - 1), 0).sum(keepdims=True), x

    def vjp(x: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        left = ((x > 0) & (x <= 1)).astype(x.dtype) - ((x > 1) & (x <= 2))
        right = ((x >= 0) & (x < 1)).astype(x.dtype) - ((x >= 1) & (x < 2))
        return (y_bar * {"left": left, "right": right, "none": left + right + 3}[rule],)

    again = ((np.array([1.0, 2.0]),),) * 20  # each with a direction of its own
    op = Op(name="hat", forward=forward, vjp=vjp, inputs={"x": real("n")}, examples=again)
    report = verify(op, examples=20, checks=["vjp_finite_difference"], explain=False)
    assert verdict is report.verdict, str(report)


@pytest.mark.parametrize("opposite", [-3.0, 3.0])
@pytest.mark.parametrize(("rule", "verdict"), [("right", Verdict.PASS), ("twice", Verdict.FAIL)])
def test_kinks_of_opposite_and_equal_entries(rule: str, opposite: float, verdict: Verdict) -> None:
    """Each has one of its own: moved together, the one falls where the other rises, and the sum stands still."""

    def forward(x: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, Any]:
        return (q * np.abs(np.abs(x) - 3)).sum(keepdims=True), (x, q)

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, q = saved
        rises = (x >= 3) | ((x >= -3) & (x < 0))
        slopes = np.where(rises, 1, -1) * (2 if rule == "twice" else 1)
        return (y_bar * q * slopes).astype(x.dtype), y_bar * np.abs(np.abs(x) - 3)

    op = Op(
        name="weighted_distances",
        forward=forward,
        vjp=vjp,
        inputs={"x": real("n"), "q": real("n")},
        examples=((np.array([3.0, opposite]), np.array([1.0, -1.0])),),
    )
    report = verify(op, examples=1, checks=["vjp_finite_difference"], explain=False)
    assert verdict is report.verdict, str(report)


@pytest.mark.parametrize("size", [1.0, 1e-6, 1e-20])
def test_float32_alone_is_wrong_where_all_is_small(size: float) -> None:
    """A derivative that is nowhere large is no less known for it."""

    def vjp(x: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        return (y_bar * x * x.dtype.type(size * (2 if x.dtype == np.float64 else 2.1)),)

    op = Op(
        name="small_square",
        forward=lambda x: (x * x * x.dtype.type(size), x),
        vjp=vjp,
        inputs={"x": array("n", lo=0.1, hi=10)},
    )
    assert verify(op, explain=False).verdict is Verdict.FAIL


def test_kinks_of_many_entries_at_once() -> None:
    """Of more entries than are compared one by one, a sample is; the direction that moves them all says nothing."""
    x = np.arange(1.0, 31.0)
    op = linear_histogram.replace(examples=((x,),) * 20, params={"bins": (40,)}, sizes={"n": (1, 30)})
    report = verify(op, examples=20, checks=["vjp_finite_difference"], explain=False)
    assert Verdict.FAIL is not report.verdict, str(report)


def test_what_a_large_entry_swallows() -> None:
    """The sum of p = 3e7 and of what is added to it has the rounding of p, which no move by an ulp shows."""
    p, a = np.array([27818616.572389483, -139457.5]), np.array([[-9.77, -7.76], [1.28, 0.93]])
    b = np.array([[9.73, -9.72], [7.17, -6.92]])
    op = chain_partition.replace(examples=((p, a, b),))
    report = verify(op, examples=1, checks=["vjp_finite_difference"], explain=False)
    assert Verdict.PASS is report.verdict, str(report)


@pytest.mark.parametrize("size", [1 + 1e-7, 1 + 1e-9])
def test_what_no_entry_swallows(size: float) -> None:
    """A mistake in the ninth digit is one where all entries are of ordinary size."""
    op = chain_partition.replace(
        vjp=lambda saved, y_bar: tuple((size * bar).astype(bar.dtype) for bar in chain_partition.vjp(saved, y_bar))
    )
    report = verify(op, checks=["vjp_finite_difference"], explain=False)
    assert Verdict.FAIL is report.verdict, str(report)


def test_what_bends_within_a_hundredth() -> None:
    """Steps that are longer say little of a group that is nearly constant: shorter ones are tried."""
    report = verify(group_norm, checks=["vjp_finite_difference"], explain=False)
    assert Verdict.PASS is report.verdict, str(report)


@pytest.mark.parametrize("seed", range(2))
def test_digits_that_float32_loses_on_an_edge(seed: int) -> None:
    """exp(-x) / (1 - exp(-x)) is 5 % off at 1e-6 in float32, and right in float64: no jump of the rule."""

    def forward(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.log(-np.expm1(-np.abs(x))), x

    def vjp(x: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        decay = np.exp(-x)
        return (y_bar * (decay / (1 - decay)),)

    edge = {"x": np.array([1e-6])}
    op = Op(name="log1mexp", forward=forward, vjp=vjp, inputs={"x": array("n", lo=1e-6, hi=50)}, examples=(edge,))
    report = verify(op, seed=seed, examples=1, checks=["vjp_finite_difference"], explain=False)
    assert report.verdict is Verdict.FAIL
    right = op.replace(vjp=lambda x, y_bar: (y_bar * (np.exp(-x) / -np.expm1(-x)),))
    assert verify(right, seed=seed, examples=10, explain=False).verdict is Verdict.PASS
