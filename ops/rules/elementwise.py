"""A scalar function applied to each element, made into an op from the function and its derivative.

The derivatives are written so that they are right to rounding for every finite x: 1 - tanh(x)² and s(1 - s) lose
all their digits where the function saturates, forms in exp(-|x|) lose none. Where x is outside the domain the value
is NaN or infinite, as in torch, without a warning. Branches are written as sums of clipped terms: np.where takes
several times as long as arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradspec.spec import Array, Op, nonzero, positive, real
from ops.rules.guards import require_floats


def elementwise(
    name: str,
    f: Callable[..., Any],
    f_prime: Callable[..., Any],
    *,
    domain: Array | None = None,
    params: Mapping[str, Any] | None = None,
    from_y: bool = False,
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
        f_prime: F', applied to the same array, with the same params; returns a new array, or *y*.
        domain: Where F is defined; every finite number by default.
        params: Static keywords of F and the values to try, as in :class:`gradspec.spec.Op`.
        from_y: F' is a function of y and given y instead of x, which saves work: exp' = y.
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

    def forward(x: Any, **chosen: Any) -> tuple[Any, Any]:
        require_floats(name, "x", x)
        with np.errstate(all="ignore"):
            y = f(x, **chosen)
        return y, (y if from_y else x, chosen)

    def vjp(saved: Any, y_bar: Any) -> tuple[Any]:
        kept, chosen = saved
        with np.errstate(all="ignore"):
            return (y_bar * f_prime(kept, **chosen),)

    return Op(
        name=name,
        forward=forward,
        vjp=vjp,
        inputs={"x": real("...") if domain is None else domain},
        params=params or {},
        torch=torch,
        formula=formula,
        vjp_formula=vjp_formula,
        source=source,
        kinks=kinks,
    )


def above(x: Any, threshold: float = 0.0) -> Any:
    """1 where x is above the threshold, 0 elsewhere, in the dtype of *x*."""
    return (x > threshold).astype(x.dtype)


def positive_part(x: Any) -> Any:
    """The larger of x and 0; NaN stays, which where(x > 0, x, 0) turns into a healthy 0."""
    return np.clip(x, 0, math.inf)  # twice as fast as np.maximum


def negative_part(x: Any) -> Any:
    """The smaller of x and 0; NaN stays."""
    return np.clip(x, -math.inf, 0)


def logistic(x: Any) -> Any:
    """1 / (1 + e^-x) for every x: e^-x may overflow, and 1 / inf is 0."""
    return 1 / (1 + np.exp(-x))


def _same(y: Any) -> Any:
    return y


def _log_prime(x: Any) -> Any:
    return 1 / x


def _reciprocal(x: Any) -> Any:
    return 1 / x


def _reciprocal_prime(y: Any) -> Any:
    return -y * y


def _sigmoid(x: Any) -> tuple[Any, Any]:
    """1 / (1 + e^-x); saved is the smaller of y and 1 - y, which keeps its digits where y rounds to 1."""
    require_floats("sigmoid", "x", x)
    decay = np.exp(-np.abs(x))  # never above 1: exp(-x) itself overflows
    smaller = decay / (1 + decay)
    return np.abs((x >= 0).astype(x.dtype) - smaller), smaller


def _sigmoid_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    smaller = saved
    return (y_bar * (smaller * (1 - smaller)),)


def _tanh_prime(x: Any) -> Any:
    decay = np.exp(-2 * np.abs(x))
    total = 1 + decay
    return 4 * decay / (total * total)


exp = elementwise(
    "exp",
    np.exp,
    _same,
    from_y=True,
    torch=lambda x: x.exp(),
    formula=r"y_i = e^{x_i}",
    vjp_formula=r"\bar x_i = \bar y_i y_i",
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

reciprocal = elementwise(
    "reciprocal",
    _reciprocal,
    _reciprocal_prime,
    domain=nonzero("..."),
    from_y=True,
    torch=lambda x: x.reciprocal(),
    formula=r"y_i = 1 / x_i",
    vjp_formula=r"\bar x_i = -\bar y_i y_i^2",
)

sigmoid = Op(
    name="sigmoid",
    forward=_sigmoid,
    vjp=_sigmoid_vjp,
    inputs={"x": real("...")},
    torch=lambda x: x.sigmoid(),
    formula=r"y_i = 1 / (1 + e^{-x_i})",
    vjp_formula=r"\bar x_i = \bar y_i q_i (1 - q_i), \quad q_i = e^{-|x_i|} / (1 + e^{-|x_i|}) = \min(y_i, 1 - y_i)",
    source="Goodfellow, Bengio, Courville: Deep Learning (2016), section 3.10; written in exp(-|x|)",
)

tanh = elementwise(
    "tanh",
    np.tanh,
    _tanh_prime,
    torch=lambda x: x.tanh(),
    formula=r"y_i = \tanh x_i",
    vjp_formula=r"\bar x_i = 4 \bar y_i e^{-2|x_i|} / (1 + e^{-2|x_i|})^2",
    source="DLMF 4.34.10: tanh' = sech²; written in exp(-|x|)",
)

relu = elementwise(
    "relu",
    positive_part,
    np.sign,  # of y: 0 at 0 by convention, NaN at NaN
    from_y=True,
    torch=lambda x: x.relu(),
    formula=r"y_i = \max(x_i, 0)",
    vjp_formula=r"\bar x_i = \bar y_i [x_i > 0]",
    source="Glorot, Bordes, Bengio: Deep Sparse Rectifier Neural Networks (2011)",
    kinks="x = 0, where the derivative is taken to be 0, as torch does",
)
