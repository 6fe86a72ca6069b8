"""Linear systems and what matrices are taken apart for: solve, inv, det, slogdet, cholesky. Leading axes go along."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradspec.spec import Op, array, real
from ops.errors import BadInputError, ShapeMismatchError
from ops.rules.broadcast import unbroadcast
from ops.rules.guards import require_floats, require_square


class SingularMatrixError(BadInputError, np.linalg.LinAlgError):
    """A matrix that has no inverse, or is not positive definite."""


def _solve(a: Any, b: Any) -> tuple[Any, Any]:
    """Solve a y = b for *a* (..., n, n) and *b* (..., n, m) or one vector (n,); leading axes broadcast."""
    require_floats("solve", "a", a)
    require_floats("solve", "b", b)
    require_square("solve", "a", a)
    _require_right_side(a, b)
    try:
        y = np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        raise _singular("solve", "a", a) from None
    return y, (a, y, b.shape, b.dtype)


def _solve_vjp(saved: Any, y_bar: Any, needs: tuple[bool, bool] = (True, True)) -> tuple[Any, Any]:
    a, y, b_shape, b_dtype = saved
    if len(b_shape) == 1:
        y, y_bar = y[..., None], y_bar[..., None]
    z = np.linalg.solve(a.swapaxes(-1, -2), y_bar)  # the cotangent of b, before it is summed over repeated axes
    a_bar = unbroadcast(-z @ y.swapaxes(-1, -2), a.shape, a.dtype) if needs[0] else None
    if len(b_shape) == 1:
        z = z[..., 0]
    return a_bar, unbroadcast(z, b_shape, b_dtype) if needs[1] else None


def _require_right_side(a: Any, b: Any) -> None:
    size = a.shape[-1]
    fits = b.ndim > 0 and b.shape[-min(b.ndim, 2)] == size
    try:
        np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        fits = False
    if not fits:
        allowed = f"({size},) or (..., {size}, m) whose leading sizes broadcast, to fit a {a.shape}"
        raise ShapeMismatchError("solve", "b", f"has shape {b.shape}", allowed)


def _inv(x: Any) -> tuple[Any, Any]:
    """Invert *x* (..., n, n)."""
    require_floats("inv", "x", x)
    require_square("inv", "x", x)
    try:
        y = np.linalg.inv(x)
    except np.linalg.LinAlgError:
        raise _singular("inv", "x", x) from None
    return y, y


def _inv_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    transposed = saved.swapaxes(-1, -2)
    return (-transposed @ y_bar @ transposed,)


def _det(x: Any) -> tuple[Any, Any]:
    """Take the determinant of *x* (..., n, n); that of no rows is 1."""
    require_floats("det", "x", x)
    require_square("det", "x", x)
    with np.errstate(over="ignore", invalid="ignore"):
        y = np.linalg.det(x)
    return y, (x, y)


def _det_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    x, y = saved
    return (y_bar[..., None, None] * _cofactors(x, y),)


def _slogdet(x: Any) -> tuple[Any, Any]:
    """Take the sign and the logarithm of the absolute value of the determinant of *x* (..., n, n)."""
    require_floats("slogdet", "x", x)
    require_square("slogdet", "x", x)
    with np.errstate(invalid="ignore"):  # infinity less infinity
        sign, log = np.linalg.slogdet(x)
    return (sign, log), x


def _slogdet_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    x = saved
    return (y_bar[1][..., None, None] * _inverses(x).swapaxes(-1, -2),)  # the sign is constant


def _cholesky(x: Any) -> tuple[Any, Any]:
    """Take the lower triangle y with y yᵀ = *x* (..., n, n), which is symmetric: only its lower triangle is read."""
    require_floats("cholesky", "x", x)
    require_square("cholesky", "x", x)
    unknown = np.isnan(x).any(axis=(-2, -1), keepdims=True)
    if unknown.any():  # LAPACK calls them not positive definite
        x = np.where(unknown, np.eye(x.shape[-1], dtype=x.dtype), x)
    try:
        y = np.linalg.cholesky(x)
    except np.linalg.LinAlgError:
        where = next(w for w in np.ndindex(x.shape[:-2]) if not _is_definite(x[w]))
        allowed = "symmetric positive definite matrices; a multiple of the identity, added, makes them so"
        raise SingularMatrixError("cholesky", _named("x", where), "is not positive definite", allowed) from None
    y = np.where(unknown, np.nan, y).astype(y.dtype) if unknown.any() else y
    return y, y


def _cholesky_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    y = saved
    inner = np.tril(y.swapaxes(-1, -2) @ np.tril(y_bar))
    inner *= 1 - np.eye(y.shape[-1], dtype=y.dtype) / 2
    inverse = np.linalg.inv(y)
    half = inverse.swapaxes(-1, -2) @ inner @ inverse
    return ((half + half.swapaxes(-1, -2)) / 2,)  # x is symmetric, and so is its cotangent


def _is_definite(x: Any) -> bool:
    try:
        np.linalg.cholesky(x)
    except np.linalg.LinAlgError:
        return False
    return True


def _singular(op: str, argument: str, x: Any) -> SingularMatrixError:
    where = np.argwhere(_is_singular(x))
    first = tuple(map(int, where[0])) if len(where) else ()
    got = f"has no inverse: it is singular, of rank {np.linalg.matrix_rank(x[first])}"
    return SingularMatrixError(op, _named(argument, first), got, "matrices with independent rows")


def _is_singular(x: Any) -> Any:
    """Where the factorization met a pivot of 0."""
    with np.errstate(invalid="ignore"):
        return np.linalg.slogdet(x)[0] == 0


def _named(argument: str, where: tuple[int, ...]) -> str:
    return f"{argument}[{', '.join(map(str, where))}]" if where else argument


def _inverses(x: Any) -> Any:
    """The inverses of *x* (..., n, n), without complaint: NaN where there is none."""
    try:
        return np.linalg.inv(x)
    except np.linalg.LinAlgError:
        singular = _is_singular(x)[..., None, None]
        inverse = np.linalg.inv(np.where(singular, np.eye(x.shape[-1], dtype=x.dtype), x))
        return np.where(singular, x.dtype.type(np.nan), inverse)


def _cofactors(x: Any, det: Any) -> Any:
    """The cofactors of *x* (..., n, n): its determinant times its transposed inverse, or the limit of that.

    The errors of the two cancel, close to singular ones too: both come from one factorization. Where there is no
    inverse, or the determinant leaves the dtype's range, they come from the singular values s of x = u s v:
    det(u v) u c v, where c_i is the product of all s but s_i. Nothing is divided by, but much is lost where rows differ
    in size.
    """
    inverse = _inverses(x)
    sound = (np.abs(det) > np.finfo(x.dtype).tiny) & np.isfinite(inverse).all(axis=(-2, -1))
    with np.errstate(over="ignore", invalid="ignore"):
        cofactors = det[..., None, None] * inverse.swapaxes(-1, -2)
    rest = ~sound & np.isfinite(x).all(axis=(-2, -1))
    if rest.any():
        u, s, v = np.linalg.svd(x[rest])
        product = np.ones_like(s)
        product[:, 1:] = np.cumprod(s[:, :-1], axis=1)
        product[:, :-1] *= np.cumprod(s[:, :0:-1], axis=1)[:, ::-1]
        sign = np.sign(np.linalg.det(u @ v))
        cofactors[rest] = u * (sign[:, None] * product)[:, None, :] @ v
    return cofactors


def _invertible(u: Any) -> Any:
    """A matrix with an inverse for every *u*: one with a positive definite symmetric part, its rows reversed."""
    return (_definite(u) + u - u.swapaxes(-1, -2))[..., ::-1, :]


def _definite(u: Any) -> Any:
    """A symmetric positive definite matrix for every *u*, of a condition up to a thousand times the size."""
    square = u @ u.swapaxes(-1, -2)
    share = 1 + 1e-3 * np.trace(square, axis1=-2, axis2=-1)[..., None, None]
    return square + share * np.eye(u.shape[-1])


_SINGULAR = (  # of rank n - 1, where the cofactors do not vanish; rank n - 2 is left to the tests
    np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]),
    np.array([[1.0, -2.0, 3.0, 0.0], [4.0, 1.0, -1.0, 2.0], [0.0, 3.0, 5.0, -4.0], [5.0, 2.0, 7.0, -2.0]]),
)
_GILES = "Giles: Collected Matrix Derivative Results for Forward and Reverse Mode AD (2008), section "

solve = Op(
    name="solve",
    forward=_solve,
    vjp=_solve_vjp,
    # One vector, and leading axes that broadcast, are verified by tests/ops/rules/test_decomposition.py.
    inputs={"a": array("... n n", transform=_invertible), "b": real("... n m")},
    torch="torch.linalg.solve",
    formula=r"y = a^{-1} b",
    vjp_formula=r"\bar b = a^{-\top} \bar y, \quad \bar a = -\bar b y^\top",
    source=_GILES + "2.3.1",
    linear_in=frozenset({"b"}),
)

inv = Op(
    name="inv",
    forward=_inv,
    vjp=_inv_vjp,
    inputs={"x": array("... n n", transform=_invertible)},
    torch="torch.linalg.inv",
    formula=r"y = x^{-1}",
    vjp_formula=r"\bar x = -y^\top \bar y y^\top",
    source=_GILES + "2.2.3",
)

det = Op(
    name="det",
    forward=_det,
    vjp=_det_vjp,
    inputs={"x": real("... n n")},
    torch="torch.linalg.det",
    formula=r"y = \det x",
    vjp_formula=r"\bar x = \bar y \operatorname{cof}(x) = \bar y \det(u v) u c v, "
    r"\quad x = u \operatorname{diag}(s) v, \quad c = \operatorname{diag}(\prod_{j \ne i} s_j)",
    examples=tuple([(matrix,) for matrix in _SINGULAR]),
    source="Jacobi's formula; Magnus, Neudecker: Matrix Differential Calculus (1999), section 8.3",
)

slogdet = Op(
    name="slogdet",
    forward=_slogdet,
    vjp=_slogdet_vjp,
    inputs={"x": array("... n n", transform=_invertible)},
    torch="torch.linalg.slogdet",
    formula=r"s = \operatorname{sign}(\det x), \quad y = \ln |\det x|",
    vjp_formula=r"\bar x = \bar y x^{-\top}",
    source=_GILES + "2.2.4, and the chain rule",
)

cholesky = Op(
    name="cholesky",
    forward=_cholesky,
    vjp=_cholesky_vjp,
    inputs={"x": array("... n n", transform=_definite)},
    torch="torch.linalg.cholesky",
    formula=r"y y^\top = x, \quad y \text{ lower triangular}",
    vjp_formula=r"\bar x = (s + s^\top) / 2, \quad s = y^{-\top} \Phi(y^\top \bar y) y^{-1}, "
    r"\quad \Phi(m)_{ij} = m_{ij} [i \ge j] (1 - [i = j] / 2)",
    source="Murray: Differentiation of the Cholesky Decomposition (2016)",
)
