"""Products of matrices: ``@`` with all of its shapes, and the affine layer."""

from __future__ import annotations

import math
from typing import Any

from gradspec.spec import Op, real
from ops.errors import ShapeMismatchError
from ops.rules.broadcast import as_dtype, unbroadcast
from ops.rules.guards import require_floats


def rows(x: Any) -> Any:
    """View *x* (..., f) as a matrix (n, f); a vector is one row."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def _matmul(x: Any, w: Any) -> tuple[Any, Any]:
    require_floats("matmul", "x", x)
    require_floats("matmul", "w", w)
    try:
        return x @ w, (x, w)
    except ValueError:
        got = f"have shapes {x.shape} and {w.shape}"
        allowed = "(..., n, f) or (f,), and (..., f, m) or (f,), where the leading sizes broadcast"
        raise ShapeMismatchError("matmul", "x and w", got, allowed) from None


def _matmul_vjp(saved: Any, y_bar: Any, needs: tuple[bool, bool] = (True, True)) -> tuple[Any, Any]:
    x, w = saved
    x_bar = w_bar = None
    if w.ndim == 1:  # each row of x times one vector
        y_bar = y_bar[..., None]
        x_bar = as_dtype(y_bar * w, x.dtype) if needs[0] else None
        w_bar = as_dtype(rows(x).T @ y_bar.reshape(-1), w.dtype) if needs[1] else None
    elif w.ndim == 2:  # one matrix for all rows: a single product, however many leading axes x has
        x_bar = as_dtype(y_bar @ w.T, x.dtype) if needs[0] else None
        w_bar = as_dtype(rows(x).T @ rows(y_bar), w.dtype) if needs[1] else None
    else:
        if x.ndim == 1:
            y_bar = y_bar[..., None, :]
        matrix = x.reshape(1, -1) if x.ndim == 1 else x
        if needs[0]:
            x_bar = unbroadcast(y_bar @ w.swapaxes(-1, -2), matrix.shape, x.dtype).reshape(x.shape)
        if needs[1]:
            w_bar = unbroadcast(matrix.swapaxes(-1, -2) @ y_bar, w.shape, w.dtype)
    return x_bar, w_bar


def _linear(x: Any, w: Any, b: Any) -> tuple[Any, Any]:
    require_floats("linear", "x", x)
    require_floats("linear", "w", w)
    require_floats("linear", "b", b)
    if w.ndim != 2:
        raise ShapeMismatchError("linear", "w", f"has shape {w.shape}", "(f, m)")
    if x.shape[-1:] != w.shape[:1]:
        raise ShapeMismatchError("linear", "x", f"has shape {x.shape}", f"(..., {w.shape[0]}), to fit w {w.shape}")
    if b.shape != w.shape[1:]:
        raise ShapeMismatchError("linear", "b", f"has shape {b.shape}", f"({w.shape[1]},), to fit w {w.shape}")
    return x @ w + b, (x, w, b.dtype)


def _linear_vjp(saved: Any, y_bar: Any, needs: tuple[bool, bool, bool] = (True, True, True)) -> tuple[Any, Any, Any]:
    x, w, b_dtype = saved
    y_rows = rows(y_bar)
    x_bar = as_dtype(y_bar @ w.T, x.dtype) if needs[0] else None
    w_bar = as_dtype(rows(x).T @ y_rows, w.dtype) if needs[1] else None
    b_bar = as_dtype(y_rows.sum(axis=0), b_dtype) if needs[2] else None
    return x_bar, w_bar, b_bar


matmul = Op(
    name="matmul",
    forward=_matmul,
    vjp=_matmul_vjp,
    # The declaration knows no shape of which only the leading axes broadcast; vectors and unequal leading axes
    # are verified by tests/ops/rules/test_linalg.py, which declares this rule again with the other shapes.
    inputs={"x": real("... n f"), "w": real("... f m")},
    torch=lambda x, w: x @ w,
    formula=r"y_{ij} = \sum_f x_{if} w_{fj}",
    vjp_formula=r"\bar x = \bar y w^\top, \quad \bar w = x^\top \bar y",
    source="Giles: Collected Matrix Derivative Results for Forward and Reverse Mode AD (2008), section 2.2.2",
    linear_in=frozenset({"x", "w"}),
)

linear = Op(
    name="linear",
    forward=_linear,
    vjp=_linear_vjp,
    inputs={"x": real("... n f"), "w": real("f m"), "b": real("m")},
    torch=lambda x, w, b: x @ w + b,
    formula=r"y_{ij} = \sum_f x_{if} w_{fj} + b_j",
    vjp_formula=r"\bar x = \bar y w^\top, \quad \bar w = x^\top \bar y, \quad \bar b_j = \sum_i \bar y_{ij}",
    source="Giles: Collected Matrix Derivative Results for Forward and Reverse Mode AD (2008), section 2.2.2",
    linear_in=frozenset({"x", "w", "b"}),
)
