"""Optimizers: they write into the parameters' arrays, in place and with one scratch array per parameter."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ops.graph import TensorNode
from ops.state import load_arrays


class SGD:
    """Stochastic gradient descent with momentum, as in torch.optim.SGD.

    v ← momentum v + grad (the first time v ← grad), p ← p − lr v. A parameter whose grad is None is left alone.

    Args:
        params: The parameters: leaves of the graph that need a gradient.
        lr: Step size, a number from 0 on.
        momentum: How much of the last step is kept, in [0, 1).

    Raises:
        ValueError: A number is outside its range, or *params* holds what cannot be trained.

    Source:
        Sutskever et al.: On the importance of initialization and momentum in deep learning (2013), eq. 1–2, with the
        step size outside of v, as torch has it.
    """

    def __init__(self, params: Iterable[TensorNode], *, lr: float, momentum: float = 0.0) -> None:
        self.params = _trainable("SGD", params)
        self.lr = _number("SGD", "lr", lr, 0.0, math.inf)
        self.momentum = _number("SGD", "momentum", momentum, 0.0, 1.0)
        self._scratch = [np.empty_like(p.value) for p in self.params]
        self._velocity: dict[int, np.ndarray] = {}

    def __repr__(self) -> str:
        return f"SGD({len(self.params)} params, lr={self.lr}, momentum={self.momentum})"

    def zero_grad(self) -> None:
        """Forget the gradients of the parameters."""
        _forget(self.params)

    def step(self) -> None:
        """Move each parameter that has a gradient."""
        for i, (p, scratch) in enumerate(zip(self.params, self._scratch, strict=True)):
            if p.grad is None:
                continue
            velocity = p.grad
            if self.momentum and i not in self._velocity:
                self._velocity[i] = velocity = p.grad.copy()
            elif self.momentum:
                velocity = self._velocity[i]
                velocity *= self.momentum
                velocity += p.grad
            np.multiply(velocity, self.lr, out=scratch)
            p.value -= scratch

    def state(self) -> dict[str, np.ndarray]:
        """Copies of the velocities so far, by the number of the parameter."""
        return {f"{i}.velocity": velocity.copy() for i, velocity in self._velocity.items()}

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a :meth:`state`: all of it, or nothing.

        Raises:
            StateMismatchError: It is of an optimizer with other parameters.
        """
        self._velocity = _load(self.params, state, ("velocity",))["velocity"]


class Adam:
    """Adam, as in torch.optim.Adam. A parameter whose grad is None is left alone.

    m ← β₁ m + (1 − β₁) grad, v ← β₂ v + (1 − β₂) grad², p ← p − lr m̂ / (√v̂ + eps), where m̂ = m / (1 − β₁ᵗ) and
    v̂ = v / (1 − β₂ᵗ) in step t of that parameter.

    Args:
        params: The parameters: leaves of the graph that need a gradient.
        lr: Step size, a number from 0 on.
        betas: β₁ and β₂, each in [0, 1).
        eps: Keeps the division finite, a number from 0 on.

    Raises:
        ValueError: A number is outside its range, or *params* holds what cannot be trained.

    Source:
        Kingma, Ba: Adam: A Method for Stochastic Optimization (2015), algorithm 1.
    """

    def __init__(
        self,
        params: Iterable[TensorNode],
        *,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        self.params = _trainable("Adam", params)
        self.lr = _number("Adam", "lr", lr, 0.0, math.inf)
        self.betas = (_number("Adam", "betas[0]", betas[0], 0.0, 1.0), _number("Adam", "betas[1]", betas[1], 0.0, 1.0))
        self.eps = _number("Adam", "eps", eps, 0.0, math.inf)
        self._scratch = [np.empty_like(p.value) for p in self.params]
        self._m: dict[int, np.ndarray] = {}
        self._v: dict[int, np.ndarray] = {}
        self._t: dict[int, np.ndarray] = {}

    def __repr__(self) -> str:
        return f"Adam({len(self.params)} params, lr={self.lr}, betas={self.betas}, eps={self.eps})"

    def zero_grad(self) -> None:
        """Forget the gradients of the parameters."""
        _forget(self.params)

    def step(self) -> None:
        """Move each parameter that has a gradient."""
        for i, (p, scratch) in enumerate(zip(self.params, self._scratch, strict=True)):
            if p.grad is None:
                continue
            if i not in self._m:
                self._m[i], self._v[i] = np.zeros_like(p.value), np.zeros_like(p.value)
                self._t[i] = np.zeros((), np.int64)
            self._t[i] += 1
            self._move(p, p.grad, self._m[i], self._v[i], int(self._t[i]), scratch)

    def _move(self, p: TensorNode, grad: np.ndarray, m: np.ndarray, v: np.ndarray, t: int, scratch: np.ndarray) -> None:
        beta1, beta2 = self.betas
        m *= beta1
        np.multiply(grad, 1 - beta1, out=scratch)
        m += scratch
        v *= beta2
        np.multiply(grad, grad, out=scratch)
        scratch *= 1 - beta2
        v += scratch
        np.sqrt(v, out=scratch)
        scratch /= math.sqrt(1 - beta2**t)
        scratch += self.eps
        np.divide(m, scratch, out=scratch)
        scratch *= self.lr / (1 - beta1**t)
        p.value -= scratch

    def state(self) -> dict[str, np.ndarray]:
        """Copies of the moments and step counts so far, by the number of the parameter."""
        parts = {"m": self._m, "v": self._v, "t": self._t}
        return {f"{i}.{part}": arrays[i].copy() for i in self._m for part, arrays in parts.items()}

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a :meth:`state`: all of it, or nothing.

        Raises:
            StateMismatchError: It is of an optimizer with other parameters.
        """
        parts = _load(self.params, state, ("m", "v", "t"))
        self._m, self._v, self._t = parts["m"], parts["v"], parts["t"]


def _trainable(optimizer: str, params: Iterable[TensorNode]) -> list[TensorNode]:
    parameters = list(params)
    if not parameters:
        raise ValueError(f"{optimizer}: params is empty; allowed: at least one parameter")
    for position, p in enumerate(parameters):
        allowed = "leaves of the graph that need a gradient, with arrays that can be written to, each once"
        if not isinstance(p, TensorNode) or p.source is not None or not p.needs_grad or not p.value.flags.writeable:
            raise ValueError(f"{optimizer}: params[{position}] is {p!r}; allowed: {allowed}")
        if any(p is one for one in parameters[:position]):
            raise ValueError(f"{optimizer}: params[{position}] is there twice; allowed: {allowed}")
    return parameters


def _number(optimizer: str, name: str, value: float, low: float, high: float) -> float:
    """Check that *value* lies in [low, high); as a Python float, which leaves float32 arrays float32."""
    if not low <= value < high:
        raise ValueError(f"{optimizer}: {name} is {value!r}; allowed: from {low:g} to less than {high:g}")
    return float(value)


def _forget(params: Sequence[TensorNode]) -> None:
    for p in params:
        p.grad = None


def _load(
    params: Sequence[TensorNode], state: Mapping[str, np.ndarray], parts: tuple[str, ...]
) -> dict[str, dict[int, np.ndarray]]:
    """Copy a state part by part; a parameter that has made no step yet has none of them, the others have all."""
    begun = [i for i in range(len(params)) if any(f"{i}.{part}" in state for part in parts)]
    loaded: dict[str, dict[int, np.ndarray]] = {part: {} for part in parts}
    for part in parts:
        for i in begun:
            loaded[part][i] = np.zeros((), np.int64) if part == "t" else np.empty_like(params[i].value)
    load_arrays({f"{i}.{part}": arrays[i] for part, arrays in loaded.items() for i in arrays}, state)
    return loaded
