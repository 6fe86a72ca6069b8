"""Layers and models: parameters, which are leaves of the graph with names, and a forward."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from os import PathLike
from typing import Any

import numpy as np

from ops.graph import TensorNode
from ops.rules.elementwise import relu, sigmoid, tanh
from ops.rules.linalg import linear
from ops.state import load_arrays

ACTIVATIONS: Mapping[str, Callable[..., Any]] = {"sigmoid": sigmoid, "relu": relu, "tanh": tanh}


class Linear:
    """An affine layer: x (..., inputs) becomes x w + b (..., outputs).

    Args:
        inputs: Features that come in.
        outputs: Features that go out.
        rng: Draws the weights: normal, with the standard deviation sqrt(2 / (inputs + outputs)). Biases are 0.
        dtype: Of the parameters. The draws are the same for every dtype.
        name: Begins the names of the parameters.

    Source:
        Glorot, Bengio: Understanding the difficulty of training deep feedforward neural networks (2010), eq. 12.
    """

    def __init__(
        self, inputs: int, outputs: int, *, rng: np.random.Generator, dtype: Any = np.float32, name: str = ""
    ) -> None:
        std = np.sqrt(2 / (inputs + outputs))
        prefix = f"{name}." if name else ""
        self.weight = TensorNode((std * rng.standard_normal((inputs, outputs))).astype(dtype), name=f"{prefix}weight")
        self.bias = TensorNode(np.zeros(outputs, dtype), name=f"{prefix}bias")

    def __call__(self, x: Any) -> TensorNode:
        """Apply the layer to a node, or to an array of data, which is cast to the layer's dtype."""
        if not isinstance(x, TensorNode):
            x = TensorNode(np.asarray(x, self.weight.dtype), needs_grad=False)
        result: TensorNode = linear(x, self.weight, self.bias)
        return result

    def __repr__(self) -> str:
        inputs, outputs = self.weight.shape
        return f"Linear({inputs}, {outputs})"

    def parameters(self) -> list[TensorNode]:
        """The weight and the bias."""
        return [self.weight, self.bias]


class MLP:
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
            if not isinstance(size, (int, np.integer)) or size < 1:
                raise ValueError(f"MLP: {name} is {size!r}; allowed: whole numbers from 1 on")
        if activation not in ACTIVATIONS:
            raise ValueError(f"MLP: activation is {activation!r}; allowed: {', '.join(map(repr, ACTIVATIONS))}")
        if residual and layers == 1:
            raise ValueError("MLP: residual is True with layers=1; allowed: False, or layers from 2 on")
        rng = np.random.default_rng(seed)
        self.activation = activation
        self.residual = residual
        self.dtype = np.dtype(dtype)
        widths = [features, *[hidden] * layers]
        self.hidden = [
            Linear(before, after, rng=rng, dtype=dtype, name=f"hidden{position}")
            for position, (before, after) in enumerate(pairwise(widths), start=1)
        ]
        self.output = Linear(hidden, classes, rng=rng, dtype=dtype, name="output")

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

    def parameters(self) -> list[TensorNode]:
        """All parameters, from the first layer to the last, weights before biases."""
        return [parameter for layer in [*self.hidden, self.output] for parameter in layer.parameters()]

    def state(self) -> dict[str, np.ndarray]:
        """Copies of all parameters by name."""
        return {parameter.name: parameter.value.copy() for parameter in self.parameters()}

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Copy the arrays of *state* into the parameters: all of them, or none.

        Raises:
            StateMismatchError: A name is missing or unknown, or an array has another shape or dtype.
        """
        load_arrays({parameter.name: parameter.value for parameter in self.parameters()}, state)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the parameters to an .npz file."""
        np.savez(path, **self.state())  # type: ignore[arg-type]  # NumPy types its keyword allow_pickle in the way

    def load_file(self, path: str | PathLike[str]) -> None:
        """Read the parameters from an .npz file that :meth:`save` wrote; no code in it can run.

        Raises:
            StateMismatchError: The file is of another model.
            OSError: It cannot be read.
            ValueError: It is no .npz file of plain arrays.
            zipfile.BadZipFile: It is a damaged one.
        """
        state = np.load(path, allow_pickle=False)
        if not isinstance(state, np.lib.npyio.NpzFile):
            raise ValueError(  # noqa: TRY004 -- the type is of what the file holds, the mistake is the file
                f"MLP.load_file: {path} holds one array; allowed: an .npz file that save() wrote"
            )
        with state:
            self.load(dict(state))
