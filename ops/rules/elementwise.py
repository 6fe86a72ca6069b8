"""A scalar function applied to each element, made into an op from the function and its derivative.

The derivatives are written so that they are right to rounding for every finite x: 1 - tanh(x)² and s(1 - s) lose
all their digits where the function saturates, forms in exp(-|x|) lose none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradspec.spec import Array, Op, positive, real
from ops.rules.guards import require_floats


def elementwise(
    name: str,
    f: Callable[[Any], Any],
    f_prime: Callable[[Any], Any],
    *,
    domain: Array | None = None,
    torch: Callable[..., Any] | str | None = None,
    formula: str = r"y_i = F(x_i)",
    vjp_formula: str = r"\bar x_i = \bar y_i F'(x_i)",
    source: str = "the chain rule, element by element",
    kinks: str = "",
) -> Op:
    """Make an op of a scalar function and its derivative.

    Args:
        name: The op's name.
        f: F, applied to an array of any shape; the same function of each element.
        f_prime: F', applied to the same array.
        domain: Where F is defined; every finite number by default.
        torch: The reference, as in :class:`gradspec.spec.Op`.
        formula: F in LaTeX.
        vjp_formula: The vjp in LaTeX.
        source: Where F' comes from.
        kinks: Where F has kinks, in words.

    Returns:
        The op, with one input ``x`` of any shape.

    Examples:
        >>> import numpy as np
        >>> square = elementwise("square", lambda x: x * x, lambda x: 2 * x)
        >>> square(np.array([1.0, -3.0]))
        array([1., 9.])
    """

    def forward(x: Any) -> tuple[Any, Any]:
        require_floats(name, "x", x)
        return f(x), x

    def vjp(saved: Any, y_bar: Any) -> tuple[Any]:
        return (y_bar * f_prime(saved),)

    return Op(
        name=name,
        forward=forward,
        vjp=vjp,
        inputs={"x": real("...") if domain is None else domain},
        torch=torch,
        formula=formula,
        vjp_formula=vjp_formula,
        source=source,
        kinks=kinks,
    )


def _exp_prime(x: Any) -> Any:
    return np.exp(x)


def _log_prime(x: Any) -> Any:
    return 1 / x


def _sigmoid(x: Any) -> Any:
    decay = np.exp(-np.abs(x))  # never above 1: exp(-x) itself overflows
    return np.where(x < 0, decay, 1) / (1 + decay)


def _sigmoid_prime(x: Any) -> Any:
    decay = np.exp(-np.abs(x))
    return decay / ((1 + decay) * (1 + decay))


def _tanh_prime(x: Any) -> Any:
    decay = np.exp(-np.abs(x))
    sech = 2 * decay / (1 + decay * decay)
    return sech * sech


def _relu(x: Any) -> Any:
    return np.maximum(x, 0)  # keeps NaN, which where(x > 0, x, 0) turns into a healthy 0


def _relu_prime(x: Any) -> Any:
    return np.sign(np.maximum(x, 0))  # 0 at 0 by convention, NaN at NaN


exp = elementwise(
    "exp",
    np.exp,
    _exp_prime,
    torch=lambda x: x.exp(),
    formula=r"y_i = e^{x_i}",
    vjp_formula=r"\bar x_i = \bar y_i e^{x_i}",
)

log = elementwise(
    "log",
    np.log,
    _log_prime,
    domain=positive("..."),
    torch=lambda x: x.log(),
    formula=r"y_i = \ln x_i",
    vjp_formula=r"\bar x_i = \bar y_i / x_i",
)

sigmoid = elementwise(
    "sigmoid",
    _sigmoid,
    _sigmoid_prime,
    torch=lambda x: x.sigmoid(),
    formula=r"y_i = 1 / (1 + e^{-x_i})",
    vjp_formula=r"\bar x_i = \bar y_i e^{-|x_i|} / (1 + e^{-|x_i|})^2",
    source="Goodfellow, Bengio, Courville: Deep Learning (2016), section 3.10; written in exp(-|x|)",
)

tanh = elementwise(
    "tanh",
    np.tanh,
    _tanh_prime,
    torch=lambda x: x.tanh(),
    formula=r"y_i = \tanh x_i",
    vjp_formula=r"\bar x_i = \bar y_i (2 e^{-|x_i|} / (1 + e^{-2|x_i|}))^2",
    source="DLMF 4.34.10: tanh' = sech²; written in exp(-|x|)",
)

relu = elementwise(
    "relu",
    _relu,
    _relu_prime,
    torch=lambda x: x.relu(),
    formula=r"y_i = \max(x_i, 0)",
    vjp_formula=r"\bar x_i = \bar y_i [x_i > 0]",
    source="Glorot, Bordes, Bengio: Deep Sparse Rectifier Neural Networks (2011)",
    kinks="x = 0, where the derivative is taken to be 0, as torch does",
)
