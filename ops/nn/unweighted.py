"""Layers without weights: pooling and dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from ops.graph import TensorNode
from ops.nn.layer import Layer, as_node
from ops.rules.dropout import dropout
from ops.rules.pool import avg_pool2d, max_pool2d

_WORD = (1 << 64) - 1


class MaxPool2d(Layer):
    """The largest number of each window of x (n, c, h, w); params as in :data:`ops.max_pool2d`."""

    def __init__(self, size: Any = 2, stride: Any = None, padding: Any = 0, *, ceil_mode: bool = False) -> None:
        self.options = {"size": size, "stride": stride, "padding": padding, "ceil_mode": ceil_mode}

    def __call__(self, x: Any) -> TensorNode:
        """Apply the layer to a node, or to an array of data."""
        result: TensorNode = max_pool2d(as_node(x, None), **self.options)
        return result

    def __repr__(self) -> str:
        return f"MaxPool2d({_told(self.options)})"


class AvgPool2d(Layer):
    """The average of each window of x (n, c, h, w); params as in :data:`ops.avg_pool2d`."""

    def __init__(
        self,
        size: Any = 2,
        stride: Any = None,
        padding: Any = 0,
        *,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        self.options = {
            "size": size,
            "stride": stride,
            "padding": padding,
            "ceil_mode": ceil_mode,
            "count_include_pad": count_include_pad,
        }

    def __call__(self, x: Any) -> TensorNode:
        """Apply the layer to a node, or to an array of data."""
        result: TensorNode = avg_pool2d(as_node(x, None), **self.options)
        return result

    def __repr__(self) -> str:
        return f"AvgPool2d({_told(self.options)})"


class Dropout(Layer):
    """Drop each number with probability *p* and divide what is left by 1 - *p*; in evaluation x stays as it is.

    Args:
        p: The probability, from 0 to 1.
        seed: Of the masks: whole number or SeedSequence. Where it stands is part of the state, so that a run that
            goes on from a file draws the masks that it would have drawn.

    Raises:
        ValueError: *p* is no probability.
    """

    buffers = ("generator",)

    def __init__(self, p: float = 0.5, *, seed: int | np.random.SeedSequence = 0) -> None:
        if not isinstance(p, (int, float, np.number)) or not 0 <= p <= 1:
            raise ValueError(f"Dropout: p is {p!r}; allowed: numbers from 0 to 1")
        self.p = float(p)
        self.generator = _packed(np.random.PCG64(seed))

    def __call__(self, x: Any) -> TensorNode:
        """Apply the layer to a node, or to an array of data."""
        node = as_node(x, None)
        if not self.training or self.p == 0:
            return node
        bits = _unpacked(self.generator)
        mask = np.random.Generator(bits).random(node.shape, dtype=np.float32) >= self.p
        self.generator[:] = _packed(bits)
        result: TensorNode = dropout(node, mask, p=self.p)
        return result

    def __repr__(self) -> str:
        return f"Dropout({self.p})"


def _packed(bits: np.random.PCG64) -> np.ndarray:
    """The state of a generator as six words (6,), which an .npz file can hold without a pickle."""
    state: Any = bits.state
    state, inc = state["state"]["state"], state["state"]["inc"]
    words = [state >> 64, state & _WORD, inc >> 64, inc & _WORD, bits.state["has_uint32"], bits.state["uinteger"]]
    return np.array(words, dtype=np.uint64)


def _unpacked(words: np.ndarray) -> np.random.PCG64:
    high, low, inc_high, inc_low, has_uint32, uinteger = (int(word) for word in words)
    bits = np.random.PCG64()
    bits.state = {
        "bit_generator": "PCG64",
        "state": {"state": high << 64 | low, "inc": inc_high << 64 | inc_low},
        "has_uint32": has_uint32,
        "uinteger": uinteger,
    }
    return bits


def _told(options: dict[str, Any]) -> str:
    """The size, and what else is not as usual."""
    usual = {"stride": None, "padding": 0, "ceil_mode": False, "count_include_pad": True}
    extras = [f"{name}={value}" for name, value in options.items() if name in usual and value != usual[name]]
    return ", ".join([str(options["size"]), *extras])
