"""What is declared for float32 alone, as a kernel is: verified whatever it does with float64, its mistakes seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradspec import Op, Verdict, real, verify
from gradspec.caller import CallFailedError
from gradspec.domains import Case
from gradspec.evidence import Evidence
from gradspec.trial import Trial


def _kernel(x: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, np.dtype]]:
    """A softmax that exists in float32 alone, behind arrays of any dtype."""
    narrow = x.astype(np.float32)
    e = np.exp(narrow - narrow.max(axis=-1, keepdims=True))
    y = e / e.sum(axis=-1, keepdims=True)
    return y.astype(x.dtype), (y, x.dtype)


def _kernel_vjp(saved: tuple[np.ndarray, np.dtype], y_bar: np.ndarray) -> tuple[np.ndarray]:
    y, dtype = saved
    narrow = y_bar.astype(np.float32)
    return ((y * (narrow - (narrow * y).sum(axis=-1, keepdims=True))).astype(dtype),)


def _without_the_sum(saved: tuple[np.ndarray, np.dtype], y_bar: np.ndarray) -> tuple[np.ndarray]:
    y, dtype = saved
    return ((y * y_bar.astype(np.float32)).astype(dtype),)


def _kernel_op(vjp: Any, *dtypes: str, torch: Any = None) -> Op:
    return Op(
        name="softmax",
        forward=_kernel,
        vjp=vjp,
        inputs={"x": real("n d")},
        sizes={"d": (1, 4)},
        dtypes=dtypes,
        torch=torch,
    )


@pytest.mark.parametrize("torch", [None, lambda x: x.softmax(-1)], ids=["alone", "beside torch"])
def test_what_computes_in_float32_alone_is_verified(torch: Any) -> None:
    """Differences of such a forward are as rough as its outputs, also over the finer steps of small inputs."""
    report = verify(_kernel_op(_kernel_vjp, "float32", torch=torch))

    assert Verdict.PASS is report.verdict, str(report)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "vjp",
    [_without_the_sum, lambda saved, y_bar: (_kernel_vjp(saved, y_bar)[0] * np.float32(1.01),)],
    ids=["no sum", "factor"],
)
def test_its_mistakes_are_seen(vjp: Any, seed: int) -> None:
    """By finite differences, without a reference."""
    report = verify(_kernel_op(vjp, "float32"), seed=seed, checks=["vjp_finite_difference"], explain=False)

    assert Verdict.FAIL is report.verdict, str(report)


def _in_float32_only(*arrays: np.ndarray) -> None:
    if any(x.dtype != np.float32 for x in arrays):
        raise TypeError("this kernel takes float32")


def _strict(x: np.ndarray) -> tuple[np.ndarray, Any]:
    _in_float32_only(x)
    return _kernel(x)


def _strict_vjp(factor: float) -> Any:
    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray]:
        _in_float32_only(y_bar)
        return (_kernel_vjp(saved, y_bar)[0] * np.float32(factor),)

    return vjp


@pytest.mark.parametrize("forward", [_kernel, _strict], ids=["backward", "both"])
@pytest.mark.parametrize("torch", [None, lambda x: x.softmax(-1)], ids=["alone", "beside torch"])
@pytest.mark.parametrize(
    ("factor", "verdict"), [(1.0, Verdict.PASS), (1.003, Verdict.FAIL), (np.inf, Verdict.FAIL)], ids=str
)
def test_what_raises_for_float64_is_verified(forward: Any, torch: Any, factor: float, verdict: Verdict) -> None:
    """As a kernel does that exists in float32 alone: it is given the same numbers, rounded."""
    op = _kernel_op(_strict_vjp(factor), "float32", torch=torch).replace(forward=forward)
    report = verify(op, explain=False)

    assert verdict is report.verdict, str(report)


def test_what_raises_for_both_says_what_it_said_first() -> None:
    """Nothing is rounded that was declared to work in float64, and no message of a second attempt is shown."""

    def forward(x: np.ndarray) -> tuple[np.ndarray, Any]:
        raise ValueError(f"not in {x.dtype}")

    case = Case(sizes={"n": 1}, lead=(), params={}, keys={}, drawn=(np.ones(1),), dtype="float64", seed=0)
    for dtypes in (("float32",), ("float64", "float32")):
        op = Op(name="no", forward=forward, vjp=lambda saved, y_bar: (y_bar,), inputs={"x": real("n")}, dtypes=dtypes)
        trial = Trial(op, case)
        with pytest.raises(CallFailedError, match="not in float64"):
            trial.forward(trial.copies())
        assert not trial.narrow


def test_what_has_taken_float64_is_not_given_float32_later() -> None:
    """Differences of exact and of rough values would be no derivative."""

    def forward(x: np.ndarray) -> tuple[np.ndarray, Any]:
        if x.dtype == np.float64 and (x == 2).any():
            raise ValueError("not 2")
        return x * x, x

    op = Op(
        name="not_2",
        forward=forward,
        vjp=lambda x, y_bar: (2 * x * y_bar,),
        inputs={"x": real("n")},
        dtypes=("float32",),
    )
    case = Case(sizes={"n": 1}, lead=(), params={}, keys={}, drawn=(np.ones(1),), dtype="float64", seed=0)
    trial = Trial(op, case)
    assert not np.isnan(trial.outputs(np.array([0.1])))
    assert np.isnan(trial.outputs(np.array([2.0])))
    assert not trial.narrow["forward"]


def test_float32_for_float64_is_told() -> None:
    """With float64 among the dtypes the first thing to say is that it is not computed in."""
    report = verify(_kernel_op(_kernel_vjp, "float64", "float32"))

    assert "softmax: forward computes in float32, though its inputs are float64" in report.failures[0].message


@pytest.mark.parametrize("torch", [None, "torch.square"])
@pytest.mark.parametrize("wrong", [np.inf, -np.inf, 1e38])
@pytest.mark.parametrize("where", [0.0, np.inf], ids=["at 0", "everywhere"])
def test_infinity_is_no_derivative_that_float32_lacks(wrong: float, where: float, torch: str | None) -> None:
    """Where a rule overflows in float64, too, that excuses it only if differences do so as well."""

    def vjp(x: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        return (np.where(np.abs(x) <= where, wrong, 2 * x * y_bar).astype(x.dtype),)

    op = Op(
        name="square",
        forward=lambda x: (x * x, x),
        vjp=vjp,
        inputs={"x": real("n")},
        torch=torch,
        dtypes=("float32",),
    )
    assert Verdict.FAIL is verify(op, explain=False).verdict


def test_a_derivative_that_float32_lacks_accuses_nobody() -> None:
    """The product of the others overflows before y_bar could make it small again; that of a is a number."""

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray, ...]:
        a, b, c = saved
        return b * c * y_bar, a * c * y_bar, a * b * y_bar

    op = Op(
        name="products",
        forward=lambda a, b, c: (a * (b * c), (a, b, c)),
        vjp=vjp,
        inputs=dict.fromkeys("abc", real("n")),
        dtypes=("float32",),
    )
    drawn = tuple(np.array([x], dtype=np.float32) for x in (1e20, 3e20, 1e-20))
    y_bar = (np.array([1e-6], dtype=np.float32),)
    case = Case(sizes={"n": 1}, lead=(), params={}, keys={}, drawn=drawn, dtype="float32", seed=0, y_bar=y_bar)
    with np.errstate(all="ignore"):
        trial = Trial(op, case)
        assert np.isinf(trial.x_bar[2])
        judgement = Evidence(trial).of_rule
    assert not judgement.wrong.any()
