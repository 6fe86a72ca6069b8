"""Models: chains of layers, residual blocks, the multi-layer perceptron and the study's CNN."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from ops.graph import TensorNode
from ops.nn.layer import Layer, as_node, whole
from ops.nn.weighted import Conv2d, Linear
from ops.rules.elementwise import relu, sigmoid, tanh
from ops.rules.pool import max_pool2d
from ops.rules.shape import reshape

ACTIVATIONS: Mapping[str, Callable[..., Any]] = {"sigmoid": sigmoid, "relu": relu, "tanh": tanh}


class Sequential(Layer):
    """One after the other: layers, ops, or functions of a node.

    Raises:
        TypeError: A part cannot be called.
    """

    def __init__(self, *parts: Callable[[Any], Any]) -> None:
        for position, part in enumerate(parts):
            if not callable(part):
                raise TypeError(f"Sequential: part {position} is {part!r}; allowed: layers, ops, functions of a node")
        self.part = parts
        self._name_parameters()

    def __call__(self, x: Any) -> Any:
        """Hand *x* through all parts."""
        for part in self.part:
            x = part(x)
        return x

    def __repr__(self) -> str:
        lines = [f"  {_called(part)}".replace("\n", "\n  ") for part in self.part]
        return "\n".join(["Sequential(", *lines, ")"])


class Residual(Layer):
    """A residual block: inner(x) + x, or inner(x) + shortcut(x) where the shapes differ.

    Args:
        inner: What is added to x: a layer, or any function of a node.
        shortcut: What x goes through on the other way; nothing by default.

    Source:
        He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition (2016), eq. 1 and 2.
    """

    def __init__(self, inner: Callable[[Any], Any], shortcut: Callable[[Any], Any] | None = None) -> None:
        self.inner = inner
        self.shortcut = shortcut
        self._name_parameters()

    def __call__(self, x: Any) -> TensorNode:
        """Apply the block to a node, or to an array of data."""
        node = as_node(x, None)
        result: TensorNode = self.inner(node) + (node if self.shortcut is None else self.shortcut(node))
        return result

    def __repr__(self) -> str:
        other = "" if self.shortcut is None else f", shortcut={_called(self.shortcut)}"
        return f"Residual({_called(self.inner)}{other})"


class MLP(Layer):
    """A multi-layer perceptron that returns logits.

    With one hidden layer it is row R9 of the study, with two of equal width row R10:
    h1 = F(x W1 + b1), h2 = F(h1 W2 + b2), plus h1 if *residual*, logits = h2 W3 + b3.

    Args:
        features: Size of an example.
        classes: Number of logits.
        hidden: Width of each hidden layer.
        layers: Number of hidden layers.
        activation: F: "sigmoid", "relu" or "tanh".
        residual: Add to each hidden layer after the first what came into it.
        seed: Of the initial weights: whole number or SeedSequence.
        dtype: Of the parameters.

    Raises:
        ValueError: A size is not positive, the activation is not known, or *residual* has no layer to skip.
    """

    def __init__(
        self,
        features: int,
        classes: int,
        *,
        hidden: int,
        layers: int = 1,
        activation: str = "sigmoid",
        residual: bool = False,
        seed: int | np.random.SeedSequence = 0,
        dtype: Any = np.float32,
    ) -> None:
        for name, size in {"features": features, "classes": classes, "hidden": hidden, "layers": layers}.items():
            whole("MLP", name, size)
        if activation not in ACTIVATIONS:
            raise ValueError(f"MLP: activation is {activation!r}; allowed: {', '.join(map(repr, ACTIVATIONS))}")
        if residual and layers == 1:
            raise ValueError("MLP: residual is True with layers=1; allowed: False, or layers from 2 on")
        rng = np.random.default_rng(seed)
        self.activation = activation
        self.residual = residual
        self.dtype = np.dtype(dtype)
        widths = [features, *[hidden] * layers]
        self.hidden = [Linear(before, after, rng=rng, dtype=dtype) for before, after in pairwise(widths)]
        self.output = Linear(hidden, classes, rng=rng, dtype=dtype)
        self._name_parameters()

    def __call__(self, x: Any) -> TensorNode:
        """Return the logits (..., classes) of *x* (..., features), a node or an array of data."""
        activate = ACTIVATIONS[self.activation]
        h = activate(self.hidden[0](x))
        for layer in self.hidden[1:]:
            h_next = activate(layer(h))
            h = h_next + h if self.residual else h_next
        return self.output(h)

    def __repr__(self) -> str:
        widths = [layer.weight.shape[0] for layer in [*self.hidden, self.output]] + [self.output.weight.shape[1]]
        sizes = " → ".join(map(str, widths))
        return f"MLP({sizes}, {self.activation}{', residual' if self.residual else ''}, {self.dtype})"


class Net(Layer):
    """The study's CNN (row R11): two convolutions with ReLU and pooling, three affine layers, logits.

    x (n, 3, 32, 32) → conv 5 x 5 to 6 channels, ReLU, pool 2 → conv 5 x 5 to 16 channels, ReLU, pool 2 → 400 → 120 →
    84 → *classes*, with ReLU between. Weights and biases begin as torch's layers begin.

    Args:
        seed: Of the initial weights: whole number or SeedSequence.
        dtype: Of the parameters.
        classes: Number of logits.

    Raises:
        ValueError: *classes* is not positive.

    Source:
        LeCun et al.: Gradient-Based Learning Applied to Document Recognition (1998), figure 2, with ReLU and maximum.
    """

    def __init__(self, seed: int | np.random.SeedSequence = 0, dtype: Any = np.float32, *, classes: int = 10) -> None:
        whole("Net", "classes", classes)
        rng = np.random.default_rng(seed)
        self.dtype = np.dtype(dtype)
        self.conv1 = Conv2d(3, 6, 5, rng=rng, dtype=dtype)
        self.conv2 = Conv2d(6, 16, 5, rng=rng, dtype=dtype)
        self.fc1 = Linear(400, 120, rng=rng, init="fan_in", dtype=dtype)
        self.fc2 = Linear(120, 84, rng=rng, init="fan_in", dtype=dtype)
        self.fc3 = Linear(84, classes, rng=rng, init="fan_in", dtype=dtype)
        self._name_parameters()

    def __call__(self, x: Any) -> TensorNode:
        """Return the logits (n, classes) of images *x* (n, 3, 32, 32), a node or an array of data."""
        x = as_node(x, self.dtype)
        h = max_pool2d(relu(self.conv1(x)), size=2)
        h = max_pool2d(relu(self.conv2(h)), size=2)
        h = reshape(h, shape=(len(h.value), -1) if len(h.value) else (0, 400))
        h = relu(self.fc1(h))
        h = relu(self.fc2(h))
        return self.fc3(h)

    def __repr__(self) -> str:
        classes = self.fc3.weight.shape[1]
        return f"Net(conv 3 → 6 → 16, fc 400 → 120 → 84 → {classes}, relu, {self.dtype})"


def _called(part: Any) -> str:
    """A part by its own words if it is a layer, by its name if it is an op or a function."""
    return repr(part) if isinstance(part, Layer) else str(getattr(part, "name", getattr(part, "__name__", part)))
