"""float32: what it rounds is no mistake, and what computes in it behind float64 is told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gradspec import Op, Verdict, check_vjp, real, verify
from gradspec.checks.torch_value import value_torch
from gradspec.domains import Case
from gradspec.evidence import Evidence
from gradspec.trial import Trial

OFFSET, ROWS = 555.0, 24


def _deviation(x: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    r = x - x.mean(axis=-1, keepdims=True)
    y = np.sqrt((r * r).mean(axis=-1, keepdims=True))
    return y, (r, y)


def _deviation_vjp(saved: tuple[np.ndarray, np.ndarray], y_bar: np.ndarray) -> tuple[np.ndarray]:
    r, y = saved
    return (y_bar * r / y / r.dtype.type(r.shape[-1]),)


def _rows() -> list[list[float]]:
    """Three entries each, a little apart and far from 0, two of them closer to each other."""
    rng = np.random.default_rng(0)
    near = rng.uniform(-1.0, 1.0, size=(ROWS, 1)) + rng.uniform(-0.05, 0.05, size=(ROWS, 2))
    return np.hstack([OFFSET + near, OFFSET + rng.uniform(-1.0, 1.0, size=(ROWS, 1))]).tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("row", [[-554.94794, -555.0, -554.0], *_rows()], ids=str)
def test_the_rounding_of_a_mean_is_no_mistake(row: list[float], dtype: Any) -> None:
    """All entries less their mean have its rounding; the slope at the third answers to no move of the inputs."""
    report = check_vjp(_deviation, _deviation_vjp, np.array([row], dtype=dtype))

    assert Verdict.FAIL is not report.verdict, str(report)


@pytest.mark.parametrize("row", _rows()[:4], ids=str)
def test_a_wrong_mean_is_a_mistake_there(row: list[float]) -> None:
    """One part in twenty."""

    def wrong(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray]:
        return (_deviation_vjp(saved, y_bar)[0] * np.float32(1.05),)

    assert Verdict.FAIL is check_vjp(_deviation, wrong, np.array([row], dtype=np.float32)).verdict


def test_rounding_is_not_shared_with_rows_that_meet_nowhere() -> None:
    """The row near a million has lost six digits, the other one none; an output looks at one row only."""
    x = np.array([[1e6 + 0.001, 1e6, 1e6 + 0.003], [0.0, 1.0, 3.0]])
    op = Op(name="deviation", forward=_deviation, vjp=_deviation_vjp, inputs={"x": real("n d")})
    case = Case(sizes={"n": 2, "d": 3}, lead=(), params={}, keys={}, drawn=(x,), dtype="float64", seed=0)
    with np.errstate(all="ignore"):
        evidence = Evidence(Trial(op, case))
        directions = evidence.directions
        noise = evidence.shared_noise(directions, directions.scale) / directions.scale
    far, near = (noise[np.isin(directions.entries, row)] for row in ((0, 1, 2), (3, 4, 5)))
    assert len(far) == len(near) == 3
    assert far.min() > 1e6 * near.max() > 0


FEW_DIGITS = {
    "clip": (lambda x: np.clip(x, -0.5, 0.5), 3.0),  # one of two numbers of float32, or x
    "quarters": (lambda x: np.round(x * 4.0) / 4.0, 1e6),
    "floor": (np.floor, 1e6),
    "hundreds": (lambda x: np.round(x, -2), 1e7),
    "fixed point": (lambda x: np.round(x * 65536) / 65536, 100.0),
    "as it is": (lambda x: 1.0 * x, 3.0),
}


@pytest.mark.parametrize("name", FEW_DIGITS)
def test_float64_is_not_taken_for_float32(name: str) -> None:
    """Few values, or values that float32 happens to have, are no rounding."""
    function, high = FEW_DIGITS[name]
    op = Op(
        name="same",
        forward=lambda x: (np.asarray(function(x), dtype=x.dtype), x),
        vjp=lambda x, y_bar: (0.0 * x + 0.0 * y_bar,),
        inputs={"x": real("n", lo=-high, hi=high, typical=(-high, high))},
    )
    report = verify(op, checks=["contract"])

    assert Verdict.FAIL not in {check.verdict for check in report.checks}, str(report)


def test_an_output_in_float32_says_so_itself() -> None:
    """A cast is seen from outside, and judged as far as float32 goes."""
    op = Op(
        name="cast",
        forward=lambda x: (x.astype(np.float32), x.dtype),
        vjp=lambda dtype, y_bar: (y_bar.astype(dtype),),
        inputs={"x": real("n", lo=-1e3, hi=1e3)},
    )

    assert Verdict.PASS is verify(op).verdict
    assert Verdict.FAIL is verify(op.replace(vjp=lambda dtype, y_bar: ((1.01 * y_bar).astype(dtype),))).verdict


@pytest.mark.parametrize("difference", [0.0, 1.0])
def test_a_bar_that_is_no_number_accuses_nobody(difference: float) -> None:
    """Rounding that cannot be measured leaves a value open, also a 0 that is equal."""
    op = Op(
        name="same",
        forward=lambda x: (x + difference, None),
        vjp=lambda _, y_bar: (1.0 * y_bar,),
        inputs={"x": real("n")},
        torch=lambda x: 1.0 * x,
    )
    case = Case(sizes={"n": 2}, lead=(), params={}, keys={}, drawn=(np.zeros(2),), dtype="float64", seed=0)
    unknown: Any = SimpleNamespace(  # what evidence tells where rounding is no number
        value_noise=np.zeros(2), saturated=np.full(2, np.nan), directions=SimpleNamespace(entries=np.empty(0))
    )
    (outcome,) = value_torch(Trial(op, case), unknown)

    assert outcome.mismatch is None


def _safe_vjp(saved: tuple[np.ndarray, np.ndarray], y_bar: np.ndarray) -> tuple[np.ndarray]:
    r, y = saved
    return (y_bar * np.where(y > 0, r / np.where(y > 0, y, 1), 0) / r.dtype.type(r.shape[-1]),)


@pytest.mark.parametrize(
    ("dtype", "row", "other"),
    [
        ("float32", [-7.258466] * 3, [-7.258466, 5.613992, -7.258466]),
        ("float64", [-6.477036959192459] * 3, [0.0, 1.0, 2.0]),
    ],
)
def test_a_kink_that_rounding_hides_accuses_nobody(dtype: str, row: list[float], other: list[float]) -> None:
    """The mean of three equal numbers need not be that number: their deviation is an ulp then, with a slope."""
    op = Op(
        name="deviation",
        forward=_deviation,
        vjp=_safe_vjp,
        inputs={"x": real("n d")},
        sizes={"d": (1, 4)},
        kinks="equal rows",
    )
    x = np.array([row, other], dtype=dtype)
    assert x[0].mean() != x[0, 0]
    case = Case(
        sizes={"n": 2, "d": 3}, lead=(), params={}, keys={}, drawn=(x,), dtype=dtype, seed=1383072102, label="ties"
    )
    with np.errstate(all="ignore"):
        assert not Evidence(Trial(op, case)).of_rule.wrong.any()
