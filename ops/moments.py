"""The running averages of the gradient and of its square, as Adam keeps them for each parameter."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ops.graph import TensorNode
from ops.stepping import load_parts, number


class Moments:
    """m ← β₁ m + (1 − β₁) grad and v ← β₂ v + (1 − β₂) grad² of each parameter, and how many steps it made."""

    def __init__(self, params: Sequence[TensorNode]) -> None:
        self.params = params
        self._m: dict[int, np.ndarray] = {}
        self._v: dict[int, np.ndarray] = {}
        self._t: dict[int, np.ndarray] = {}

    def move(
        self,
        i: int,
        grad: np.ndarray,
        scratch: np.ndarray,
        *,
        lr: float,
        betas: tuple[float, float],
        eps: float,
    ) -> None:
        """Take *grad* into the averages and subtract lr m̂ / (√v̂ + eps) from parameter *i*; *scratch* is not *grad*."""
        value = self.params[i].value
        if i not in self._m:
            self._m[i], self._v[i], self._t[i] = np.zeros_like(value), np.zeros_like(value), np.zeros((), np.int64)
        self._t[i] += 1
        (beta1, beta2), m, v, t = betas, self._m[i], self._v[i], int(self._t[i])
        m *= beta1
        np.multiply(grad, 1 - beta1, out=scratch)
        m += scratch
        v *= beta2
        np.multiply(grad, grad, out=scratch)
        scratch *= 1 - beta2
        v += scratch
        bias = math.sqrt(1 - beta2**t)  # taken out of √v into eps and the step, which are numbers and no arrays
        np.sqrt(v, out=scratch)
        scratch += eps * bias
        np.divide(m, scratch, out=scratch)
        scratch *= lr * bias / (1 - beta1**t)
        value -= scratch

    def state(self) -> dict[str, np.ndarray]:
        """Copies of the averages and step counts so far, by the number of the parameter."""
        parts = {"m": self._m, "v": self._v, "t": self._t}
        return {f"{i}.{part}": arrays[i].copy() for i in self._m for part, arrays in parts.items()}

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a :meth:`state`: all of it, or nothing.

        Raises:
            StateMismatchError: It is of an optimizer with other parameters.
        """
        parts = load_parts(self.params, state, ("m", "v", "t"))
        self._m, self._v, self._t = parts["m"], parts["v"], parts["t"]


def two_betas(optimizer: str, betas: Any) -> tuple[float, float]:
    """Return β₁ and β₂ as Python floats.

    Raises:
        ValueError: *betas* is no pair of numbers in [0, 1).
    """
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise ValueError(f"{optimizer}: betas is {betas!r}; allowed: a pair of numbers")
    first, second = (number(optimizer, f"betas[{i}]", beta, 0.0, 1.0) for i, beta in enumerate(betas))
    return first, second
