"""Special values beside every value of every param, and every size 1 at once."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from gradspec import Op, Verdict, array, real, verify
from gradspec.covering import every_value, telling_sizes
from gradspec.crossed import TELLING, around_numbers, beside_params
from gradspec.domains import make_case
from gradspec.layouts import Space
from ops import OPS
from tests.gradspec.samples import square


def _norm(x: np.ndarray, ord: float) -> tuple[np.ndarray, Any]:  # noqa: A002 -- NumPy's name of it
    y = np.abs(x).max(axis=-1) if ord == math.inf else np.sqrt((x * x).sum(axis=-1))
    return y, (x, y, ord)


def _norm_vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray]:
    """Of equal largest entries each gets everything: no subgradient."""
    x, y, order = saved
    y = y[..., None]
    slope = np.sign(x) * (np.abs(x) == y) if order == math.inf else x / np.where(y > 0, y, 1)
    return (y_bar[..., None] * slope.astype(x.dtype),)


@pytest.mark.parametrize("seed", [0, 3])
def test_ties_that_matter_for_one_value_of_a_param_only(seed: int) -> None:
    """A norm whose order inf, the last of its values, gives too much where entries are equal."""
    op = Op(
        name="norm",
        forward=_norm,
        vjp=_norm_vjp,
        inputs={"x": real("n d")},
        sizes={"d": (1, 4)},
        params={"ord": (2, math.inf)},
    )
    report = verify(op, seed=seed)
    assert Verdict.FAIL is report.verdict
    assert "ord=inf" in report.failures[0].message


@pytest.mark.parametrize("seed", range(4))
def test_a_zero_that_matters_for_one_value_of_a_param_only(seed: int) -> None:
    """x ** p has the slope 1 at 0 where p is 1: a rule that divides by x gives 0 there."""

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray]:
        x, p = saved
        safe = np.where(x == 0, 1, x)
        return ((y_bar * p * np.where(x == 0, 0, safe**p) / safe).astype(x.dtype),)

    op = square(name="power", forward=lambda x, p: (x**p, (x, p)), vjp=vjp, params={"p": (2, 3, 1, 4)})
    assert Verdict.FAIL is verify(op, seed=seed, explain=False).verdict


@pytest.mark.parametrize("seed", range(8))
def test_zero_to_the_power_of_one(seed: int) -> None:
    """Its slope is 1, and next to it 0 or infinite: a rule that divides by x is right everywhere else."""

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, p = saved
        safe = np.where(x == 0, 1, x)
        y = y_bar * x**p
        return (y * p / safe).astype(x.dtype), (y * np.log(safe)).astype(x.dtype)

    op = square(
        name="power",
        forward=lambda x, p: (x**p, (x, p)),
        vjp=vjp,
        inputs={"x": array("n", lo=0, hi=10), "p": array("n", lo=1, hi=5)},
    )
    assert Verdict.FAIL is verify(op, seed=seed, explain=False).verdict


@pytest.mark.parametrize("seed", range(4))
def test_inputs_that_coincide_for_one_value_of_a_param(seed: int) -> None:
    """A Huber loss of width 0 is |a - b|, and a rule that divides by the width says 0 / 0 where a is b."""

    def forward(a: np.ndarray, b: np.ndarray, width: float) -> tuple[np.ndarray, Any]:
        d = a - b
        far = np.abs(d) - width / 2
        return (np.where(np.abs(d) < width, d * d / (2 * width), far) if width else np.abs(d)), (d, width)

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        d, width = saved
        slope = np.clip(d / np.float64(width), -1, 1)
        return (y_bar * slope).astype(d.dtype), (-y_bar * slope).astype(d.dtype)

    op = Op(
        name="huber",
        forward=forward,
        vjp=vjp,
        inputs={"a": real("n"), "b": real("n")},
        params={"width": (1.0, 0.5, 0.0)},
        kinks="a is b where width is 0",
    )
    report = verify(op, seed=seed)
    assert Verdict.FAIL is report.verdict
    assert "width=0.0" in report.failures[0].message


def _aligned_at_the_left(y_bar: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A sum over the last axes that *shape* lacks, where that gives *shape*; it is the first ones that were added."""
    lacking = y_bar.ndim - len(shape)
    last, first = tuple(range(len(shape), y_bar.ndim)), tuple(range(lacking))
    summed = y_bar.sum(axis=last)
    summed = summed if summed.shape == shape else y_bar.sum(axis=first)
    axes = tuple(axis for axis, size in enumerate(shape) if size == 1 != summed.shape[axis])
    return np.asarray(summed.sum(axis=axes, keepdims=True))


@pytest.mark.parametrize("shape", ["n d", "..."])
@pytest.mark.parametrize("seed", range(4))
def test_a_row_beside_a_square(shape: str, seed: int) -> None:
    """Which axis was added is told by shapes, but for a vector beside a square matrix."""
    op = Op(
        name="plus",
        forward=lambda a, b: (a + b, (a.shape, b.shape)),
        vjp=lambda shapes, y_bar: tuple(_aligned_at_the_left(y_bar, shape) for shape in shapes),
        inputs=dict.fromkeys("ab", real(shape, broadcastable=True)),
    )
    assert Verdict.FAIL is verify(op, seed=seed, explain=False).verdict


def test_one_entry_in_several_axes() -> None:
    """What is wrong only where every axis has size 1."""

    def vjp(saved: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        return (2 * saved * y_bar * (2 if saved.size == 1 else 1),)

    report = verify(square(inputs={"x": real("n m d")}, vjp=vjp))
    assert Verdict.FAIL is report.verdict
    assert "n=1 m=1 d=1" in report.failures[0].message


@pytest.mark.parametrize("op", [pytest.param(op, id=op.name) for op in OPS if op.params])
def test_every_value_meets_every_kind(op: Op) -> None:
    """Of every param but for the default, whatever the seed; the registry has all sorts of params."""
    space = Space(op)
    wanted = {(param, key) for param in op.params for key in space.values(param)} - {*space.default.keys.items()}
    for seed in range(3):
        rows = every_value(space, seed)
        assert wanted <= {item for row in rows for item in row.keys.items()}
        met = {
            (item, kind)
            for recipe in beside_params(space, seed)
            for item in recipe.combination.keys.items()
            for kind in recipe.kinds
        }
        floats = [domain for domain in op.inputs.values() if not domain.integer and domain.transform is None]
        everywhere = all(domain.lo == -math.inf and not domain.exclude for domain in floats)
        telling = ("a zero", "ties", "all zeros", "two large") if everywhere else ("ties", "two large")
        assert {*telling} <= {*TELLING}
        assert {(item, kind) for item in wanted for kind in telling if floats} <= met
        float32 = [one for one in beside_params(space, seed) if one.dtype == "float32"]
        rough = {item for one in float32 for item in one.combination.keys.items()}
        assert wanted <= rough or "float32" not in op.dtypes
        for recipe in beside_params(space, seed):
            make_case(space, recipe)


def test_a_short_run_has_a_share_of_them() -> None:
    """The number of examples is kept to as far as can be."""
    op = square(
        forward=lambda x, p: (x**p, (x, p)), vjp=lambda s, v: (s[1] * s[0] ** (s[1] - 1) * v,), params={"p": (2, 3, 1)}
    )
    assert 2 <= len([*beside_params(Space(op), 0)])
    beside, around = [*beside_params(Space(op), 0)], [*around_numbers(Space(op), 0)]
    assert verify(op, examples=10).examples == 10 + round(len(beside) / 10) + round(len(around) / 10)
    assert verify(op, examples=100).examples == 100 + len(beside) + len(around)


def test_a_verdict_alone_takes_one_failure() -> None:
    """The case is as it was drawn, and what nothing accused of in it is left open."""
    op = square(vjp=lambda s, y_bar: (3 * s * y_bar,))
    long, short = verify(op, examples=20), verify(op, examples=20, explain=False)
    assert (long.verdict, short.verdict) == (Verdict.FAIL, Verdict.FAIL)
    assert short.examples == 1 < long.examples
    failed = {check.name for check in short.failures}
    assert failed == {check.name for check in long.failures}
    others = [check for check in short.checks if check.verdict is not Verdict.SKIPPED and check.name not in failed]
    assert {(check.verdict, check.reason) for check in others} == {
        (Verdict.INCONCLUSIVE, "the run ended with the first failure")
    }
    assert "square: vjp is wrong for input 'x'" in short.failures[0].message
    assert "Smallest" not in short.failures[0].message
    assert short.failures[0].counterexample is not None


def test_without_a_failure_no_case_is_left_out() -> None:
    """Nor where one is a declared exception, which is no FAIL."""
    assert verify(square(), examples=20, explain=False).examples == verify(square(), examples=20).examples
    wrong = square(vjp=lambda s, y_bar: (3 * s * y_bar,))
    excused = wrong.replace(exceptions={"vjp_finite_difference": "a test", "vjp_complex_step": "a test"})
    report = verify(excused, examples=20, explain=False, checks=["vjp_finite_difference", "vjp_complex_step"])
    assert report.examples == verify(square(), examples=20).examples


# --- sizes that tell --------------------------------------------------------------------------------------------------


def _sized() -> Op:
    return square(
        inputs={"x": real("n m k")},
        sizes=dict.fromkeys("nmk", (0, 4)),
        forward=lambda x, axis, keep: (x * x, x),
        params={"axis": (0, 1, 2), "keep": (False, True)},
    )


@pytest.mark.parametrize("seed", range(4))
def test_each_pair_of_axes_is_equal_once(seed: int) -> None:
    """Generic sizes are all different."""
    equal = {
        (one, other)
        for chosen in telling_sizes(Space(_sized()), seed)
        for one, other in itertools.combinations(chosen.sizes, 2)
        if chosen.sizes[one] == chosen.sizes[other] > 1
    }
    assert {("n", "m"), ("n", "k"), ("m", "k")} == equal


@pytest.mark.parametrize("seed", range(4))
def test_each_axis_has_size_1_beside_each_value(seed: int) -> None:
    """With two or three axes, in cases of their own: 3 axes times 3 values that are not the default, and no 0."""
    found = telling_sizes(Space(_sized()), seed)
    beside = {
        (symbol, param, key)
        for chosen in found
        for symbol, size in chosen.sizes.items()
        for param, key in chosen.keys.items()
        if size == 1 and key != "0"
    }
    assert 9 == len(beside)
    assert len(found) <= 12
    assert all(0 not in chosen.sizes.values() for chosen in found)
    assert all([*chosen.sizes.values()].count(1) <= 1 for chosen in found)


def test_an_op_of_one_axis_without_params_has_no_sizes_that_tell() -> None:
    """There is nothing to be equal to, and nothing to be beside."""
    assert not telling_sizes(Space(square()), 0)


def test_a_flat_case_is_drawn_again_and_not_for_ever() -> None:
    """A rule that says 0 everywhere costs a tenth of the examples more at most, and they are no more in all."""
    flat = square(forward=lambda x: (np.zeros_like(x), x), vjp=lambda x, y_bar: (0 * x,), inputs={"x": real("n m")})
    report = verify(flat)
    others = [*beside_params(Space(flat), 0), *around_numbers(Space(flat), 0)]
    assert 100 + len(others) == report.examples
    assert Verdict.FAIL is not report.verdict
