"""Layers that multiply with weights: affine, convolution, embedding; and how the weights begin."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ops.graph import TensorNode
from ops.nn.layer import Layer, as_node, whole
from ops.rules.conv import conv2d
from ops.rules.gather import embedding
from ops.rules.linalg import linear, matmul
from ops.rules.window import pair

INITS = ("glorot", "fan_in")


class Linear(Layer):
    """An affine layer: x (..., inputs) becomes x w + b (..., outputs).

    Args:
        inputs: Features that come in.
        outputs: Features that go out.
        bias: Whether there is a b.
        rng: Draws the weights. The draws are the same for every dtype.
        init: "glorot": weights are normal with the standard deviation sqrt(2 / (inputs + outputs)), biases 0.
            "fan_in": both are uniform within 1 / sqrt(inputs), as torch.nn.Linear begins.
        dtype: Of the parameters.
        name: Begins the names of the parameters.

    Raises:
        ValueError: A size is not positive, or *init* is not known.

    Source:
        Glorot, Bengio: Understanding the difficulty of training deep feedforward neural networks (2010), eq. 12;
        LeCun et al.: Efficient BackProp (1998), section 4.6.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        rng: np.random.Generator,
        bias: bool = True,
        init: str = "glorot",
        dtype: Any = np.float32,
        name: str = "",
    ) -> None:
        inputs, outputs = whole("Linear", "inputs", inputs), whole("Linear", "outputs", outputs)
        w, b = _begin("Linear", init, (inputs, outputs), inputs, outputs, rng)
        prefix = f"{name}." if name else ""
        self.weight = TensorNode(w.astype(dtype), name=f"{prefix}weight")
        self.bias = TensorNode(b.astype(dtype), name=f"{prefix}bias") if bias else None

    def __call__(self, x: Any) -> TensorNode:
        """Apply the layer to a node, or to an array of data, which is cast to the layer's dtype."""
        x = as_node(x, self.weight.dtype)
        result: TensorNode = matmul(x, self.weight) if self.bias is None else linear(x, self.weight, self.bias)
        return result

    def __repr__(self) -> str:
        inputs, outputs = self.weight.shape
        return f"Linear({inputs}, {outputs}{', bias=False' if self.bias is None else ''})"


class Conv2d(Layer):
    """A convolution layer: x (n, inputs, h, w) becomes (n, outputs, h', w').

    Args:
        inputs: Channels that come in.
        outputs: Channels that go out: the number of kernels.
        size: Rows and columns of a kernel, one number or two.
        stride: Steps from one window to the next, one number or two.
        padding: Rows and columns of zeros on each side, one number or two.
        dilation: Steps from one element of a window to the next, one number or two.
        groups: Groups of channels that are convolved apart.
        bias: Whether a number is added to each channel.
        rng: Draws the weights. The draws are the same for every dtype.
        init: As for :class:`Linear`, with inputs / groups * rows * columns numbers that come in.
        dtype: Of the parameters.

    Raises:
        ValueError: A number has no meaning, or *init* is not known.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: int | tuple[int, int],
        *,
        rng: np.random.Generator,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        init: str = "fan_in",
        dtype: Any = np.float32,
    ) -> None:
        inputs, outputs = whole("Conv2d", "inputs", inputs), whole("Conv2d", "outputs", outputs)
        rows, columns = pair("Conv2d", "size", size, 1)
        self.stride = pair("Conv2d", "stride", stride, 1)
        self.padding = pair("Conv2d", "padding", padding, 0)
        self.dilation = pair("Conv2d", "dilation", dilation, 1)
        self.groups = whole("Conv2d", "groups", groups)
        if inputs % groups or outputs % groups:
            raise ValueError(f"Conv2d: groups is {groups}; allowed: divisors of inputs={inputs} and outputs={outputs}")
        area = rows * columns
        shape = (outputs, inputs // groups, rows, columns)
        w, b = _begin("Conv2d", init, shape, inputs // groups * area, outputs // groups * area, rng, biases=outputs)
        self.weight = TensorNode(w.astype(dtype), name="weight")
        self.bias = TensorNode(b.astype(dtype), name="bias") if bias else None

    def __call__(self, x: Any) -> TensorNode:
        """Apply the layer to a node, or to an array of data, which is cast to the layer's dtype."""
        x = as_node(x, self.weight.dtype)
        weights = (self.weight,) if self.bias is None else (self.weight, self.bias)
        result: TensorNode = conv2d(
            x, *weights, stride=self.stride, padding=self.padding, dilation=self.dilation, groups=self.groups
        )
        return result

    def __repr__(self) -> str:
        outputs, inputs, *size = self.weight.shape
        defaults = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
        extras = [f"{name}={_short(getattr(self, name))}" for name in defaults if getattr(self, name) != defaults[name]]
        extras += ["bias=False"] * (self.bias is None)
        return f"Conv2d({', '.join([str(inputs * self.groups), str(outputs), _short(tuple(size)), *extras])})"


class Embedding(Layer):
    """A vector (size,) for each of *count* things: numbers k of any shape become (..., size).

    Args:
        count: Things.
        size: Of their vectors.
        padding_idx: A thing whose vector begins as zeros and stays as it is; None for no such thing.
        rng: Draws the vectors from the standard normal distribution, as torch.nn.Embedding does.
        dtype: Of the vectors.

    Raises:
        ValueError: A size is not positive, or there is no thing *padding_idx*.
    """

    def __init__(
        self,
        count: int,
        size: int,
        *,
        rng: np.random.Generator,
        padding_idx: int | None = None,
        dtype: Any = np.float32,
    ) -> None:
        count, size = whole("Embedding", "count", count), whole("Embedding", "size", size)
        w = rng.standard_normal((count, size)).astype(dtype)
        if padding_idx is not None:
            if not -count <= whole("Embedding", "padding_idx", padding_idx, -count) < count:
                raise ValueError(f"Embedding: padding_idx is {padding_idx}; allowed: {-count} to {count - 1}, or None")
            w[padding_idx] = 0
        self.padding_idx = padding_idx
        self.weight = TensorNode(w, name="weight")

    def __call__(self, k: Any) -> TensorNode:
        """The vectors of the things with the numbers *k*."""
        result: TensorNode = embedding(self.weight, as_node(k, np.int64), padding_idx=self.padding_idx)
        return result

    def __repr__(self) -> str:
        extra = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"Embedding({self.weight.shape[0]}, {self.weight.shape[1]}{extra})"


def _short(value: Any) -> str:
    """A pair of equal numbers as one."""
    return str(value[0]) if isinstance(value, tuple) and len(set(value)) == 1 else str(value)


def _begin(
    layer: str,
    init: str,
    shape: tuple[int, ...],
    fan_in: int,
    fan_out: int,
    rng: np.random.Generator,
    biases: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The first weights and biases, in float64."""
    count = shape[-1] if biases is None else biases
    if init == "glorot":
        return math.sqrt(2 / (fan_in + fan_out)) * rng.standard_normal(shape), np.zeros(count)
    if init == "fan_in":
        reach = 1 / math.sqrt(fan_in)
        return rng.uniform(-reach, reach, shape), rng.uniform(-reach, reach, count)
    raise ValueError(f"{layer}: init is {init!r}; allowed: {' or '.join(map(repr, INITS))}")
