"""Smooth activations, written so that no tail loses its digits and nothing overflows that is not divided by."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradspec.spec import Op, real
from ops.rules.elementwise import elementwise, logistic, negative_part, positive_part
from ops.rules.erf import erfc
from ops.rules.guards import require_choice, require_floats, require_number
from ops.rules.reference import functional

_TANH_SCALE = math.sqrt(2 / math.pi)
_CUBIC = 0.044715
_SATURATED = 40.0  # |x| beyond which both forms of gelu are x or 0 in float64; x³ of a huge number would overflow
_MISH_ENDS = -800.0, 22.0  # mish is 0 before these and x after them, in float64 too; e^2x would overflow


def _log1p_exp(x: Any) -> Any:
    return positive_part(x) + np.log1p(np.exp(-np.abs(x)))


def _softplus(x: Any, beta: float = 1.0) -> Any:
    beta = require_number("softplus", "beta", beta, 0, above=True)
    return _log1p_exp(beta * x) / beta


def _softplus_prime(y: Any, beta: float = 1.0) -> Any:
    return -np.expm1(-beta * y)


def _logsigmoid(x: Any) -> Any:
    return negative_part(x) - np.log1p(np.exp(-np.abs(x)))


def _logsigmoid_prime(y: Any) -> Any:
    return -np.expm1(y)


def _silu(x: Any) -> tuple[Any, Any]:
    """X times the logistic function of x."""
    require_floats("silu", "x", x)
    with np.errstate(over="ignore", invalid="ignore"):
        share = logistic(x)
        return x * share, (x, share)


def _silu_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    x, share = saved
    with np.errstate(over="ignore"):
        rest = logistic(-x)  # 1 - share without its cancellation
    return (y_bar * (share * (1 + x * rest)),)


def _mish(x: Any) -> Any:
    n = _mish_parts(x)[2]
    return x * (n / (n + 2))


def _mish_prime(x: Any) -> Any:
    near, w, n = _mish_parts(x)
    return (n + 4 * near * (w * (w + 1)) / (n + 2)) / (n + 2)


def _mish_parts(x: Any) -> tuple[Any, Any, Any]:
    """X between where mish is straight, w = e^x and n = w² + 2w: tanh(softplus(x)) is n / (n + 2)."""
    near = np.clip(x, *_MISH_ENDS)
    w = np.exp(near)
    return near, w, w * (w + 2)


def _gelu(x: Any, approximate: str = "none") -> tuple[Any, Any]:
    """X times the share of a normal distribution that lies below x, or times its approximation with tanh."""
    require_choice("gelu", "approximate", approximate, ("none", "tanh"))
    require_floats("gelu", "x", x)
    with np.errstate(over="ignore", invalid="ignore"):
        # (1 + tanh u) / 2, which cancels for negative u, is the logistic function of 2 u.
        share = erfc(x * -math.sqrt(0.5)) / 2 if approximate == "none" else logistic(2 * _inner(x)[0])
        return x * share, (x, share, approximate)


def _gelu_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    x, share, approximate = saved
    near = np.clip(x, -_SATURATED, _SATURATED)
    if approximate == "none":
        slope = near * np.exp(near * near * -0.5) / math.sqrt(2 * math.pi)
    else:
        u, u_prime = _inner(x)
        with np.errstate(over="ignore"):
            slope = 2 * near * share * logistic(-2 * u) * u_prime
    return (y_bar * (share + slope),)


def _inner(x: Any) -> tuple[Any, Any]:
    """The argument of gelu's tanh, and its derivative."""
    near = np.clip(x, -_SATURATED, _SATURATED)
    square = near * near
    return _TANH_SCALE * near * (1 + _CUBIC * square), _TANH_SCALE * (1 + 3 * _CUBIC * square)


def _softsign(x: Any) -> Any:
    return x / (1 + np.abs(x))


def _softsign_prime(x: Any) -> Any:
    shrink = 1 / (1 + np.abs(x))  # (1 + |x|)² would overflow
    return shrink * shrink


softplus = elementwise(
    "softplus",
    _softplus,
    _softplus_prime,
    params={"beta": (1.0, 2.0, 0.5)},
    from_y=True,
    torch=functional("softplus", threshold=40),  # torch's own threshold of 20 is off in the ninth digit
    formula=r"y_i = \ln(1 + e^{\beta x_i}) / \beta",
    vjp_formula=r"\bar x_i = \bar y_i (1 - e^{-\beta y_i}) = \bar y_i / (1 + e^{-\beta x_i})",
    source="Dugas et al.: Incorporating Second-Order Functional Knowledge (2001)",
)

logsigmoid = elementwise(
    "logsigmoid",
    _logsigmoid,
    _logsigmoid_prime,
    from_y=True,
    torch=functional("logsigmoid"),
    formula=r"y_i = -\ln(1 + e^{-x_i})",
    vjp_formula=r"\bar x_i = \bar y_i (1 - e^{y_i}) = \bar y_i / (1 + e^{x_i})",
)

silu = Op(
    name="silu",
    forward=_silu,
    vjp=_silu_vjp,
    inputs={"x": real("...")},
    torch=functional("silu"),
    formula=r"y_i = x_i \sigma(x_i), \quad \sigma(x) = 1 / (1 + e^{-x})",
    vjp_formula=r"\bar x_i = \bar y_i \sigma(x_i) (1 + x_i \sigma(-x_i))",
    source="Elfwing, Uchibe, Doya: Sigmoid-Weighted Linear Units (2018)",
)

mish = elementwise(
    "mish",
    _mish,
    _mish_prime,
    torch=functional("mish"),
    formula=r"y_i = x_i t_i, \quad t_i = \tanh \ln(1 + e^{x_i}), \quad \sigma(x) = 1 / (1 + e^{-x})",
    vjp_formula=r"\bar x_i = \bar y_i (t_i + x_i (1 - t_i^2) \sigma(x_i)) "
    r"= \bar y_i (n_i + \frac{4 x_i w_i (w_i + 1)}{n_i + 2}) / (n_i + 2), \quad w_i = e^{x_i}, \; n_i = w_i^2 + 2 w_i",
    source="Misra: Mish: A Self Regularized Non-Monotonic Activation Function (2020)",
)

gelu = Op(
    name="gelu",
    forward=_gelu,
    vjp=_gelu_vjp,
    inputs={"x": real("...")},
    params={"approximate": ("none", "tanh")},
    torch=functional("gelu"),
    formula=r"y_i = x_i \Phi(x_i), \quad \Phi(x) = \frac{1}{2} \operatorname{erfc}(-x / \sqrt 2); "
    r"\quad \text{tanh: } y_i = x_i \sigma(2 u(x_i)), "
    r"\; u(x) = \sqrt{2 / \pi} (x + 0.044715 x^3), \; \sigma(x) = 1 / (1 + e^{-x})",
    vjp_formula=r"\bar x_i = \bar y_i (\Phi(x_i) + x_i e^{-x_i^2 / 2} / \sqrt{2 \pi}); \quad "
    r"\text{tanh: } \bar x_i = \bar y_i \sigma(2 u_i) (1 + 2 x_i \sigma(-2 u_i) u'(x_i)), \; u_i = u(x_i)",
    source="Hendrycks, Gimpel: Gaussian Error Linear Units (2016)",
)

softsign = elementwise(
    "softsign",
    _softsign,
    _softsign_prime,
    torch=functional("softsign"),
    formula=r"y_i = x_i / (1 + |x_i|)",
    vjp_formula=r"\bar x_i = \bar y_i / (1 + |x_i|)^2",
    source="Bergstra et al.: Quadratic Polynomials Learn Better Image Features (2009)",
)
