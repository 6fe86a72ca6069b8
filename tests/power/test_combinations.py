"""Rules that are wrong only where two things meet: two params, two inputs close to each other, two equal entries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gradspec import Op, Verdict, array, real, verify
from gradspec.checks.layouts import vjp_layouts
from gradspec.domains import Case
from gradspec.evidence import Evidence
from gradspec.trial import Trial

SEEDS = 3


def _windows(length: int, size: int, stride: int, padding: int) -> int:
    return (length + 2 * padding - size) // stride + 1


def _fits(sizes: Mapping[str, int], params: Mapping[str, Any]) -> bool:
    return _windows(sizes["t"], sizes["k"], params["stride"], params["padding"]) > 0


def _correlate(x: Any, w: Any, stride: int, padding: int, dilation: int, mode: str) -> tuple[Any, Any]:
    padded = np.pad(x, (padding, padding), mode="constant")
    count = _windows(len(x), len(w), stride, padding)
    y = np.array([padded[i * stride : i * stride + len(w)] @ w for i in range(count)], dtype=x.dtype)
    return y * x.dtype.type(dilation), (padded, w, stride, padding, dilation, mode)


def _correlate_vjp(saved: Any, y_bar: Any, wrong: bool = False) -> tuple[Any, Any]:
    padded, w, stride, padding, dilation, mode = saved
    y_bar = y_bar * y_bar.dtype.type(dilation)
    spread, w_bar = np.zeros_like(padded), np.zeros_like(w)
    for i, bar in enumerate(y_bar):
        spread[i * stride : i * stride + len(w)] += bar * w
        w_bar += bar * padded[i * stride : i * stride + len(w)]
    start = padding if not (wrong and stride > 1 and mode == "b") else 0
    return spread[start : start + len(spread) - 2 * padding].copy(), w_bar


def _op(vjp: Any) -> Op:
    return Op(
        name="correlate",
        forward=_correlate,
        vjp=vjp,
        inputs={"x": real("t"), "w": real("k")},
        params={"stride": (1, 2, 3), "padding": (0, 1, 2), "dilation": (1, 2), "mode": ("a", "b", "c")},
        sizes={"t": (1, 6), "k": (1, 4)},
        where=_fits,
    )


@pytest.mark.parametrize("seed", range(SEEDS))
def test_wrong_only_for_two_params_together(seed: int) -> None:
    """Every pair of values is tried, with sizes that show it, whatever the seed; here a stride with a mode."""
    wrong = _op(lambda saved, y_bar: _correlate_vjp(saved, y_bar, wrong=True))
    assert (
        verify(wrong, seed=seed, examples=30, checks=["vjp_finite_difference"], explain=False).verdict is Verdict.FAIL
    )


def test_the_right_one_passes() -> None:
    """The pairs come on top of the examples."""
    report = verify(_op(_correlate_vjp), examples=30)
    assert report.verdict is Verdict.PASS, str(report)
    assert report.examples > 30


def _smooth_l1(x: Any, t: Any, beta: float) -> tuple[Any, Any]:
    d = x - t
    inside = np.minimum(np.abs(d), beta)
    return inside * inside / (2 * beta) + (np.abs(d) - inside), (d, beta)


def _smooth_l1_vjp(saved: Any, y_bar: Any, wrong: bool = False) -> tuple[Any, Any]:
    d, beta = saved
    slope = np.clip(d, -beta, beta) / (1 if wrong else beta)
    if wrong:
        slope = np.where(np.abs(d) < beta, slope, np.sign(d)).astype(d.dtype)
    return y_bar * slope, -y_bar * slope


@pytest.mark.parametrize("wrong", [False, True])
@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_branch_on_the_distance_of_two_inputs(seed: int, wrong: bool) -> None:
    """Wrong only for 0 < |x - t| < beta, and only where beta is not 1: two inputs are drawn close to each other."""
    op = Op(
        name="smooth_l1",
        forward=_smooth_l1,
        vjp=lambda saved, y_bar: _smooth_l1_vjp(saved, y_bar, wrong),
        inputs={"x": array("n", lo=-1e30, hi=1e30), "t": array("n", lo=-1e30, hi=1e30)},
        params={"beta": (1.0, 0.25)},
    )
    assert verify(op, seed=seed, explain=False).verdict is (Verdict.FAIL if wrong else Verdict.PASS)


def _top_two(x: Any) -> tuple[Any, Any]:
    """Softmax of the two largest entries of each row."""
    order = np.argsort(-x, axis=1, kind="stable")[:, :2]
    best = np.take_along_axis(x, order, 1)
    e = np.exp(best - best.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p, (p, order, x.shape)


def _top_two_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    p, order, shape = saved
    x_bar = np.zeros(shape, y_bar.dtype)
    np.put_along_axis(x_bar, order, p * (y_bar - (y_bar * p).sum(axis=1, keepdims=True)), 1)
    return (x_bar,)


def _middle(x: Any, lo: Any, hi: Any) -> tuple[Any, Any]:
    return np.minimum(np.maximum(x, lo), hi), (x, lo, hi)


def _middle_vjp(saved: Any, y_bar: Any) -> tuple[Any, Any, Any]:
    x, lo, hi = saved
    below, above = x < lo, np.maximum(x, lo) > hi
    x_bar = y_bar * (~below & ~above)
    return x_bar, y_bar * (below & ~above), y_bar * above


def _eigenvalues(a: Any) -> tuple[Any, Any]:
    values, vectors = np.linalg.eigh(a)
    return values, vectors


KINKED = (
    Op(
        name="top_two",
        forward=_top_two,
        vjp=_top_two_vjp,
        inputs={"x": real("n d")},
        sizes={"n": (0, 3), "d": (2, 4)},
        kinks="the second and the third largest of a row are equal",
    ),
    Op(
        name="middle",
        forward=_middle,
        vjp=_middle_vjp,
        inputs={"x": real("n"), "lo": array("n", hi=0.0), "hi": array("n", lo=0.0)},
        kinks="x = lo, x = hi, and lo = hi",
        examples=((np.zeros(2), np.zeros(2), np.zeros(2)),),
    ),
    Op(
        name="eigenvalues",
        forward=_eigenvalues,
        vjp=lambda vectors, y_bar: ((vectors * y_bar) @ vectors.T,),
        inputs={"a": real("n n", lo=-100, hi=100, transform=lambda u: (u + u.T) / 2)},
        sizes={"n": (1, 3)},
        kinks="equal eigenvalues",
        examples=((np.zeros((3, 3)),),),
    ),
)


@pytest.mark.parametrize("op", KINKED, ids=lambda op: op.name)
def test_a_choice_among_ties_is_no_mistake(op: Op) -> None:
    """The derivative of any generic point nearby is right, though no slope along an entry may show it."""
    report = verify(op, seed=12)
    assert report.verdict is Verdict.PASS, str(report)


@pytest.mark.parametrize("op", KINKED, ids=lambda op: op.name)
def test_but_three_times_of_it_is(op: Op) -> None:
    """The pardon ends where no point nearby has such a derivative."""
    vjp = op.vjp

    def tripled_at_ties(saved: Any, y_bar: Any) -> Any:
        x_bars = vjp(saved, y_bar)
        return tuple(3 * x_bar if _ties(saved) else x_bar for x_bar in x_bars)

    def _ties(saved: Any) -> bool:
        first = saved[0] if isinstance(saved, tuple) else saved
        return bool(first.size and (first.reshape(-1) == first.flat[0]).all())

    if op.name == "eigenvalues":
        pytest.skip("its residuals do not tell that eigenvalues are equal")
    wrong = Op(name=op.name, forward=op.forward, vjp=tripled_at_ties, inputs=op.inputs, sizes=op.sizes)
    assert verify(wrong, explain=False).verdict is Verdict.FAIL


def _one_number(x: Any, w: Any) -> tuple[Any, Any]:
    """Standardize rows of one number, which come out as 0, times w."""
    return np.zeros_like(x) * w, (x.shape, w)


def test_a_reference_may_round_a_zero() -> None:
    """torch's layer_norm of one number has a gradient of a few ulps of y_bar times w; the exact one is 0."""
    torch = pytest.importorskip("torch")
    op = Op(
        name="one_number",
        forward=_one_number,
        vjp=lambda saved, y_bar: (np.zeros(saved[0], y_bar.dtype), np.zeros_like(saved[1])),
        inputs={"x": real("n 1"), "w": real("1")},
        torch=lambda x, w: torch.nn.functional.layer_norm(x, (1,), w, None, 0.5),
    )
    for seed in range(4):
        report = verify(op, seed=seed, checks=["vjp_torch"])
        assert not report.failures, str(report)


def test_bars_for_an_expanded_y_bar_are_its_own() -> None:
    """Another order of summation is no mistake, though the trial's own y_bar is a million times smaller."""

    def forward(x: Any, w: Any) -> tuple[Any, Any]:
        return x * w, (x, w)

    def vjp(saved: Any, y_bar: Any) -> tuple[Any, Any]:
        x, w = saved
        products = y_bar * x
        w_bar = (products if y_bar.flags.c_contiguous else products[::-1]).sum(axis=0)
        return y_bar * w, w_bar.astype(w.dtype)

    balanced = np.random.default_rng(0).standard_normal((41, 2))
    balanced += 1e-9 - balanced.mean(axis=0)
    op = Op(name="scaled", forward=forward, vjp=vjp, inputs={"x": real("n d"), "w": real("d")})
    tiny = np.cos(np.arange(82.0)).reshape(41, 2) * 1e-12
    drawn = (balanced, np.full(2, 1e-9))
    case = Case(sizes={"n": 41, "d": 2}, lead=(), params={}, keys={}, drawn=drawn, dtype="float64", seed=0)
    trial = Trial(op, replace(case, y_bar=(tiny,)))
    (outcome,) = vjp_layouts(trial, Evidence(trial))
    assert outcome.mismatch is None


def test_distances_below_a_later_value_of_a_param_are_drawn() -> None:
    """1 / beta is missing: right for beta = 1, and for 0.01 at all distances above it."""

    def forward(a: Any, b: Any, beta: float) -> tuple[Any, Any]:
        d = a - b
        near = np.abs(d) < beta
        return np.where(near, d * d / (2 * beta), np.abs(d) - beta / 2).astype(a.dtype), (d, near)

    def vjp(saved: Any, y_bar: Any) -> tuple[Any, Any]:
        d, near = saved
        slope = y_bar * np.where(near, d, np.sign(d))
        return slope, -slope

    op = Op(
        name="smooth_l1",
        forward=forward,
        vjp=vjp,
        inputs={"a": real("n d"), "b": real("n d")},
        params={"beta": (1.0, 0.01)},
    )
    assert all(verify(op, seed=seed, explain=False).verdict is Verdict.FAIL for seed in range(SEEDS))


def test_cotangents_that_sum_to_zero_are_drawn() -> None:
    """A short cut for "nothing arrives" that asks for the sum."""
    op = Op(
        name="square",
        forward=lambda x: (x * x, x),
        vjp=lambda x, y_bar: (2 * x * y_bar if y_bar.sum() else np.zeros_like(x),),
        inputs={"x": real("n d")},
        sizes={"n": (0, 20), "d": (0, 20)},
    )
    assert all(verify(op, seed=seed, explain=False).verdict is Verdict.FAIL for seed in range(SEEDS))


def test_a_single_entry_is_drawn_as_zero_too() -> None:
    """The product of one number, at 0: a short cut for one entry divides by it."""

    def vjp(saved: Any, y_bar: Any) -> tuple[Any]:
        x, y = saved
        if x.size == 1:
            return ((y_bar * y / np.where(x == 0, 1, x)).astype(x.dtype),)
        others = [np.prod(np.delete(x, place)) for place in range(x.size)]
        return ((y_bar * np.array(others)).astype(x.dtype),)

    op = Op(name="prod", forward=lambda x: (x.prod(), (x, x.prod())), vjp=vjp, inputs={"x": real("n")})
    assert all(verify(op, seed=seed, explain=False).verdict is Verdict.FAIL for seed in range(SEEDS))
