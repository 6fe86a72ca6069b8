"""Linear systems, determinants and Cholesky factors, at the matrices where formulas break down."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradspec
from gradspec.spec import array, real
from ops.errors import BadInputError, InputTypeError, ShapeMismatchError
from ops.rules.decomposition import (
    SingularMatrixError,
    _definite,
    _invertible,
    cholesky,
    det,
    inv,
    slogdet,
    solve,
)

SYSTEMS = [
    ((3, 3), (3,)),
    ((3, 3), (3, 2)),
    ((5, 3, 3), (3,)),
    ((5, 3, 3), (3, 2)),
    ((3, 3), (5, 3, 2)),
    ((4, 1, 3, 3), (5, 3, 2)),
    ((1, 3, 3), (5, 3, 2)),
    ((5, 3, 3), (5, 3, 1)),
    ((1, 1), (1,)),
    ((0, 0), (0,)),
    ((0, 0), (0, 2)),
    ((3, 3), (3, 0)),
    ((0, 3, 3), (3, 2)),
]
each_system = pytest.mark.parametrize(("a", "b"), SYSTEMS, ids=str)
each_op = pytest.mark.parametrize("op", [inv, det, slogdet, cholesky], ids=lambda op: op.name)


def of_rank(rank: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """A matrix of whole numbers with that rank."""
    return np.round(3 * rng.standard_normal((size, rank))) @ np.round(3 * rng.standard_normal((rank, size)))


def cofactors(x: np.ndarray) -> np.ndarray:
    """By their definition: the determinants of what is left without one row and one column."""
    n = len(x)
    found = np.empty((n, n))
    for i, j in np.ndindex(n, n):
        found[i, j] = (-1) ** (i + j) * np.linalg.det(np.delete(np.delete(x, i, 0), j, 1))
    return found


@each_system
def test_solve_as_torch(a: tuple[int, ...], b: tuple[int, ...], rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangents equal torch's for vectors, matrices, and leading axes that broadcast."""
    matches_torch(solve, _invertible(rng.standard_normal(a)), rng.standard_normal(b), rtol=1e-10)


@each_system
@pytest.mark.parametrize("needs", [(True, False), (False, True), (False, False)])
def test_solve_needs(
    a: tuple[int, ...], b: tuple[int, ...], needs: tuple[bool, bool], rng: np.random.Generator
) -> None:
    """A mask leaves out what is not needed and changes nothing else."""
    y, saved = solve.forward(_invertible(rng.standard_normal(a)), rng.standard_normal(b))
    for wanted, full, masked in zip(needs, solve.vjp(saved, y), solve.vjp(saved, y, needs), strict=True):
        if wanted:
            np.testing.assert_array_equal(full, masked)
        else:
            assert masked is None


@pytest.mark.parametrize(("a", "b"), [("n n", "n"), ("b n n", "n"), ("b n n", "n m"), ("n n", "b n m")])
def test_solve_is_verified_with_its_other_shapes(a: str, b: str) -> None:
    """The rule passes gradspec's own checks with one vector, and with leading axes that broadcast."""
    op = solve.replace(inputs={"a": array(a, transform=_invertible), "b": real(b)})
    report = gradspec.verify(op, examples=30)
    assert gradspec.Verdict.PASS == report.verdict, str(report)


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (5, 3, 3), (0, 2, 2), (0, 0), (2, 0, 0)], ids=str)
@each_op
def test_as_torch(op: Any, shape: tuple[int, ...], rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangent equal torch's, for matrices of size 1 and 0, too."""
    if op is slogdet:
        op = op.replace(
            forward=lambda x: (slogdet.forward(x)[0][1], x),
            vjp=lambda x, y_bar: slogdet.vjp(x, (np.zeros_like(y_bar), y_bar)),
            torch=lambda x: x.slogdet()[1],
        )
    matches_torch(op, _definite(rng.standard_normal(shape)), rtol=1e-10)


@pytest.mark.parametrize("size", [2, 3, 4, 6])
@pytest.mark.parametrize("less", [0, 1, 2, 3])
def test_det_at_any_rank(size: int, less: int, rng: np.random.Generator) -> None:
    """The cotangent is the matrix of cofactors: of rank 1 where the matrix has rank n - 1, and 0 below."""
    x = of_rank(max(size - less, 0), size, rng)
    _, saved = det.forward(x)
    (x_bar,) = det.vjp(saved, np.asarray(1.0))
    expected = cofactors(x)
    np.testing.assert_allclose(x_bar, expected, rtol=1e-10, atol=1e-11 * np.abs(x).max() ** (size - 1))
    assert max(size - less, 0) >= size - 1 or size == 1 or np.abs(x_bar).max() < 1e-9


def test_det_of_singular_and_regular_matrices_together(rng: np.random.Generator) -> None:
    """Each matrix of a stack has the cotangent that it has alone, bit by bit."""
    x = np.stack([of_rank(rank, 4, rng) for rank in (4, 3, 2, 0)] + [np.eye(4), np.full((4, 4), np.nan)])
    y, saved = det.forward(x)
    (x_bar,) = det.vjp(saved, np.ones(6))
    assert [0.0, 1.0] == [y[3], y[4]]
    for one, one_bar in zip(x, x_bar, strict=True):
        (alone,) = det.vjp(det.forward(one)[1], np.asarray(1.0))
        np.testing.assert_allclose(one_bar, alone, rtol=1e-12, atol=1e-12)
    assert np.isnan(x_bar[5]).all()
    assert np.isfinite(x_bar[:5]).all()


def test_det_close_to_singular() -> None:
    """The cofactors of [[1, 1], [1, 1 + t]] are known to all digits however small t is."""
    for t in (1e-3, 1e-7, 1e-9, 1e-15, 0.0):
        (x_bar,) = det.vjp(det.forward(np.array([[1.0, 1.0], [1.0, 1.0 + t]]))[1], np.asarray(1.0))
        np.testing.assert_allclose(x_bar, [[1 + t, -1], [-1, 1]], rtol=1e-14)


def test_det_of_rows_of_different_sizes(rng: np.random.Generator) -> None:
    """Scaling rows scales the cofactors and loses nothing, though the matrix is close to a singular one by its norm."""
    x, scale = rng.standard_normal((4, 4)), 10.0 ** np.array([[0], [-9], [3], [9]])
    (plain,) = det.vjp(det.forward(x)[1], np.asarray(1.0))
    (scaled,) = det.vjp(det.forward(scale * x)[1], np.asarray(1.0))
    np.testing.assert_allclose(scaled, plain * scale.prod() / scale, rtol=1e-12)


def test_det_below_the_range(rng: np.random.Generator) -> None:
    """The cofactors of a matrix whose determinant is too small to be told from 0 are numbers still."""
    x = rng.standard_normal((4, 4))
    (plain,) = det.vjp(det.forward(x)[1], np.asarray(1.0))
    y, saved = det.forward(1e-90 * x)
    (small,) = det.vjp(saved, np.asarray(1.0))
    assert 0.0 == y
    np.testing.assert_allclose(small * 1e270, plain, rtol=1e-12)


def test_det_of_size_1_and_0() -> None:
    """The determinant of one number is the number, at 0 too, and that of nothing is 1."""
    y, saved = det.forward(np.zeros((1, 1)))
    assert (0.0, [[5.0]]) == (y, det.vjp(saved, np.asarray(5.0))[0].tolist())
    assert 1.0 == det(np.zeros((0, 0)))


def test_slogdet_of_large_matrices() -> None:
    """The logarithm is finite where the determinant is not, and the sign is right."""
    x = 1e3 * np.eye(200)[::-1]
    sign, log = slogdet(x)
    assert (1.0, pytest.approx(200 * np.log(1e3))) == (sign, log)
    assert (0.0, -np.inf) == slogdet(np.zeros((2, 2)))


def test_slogdet_where_one_matrix_is_singular(rng: np.random.Generator) -> None:
    """A singular matrix has no cotangent, and leaves the others alone."""
    x = np.stack([np.eye(2), np.zeros((2, 2))])
    (x_bar,) = slogdet.vjp(slogdet.forward(x)[1], (np.zeros(2), np.ones(2)))
    assert np.eye(2).tolist() == x_bar[0].tolist()
    assert np.isnan(x_bar[1]).all()


def test_cholesky_reads_the_lower_triangle(rng: np.random.Generator) -> None:
    """What stands above the diagonal changes nothing, and the cotangent is symmetric."""
    x = _definite(rng.standard_normal((3, 3)))
    y, saved = cholesky.forward(x)
    np.testing.assert_allclose(y @ y.T, x, rtol=1e-12)
    np.testing.assert_array_equal(y, cholesky(np.tril(x)))
    (x_bar,) = cholesky.vjp(saved, np.ones((3, 3)))
    np.testing.assert_array_equal(x_bar, x_bar.T)


def test_cholesky_of_unknown_numbers(rng: np.random.Generator) -> None:
    """A matrix with NaN in it has a factor of NaN, and leaves the others alone."""
    x = np.stack([np.eye(2), [[1.0, np.nan], [np.nan, 1.0]], 4 * np.eye(2)])
    y, saved = cholesky.forward(x)
    assert [np.eye(2).tolist(), (2 * np.eye(2)).tolist()] == [y[0].tolist(), y[2].tolist()]
    assert np.isnan(y[1]).all()
    (x_bar,) = cholesky.vjp(saved, np.ones((3, 2, 2)))
    assert np.isnan(x_bar[1]).all()
    assert np.isfinite(x_bar[[0, 2]]).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: inv(np.ones((2, 2))),
            "inv: x has no inverse: it is singular, of rank 1; allowed: matrices with independent rows",
        ),
        (
            lambda: inv(np.stack([np.eye(2), np.zeros((2, 2))])),
            "inv: x[1] has no inverse: it is singular, of rank 0; allowed: matrices with independent rows",
        ),
        (
            lambda: solve(np.zeros((2, 3, 2, 2)), np.ones(2)),
            "solve: a[0, 0] has no inverse: it is singular, of rank 0; allowed: matrices with independent rows",
        ),
        (
            lambda: cholesky(np.stack([np.eye(2), -np.eye(2)])),
            "cholesky: x[1] is not positive definite; allowed: symmetric positive definite matrices; "
            "a multiple of the identity, added, makes them so",
        ),
    ],
)
def test_matrices_that_have_none(call: Any, message: str) -> None:
    """A singular matrix, or one that is not positive definite, is called by its place; it is a LinAlgError, too."""
    with pytest.raises(SingularMatrixError) as caught:
        call()
    assert message == str(caught.value)
    assert isinstance(caught.value, np.linalg.LinAlgError)
    assert isinstance(caught.value, BadInputError)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (3, 3, 2)], ids=str)
@each_op
def test_not_square(op: Any, shape: tuple[int, ...]) -> None:
    """Only square matrices are taken."""
    with pytest.raises(ShapeMismatchError) as caught:
        op(np.ones(shape))
    assert f"{op.name}: x has shape {shape}; allowed: (..., n, n)" == str(caught.value)


@pytest.mark.parametrize(
    ("a", "b"),
    [((3, 3), (2,)), ((3, 3), (2, 3)), ((3, 3), ()), ((5, 3, 3), (4, 3, 2)), ((3, 2), (3,)), ((0, 0), (1,))],
    ids=str,
)
def test_systems_that_do_not_fit(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    """The right side has as many rows as the matrix, and leading axes that broadcast with its own."""
    with pytest.raises(ShapeMismatchError, match=r"^solve: (a|b) has shape"):
        solve(np.ones(a), np.ones(b))


def test_integers_are_refused() -> None:
    """A right side of integers is refused, as everywhere."""
    with pytest.raises(InputTypeError, match=r"^solve: b has dtype int64"):
        solve(np.eye(2), np.arange(2))


@pytest.mark.filterwarnings("error")
def test_no_warning(rng: np.random.Generator) -> None:
    """Numbers that overflow, infinity and NaN give infinity and NaN, and no warning."""
    for x in (
        1e200 * np.eye(3),
        np.full((3, 3), np.inf),
        np.full((3, 3), np.nan),
        np.zeros((3, 3)),
        1e-300 * np.eye(3),
    ):
        y, saved = det.forward(x)
        det.vjp(saved, np.asarray(1.0))
        slogdet.vjp(slogdet.forward(x)[1], (np.asarray(0.0), np.asarray(1.0)))
    assert np.inf == y or y == 0
