"""Wrong ops of kinds that the checks once missed."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from gradspec import Op, Verdict, real, verify


def _norm(x: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    y = np.sqrt((x * x).sum(axis=-1) + x.dtype.type(1e-24))
    return y, (x, np.sqrt((x * x).sum(axis=-1)))


def _norm_vjp(saved: tuple[np.ndarray, np.ndarray], y_bar: np.ndarray) -> tuple[np.ndarray]:
    x, length = saved
    return (x / length[:, None] * y_bar[:, None],)  # 0 / 0 at a row of zeros


def test_nan_where_the_reference_has_a_number() -> None:
    """Finite differences see a kink there and say nothing; torch's gradient is 0."""
    pytest.importorskip("torch")
    op = Op(
        name="norm",
        forward=_norm,
        vjp=_norm_vjp,
        inputs={"x": real("n d")},
        sizes={"n": (1, 4), "d": (1, 4)},
        torch=lambda x: (x * x).sum(-1).add(1e-24).sqrt(),
    )
    result = verify(op, checks=["contract"]).checks[0]
    assert result.verdict is Verdict.FAIL
    assert "is not" in result.message


def _trusting(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray]:
    """Take the rows of y_bar for dense, as a kernel does that looks at the last stride only."""
    y_bar = y_bar if y_bar.strides[-1] == y_bar.itemsize else np.ascontiguousarray(y_bar)
    if y_bar.size:
        y_bar = np.lib.stride_tricks.as_strided(y_bar, strides=(y_bar.shape[1] * y_bar.itemsize, y_bar.itemsize))
    return (2 * y_bar,)


def test_rows_of_a_wider_array() -> None:
    """Their last stride is that of a dense array; the first is not."""
    inputs, sizes = {"x": real("n d")}, {"d": (2, 4)}  # of one column, read backwards, the last stride is so, too
    op = Op(name="twice", forward=lambda x: (2 * x, None), vjp=_trusting, inputs=inputs, sizes=sizes)
    result = verify(op, checks=["vjp_layouts"]).checks[0]
    assert result.verdict is Verdict.FAIL
    assert "cut out of a wider array" in result.message


def test_zeros_in_all_inputs_come_early() -> None:
    """A short run already has hypot's singular point."""

    def forward(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, Any]:
        y = np.hypot(a, b)
        return y, (a, b, y)

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        a, b, y = saved
        return y_bar * a / y, y_bar * b / y

    op = Op(name="hypot", forward=forward, vjp=vjp, inputs={"a": real("n"), "b": real("n")})
    assert verify(op, examples=40, explain=False).verdict is Verdict.FAIL


def _trusting_the_last_axis(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray]:
    """Read what is expanded along one axis only as if its strides were those of a dense array."""
    if 0 in y_bar.strides and any(y_bar.strides):
        flat = np.resize(np.unique(y_bar), y_bar.size)
        y_bar = flat.reshape(y_bar.shape)
    return (y_bar * np.cos(saved),)


def test_expanded_along_one_axis() -> None:
    """What the vjp of a sum over one axis hands on: the other axis has a stride."""
    op = Op(
        name="sin",
        forward=lambda x: (np.sin(x), x),
        vjp=_trusting_the_last_axis,
        inputs={"x": real("n d")},
        sizes={"n": (2, 3), "d": (2, 3)},
    )
    result = verify(op, examples=20, checks=["vjp_layouts"]).checks[0]
    assert result.verdict is Verdict.FAIL
    assert "of stride 0" in result.message


def _log_of_matrix(a: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    values, vectors = np.linalg.eigh((a + a.T) / 2)
    return ((vectors * np.log(values)) @ vectors.T).astype(a.dtype), (values, vectors)


def _log_of_matrix_vjp(saved: Any, y_bar: np.ndarray, *, careful: bool) -> tuple[np.ndarray]:
    values, vectors = saved
    rows, columns = values[:, None], values[None]
    t = (rows - columns) / columns
    if careful:
        series = (1 - t / 2 + t * t / 3 - t**3 / 4 + t**4 / 5) / columns
        slopes = np.where(np.abs(t) < 1e-3, series, np.log(rows / columns) / np.where(t == 0, 1, rows - columns))
    else:
        slopes = (np.log(rows) - np.log(columns)) / (rows - columns)
        np.fill_diagonal(slopes, 1 / values)
    inner = vectors.T @ ((y_bar + y_bar.T) / 2) @ vectors
    return ((vectors @ (slopes * inner) @ vectors.T).astype(y_bar.dtype),)


@pytest.mark.parametrize(("careful", "verdict", "seed"), [(True, Verdict.PASS, 0), (False, Verdict.FAIL, 1)])
def test_a_matrix_that_a_transform_makes_the_identity(careful: bool, verdict: Verdict, seed: int) -> None:
    """At a = 0 the transform's own slope is 0, which hides a NaN; close to it, I + tiny has lost the tiny."""
    op = Op(
        name="log_of_matrix",
        forward=_log_of_matrix,
        vjp=partial(_log_of_matrix_vjp, careful=careful),
        inputs={"a": real("n n", lo=-1e3, hi=1e3, transform=_near_identity)},
        sizes={"n": (1, 3)},
        dtypes=("float64",),
    )
    assert verify(op, seed=seed, explain=False).verdict is verdict


def _square_root_of_matrix(a: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    values, vectors = np.linalg.eigh(a)
    return (vectors * np.sqrt(values)) @ vectors.T, (values, vectors)


def _square_root_of_matrix_vjp(saved: Any, y_bar: np.ndarray, *, careful: bool) -> tuple[np.ndarray]:
    values, vectors = saved
    roots = np.sqrt(values)
    slopes = 1 / (roots[:, None] + roots)
    if not careful:  # no division by 0
        slopes = np.where((values[:, None] == values) & ~np.eye(len(values), dtype=bool), 0, slopes)
    x_bar = vectors @ (slopes * (vectors.T @ y_bar @ vectors)) @ vectors.T
    return ((x_bar + x_bar.T) / 2,)


@pytest.mark.parametrize(("careful", "verdict", "seed"), [(True, Verdict.PASS, 0), (False, Verdict.FAIL, 1)])
def test_a_multiple_of_the_identity(careful: bool, verdict: Verdict, seed: int) -> None:
    """Two eigenvalues that are equal, at a point where nothing bends but the rule; all entries beside them are tied."""
    op = Op(
        name="square_root_of_matrix",
        forward=_square_root_of_matrix,
        vjp=partial(_square_root_of_matrix_vjp, careful=careful),
        inputs={
            "a": real("n n", lo=-3, hi=3, typical=(-2, 2), transform=lambda a: a @ a.T + np.eye(len(a), dtype=a.dtype))
        },
        sizes={"n": (1, 3)},
    )
    assert verify(op, seed=seed, explain=False).verdict is verdict


@pytest.mark.parametrize(("edges", "wrong"), [((0, 1), 1), ((1, 2), 1), ((-1, 1), -1), ((-5, 5), 5)])
@pytest.mark.parametrize("seed", range(2))
def test_wrong_on_an_edge_alone(edges: tuple[float, float], wrong: float, seed: int) -> None:
    """An ulp beyond it there is nothing: that no such move makes the rule right does not mean that it is steep."""
    low, high = edges
    op = Op(
        name="polynomial",
        forward=lambda x, y: (x * x + x * y, (x, y)),
        vjp=lambda saved, y_bar: (np.where(saved[0] == wrong, 0, 2 * saved[0] + saved[1]) * y_bar, saved[0] * y_bar),
        inputs={"x": real("n d", lo=low, hi=high), "y": real("n d")},
    )
    assert verify(op, seed=seed, explain=False).verdict is Verdict.FAIL


@pytest.mark.parametrize(("careful", "seed"), [(True, 0), (False, 0), (False, 1)])
def test_a_probability_of_one(careful: bool, seed: int) -> None:
    """One zero in a product of complements: a quotient with a guard says 0 of it, and so it does a few ulps aside."""

    def vjp(saved: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        q = 1 - saved
        if careful:
            others = np.stack([np.delete(q, i, axis=1).prod(axis=1) for i in range(q.shape[1])], axis=1)
        else:
            others = q.prod(axis=1, keepdims=True) / np.maximum(q, 1e-12)
        return ((y_bar[:, None] * others).astype(saved.dtype),)

    op = Op(
        name="any_of",
        forward=lambda p: (1 - (1 - p).prod(axis=1), p),
        vjp=vjp,
        inputs={"p": real("n d", lo=0, hi=1)},
        sizes={"d": (1, 4)},
    )
    assert verify(op, seed=seed, explain=False).verdict is (Verdict.PASS if careful else Verdict.FAIL)


def _positive(a: np.ndarray) -> np.ndarray:
    return a @ a.T + np.eye(len(a), dtype=a.dtype)


def _near_identity(a: np.ndarray) -> np.ndarray:
    a = a / 4
    return np.asarray(a @ a.T + np.eye(len(a), dtype=a.dtype))


@pytest.mark.parametrize("examples", [40, 100])
def test_the_complex_step_vetoes_no_lost_term(examples: int) -> None:
    """np.vdot conjugates: its complex step is 0, as the rule is that propagates nothing."""
    op = Op(
        name="square_norm",
        forward=lambda x: (np.asarray(np.vdot(x, x)), x),
        vjp=lambda x, y_bar: (0 * x * y_bar,),
        inputs={"x": real("n")},
        sizes={"n": (1, 4)},
    )
    assert verify(op, examples=examples, explain=False).verdict is Verdict.FAIL


def _root_of_matrix(a: np.ndarray, *, refused: type[Exception]) -> tuple[np.ndarray, np.ndarray]:
    if a.dtype == np.float32 and np.abs(a).max() > 100:
        raise refused("in float32 only")
    return a.copy(), a


@pytest.mark.parametrize(("refused", "verdict"), [(np.linalg.LinAlgError, Verdict.PASS), (ValueError, Verdict.FAIL)])
def test_what_raises_in_float32_only(refused: type[Exception], verdict: Verdict) -> None:
    """A matrix that a transform makes may be singular in float32 alone; any other error is forward's own."""
    op = Op(
        name="root_of_matrix",
        forward=partial(_root_of_matrix, refused=refused),
        vjp=lambda _, y_bar: (y_bar.copy(),),
        inputs={"a": real("n n", transform=_near_identity)},
        sizes={"n": (1, 3)},
    )
    assert verify(op, explain=False).verdict is verdict
