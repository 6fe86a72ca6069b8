"""Of two arrays, element by element: the larger, the smaller, the one that a condition says; powers, log-sum-exp."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradspec.spec import Op, index, nonnegative, real
from ops.errors import ShapeMismatchError
from ops.rules.broadcast import require_fit, unbroadcast
from ops.rules.elementwise import logistic
from ops.rules.guards import require_whole_numbers


def _maximum(a: Any, b: Any) -> tuple[Any, Any]:
    """Take the larger of each pair; NaN wins."""
    require_fit("maximum", a, b)
    return np.maximum(a, b), (a, b)


def _maximum_vjp(saved: Any, y_bar: Any) -> tuple[Any, Any]:
    a, b = saved
    share = _share(a, b, y_bar.dtype)
    return unbroadcast(y_bar * share, a.shape, a.dtype), unbroadcast(y_bar * (1 - share), b.shape, b.dtype)


def _minimum(a: Any, b: Any) -> tuple[Any, Any]:
    """Take the smaller of each pair; NaN wins."""
    require_fit("minimum", a, b)
    return np.minimum(a, b), (a, b)


def _minimum_vjp(saved: Any, y_bar: Any) -> tuple[Any, Any]:
    a, b = saved
    share = _share(b, a, y_bar.dtype)
    return unbroadcast(y_bar * share, a.shape, a.dtype), unbroadcast(y_bar * (1 - share), b.shape, b.dtype)


def _share(a: Any, b: Any, dtype: Any) -> Any:
    """1 where a > b, 0 where a < b, half of the cotangent where they are equal."""
    return ((a > b).astype(dtype) + (a >= b)) / 2


def _where(condition: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """Take *a* where *condition* holds, *b* elsewhere; all three broadcast."""
    require_whole_numbers("where", "condition", condition, booleans=True)
    require_fit("where", a, b)
    try:
        np.broadcast(condition, a, b)
    except ValueError:
        got = f"has shape {condition.shape}"
        raise ShapeMismatchError(
            "where", "condition", got, f"one that broadcasts with {a.shape} and {b.shape}"
        ) from None
    holds = condition.astype(bool)
    return np.where(holds, a, b), (holds, a.shape, a.dtype, b.shape, b.dtype)


def _where_vjp(saved: Any, y_bar: Any) -> tuple[None, Any, Any]:
    holds, a_shape, a_dtype, b_shape, b_dtype = saved
    nothing = y_bar.dtype.type(0)
    a_bar = unbroadcast(np.where(holds, y_bar, nothing), a_shape, a_dtype)
    return None, a_bar, unbroadcast(np.where(holds, nothing, y_bar), b_shape, b_dtype)


def _pow(a: Any, b: Any) -> tuple[Any, Any]:
    """Raise each *a*, above 0, to the power *b*.

    Of 0 the cotangents are torch's; of a negative *a* y is NaN but for whole *b*, and the cotangent of *b* is.
    """
    require_fit("pow", a, b)
    with np.errstate(all="ignore"):
        y = np.power(a, b)
    return y, (a, b, y)


def _pow_vjp(saved: Any, y_bar: Any) -> tuple[Any, Any]:
    a, b, y = saved
    with np.errstate(all="ignore"):
        slope = b * np.power(a + ((a == 0) & (b == 0)), b - 1)  # 0 times infinity is 0 here
        a_bar = y_bar * slope
        beyond = ~np.isfinite(slope) & (a != 0)  # a^(b - 1) overflows where y_bar a^b may not
        if beyond.any():
            a_bar = np.where(beyond, y_bar * b * y / a, a_bar)
        b_bar = y_bar * (y * np.log(a + (a == 0)))
    return unbroadcast(a_bar, a.shape, a.dtype), unbroadcast(b_bar, b.shape, b.dtype)


def _logaddexp(a: Any, b: Any) -> tuple[Any, Any]:
    """Logarithm of e^a + e^b, for all finite *a* and *b*."""
    require_fit("logaddexp", a, b)
    with np.errstate(over="ignore", invalid="ignore"):  # huge numbers of unlike sign: e^-inf = 0, which is right
        apart = a - b
    return np.maximum(a, b) + np.log1p(np.exp(-np.abs(apart))), (apart, a.shape, a.dtype, b.shape, b.dtype)


def _logaddexp_vjp(saved: Any, y_bar: Any) -> tuple[Any, Any]:
    apart, a_shape, a_dtype, b_shape, b_dtype = saved
    with np.errstate(over="ignore"):
        a_bar, b_bar = y_bar * logistic(apart), y_bar * logistic(-apart)
    return unbroadcast(a_bar, a_shape, a_dtype), unbroadcast(b_bar, b_shape, b_dtype)


_OPERANDS = {"a": real("...", broadcastable=True), "b": real("...", broadcastable=True)}
_TIES = "a = b: each gets half of the cotangent, as in torch"

maximum = Op(
    name="maximum",
    forward=_maximum,
    vjp=_maximum_vjp,
    inputs=_OPERANDS,
    torch=lambda a, b: a.maximum(b),
    formula=r"y = \max(a, b)",
    vjp_formula=r"\bar a = \bar y \odot ([a > b] + [a = b] / 2), \quad \bar b = \bar y - \bar a",
    source="a subgradient of the maximum: Boyd, Vandenberghe, EE364b notes on subgradients (2008), section 3.4",
    kinks=_TIES,
)

minimum = Op(
    name="minimum",
    forward=_minimum,
    vjp=_minimum_vjp,
    inputs=_OPERANDS,
    torch=lambda a, b: a.minimum(b),
    formula=r"y = \min(a, b)",
    vjp_formula=r"\bar a = \bar y \odot ([a < b] + [a = b] / 2), \quad \bar b = \bar y - \bar a",
    source="min(a, b) = -max(-a, -b)",
    kinks=_TIES,
)

where = Op(
    name="where",
    forward=_where,
    vjp=_where_vjp,
    inputs={"condition": index("...", 2, broadcastable=True), **_OPERANDS},
    torch=lambda condition, a, b: a.where(condition.bool(), b),
    formula=r"y = a \; (c), \quad b \; (\text{not } c)",
    vjp_formula=r"\bar a = \bar y \odot [c], \quad \bar b = \bar y \odot [\text{not } c]",
    source="the chain rule: an element that was not taken has no influence",
    linear_in=frozenset({"a", "b"}),
)

pow = Op(  # noqa: A001 -- ops.pow is the op's name
    name="pow",
    forward=_pow,
    vjp=_pow_vjp,
    inputs={"a": nonnegative("...", broadcastable=True), "b": real("...", broadcastable=True)},
    torch=lambda a, b: a.pow(b),
    formula=r"y = a^b",
    vjp_formula=r"\bar a = \bar y \odot b \, a^{b - 1}, \quad \bar b = \bar y \odot a^b \ln a",
    source="y = exp(b ln a) and the chain rule",
)

logaddexp = Op(
    name="logaddexp",
    forward=_logaddexp,
    vjp=_logaddexp_vjp,
    inputs=_OPERANDS,
    torch=lambda a, b: a.logaddexp(b),
    formula=r"y = \ln(e^a + e^b) = \max(a, b) + \ln(1 + e^{-|a - b|})",
    vjp_formula=r"\bar a = \bar y \odot 1 / (1 + e^{b - a}), \quad \bar b = \bar y \odot 1 / (1 + e^{a - b})",
    source="the chain rule; the derivatives are the softmax of a and b",
)
