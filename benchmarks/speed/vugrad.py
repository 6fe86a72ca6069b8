"""A teaching engine in the style of vugrad, written from its description to be measured, and for nothing else.

A tensor holds a gradient from the start, float64 zeros; each op node calls ``backward(context, goutput)`` and hands
on to its inputs by recursion, once all that uses a tensor has had its turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


class Tensor:
    """A value, its gradient, what made it, and how often it is used and was visited."""

    def __init__(self, value: np.ndarray, source: Node | None = None) -> None:
        self.value = value
        self.grad = np.zeros(value.shape)
        self.source = source
        self.uses = 0
        self.visits = 0

    def backward(self, *, start: bool = True) -> None:
        """Go on to what made it, when the last of its uses has arrived."""
        if start:
            self.grad[...] = 1
        self.visits += 1
        if self.source is not None and (start or self.visits == self.uses):
            self.source.backward()

    def forget(self) -> None:
        """Begin anew: no gradient, no uses."""
        self.grad = np.zeros(self.value.shape)
        self.uses = self.visits = 0


class Node:
    """One application of an op."""

    def __init__(self, op: type[Op], context: dict[str, Any], inputs: Sequence[Tensor]) -> None:
        self.op = op
        self.context = context
        self.inputs = inputs
        self.output: Tensor | None = None

    def backward(self) -> None:
        """Add to the gradients of the inputs, then let each of them go on."""
        assert self.output is not None
        for x, gradient in zip(self.inputs, self.op.backward(self.context, self.output.grad), strict=True):
            x.grad += gradient
        for x in self.inputs:
            x.backward(start=False)


class Op:
    """A forward and a backward that share a context."""

    @staticmethod
    def forward(context: dict[str, Any], *values: Any) -> Any:
        """The value of the output."""
        raise NotImplementedError

    @staticmethod
    def backward(context: dict[str, Any], goutput: Any) -> tuple[Any, ...]:
        """The gradients of the inputs."""
        raise NotImplementedError

    @classmethod
    def apply(cls, *inputs: Tensor, **constants: Any) -> Tensor:
        """The output, as a part of the graph."""
        context = dict(constants)
        node = Node(cls, context, inputs)
        node.output = Tensor(cls.forward(context, *[x.value for x in inputs]), node)
        for x in inputs:
            x.uses += 1
        return node.output


class Add(Op):
    """Of equal shapes."""

    @staticmethod
    def forward(_context: dict[str, Any], *values: Any) -> Any:
        """The sum."""
        return values[0] + values[1]

    @staticmethod
    def backward(_context: dict[str, Any], goutput: Any) -> tuple[Any, ...]:
        """Both get all of it."""
        return goutput, goutput


class Multiply(Op):
    """Of equal shapes."""

    @staticmethod
    def forward(context: dict[str, Any], *values: Any) -> Any:
        """The product."""
        context["values"] = values
        return values[0] * values[1]

    @staticmethod
    def backward(context: dict[str, Any], goutput: Any) -> tuple[Any, ...]:
        """Each times the other."""
        a, b = context["values"]
        return goutput * b, goutput * a


class MatrixMultiply(Op):
    """Of two matrices."""

    @staticmethod
    def forward(context: dict[str, Any], *values: Any) -> Any:
        """The product."""
        context["values"] = values
        return values[0] @ values[1]

    @staticmethod
    def backward(context: dict[str, Any], goutput: Any) -> tuple[Any, ...]:
        """Each with the other, transposed."""
        x, w = context["values"]
        return goutput @ w.T, x.T @ goutput


class Expand(Op):
    """A vector as the equal rows of a matrix."""

    @staticmethod
    def forward(context: dict[str, Any], *values: Any) -> Any:
        """The rows."""
        return np.repeat(values[0][None, :], context["count"], axis=0)

    @staticmethod
    def backward(_context: dict[str, Any], goutput: Any) -> tuple[Any, ...]:
        """Their sum."""
        return (goutput.sum(axis=0),)


class Relu(Op):
    """What is above 0."""

    @staticmethod
    def forward(context: dict[str, Any], *values: Any) -> Any:
        """The larger one of x and 0."""
        context["above"] = values[0] > 0
        return values[0] * context["above"]

    @staticmethod
    def backward(context: dict[str, Any], goutput: Any) -> tuple[Any, ...]:
        """Where it is above."""
        return (goutput * context["above"],)


class CrossEntropy(Op):
    """Log-softmax of each row, the label's entry, the mean of all: one op, so that the graph is no excuse."""

    @staticmethod
    def forward(context: dict[str, Any], *values: Any) -> Any:
        """The mean loss."""
        shifted = values[0] - values[0].max(axis=1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        context["log_p"] = log_p
        return np.asarray(-log_p[np.arange(len(log_p)), context["labels"]].mean())

    @staticmethod
    def backward(context: dict[str, Any], goutput: Any) -> tuple[Any, ...]:
        """Softmax minus one-hot."""
        p = np.exp(context["log_p"])
        p[np.arange(len(p)), context["labels"]] -= 1
        return (goutput * p / len(p),)


def mlp_step(arrays: Sequence[np.ndarray], x: np.ndarray, labels: np.ndarray, lr: float) -> Callable[[], float]:
    """A training step of an MLP with one hidden layer."""
    w1, b1, w2, b2 = parameters = [Tensor(array) for array in arrays]

    def affine(h: Tensor, w: Tensor, b: Tensor) -> Tensor:
        return Add.apply(MatrixMultiply.apply(h, w), Expand.apply(b, count=len(x)))

    def step() -> float:
        hidden = Relu.apply(affine(Tensor(x), w1, b1))
        loss = CrossEntropy.apply(affine(hidden, w2, b2), labels=labels)
        loss.backward()
        for parameter in parameters:
            parameter.value -= lr * parameter.grad
            parameter.forget()
        return float(loss.value)

    return step
