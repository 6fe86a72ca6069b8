"""Arithmetic of two arrays whose shapes NumPy broadcasts, and the one helper that undoes broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradspec.spec import Op, nonzero, real
from ops.errors import ShapeMismatchError
from ops.rules.guards import require_floats


def unbroadcast(cotangent: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Sum *cotangent* over the axes along which an input of *shape* was repeated.

    Args:
        cotangent: An array of a shape to which *shape* broadcasts.
        shape: The shape of the input.
        dtype: The dtype of the input: y's is wider where two dtypes met.

    Returns:
        An array of *shape* and *dtype*; *cotangent* itself where nothing was repeated.
    """
    if cotangent.shape != shape:
        new = cotangent.ndim - len(shape)
        grown = [new + i for i, n in enumerate(shape) if n == 1 and cotangent.shape[new + i] != 1]
        cotangent = cotangent.sum(axis=(*range(new), *grown)).reshape(shape)
    return as_dtype(cotangent, dtype)


def as_dtype(cotangent: Any, dtype: Any) -> Any:
    """Give *cotangent* the dtype of its input; itself where it has it."""
    return cotangent if cotangent.dtype == dtype else cotangent.astype(dtype)


def require_fit(op: str, a: Any, b: Any) -> bool:
    """Refuse what is not two arrays of floats whose shapes broadcast.

    Returns:
        Whether they have the same shape and dtype, so that nothing has to be undone.

    Raises:
        InputTypeError: *a* or *b* is no array of floats.
        ShapeMismatchError: Their shapes do not broadcast.
    """
    if type(a) is type(b) is _ARRAY:  # the usual case first, with as few steps as can be: it is a node's main cost
        dtype = a.dtype
        if dtype.kind == "f" and a.shape == b.shape and dtype == b.dtype:
            return True
    require_floats(op, "a", a)
    require_floats(op, "b", b)
    if a.shape != b.shape:
        try:
            np.broadcast(a, b)
        except ValueError:
            got = f"have shapes {a.shape} and {b.shape}"
            raise ShapeMismatchError(op, "a and b", got, "from the right, sizes equal, 1 or missing") from None
    return are_alike(a, b)


_ARRAY = np.ndarray


def are_alike(a: Any, b: Any) -> bool:
    """Whether two arrays have the same shape and dtype, so that nothing has to be undone."""
    return bool(a.shape == b.shape and a.dtype == b.dtype)


def _add(a: Any, b: Any) -> tuple[Any, Any]:
    alike = require_fit("add", a, b)
    return a + b, None if alike else (a.shape, a.dtype, b.shape, b.dtype)


def _add_vjp(saved: Any, y_bar: Any) -> tuple[Any, Any]:
    if saved is None:
        return y_bar, y_bar
    a_shape, a_dtype, b_shape, b_dtype = saved
    return unbroadcast(y_bar, a_shape, a_dtype), unbroadcast(y_bar, b_shape, b_dtype)


def _sub(a: Any, b: Any) -> tuple[Any, Any]:
    alike = require_fit("sub", a, b)
    return a - b, None if alike else (a.shape, a.dtype, b.shape, b.dtype)


def _sub_vjp(saved: Any, y_bar: Any) -> tuple[Any, Any]:
    if saved is None:
        return y_bar, -y_bar
    a_shape, a_dtype, b_shape, b_dtype = saved
    return unbroadcast(y_bar, a_shape, a_dtype), -unbroadcast(y_bar, b_shape, b_dtype)


def _mul(a: Any, b: Any) -> tuple[Any, Any]:
    alike = require_fit("mul", a, b)
    return a * b, (a, b, alike)


def _mul_vjp(saved: Any, y_bar: Any, needs: tuple[bool, bool] = (True, True)) -> tuple[Any, Any]:
    a, b, alike = saved
    a_bar = y_bar * b if needs[0] else None
    b_bar = y_bar * a if needs[1] else None
    if alike:
        return a_bar, b_bar
    return (
        None if a_bar is None else unbroadcast(a_bar, a.shape, a.dtype),
        None if b_bar is None else unbroadcast(b_bar, b.shape, b.dtype),
    )


def _div(a: Any, b: Any) -> tuple[Any, Any]:
    """Divide; by 0 is infinite or NaN, as in torch, without a warning."""
    require_fit("div", a, b)
    with np.errstate(all="ignore"):
        y = a / b
    return y, (a, b, y)


def _div_vjp(saved: Any, y_bar: Any) -> tuple[Any, Any]:
    a, b, y = saved
    with np.errstate(all="ignore"):
        slope = y / b  # a / b² would overflow in b² where the quotient is an ordinary number
        a_bar, b_bar = y_bar / b, y_bar * slope
    return unbroadcast(a_bar, a.shape, a.dtype), -unbroadcast(b_bar, b.shape, b.dtype)


def _neg(x: Any) -> tuple[Any, Any]:
    require_floats("neg", "x", x)
    return -x, None


def _neg_vjp(saved: Any, y_bar: Any) -> tuple[Any]:  # noqa: ARG001 -- every vjp takes what forward saved
    return (-y_bar,)


_OPERANDS = {"a": real("...", broadcastable=True), "b": real("...", broadcastable=True)}
_SUMMED = "the chain rule; an operand that was repeated collects the sum"

add = Op(
    name="add",
    forward=_add,
    vjp=_add_vjp,
    inputs=_OPERANDS,
    torch=lambda a, b: a + b,
    formula=r"y = a + b",
    vjp_formula=r"\bar a = \bar y, \quad \bar b = \bar y",
    source=_SUMMED,
    linear_in=frozenset({"a", "b"}),
)

sub = Op(
    name="sub",
    forward=_sub,
    vjp=_sub_vjp,
    inputs=_OPERANDS,
    torch=lambda a, b: a - b,
    formula=r"y = a - b",
    vjp_formula=r"\bar a = \bar y, \quad \bar b = -\bar y",
    source=_SUMMED,
    linear_in=frozenset({"a", "b"}),
)

mul = Op(
    name="mul",
    forward=_mul,
    vjp=_mul_vjp,
    inputs=_OPERANDS,
    torch=lambda a, b: a * b,
    formula=r"y = a \odot b",
    vjp_formula=r"\bar a = \bar y \odot b, \quad \bar b = \bar y \odot a",
    source="product rule; an operand that was repeated collects the sum",
    linear_in=frozenset({"a", "b"}),
)

div = Op(
    name="div",
    forward=_div,
    vjp=_div_vjp,
    inputs={"a": real("...", broadcastable=True), "b": nonzero("...", broadcastable=True)},
    torch=lambda a, b: a / b,
    formula=r"y = a / b",
    vjp_formula=r"\bar a = \bar y \odot 1 / b, \quad \bar b = -\bar y \odot (a / b) / b",
    source="quotient rule; an operand that was repeated collects the sum",
    linear_in=frozenset({"a"}),
)

neg = Op(
    name="neg",
    forward=_neg,
    vjp=_neg_vjp,
    inputs={"x": real("...")},
    torch=lambda x: -x,
    formula=r"y = -x",
    vjp_formula=r"\bar x = -\bar y",
    source="the chain rule",
    linear_in=frozenset({"x"}),
)
