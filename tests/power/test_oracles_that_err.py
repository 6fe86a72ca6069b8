"""Correct ops at points where an oracle, or the rounding of a comparison, was wrong itself: none may fail there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gradspec import Op, Verdict, array, nonzero, real, verify
from gradspec.checks import CHECKS
from gradspec.checks.torch_value import value_torch
from gradspec.domains import Case
from gradspec.layouts import Space
from gradspec.shrink import failure
from gradspec.trial import Trial
from tests.known_bugs.right import fmod
from tests.right_ops.energies import triangle_area


def _gram(x: np.ndarray) -> np.ndarray:
    return x @ x.T + np.eye(len(x), dtype=x.dtype)


def _cholesky_vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray]:
    x, factor = saved
    inner = np.tril(factor.T @ np.tril(y_bar))
    inner -= np.diag(np.diag(inner)) / 2
    inverse = np.linalg.inv(factor)
    a_bar = inverse.T @ inner @ inverse
    return ((a_bar + a_bar.T) @ x,)


def _cholesky(x: np.ndarray) -> tuple[np.ndarray, Any]:
    factor = np.linalg.cholesky(_gram(x))
    return factor, (x, factor)


def _attention(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, Any]:
    scores = q @ k.T
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return p @ v, (q, k, v, p)


def _attention_vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    q, k, v, p = saved
    p_bar = y_bar @ v.T
    scores_bar = p * (p_bar - (p_bar * p).sum(axis=1, keepdims=True))
    return scores_bar @ k, scores_bar.T @ q, p.T @ y_bar


def _sinc(x: np.ndarray) -> tuple[np.ndarray, Any]:
    t = (x * x).sum(axis=-1)
    large = np.where(t < 1e-12, 1, t)
    return np.where(t < 1e-12, 1, np.sin(large) / large).astype(x.dtype), (x, t)


def _sinc_vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray]:
    x, t = saved
    large = np.where(t > 0.1, t, 1)
    series = t * (-1 / 3 + t * t * (1 / 30 - t * t * (1 / 840 - t * t / 45360)))
    slopes = np.where(t > 0.1, (np.cos(large) - np.sin(large) / large) / large, series)
    return ((2 * x * (y_bar * slopes)[..., None]).astype(x.dtype),)


CHOLESKY = Op(
    name="cholesky_of_gram",  # NumPy takes a complex matrix for a Hermitian one: no complex step
    forward=_cholesky,
    vjp=_cholesky_vjp,
    inputs={"x": array("n n", lo=-3.0, hi=3.0)},
    sizes={"n": (1, 3)},
)
LOGDET = Op(
    name="logdet_of_gram",  # x @ x.T squares the condition of x: float32 has no digits left, in forward neither
    forward=lambda x: (np.linalg.slogdet(_gram(x))[1], x),
    vjp=lambda x, y_bar: (2 * y_bar * np.linalg.solve(_gram(x), x),),
    inputs={"x": array("n n", lo=-1e3, hi=1e3, typical=(-3.0, 3.0))},
    sizes={"n": (1, 3)},
    examples=(
        (np.array([[209.0, 209.0], [208.0, 209.0412]]),),
        (np.array([[536.4291, 536.5584], [537.0, 537.97174]]),),
    ),
)
THRESHOLDED = Op(
    name="thresholded_relu",  # a jump at 0.001: between the fourth and the fifth step from 0
    forward=lambda x, theta: (np.where(x > theta, x, 0).astype(x.dtype), x > theta),
    vjp=lambda inside, y_bar: (y_bar * inside,),
    inputs={"x": real("n")},
    params={"theta": (0.001, 1.0)},
    examples=((np.array([0.0, -0.0, 1.5]),),),
)
ATTENTION = Op(
    name="attention",  # equal keys of -983: what cancels is 983 times as large as what is left
    forward=_attention,
    vjp=_attention_vjp,
    inputs={"q": real("n d"), "k": real("m d"), "v": real("m e")},
    sizes={"n": (1, 4), "m": (1, 4), "d": (1, 3), "e": (1, 3)},
)


SINC = Op(
    name="sinc_of_squares",  # long steps average over many periods; an ulp of a large sum turns the sine
    forward=_sinc,
    vjp=_sinc_vjp,
    inputs={"x": real("n d", typical=(-3.0, 3.0))},
)
CROSS = Op(
    name="cross",  # torch fuses a product and a sum: what cancels in NumPy leaves its rounding there
    forward=lambda a, b: (np.cross(a, b), (a, b)),
    vjp=lambda saved, y_bar: (np.cross(saved[1], y_bar), np.cross(y_bar, saved[0])),
    inputs={"a": real("n 3"), "b": real("n 3")},
    torch="torch.linalg.cross",
)
FMOD = fmod.replace(inputs={"x": real("n"), "y": nonzero("n")})  # its slope is the same everywhere, and it jumps
STAIRS = Op(
    name="stairs",  # from afar it rises by 1.3, between two steps by 0.3
    forward=lambda x: (np.floor(x) + x.dtype.type(0.3) * x, None),
    vjp=lambda saved, y_bar: (y_bar * y_bar.dtype.type(0.3),),
    inputs={"x": real("n")},
)
PARALLEL = [[-9.63162406, 4.72982663, 4.72982663]]
CASES: dict[str, Any] = {  # met at one seed in several: given here as they were found
    "complex step": (
        CHOLESKY,
        "vjp_complex_step",
        {"n": 3},
        [[[0, 0, 0], [0, -4.7321821778088785e-4, 0], [1, 2.3811558319585486e-7, 1]]],
        [[0, 0, 0], [0, 0, 0], [0, 1, 0]],
        105,
    ),
    "stride 0": (
        ATTENTION,
        "vjp_layouts",
        {"n": 1, "d": 1, "m": 3, "e": 3},
        [[[1]], [[-983], [1], [1]], [[0.8096575976658134, 1, 1], [1, 1, 1], [1, 1, 0.28654263937395896]]],
        [[-1.4977588913832756, 1.5498181095802697, -1.399744877055738]],
        105,
    ),
    "0 of a product fused with a sum": (CROSS, "value_torch", {"n": 1}, [PARALLEL, PARALLEL], [[1, 0, 0]], 80),
    "steps over many periods": (
        SINC,
        "vjp_finite_difference",
        {"n": 2, "d": 3},
        [[[1, 5461562.6, 1527.6859560887847], [1, 1, 1]]],
        [1, 0],
        4096083638,
    ),
    "steps over many periods, too": (
        SINC,
        "vjp_finite_difference",
        {"n": 2, "d": 3},
        [[[1, 1, 1], [-2461, 1, 2825236]]],
        [0, 1],
        2113720737,
    ),
    "a value that stands still over short steps": (
        triangle_area,
        "vjp_finite_difference",
        {"n": 1},
        [
            [[0, -1, 0]],
            [[-2.1057979037019899e05, 3.0796690468003211e05, -3.2768549904172193e07]],
            [[-2.1057977152039789e05, 3.0796679521956574e05, -3.2768549877277829e07]],
        ],
        [1],
        1527,
    ),
    "steps near multiples of a period": (
        FMOD,
        "vjp_finite_difference",
        {"n": 2},
        [[37961489.595071934, -42273576.55432868], [-9.803775632727707, -2.8045256972311616]],
        [0, 1],
        0,
    ),
    **{
        f"steps near multiples of a period, {seed}": (FMOD, "vjp_finite_difference", {"n": 1}, [[x], [y]], [1], seed)
        for seed, x, y in (
            (485, -864301305.6401614, 0.3109249730176041),
            (690, -67892599.67831913, 0.17260236207765656),
            (900, 3890155.0015173024, 2.5808331445095924),
            (4316, -52774842.35433648, 0.74771538652767),
        )
    },
    **{
        f"steps over many stairs, {seed}": (STAIRS, "vjp_finite_difference", {"n": 1}, [[x]], [1], seed)
        for seed, x in ((93, 8749062226.7), (260, 5323221367.6))
    },
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("op", [CHOLESKY, LOGDET, THRESHOLDED, ATTENTION, SINC], ids=lambda op: op.name)
def test_an_oracle_that_errs_accuses_nobody(op: Op, seed: int) -> None:
    """Each failed before its oracle learned to doubt itself."""
    report = verify(op, seed=seed, examples=30)
    assert Verdict.FAIL is not report.verdict, str(report)
    assert report.compared > 0


@pytest.mark.parametrize(("unknown", "accused"), [(np.nan, False), (0.0, True)])
def test_a_slope_that_is_not_known_is_not_0(unknown: float, *, accused: bool) -> None:
    """What enters an output by it may be as large as what enters the others."""
    op = CROSS.replace(
        forward=lambda a, b: (np.cross(a, b) + np.array([8e-14, 0.0, 0.0]), (a, b)), torch="torch.linalg.cross"
    )
    a, b = np.array([[1.0, 2.0, 2.0]]), np.array([[5.0, 2.0, 2.0]])  # of the outputs 0, 8, -8
    case = Case(sizes={"n": 1}, lead=(), params={}, keys={}, drawn=(a, b), dtype="float64", seed=0)
    values = np.ones((6, 3))
    values[:, 0] = unknown
    evidence: Any = SimpleNamespace(
        value_noise=np.zeros(3),
        saturated=np.zeros(3),
        directions=SimpleNamespace(entries=np.arange(6), scale=np.ones(6)),
        estimate=SimpleNamespace(value=values),
    )
    (outcome,) = value_torch(Trial(op, case), evidence)

    assert accused is (outcome.mismatch is not None)


@pytest.mark.parametrize("name", CASES)
def test_the_cases_that_were_found_accuse_nobody(name: str) -> None:
    """A complex step that finite differences cannot contradict, and rounding that two samples did not show."""
    op, wanted, sizes, drawn, y_bar, seed = CASES[name]
    case = Case(
        sizes=sizes,
        lead=(),
        params={},
        keys={},
        drawn=tuple(np.array(x, dtype=float) for x in drawn),
        dtype="float64",
        seed=seed,
        y_bar=(np.array(y_bar, dtype=float),),
    )
    check = next(check for check in CHECKS if check.name == wanted)
    assert failure(Space(op), case, check) is None


def test_noise_over_short_steps_is_no_better_than_nothing() -> None:
    """A move by 8e-8 of what is subtracted from 7e7 is swallowed, and looks sharper than noise."""
    far = [[1.0407588805584735e05, 6.5064367254638940e07, 3.4187649496178110e06]]
    near = [[4.2482692421228576e-08, 7.6287468958937412e-08, -8.4339687636985052e-06]]
    ordinary = [[4.25052311915066, -4.92776488961796, -4.06307651540593]]
    op = triangle_area.replace(examples=(tuple(np.array(corner) for corner in (far, near, ordinary)),))
    assert Verdict.FAIL is not verify(op, examples=1, checks=["vjp_finite_difference"], explain=False).verdict


@pytest.mark.parametrize("seed", range(6))
def test_but_what_the_rule_alone_loses_is_its_mistake(seed: int) -> None:
    """Forward centres before it squares; the rule takes E[x²] - m², which has no digits left at 900 ± 1 in float32."""

    def forward(x: np.ndarray) -> tuple[np.ndarray, Any]:
        centred = x - x.mean(axis=-1, keepdims=True)
        deviation = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + x.dtype.type(1e-5))
        return centred / deviation, (x, centred)

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray]:
        x, centred = saved
        mean = x.mean(axis=-1, keepdims=True)
        variance = np.maximum((x * x).mean(axis=-1, keepdims=True) - mean * mean, 0)
        deviation = np.sqrt(variance + x.dtype.type(1e-5))
        y = centred / deviation
        inner = y_bar - y_bar.mean(axis=-1, keepdims=True) - y * (y_bar * y).mean(axis=-1, keepdims=True)
        return (inner / deviation,)

    op = Op(name="layer_norm", forward=forward, vjp=vjp, inputs={"x": real("n d")})
    assert verify(op, seed=seed, explain=False).verdict is Verdict.FAIL


def test_a_derivative_beyond_float32_is_asked_of_nobody() -> None:
    """The product of the other three is 1e39; that y_bar makes 1e33 of it comes too late."""

    def vjp(x: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        return (np.array([y_bar * np.prod(np.delete(x, place)) for place in range(x.size)], dtype=x.dtype),)

    op = Op(name="product", forward=lambda x: (np.prod(x), x), vjp=vjp, inputs={"x": real("n")})
    case = Case(
        sizes={"n": 4},
        lead=(),
        params={},
        keys={},
        drawn=(np.array([1e-2, 1e13, 1e13, 1e13], dtype=np.float32),),
        dtype="float32",
        seed=0,
        y_bar=(np.array(1e-6, dtype=np.float32),),
    )
    for check in CHECKS:
        if check.name in ("contract", "vjp_finite_difference"):
            assert failure(Space(op), case, check) is None
