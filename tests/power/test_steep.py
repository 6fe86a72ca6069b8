"""Right ops where a derivative changes within an ulp, or where the reference's own gradient is off: none is accused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradspec import Op, Verdict, array, nonzero, positive, real, verify

torch = pytest.importorskip("torch")

SEEDS = (1, 2, 4, 7, 8, 18)  # at which right ops were accused; now that the draws are others, one does for what passes


def _sine_of_product(x: np.ndarray, a: np.ndarray) -> tuple[np.ndarray, Any]:
    return x + np.sin(a * x) ** 2 / a, (x, a)


def _sine_of_product_vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, a = saved
    sin, cos = np.sin(a * x), np.cos(a * x)
    return y_bar * (1 + 2 * sin * cos), (y_bar * (2 * sin * cos * x / a - sin * sin / (a * a))).sum(axis=0)


def _entropy_vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    p, t = saved
    return y_bar * (p - t) / (p * (1 - p)), y_bar * (np.log1p(-p) - np.log(p))


def _first_of_largest(x: np.ndarray) -> tuple[np.ndarray, Any]:
    at = np.abs(x).argmax(axis=1)[:, None]
    return np.abs(np.take_along_axis(x, at, axis=1))[:, 0], (x, at)


def _first_of_largest_vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray]:
    x, at = saved
    x_bar = np.zeros_like(x)
    np.put_along_axis(x_bar, at, np.sign(np.take_along_axis(x, at, axis=1)) * y_bar[:, None], axis=1)
    return (x_bar,)


def _angle(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, Any]:
    normal = np.cross(u, v)
    length = np.linalg.norm(normal, axis=1)
    return np.arctan2(length, (u * v).sum(axis=1)), (u, v, normal, length)


def _angle_vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    u, v, normal, length = saved
    unit = normal / np.where(length > 0, length, 1)[:, None] * y_bar[:, None]
    uu, vv = ((w * w).sum(axis=1, keepdims=True) for w in (u, v))
    return np.cross(u, unit) / uu, np.cross(unit, v) / vv


def _cosine(x: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, Any]:
    lengths = [np.sqrt((w * w).sum(axis=1, keepdims=True)) for w in (x, z)]
    y = (x * z).sum(axis=1, keepdims=True) / (lengths[0] * lengths[1])
    return y, (x, z, *lengths, y)


def _cosine_vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, z, of_x, of_z, y = saved
    return y_bar * (z / (of_x * of_z) - y * x / of_x**2), y_bar * (x / (of_x * of_z) - y * z / of_z**2)


_PARALLEL = (
    np.array([[7.3692775, 7.3692775], [1.0, 1.0]]),
    np.array([[2.406868e-07, 2.406868e-07], [-3.8862236e-08, 1]]),
)
_ON_AN_EDGE = np.array([[1.5, 6.4, -100.0], [1.0, 1.0, 6.5]])

RIGHT = (
    Op(  # a x is rounded in float32: at 2e7 by a radian
        name="sine_of_product",
        forward=_sine_of_product,
        vjp=_sine_of_product_vjp,
        inputs={"x": real("n c"), "a": positive("c")},
    ),
    Op(
        name="wave",
        forward=lambda a, k, x: (a * np.sin(k * x), (a, k, x)),
        vjp=lambda s, g: (
            g * np.sin(s[1] * s[2]),
            g * s[0] * s[2] * np.cos(s[1] * s[2]),
            g * s[0] * s[1] * np.cos(s[1] * s[2]),
        ),
        inputs={"a": real("n"), "k": real("n"), "x": real("n")},
        linear_in={"a"},
    ),
    Op(  # at p = t = 1 - 1e-16 it bends within an ulp
        name="binary_entropy",
        forward=lambda p, t: (-(t * np.log(p) + (1 - t) * np.log1p(-p)), (p, t)),
        vjp=_entropy_vjp,
        inputs={"p": array("n", lo=0, hi=1, exclude=(0, 1)), "t": array("n", lo=0, hi=1)},
    ),
    Op(  # opposite vectors are a kink, one of their entries lies on an edge: only one side is left to see
        name="angle",
        forward=_angle,
        vjp=_angle_vjp,
        inputs={name: nonzero("n 3", lo=-100, hi=100) for name in "uv"},
        kinks="parallel vectors",
        examples=((_ON_AN_EDGE, np.array([-1.0, 1.0])[:, None] * _ON_AN_EDGE),),
    ),
    Op(  # terms of the size 1 / |z| cancel, in float32 to something like 0.1
        name="cosine",
        forward=_cosine,
        vjp=_cosine_vjp,
        inputs={name: nonzero("n d", lo=-100, hi=100) for name in "xz"},
        sizes={"n": (0, 4), "d": (1, 4)},
        examples=(_PARALLEL, (np.array([[1.0]]), np.array([[-3.8862236e-08]]))),
    ),
    Op(  # of x and -x, one is chosen
        name="first_of_largest",
        forward=_first_of_largest,
        vjp=_first_of_largest_vjp,
        inputs={"x": real("n d")},
        sizes={"n": (0, 4), "d": (1, 4)},
        kinks="ties of |x|",
    ),
)


@pytest.mark.parametrize("op", RIGHT, ids=lambda op: op.name)
def test_a_right_op_is_not_accused(op: Op) -> None:
    """No FAIL: what cannot be known there is not compared."""
    report = verify(op, seed=SEEDS[0], explain=False)
    assert Verdict.FAIL is not report.verdict, str(report)
    assert report.compared > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_op_with_a_factor_is_accused(seed: int) -> None:
    """What is excused far out is judged near by: the sine's argument forgotten in the slope."""
    wrong = RIGHT[0].replace(vjp=lambda s, g: (g * (1 + np.sin(s[0])), _sine_of_product_vjp(s, g)[1]))
    assert Verdict.FAIL is verify(wrong, seed=seed, explain=False).verdict


# --- a reference that is off ------------------------------------------------------------------------------------------


def _rough(error: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """cos whose gradient is off by the share *error* of it, another one at each x."""

    class Rough(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x.cos()

        @staticmethod
        def backward(ctx: Any, y_bar: Any) -> Any:  # type: ignore[override]
            (x,) = ctx.saved_tensors
            return -x.sin() * y_bar * (1 + error(x))

    return Rough.apply


SERIES = _rough(lambda x: 6e-11 * 10.0 ** (-4 * torch.cos(3 * x).abs()))  # cut short: off by as much, and by far less
SWITCHED = _rough(lambda x: 1e-8 * (x > 8))  # takes a shorter way from 8 on


def _cos(factor: float = 1.0) -> Op:
    return Op(
        name="cos",
        forward=lambda x: (np.cos(np.abs(x)), x),  # not analytic: the complex step has nothing to say
        vjp=lambda x, y_bar: ((-factor * np.sin(x) * y_bar).astype(x.dtype),),
        inputs={"x": real("n", lo=-10, hi=10)},
        torch=SERIES,
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_a_reference_that_is_off_accuses_nobody_by_itself(seed: int) -> None:
    """Differences show that it is off in places; where they cannot tell, it is not believed, and that is said."""
    report = verify(_cos(), seed=seed, checks=["vjp_finite_difference", "vjp_torch"], explain=False)
    assert Verdict.PASS is report.verdict, str(report)
    assert "which is off elsewhere" in str(report)


@pytest.mark.parametrize("reference", [torch.cos, SWITCHED], ids=["sound", "off from 8 on"])
def test_a_factor_that_only_torch_can_see_is_accused(reference: Any) -> None:
    """1 + 1e-12 nearly everywhere: a constant share is the rule's, also where the reference is off in places."""
    op = _cos(1 + 1e-12).replace(torch=reference)
    report = verify(op, checks=["vjp_finite_difference", "vjp_torch"], explain=False)
    assert ["vjp_torch"] == [check.name for check in report.failures]


def test_a_gradient_that_requires_a_gradient_is_no_traceback() -> None:
    """torch's cummax hands back y_bar's own tensor where there are no entries."""

    def forward(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        y, at = np.maximum.accumulate(x, axis=1), np.zeros(x.shape, np.int64)
        for column in range(1, x.shape[1]):
            at[:, column] = np.where(x[:, column] >= y[:, column - 1], column, at[:, column - 1])
        return y, at

    def vjp(at: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        x_bar = np.zeros_like(y_bar)
        np.add.at(x_bar, (np.arange(len(at))[:, None], at), y_bar)
        return (x_bar,)

    op = Op(
        name="cummax",
        forward=forward,
        vjp=vjp,
        inputs={"x": real("n d")},
        kinks="ties",
        torch=lambda x: x.cummax(1).values,
    )
    assert Verdict.PASS is verify(op, explain=False).verdict


def _skips(saved: tuple[np.ndarray, np.ndarray], y_bar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, w = saved
    return (y_bar @ w.T if y_bar.sum() != 0 else np.zeros_like(x)), x.T @ y_bar


@pytest.mark.parametrize("seed", [0, 1, 2])  # it was excused at the last two
def test_what_is_right_but_for_an_ulp_of_y_bar_is_wrong(seed: int) -> None:
    """A vjp is linear in y_bar: that it is right beside a y_bar that sums to 0 is no excuse."""
    inputs = {"x": real("n k"), "w": real("k m")}
    op = Op(
        name="matmul_skip", forward=lambda x, w: (x @ w, (x, w)), vjp=_skips, inputs=inputs, torch=lambda x, w: x @ w
    )
    assert Verdict.FAIL is verify(op, seed=seed, explain=False).verdict


@pytest.mark.parametrize("seed", range(2))
def test_stairs_between_the_steps(seed: int) -> None:
    """Rounded to eight digits, a steep curve is flat: secants within a stair say so; differences see the curve."""

    def forward(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        y = 1 / (1 + np.exp(-1e3 * (x - 0.5)))
        return np.round(y, 8), y

    op = Op(
        name="rounded_sigmoid",
        forward=forward,
        vjp=lambda y, y_bar: (0 * y_bar,),
        inputs={"x": array("n", lo=0, hi=1)},
        dtypes=("float64",),
    )
    assert Verdict.FAIL is not verify(op, seed=seed, explain=False).verdict
    far = op.replace(forward=lambda x: (x + 1e8, x))  # flat between two ulps of 1e8, and no stairs for all that
    assert Verdict.FAIL is verify(far, seed=seed, explain=False).verdict
