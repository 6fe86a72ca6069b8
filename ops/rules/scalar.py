"""Functions of one number, element by element: powers and roots, circular functions, the error function."""

from __future__ import annotations

import math
from collections.abc import Mapping
from operator import index
from typing import Any

import numpy as np

from gradspec.spec import array, nonnegative, positive
from ops.errors import ParamError
from ops.rules.elementwise import elementwise
from ops.rules.erf import erf as _erf
from ops.rules.guards import require_number

_ERF_FLAT = 40.0  # exp(-40²) is 0 already; the square of a huge number would overflow


def _expm1_prime(x: Any) -> Any:
    return np.exp(x)


def _log1p_prime(x: Any) -> Any:
    return 1 / (1 + x)


def _sqrt_prime(y: Any) -> Any:
    return 0.5 / y


def _rsqrt(x: Any) -> Any:
    return 1 / np.sqrt(x)


def _rsqrt_prime(x: Any) -> Any:
    return -0.5 / np.sqrt(x) / x  # x sqrt(x) overflows where the quotient is an ordinary number


def _square_prime(x: Any) -> Any:
    return 2 * x


def _sin_prime(x: Any) -> Any:
    return np.cos(x)


def _cos_prime(x: Any) -> Any:
    return -np.sin(x)


def _arctan_prime(x: Any) -> Any:
    return 1 / (1 + x * x)  # 0 where the square overflows, which is right


def _erf_prime(x: Any) -> Any:
    near = np.clip(x, -_ERF_FLAT, _ERF_FLAT)
    return 2 / math.sqrt(math.pi) * np.exp(-near * near)


def _integer_power(x: Any, p: int = 2) -> Any:
    try:
        power = index(p)
    except TypeError:
        raise ParamError("integer_power", "p", f"is {p!r}", "a whole number; ops.pow takes an array") from None
    return _power(x, power) if power >= 0 else 1 / _power(x, -power)


def _integer_power_prime(x: Any, p: int = 2) -> Any:
    if p == 0:  # 0 x^-1 is NaN at 0
        return np.zeros_like(x)
    return p * (_power(x, p - 1) if p > 0 else 1 / _power(x, 1 - p))


def _power(x: Any, p: int) -> Any:
    """X to the power p >= 0 by squaring, as exact as x is; ``**`` takes 50 times as long where x is negative."""
    if p < 2:  # a new array in any case
        return x.copy() if p else np.ones_like(x)
    y, square = None, x
    while p:
        if p % 2:
            y = square if y is None else y * square
        p //= 2
        square = square * square if p else square
    return y


def _clip(x: Any, lo: float | None = -1.0, hi: float | None = 1.0) -> Any:
    if lo is None and hi is None:
        raise ParamError("clip", "lo and hi", "are both None", "at least one number")
    low = -math.inf if lo is None else require_number("clip", "lo", lo, -math.inf, above=True)
    high = math.inf if hi is None else require_number("clip", "hi", hi, -math.inf, above=True)
    if low > high:
        raise ParamError("clip", "lo", f"is {lo!r}", f"numbers up to hi, which is {hi!r}")
    return np.clip(x, low, high)


def _clip_prime(x: Any, lo: float | None = -1.0, hi: float | None = 1.0) -> Any:
    if lo == hi:  # a constant, at its only point too
        return np.zeros_like(x)
    inside = (x >= (-math.inf if lo is None else lo)) & (x <= (math.inf if hi is None else hi))
    return inside.astype(x.dtype)


def _has_bounds_in_order(sizes: Mapping[str, int], params: Mapping[str, Any]) -> bool:  # noqa: ARG001 -- as Op wants
    lo, hi = params["lo"], params["hi"]
    return lo <= hi if lo is not None and hi is not None else (lo, hi) != (None, None)


expm1 = elementwise(
    "expm1",
    np.expm1,
    _expm1_prime,
    torch=lambda x: x.expm1(),
    formula=r"y_i = e^{x_i} - 1",
    vjp_formula=r"\bar x_i = \bar y_i e^{x_i}",
)

log1p = elementwise(
    "log1p",
    np.log1p,
    _log1p_prime,
    domain=array("...", lo=-1.0, exclude=(-1.0,), typical=(-0.9, 10.0)),
    torch=lambda x: x.log1p(),
    formula=r"y_i = \ln(1 + x_i)",
    vjp_formula=r"\bar x_i = \bar y_i / (1 + x_i)",
)

sqrt = elementwise(
    "sqrt",
    np.sqrt,
    _sqrt_prime,
    domain=nonnegative("..."),
    from_y=True,
    torch=lambda x: x.sqrt(),
    formula=r"y_i = \sqrt{x_i}",
    vjp_formula=r"\bar x_i = \bar y_i / (2 y_i)",
)

rsqrt = elementwise(
    "rsqrt",
    _rsqrt,
    _rsqrt_prime,
    domain=positive("..."),
    torch=lambda x: x.rsqrt(),
    formula=r"y_i = 1 / \sqrt{x_i}",
    vjp_formula=r"\bar x_i = -\bar y_i / (2 x_i \sqrt{x_i})",
)

square = elementwise(
    "square",
    np.square,
    _square_prime,
    torch=lambda x: x.square(),
    formula=r"y_i = x_i^2",
    vjp_formula=r"\bar x_i = 2 x_i \bar y_i",
)

integer_power = elementwise(
    "integer_power",
    _integer_power,
    _integer_power_prime,
    params={"p": (2, 3, 1, 0, -1, -2, 5)},
    torch=lambda x, p: x.pow(p),
    formula=r"y_i = x_i^p",
    vjp_formula=r"\bar x_i = p x_i^{p - 1} \bar y_i, \quad 0 \text{ for } p = 0",
    source="the power rule, also at x = 0, where its value is 0 for p = 0",
)

abs = elementwise(  # noqa: A001 -- ops.abs is the op's name
    "abs",
    np.abs,
    np.sign,
    torch=lambda x: x.abs(),
    formula=r"y_i = |x_i|",
    vjp_formula=r"\bar x_i = \bar y_i \operatorname{sign} x_i",
    kinks="x = 0, where the derivative is taken to be 0, as torch does",
)

clip = elementwise(
    "clip",
    _clip,
    _clip_prime,
    params={"lo": (-1.0, 0.0, None), "hi": (1.0, 2.5, None, -1.0)},
    torch=lambda x, lo, hi: x.clamp(lo, hi),
    formula=r"y_i = \min(\max(x_i, lo), hi)",
    vjp_formula=r"\bar x_i = \bar y_i [lo \le x_i \le hi]",
    kinks="x = lo and x = hi, where the derivative is taken to be 1, as torch does",
).replace(where=_has_bounds_in_order)

sin = elementwise(
    "sin",
    np.sin,
    _sin_prime,
    torch=lambda x: x.sin(),
    formula=r"y_i = \sin x_i",
    vjp_formula=r"\bar x_i = \bar y_i \cos x_i",
)

cos = elementwise(
    "cos",
    np.cos,
    _cos_prime,
    torch=lambda x: x.cos(),
    formula=r"y_i = \cos x_i",
    vjp_formula=r"\bar x_i = -\bar y_i \sin x_i",
)

arctan = elementwise(
    "arctan",
    np.arctan,
    _arctan_prime,
    torch=lambda x: x.arctan(),
    formula=r"y_i = \arctan x_i",
    vjp_formula=r"\bar x_i = \bar y_i / (1 + x_i^2)",
    source="DLMF 4.24.15",
)

erf = elementwise(
    "erf",
    _erf,
    _erf_prime,
    torch=lambda x: x.erf(),
    formula=r"y_i = \frac{2}{\sqrt\pi} \int_0^{x_i} e^{-t^2} dt",
    vjp_formula=r"\bar x_i = \bar y_i \frac{2}{\sqrt\pi} e^{-x_i^2}",
    source="DLMF 7.2.1",
)
