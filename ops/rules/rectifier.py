"""Activations with a kink: they are made of straight pieces, or meet one at 0."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ops.errors import ParamError
from ops.rules.elementwise import above, elementwise, negative_part, positive_part
from ops.rules.guards import require_number
from ops.rules.reference import functional

_SELU_ALPHA = 1.6732632423543772
_SELU_SCALE = 1.0507009873554805


def _leaky_relu(x: Any, slope: float = 0.01) -> Any:
    slope = require_number("leaky_relu", "slope", slope, -math.inf, above=True)
    if 0 < slope <= 1:
        return np.maximum(x, slope * x)
    return positive_part(x) + slope * negative_part(x)


def _leaky_relu_prime(x: Any, slope: float = 0.01) -> Any:
    up = above(x)
    return up + slope * (1 - up)


def _elu(x: Any, alpha: float = 1.0) -> Any:
    alpha = require_number("elu", "alpha", alpha, -math.inf, above=True)
    return positive_part(x) + alpha * np.expm1(negative_part(x))  # one of the two is 0


def _elu_prime(x: Any, alpha: float = 1.0) -> Any:
    up = above(x)
    return up + alpha * (np.exp(negative_part(x)) - up)


def _selu(x: Any) -> Any:
    return _SELU_SCALE * _elu(x, _SELU_ALPHA)


def _selu_prime(x: Any) -> Any:
    return _SELU_SCALE * _elu_prime(x, _SELU_ALPHA)


def _relu6(x: Any) -> Any:
    return np.clip(x, 0, 6)


def _relu6_prime(x: Any) -> Any:
    return _between(x, 0, 6)


def _hardtanh(x: Any, lo: float = -1.0, hi: float = 1.0) -> Any:
    low = require_number("hardtanh", "lo", lo, -math.inf, above=True)
    high = require_number("hardtanh", "hi", hi, -math.inf, above=True)
    if low >= high:
        raise ParamError("hardtanh", "lo", f"is {lo!r}", f"numbers below hi, which is {hi!r}")
    return np.clip(x, low, high)


def _hardtanh_prime(x: Any, lo: float = -1.0, hi: float = 1.0) -> Any:
    return _between(x, lo, hi)


def _hardsigmoid(x: Any) -> Any:
    return np.clip(x + 3, 0, 6) / 6


def _hardsigmoid_prime(x: Any) -> Any:
    return _between(x, -3, 3) / 6


def _hardswish(x: Any) -> Any:
    return x * _hardsigmoid(x)


def _hardswish_prime(x: Any) -> Any:
    return (np.clip(x + 3, 0, 6) + x * _between(x, -3, 3)) / 6


def _between(x: Any, lo: float, hi: float) -> Any:
    """1 strictly between, 0 elsewhere, in the dtype of *x*."""
    return ((x > lo) & (x < hi)).astype(x.dtype)


leaky_relu = elementwise(
    "leaky_relu",
    _leaky_relu,
    _leaky_relu_prime,
    params={"slope": (0.01, 0.2, 0.0, -0.5)},
    torch=lambda x, slope: functional("leaky_relu")(x, slope),
    formula=r"y_i = x_i \; (x_i > 0), \quad slope \cdot x_i \; (x_i \le 0)",
    vjp_formula=r"\bar x_i = \bar y_i \; (x_i > 0), \quad slope \cdot \bar y_i \; (x_i \le 0)",
    source="Maas, Hannun, Ng: Rectifier Nonlinearities Improve Neural Network Acoustic Models (2013)",
    kinks="x = 0, where the derivative is taken to be slope, as torch does",
)

elu = elementwise(
    "elu",
    _elu,
    _elu_prime,
    params={"alpha": (1.0, 0.5, 2.0)},
    torch=functional("elu"),
    formula=r"y_i = x_i \; (x_i > 0), \quad \alpha (e^{x_i} - 1) \; (x_i \le 0)",
    vjp_formula=r"\bar x_i = \bar y_i \; (x_i > 0), \quad \alpha e^{x_i} \bar y_i \; (x_i \le 0)",
    source="Clevert, Unterthiner, Hochreiter: Fast and Accurate Deep Network Learning by ELUs (2016)",
    kinks="x = 0 for alpha other than 1, where the derivative is taken to be alpha",
)

selu = elementwise(
    "selu",
    _selu,
    _selu_prime,
    torch=functional("selu"),
    formula=r"y_i = \lambda x_i \; (x_i > 0), \quad \lambda \alpha (e^{x_i} - 1) \; (x_i \le 0), "
    r"\quad \lambda \approx 1.0507, \alpha \approx 1.6733",
    vjp_formula=r"\bar x_i = \lambda \bar y_i \; (x_i > 0), \quad \lambda \alpha e^{x_i} \bar y_i \; (x_i \le 0)",
    source="Klambauer, Unterthiner, Mayr, Hochreiter: Self-Normalizing Neural Networks (2017)",
    kinks="x = 0, where the derivative is taken to be lambda times alpha",
)

relu6 = elementwise(
    "relu6",
    _relu6,
    _relu6_prime,
    torch=functional("relu6"),
    formula=r"y_i = \min(\max(x_i, 0), 6)",
    vjp_formula=r"\bar x_i = \bar y_i [0 < x_i < 6]",
    source="Krizhevsky: Convolutional Deep Belief Networks on CIFAR-10 (2010)",
    kinks="x = 0 and x = 6, where the derivative is taken to be 0, as torch does",
)

hardtanh = elementwise(
    "hardtanh",
    _hardtanh,
    _hardtanh_prime,
    params={"lo": (-1.0, -0.5), "hi": (1.0, 2.0)},
    torch=lambda x, lo, hi: functional("hardtanh")(x, lo, hi),
    formula=r"y_i = \min(\max(x_i, lo), hi)",
    vjp_formula=r"\bar x_i = \bar y_i [lo < x_i < hi]",
    source="Collobert: Large Scale Machine Learning (2004)",
    kinks="x = lo and x = hi, where the derivative is taken to be 0, as torch does",
)

hardsigmoid = elementwise(
    "hardsigmoid",
    _hardsigmoid,
    _hardsigmoid_prime,
    torch=lambda x: (x + 3).clamp(0, 6) / 6,  # the backward of torch's own uses a float32 sixth for doubles, too
    formula=r"y_i = \min(\max(x_i + 3, 0), 6) / 6",
    vjp_formula=r"\bar x_i = \bar y_i [-3 < x_i < 3] / 6",
    source="Courbariaux, Bengio, David: BinaryConnect (2015); with the slope 1/6 of Howard et al. (2019)",
    kinks="x = -3 and x = 3, where the derivative is taken to be 0, as torch does",
)

hardswish = elementwise(
    "hardswish",
    _hardswish,
    _hardswish_prime,
    torch=functional("hardswish"),
    formula=r"y_i = x_i \min(\max(x_i + 3, 0), 6) / 6",
    vjp_formula=r"\bar x_i = \bar y_i (x_i / 3 + 1/2) \; (-3 < x_i < 3), \quad 0 \; (x_i \le -3), "
    r"\quad \bar y_i \; (x_i \ge 3)",
    source="Howard et al.: Searching for MobileNetV3 (2019), section 5.2",
    kinks="x = -3 and x = 3, where the derivative is taken to be 0 and 1, that of the outer pieces",
)
