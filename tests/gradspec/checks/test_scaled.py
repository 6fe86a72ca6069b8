"""Rules that overflow, or divide by what vanishes, at magnitudes where forward is exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradspec import Op, Verdict, array, nonzero, positive, real, verify
from tests.right_ops.collection import RIGHT_OPS
from tests.right_ops.curves import learned_swish
from tests.right_ops.means import soft_pool
from tests.right_ops.networks import squeeze_excite
from tests.right_ops.physics import heat_step_2d

BOTH = {"a": real("n"), "b": real("n")}


def hypot(vjp: Any, **changes: Any) -> Op:
    """The length of (a, b) by a forward that is right at all magnitudes."""

    def forward(a: np.ndarray, b: np.ndarray) -> Any:
        y = np.hypot(a, b)
        return y, (a, b, y)

    return Op(**{"name": "hypot", "forward": forward, "vjp": vjp, "inputs": BOTH, **changes})


def safe(saved: Any, y_bar: np.ndarray) -> Any:
    """0 at the origin, where any number of [-1, 1] will do."""
    a, b, y = saved
    y = np.where(y == 0, y.dtype.type(1), y)
    return a / y * y_bar, b / y * y_bar


def squaring(saved: Any, y_bar: np.ndarray) -> Any:
    """The same, with a length of its own."""
    a, b, y = saved
    length = np.where(y == 0, y.dtype.type(1), np.sqrt(a * a + b * b))
    return a / length * y_bar, b / length * y_bar


def said(op: Op, examples: int = 20) -> Any:
    """What the check says."""
    (result,) = verify(op, checks=["vjp_algebra"], examples=examples).checks
    return result


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_squares_overflow(dtype: str) -> None:
    """x / inf is 0."""
    with np.errstate(all="ignore"):
        result = said(hypot(squaring, dtypes=(dtype,)))

    assert Verdict.FAIL is result.verdict
    power = 540 if dtype == "float64" else 80
    assert "hypot: vjp overflows for input 'a' where forward does not" in result.message
    assert f"a_bar[0] = 0.0 for 2^{power} times all inputs, but should be " in result.message
    assert f"as it is for the inputs themselves: forward is 2^{power} times as large, to the last bit" in result.message


def test_what_grows_does_not_overflow() -> None:
    """The slope of |a| b in place of that of sign(a) b is a wrong rule, and said to be no more than that."""

    def vjp(saved: Any, y_bar: np.ndarray) -> Any:
        sign, b = saved
        return sign * b * y_bar, sign * y_bar

    def forward(a: np.ndarray, b: np.ndarray) -> Any:
        sign = np.sign(a)
        return sign * b, (sign, b)

    result = said(Op(name="signed", forward=forward, vjp=vjp, inputs=BOTH))
    assert "signed: vjp grows for input 'a' with all inputs, and the derivative does not" in result.message


def test_squares_vanish() -> None:
    """x / 0 is infinite: a rule that has sums of squares at least as large as the largest one, but not as small."""

    def vjp(saved: Any, y_bar: np.ndarray) -> Any:
        a, b, y = saved
        top = np.maximum(y, y.dtype.type(1))
        length = np.where(y == 0, y.dtype.type(1), top * np.sqrt((a / top) ** 2 + (b / top) ** 2))
        return a / length * y_bar, b / length * y_bar

    with np.errstate(all="ignore"):
        result = said(hypot(vjp))

    assert Verdict.FAIL is result.verdict
    assert "vjp underflows for input" in result.message
    assert "for 2^-" in result.message


def test_what_does_not_change_with_the_size() -> None:
    """A share has a derivative of 1/x: a number, not inf / inf."""

    def forward(x: np.ndarray) -> Any:
        y = x / x.max(axis=1, keepdims=True) / (x / x.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True)
        return y, (x, y)

    def vjp(saved: Any, y_bar: np.ndarray, square: bool = True) -> Any:
        x, y = saved
        s = x.sum(axis=1, keepdims=True)
        if not square:
            return ((y_bar - (y_bar * y).sum(axis=1, keepdims=True)) / s,)
        return ((y_bar * s * s - (y_bar * x).sum(axis=1, keepdims=True) * s) / (s * s * s),)

    op = Op(name="share", forward=forward, vjp=vjp, inputs={"x": positive("n d")})
    with np.errstate(all="ignore"):
        result = said(op)
        right = said(op.replace(vjp=lambda saved, y_bar: vjp(saved, y_bar, square=False)))

    assert Verdict.FAIL is result.verdict
    assert "but should be finite: forward is the same, to the last bit" in result.message
    assert Verdict.PASS is right.verdict, right.message


@pytest.mark.parametrize(
    "op",
    [
        hypot(safe),
        hypot(squaring, forward=lambda a, b: (np.sqrt(a * a + b * b), (a, b, np.sqrt(a * a + b * b)))),
        hypot(squaring, inputs={name: array("n", lo=1e-6, hi=1e6) for name in "ab"}),
        hypot(squaring, sizes={"n": (0, 1)}),
        Op(
            name="quotient",
            forward=lambda a, b: (a / b, (a, b)),
            vjp=lambda saved, y_bar: (y_bar / saved[1], -y_bar * saved[0] / (saved[1] * saved[1])),
            inputs={"a": real("n"), "b": nonzero("n")},
        ),
    ],
    ids=["right", "forward overflows, too", "such numbers are outside", "size 1", "does not change with the size"],
)
def test_nothing_is_said(op: Op) -> None:
    """Where the rule is right, or forward makes no claim."""
    with np.errstate(all="ignore"):
        result = said(op)
    assert Verdict.PASS is result.verdict, result.message


def test_homogeneous_by_rounding() -> None:
    """In float32 a logarithm of a sum is often its largest term, in float64 seldom."""
    op = next(op for op in RIGHT_OPS if op.name == "crf_log_partition").replace(dtypes=("float32",), torch=None)
    assert Verdict.PASS is said(op, examples=100).verdict


@pytest.mark.parametrize("op", [learned_swish, squeeze_excite, heat_step_2d, soft_pool], ids=lambda op: op.name)
def test_homogeneous_by_accident(op: Op) -> None:
    """x softmax(x) is x at size 1, and a step of diffusion u; a gate that an overflow shuts or opens is a factor."""
    assert Verdict.PASS is said(op, examples=100).verdict
