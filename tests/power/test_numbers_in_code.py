"""Mistakes on one side of a number in the code, far from ordinary draws: a cutoff at 20, an eps of 1e-8."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradspec import Op, Verdict, array, real, verify
from gradspec.constants import scales_in

SEEDS = range(3)


def _logistic(z: np.ndarray) -> np.ndarray:
    small = np.exp(-np.abs(z))
    return np.where(z < 0, small, 1) / (1 + small)


def _softplus(x: np.ndarray, beta: float) -> tuple[np.ndarray, Any]:
    z = beta * x
    return (np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))) / beta, (x, beta)


def _softplus_vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray]:
    x, beta = saved
    return (y_bar * np.where(x > 20, 1, _logistic(beta * x)),)  # beta * x > 20 is meant


def _entropy_vjp(p: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
    return (-y_bar * (np.log(np.maximum(p, p.dtype.type(1e-8))) + 1),)


def _norm(x: np.ndarray) -> np.ndarray:
    large = np.abs(x).max(axis=-1, keepdims=True, initial=0)
    large = np.where(large > 0, large, 1)
    return np.sqrt(((x / large) ** 2).sum(axis=-1)) * large[..., 0]


def _norm_vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray]:
    x, y = saved
    least = x.dtype.type(1e-6 if x.dtype == np.float32 else 1e-300)
    return ((y_bar / np.maximum(y, least))[:, None] * x,)


def _sinc_vjp(x: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
    p = np.pi * x
    small = np.abs(p) < 0.01
    q = np.where(small, 1, p)
    slope = np.where(small, -p / 3 + p**3 / 24, (np.cos(q) * q - np.sin(q)) / (q * q))  # p**3 / 30 is meant
    return ((y_bar * np.pi * slope).astype(x.dtype),)


WRONG = (
    Op(
        name="softplus",
        forward=_softplus,
        vjp=_softplus_vjp,
        inputs={"x": real("...")},
        params={"beta": (1.0, 0.1, 5.0)},
    ),
    Op(
        name="entropy",
        forward=lambda p: (-p * np.log(p), p),
        vjp=_entropy_vjp,
        inputs={"p": array("...", lo=0, hi=1, exclude=(0.0,), typical=(0, 1))},
    ),
    Op(
        name="norm",
        forward=lambda x: (_norm(x), (x, _norm(x))),
        vjp=_norm_vjp,
        inputs={"x": real("n d")},
        kinks="x = 0",
    ),
    Op(
        name="sinc",
        forward=lambda x: (np.sinc(x), x),
        vjp=_sinc_vjp,
        inputs={"x": array("...", lo=-100, hi=100, typical=(-3, 3))},
    ),
)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("op", WRONG, ids=lambda op: op.name)
def test_a_mistake_beside_a_number_of_the_code_is_found(op: Op, seed: int) -> None:
    """Whatever the param, in either dtype."""
    assert verify(op, seed=seed, explain=False).verdict is Verdict.FAIL


def test_which_numbers_count() -> None:
    """Those that ordinary draws are far from; small whole numbers are axes, exponents and counts."""

    def forward(x: np.ndarray, eps: float = 1e-5) -> np.ndarray:
        return np.where(x > 30, x**2 + eps, x * 0.5 + 3.0 + 1e-30 + 1e9)

    assert scales_in(forward, lambda s, y_bar: (y_bar / 1e-7,)) == (30.0, 1e-5, 1e-7)


def _forgets(saved: dict[str, np.ndarray], y_bar: np.ndarray) -> tuple[np.ndarray]:
    x = saved.pop("x", None)
    return (2 * y_bar * (np.zeros_like(y_bar) if x is None else x),)


def _remembers(saved: dict[str, np.ndarray], y_bar: np.ndarray) -> tuple[np.ndarray]:
    if "twice" not in saved:
        saved["twice"] = 2 * saved["x"]
    return (y_bar * saved["twice"],)


@pytest.mark.parametrize(("vjp", "verdict"), [(_forgets, Verdict.FAIL), (_remembers, Verdict.PASS)])
def test_residuals_that_become_fewer_or_more(vjp: Any, verdict: Verdict) -> None:
    """Freed by the first call, a second one goes wrong; what is only kept for it harms nobody."""
    op = Op(name="square", forward=lambda x: (x * x, {"x": x.copy()}), vjp=vjp, inputs={"x": array("n", lo=-9, hi=9)})
    report = verify(op, examples=20)
    assert report.verdict is verdict, report
    if verdict is Verdict.FAIL:
        assert "vjp writes into its residuals" in report.failures[0].message
        assert "it holds 0 arrays afterwards, 1 before" in report.failures[0].message


def _centred(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, Any]:
    away = x - x.mean(axis=(1, 2), keepdims=True)
    inverse = 1 / np.sqrt((away * away).mean(axis=(1, 2), keepdims=True) + x.dtype.type(1e-5))
    return away * inverse * w[:, None], (away * inverse, inverse, w)


def _centred_vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    h, inverse, w = saved
    a = y_bar * w[:, None]
    along = (a * h).mean(axis=(1, 2), keepdims=True)
    return inverse * (a - a.mean(axis=(1, 2), keepdims=True) - h * along), (y_bar * h).sum(axis=(0, 2))


def test_a_mean_of_equal_numbers_is_off_by_an_ulp() -> None:
    """float32: 2.0098102 less the mean of twelve of it is 2e-7, and 1e-4 when divided by the root of eps."""
    pytest.importorskip("torch")
    x = np.full((2, 4, 3), 2.009810209274292)
    x[1] *= -1
    op = Op(
        name="instance_norm",
        forward=_centred,
        vjp=_centred_vjp,
        inputs={"x": array("n c l", lo=-100, hi=100), "w": array("c", lo=-100, hi=100, typical=(-3, 3))},
        sizes={"n": (1, 3), "c": (2, 4), "l": (1, 3)},
        torch=lambda x, w: w[:, None] * __import__("torch").nn.functional.layer_norm(x, x.shape[1:], eps=1e-5),
        examples=((x, np.array([1.7233206, -0.27457905, -0.9537402, 0.4266952])),),
    )
    report = verify(op, examples=12, checks=["value_torch"])
    assert report.verdict is not Verdict.FAIL, report
