"""Correct ops at points where they are easy to accuse; many more of them are in tests/right_ops."""

from __future__ import annotations

import numpy as np
import pytest

from gradspec import Op, Verdict, nonzero, real, verify
from tests.right_ops.arrays import soft_clip


def _reciprocal(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y = 1 / x
    return y, y


def _spread(x: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    centred = x - x.mean(axis=-1, keepdims=True)
    y = np.sqrt((centred * centred).mean(axis=-1))
    return y, (centred, y)


def _spread_vjp(saved: tuple[np.ndarray, np.ndarray], y_bar: np.ndarray) -> tuple[np.ndarray]:
    centred, y = saved
    steepness = np.divide(y_bar, y, out=np.zeros_like(y), where=y > 0)
    return (centred * (steepness / _width(centred))[:, None],)


def _width(x: np.ndarray) -> np.floating:
    """The number of columns in x's own dtype."""
    return x.dtype.type(x.shape[-1])


RECIPROCAL = Op(
    name="reciprocal",
    forward=_reciprocal,
    vjp=lambda saved, y_bar: (-y_bar * saved * saved,),
    inputs={"x": nonzero("n")},
    examples=((np.array([1e-20, 1.0, -3e-25]),),),
)
SPREAD = Op(
    name="spread",
    forward=_spread,
    vjp=_spread_vjp,
    inputs={"x": real("n d")},
    sizes={"n": (1, 4), "d": (1, 4)},
    examples=((np.array([[0.0, 0.0, 1e-23], [0.0, 1e-16, 0.0]]),),),
)


@pytest.mark.parametrize("op", [RECIPROCAL, SPREAD], ids=lambda op: op.name)
def test_what_float32_cannot_hold_accuses_nobody(op: Op) -> None:
    """-1 / x² of 1e-20 is beyond float32, and a square of 1e-23 is 0 there: neither is a mistake of the rule."""
    report = verify(op, examples=20)
    assert Verdict.FAIL is not report.verdict, str(report)


def _saturated(y_bar: np.ndarray, rounded: bool) -> np.ndarray:
    """A difference of equal numbers, exactly or but for an ulp."""
    eps = np.finfo(y_bar.dtype).eps
    return y_bar - y_bar * y_bar.dtype.type(1 - eps if rounded else 1)


@pytest.mark.parametrize(("size", "wrong"), [(1, False), (1e6, True)])
@pytest.mark.parametrize("plain", [True, False], ids=["exact when contiguous", "exact elsewhere"])
def test_another_order_of_sums_beside_a_derivative_of_0(size: float, wrong: bool, plain: bool) -> None:
    """Nothing is relative to 0: an ulp of y_bar is rounding, a million of them is not."""

    def vjp(saved: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        is_plain = y_bar.size < 2 or y_bar.flags.c_contiguous
        return ((size * _saturated(y_bar, is_plain is not plain)).astype(y_bar.dtype),)

    op = Op(name="step", forward=lambda x: (np.ones_like(x), x), vjp=vjp, inputs={"x": real("n")})
    report = verify(op, examples=20, checks=["vjp_layouts"], explain=False)
    assert wrong is (report.verdict is Verdict.FAIL)


def test_a_reference_that_is_a_line_far_out() -> None:
    """torch's softplus is x beyond 20: its slope is off by the little that is left, which changes 24 times as fast."""
    report = verify(soft_clip, seed=11, checks=["vjp_second_order"])
    assert Verdict.INCONCLUSIVE is report.verdict, str(report)  # no oracle was asked
