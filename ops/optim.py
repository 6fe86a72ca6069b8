"""Optimizers: they write into the parameters' arrays, in place, with one scratch array for all parameters."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from ops.graph import TensorNode
from ops.moments import Moments, two_betas
from ops.stepping import descend, forget, load_parts, number, trainable, workspace


class SGD:
    """Stochastic gradient descent with momentum, as in torch.optim.SGD. A parameter whose grad is None is left alone.

    With g = grad + weight_decay p: v ← momentum v + (1 − dampening) g, the first time v ← g; p ← p − lr v, or with
    Nesterov's momentum p ← p − lr (g + momentum v).

    Args:
        params: The parameters: leaves of the graph that need a gradient.
        lr: Step size, a number from 0 on.
        momentum: How much of the last step is kept, in [0, 1).
        dampening: How much less the gradient counts beside it, in [0, 1).
        weight_decay: The weight of half the squared parameters in what is minimized, a number from 0 on.
        nesterov: Look ahead along v; needs momentum, and no dampening.

    Raises:
        ValueError: A number is outside its range, or *params* holds what cannot be trained.

    Source:
        Sutskever et al.: On the importance of initialization and momentum in deep learning (2013), eq. 1-4, with the
        step size outside of v, as torch has it.
    """

    def __init__(
        self,
        params: Iterable[TensorNode],
        *,
        lr: float,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        self.params = trainable("SGD", params)
        self.lr = number("SGD", "lr", lr, 0.0, math.inf)
        self.momentum = number("SGD", "momentum", momentum, 0.0, 1.0)
        self.dampening = number("SGD", "dampening", dampening, 0.0, 1.0)
        self.weight_decay = number("SGD", "weight_decay", weight_decay, 0.0, math.inf)
        if not isinstance(nesterov, (bool, np.bool_)):
            raise ValueError(f"SGD: nesterov is {nesterov!r}; allowed: True or False")  # noqa: TRY004 -- one type for all options
        if nesterov and (not self.momentum or self.dampening):
            got = f"momentum={self.momentum}, dampening={self.dampening}"
            raise ValueError(f"SGD: nesterov is True with {got}; allowed: with momentum above 0 and dampening 0")
        self.nesterov = bool(nesterov)
        self._scratch = workspace(self.params)
        self._velocity: dict[int, np.ndarray] = {}

    def __repr__(self) -> str:
        extras = "".join(
            f", {name}={getattr(self, name)}" for name in ("dampening", "weight_decay") if getattr(self, name)
        )
        extras += ", nesterov" * self.nesterov
        return f"SGD({len(self.params)} params, lr={self.lr}, momentum={self.momentum}{extras})"

    def zero_grad(self) -> None:
        """Forget the gradients of the parameters."""
        forget(self.params)

    def step(self) -> None:
        """Move each parameter that has a gradient."""
        for i, (p, scratch) in enumerate(zip(self.params, self._scratch, strict=True)):
            if p.grad is not None:
                self._move(i, p.value, p.grad, scratch)

    def _move(self, i: int, value: np.ndarray, grad: np.ndarray, scratch: np.ndarray) -> None:
        if self.weight_decay:
            np.multiply(value, self.weight_decay, out=scratch)
            scratch += grad
            grad = scratch
        if not self.momentum:
            descend(value, grad, self.lr, scratch)
            return
        velocity = self._velocity.get(i)
        if velocity is None:
            self._velocity[i] = velocity = grad.copy()
        else:
            velocity *= self.momentum
            velocity += np.multiply(grad, 1 - self.dampening, out=scratch) if self.dampening else grad
        if self.nesterov:
            descend(value, grad, self.lr, scratch)
            descend(value, velocity, self.lr * self.momentum, scratch)
        else:
            descend(value, velocity, self.lr, scratch)

    def state(self) -> dict[str, np.ndarray]:
        """Copies of the velocities so far, by the number of the parameter."""
        return {f"{i}.velocity": velocity.copy() for i, velocity in self._velocity.items()}

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a :meth:`state`: all of it, or nothing.

        Raises:
            StateMismatchError: It is of an optimizer with other parameters.
        """
        self._velocity = load_parts(self.params, state, ("velocity",))["velocity"]


class Adam:
    """Adam, as in torch.optim.Adam. A parameter whose grad is None is left alone.

    With g = grad + weight_decay p: m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², p ← p − lr m̂ / (√v̂ + eps), where
    m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ) in step t of that parameter.

    Args:
        params: The parameters: leaves of the graph that need a gradient.
        lr: Step size, a number from 0 on.
        betas: β₁ and β₂, each in [0, 1).
        eps: Keeps the division finite, a number from 0 on.
        weight_decay: The weight of half the squared parameters in what is minimized, a number from 0 on.

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
        weight_decay: float = 0.0,
    ) -> None:
        self.params = trainable("Adam", params)
        self.lr = number("Adam", "lr", lr, 0.0, math.inf)
        self.weight_decay = number("Adam", "weight_decay", weight_decay, 0.0, math.inf)
        self.betas = two_betas("Adam", betas)
        self.eps = number("Adam", "eps", eps, 0.0, math.inf)
        self._moments = Moments(self.params)
        self._scratch = workspace(self.params)
        self._decayed = workspace(self.params)  # no page of it is used where nothing decays

    def __repr__(self) -> str:
        extras = f", weight_decay={self.weight_decay}" if self.weight_decay else ""
        numbers = f"lr={self.lr}, betas={self.betas}, eps={self.eps}"
        return f"Adam({len(self.params)} params, {numbers}{extras})"

    def zero_grad(self) -> None:
        """Forget the gradients of the parameters."""
        forget(self.params)

    def step(self) -> None:
        """Move each parameter that has a gradient."""
        for i, (p, scratch, decayed) in enumerate(zip(self.params, self._scratch, self._decayed, strict=True)):
            grad = p.grad
            if grad is None:
                continue
            if self.weight_decay:
                np.multiply(p.value, self.weight_decay, out=decayed)
                decayed += grad
                grad = decayed
            self._moments.move(i, grad, scratch, lr=self.lr, betas=self.betas, eps=self.eps)

    def state(self) -> dict[str, np.ndarray]:
        """Copies of the moments and step counts so far, by the number of the parameter."""
        return self._moments.state()

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a :meth:`state`: all of it, or nothing.

        Raises:
            StateMismatchError: It is of an optimizer with other parameters.
        """
        self._moments.load(state)


class AdamW:
    """Adam with the decay of the weights outside of the moments, as in torch.optim.AdamW.

    p ← (1 − lr weight_decay) p, then a step of :class:`Adam` without decay. A parameter whose grad is None is left
    alone.

    Args:
        params: The parameters: leaves of the graph that need a gradient.
        lr: Step size, a number from 0 on.
        betas: β₁ and β₂, each in [0, 1).
        eps: Keeps the division finite, a number from 0 on.
        weight_decay: Which part of the parameters a step of size 1 would take away, a number from 0 on.

    Raises:
        ValueError: A number is outside its range, or *params* holds what cannot be trained.

    Source:
        Loshchilov, Hutter: Decoupled Weight Decay Regularization (2019), algorithm 2.
    """

    def __init__(
        self,
        params: Iterable[TensorNode],
        *,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        self.params = trainable("AdamW", params)
        self.lr = number("AdamW", "lr", lr, 0.0, math.inf)
        self.weight_decay = number("AdamW", "weight_decay", weight_decay, 0.0, math.inf)
        self.betas = two_betas("AdamW", betas)
        self.eps = number("AdamW", "eps", eps, 0.0, math.inf)
        self._moments = Moments(self.params)
        self._scratch = workspace(self.params)

    def __repr__(self) -> str:
        numbers = f"lr={self.lr}, betas={self.betas}, eps={self.eps}"
        return f"AdamW({len(self.params)} params, {numbers}, weight_decay={self.weight_decay})"

    def zero_grad(self) -> None:
        """Forget the gradients of the parameters."""
        forget(self.params)

    def step(self) -> None:
        """Move each parameter that has a gradient."""
        for i, (p, scratch) in enumerate(zip(self.params, self._scratch, strict=True)):
            if p.grad is None:
                continue
            if self.weight_decay:
                p.value *= 1 - self.lr * self.weight_decay
            self._moments.move(i, p.grad, scratch, lr=self.lr, betas=self.betas, eps=self.eps)

    def state(self) -> dict[str, np.ndarray]:
        """Copies of the moments and step counts so far, by the number of the parameter."""
        return self._moments.state()

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a :meth:`state`: all of it, or nothing.

        Raises:
            StateMismatchError: It is of an optimizer with other parameters.
        """
        self._moments.load(state)
