"""References that err: torch's own formulas lose digits too, and accuse nobody by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from gradspec import Op, Verdict, array, real, verify
from gradspec.checks.torch_vjp import vjp_torch
from gradspec.domains import Case
from gradspec.evidence import Evidence
from gradspec.trial import Trial
from tests.right_ops.elementwise import celu
from tests.right_ops.networks import geglu
from tests.right_ops.recurrences import logcumsumexp


@pytest.mark.parametrize("seed", range(2))
def test_a_reference_that_cuts_corners_accuses_nobody(seed: int) -> None:
    """The slope of torch's softplus is 1 from 20 on; that of 1 / (1 + exp(-27)) is 1 - 2e-12."""
    torch = pytest.importorskip("torch")
    op = Op(
        name="softplus",
        forward=lambda x: (np.logaddexp(x, x.dtype.type(0)), x),
        vjp=lambda x, y_bar: (y_bar / (1 + np.exp(-x)),),
        inputs={"x": real("n d")},
        torch=torch.nn.functional.softplus,
        examples=((np.array([[1.0, 43.0, 1.0], [1.0, 27.0, -50.0]]),), (np.array([[26.1, 81.0], [94.0, 1.0]]),)),
    )
    report = verify(op, seed=seed, examples=40)
    assert Verdict.FAIL is not report.verdict, str(report)


def test_a_double_backward_of_a_reference_that_is_off_says_no_more_than_that() -> None:
    """torch's celu takes 1 / alpha to the digits of float32, in its gradient and in the gradient of that."""
    pytest.importorskip("torch")
    report = verify(celu, seed=1, explain=False)
    assert Verdict.FAIL is not report.verdict, str(report)


def test_a_reference_that_is_not_linear_in_y_bar_accuses_nobody() -> None:
    """torch's logcumsumexp adds log y_bar to numbers as large as x: its error is the same at inputs an ulp away."""
    pytest.importorskip("torch")
    x = np.array([[1.0, 1951.4147183642369], [70945.117637881573, -3.0241519842506338e07]])
    y_bar = np.array([[-0.9172495737684077, 0.8167424010919183], [1.1347384636213593, -1.0494749559224736]])
    case = Case(
        sizes={"t": 2}, lead=(2,), params={}, keys={}, drawn=(x,), dtype="float64", seed=0, y_bar=(y_bar,), label=""
    )
    trial = Trial(logcumsumexp, case)
    (outcome,) = vjp_torch(trial, Evidence(trial))
    assert outcome.mismatch is None


@pytest.mark.parametrize("seed", [1, 2])
def test_a_reference_with_the_same_wrong_digits_an_ulp_away_accuses_nobody(seed: int) -> None:
    """torch's gelu by tanh has 1 + tanh(-5): eleven digits, which a sigmoid has all of."""
    pytest.importorskip("torch")
    report = verify(geglu, seed=seed, explain=False)
    assert Verdict.FAIL is not report.verdict, str(report)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("offset", "accused"), [(0.0, False), (1e-3, True)])
def test_what_is_0_at_every_input_is_rounded_by_its_reference(seed: int, offset: float, *, accused: bool) -> None:
    """x less its projection on the only axis there is; torch says -9e-16."""
    pytest.importorskip("torch")

    def forward(x: np.ndarray, u: np.ndarray) -> Any:
        return x - x + x.dtype.type(offset), None

    op = Op(
        name="projection",
        forward=forward,
        vjp=lambda saved, y_bar: (0 * y_bar, np.zeros(1, y_bar.dtype)),
        inputs={"x": real("n"), "u": array("1", lo=0.1, hi=100)},
        torch=lambda x, u: x - x * u / (u * u) * u,
    )
    report = verify(op, seed=seed, checks=["value_torch"])
    assert accused is (Verdict.FAIL is report.verdict), str(report)


TO_THE_28TH = 2.0**28


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("value", "reference", "accused"),
    [
        (lambda x: 0 * x + (0.1 + 0.2 - 0.3), lambda x: 0 * x, ()),
        (lambda x: 1e-16 * np.sin(TO_THE_28TH * x), lambda x: 1e-16 * (TO_THE_28TH * x).cos(), ()),
        (lambda x: 1e-17 * x, lambda x: 2e-17 * x, ("float64", "float32")),
        (lambda x: 1e-10 + 0 * x, lambda x: 0 * x, ("float64",)),
    ],
    ids=["a constant", "what scatters", "but not a small number that follows its input", "nor one that is too large"],
)
def test_what_rounding_leaves_of_0_is_no_error(dtype: str, value: Any, reference: Any, accused: Sequence[str]) -> None:
    """The skewness of two numbers is 0; moves by ulps may leave over the same 1e-16 every time."""
    pytest.importorskip("torch")
    op = Op(
        name="left_over",
        forward=lambda x: (value(x).astype(x.dtype), None),
        vjp=lambda saved, y_bar: (0 * y_bar,),
        inputs={"x": array("n", lo=1.0, hi=3.0)},
        torch=reference,
        dtypes=(dtype,),
    )
    report = verify(op, checks=["value_torch"], examples=20)
    assert (dtype in accused) is (Verdict.FAIL is report.verdict), str(report)


def test_but_torch_sees_an_error_of_1e_12() -> None:
    """Which finite differences do not."""
    pytest.importorskip("torch")
    op = Op(
        name="exp",
        forward=lambda x: (np.exp(x), x),
        vjp=lambda x, y_bar: ((y_bar * np.exp(x) * (1 + 1e-12)).astype(x.dtype),),
        inputs={"x": real("n", typical=(-3.0, 3.0))},
        torch="torch.exp",
    )
    assert "vjp_torch" in {check.name for check in verify(op).failures}
