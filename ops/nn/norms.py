"""Layers that normalize: over features, groups of channels, or the batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from ops.graph import TensorNode
from ops.nn.layer import Layer, as_node, whole
from ops.rules.batch_norm import batch_norm, batch_norm_inference
from ops.rules.feature_norm import group_norm, layer_norm, rms_norm


class LayerNorm(Layer):
    """Standardize over the last axes, those of *shape*; then multiply by a weight and add a bias of that shape.

    Args:
        shape: Of the last axes; a whole number for one.
        eps: Added to the variance.
        dtype: Of the parameters.

    Source:
        Ba, Kiros, Hinton: Layer Normalization (2016).
    """

    def __init__(self, shape: int | tuple[int, ...], *, eps: float = 1e-5, dtype: Any = np.float32) -> None:
        self.eps = eps
        self.weight = TensorNode(np.ones(shape, dtype), name="weight")
        self.bias = TensorNode(np.zeros(shape, dtype), name="bias")

    def __call__(self, x: Any) -> TensorNode:
        """Apply the layer to a node, or to an array of data, which is cast to the layer's dtype."""
        result: TensorNode = layer_norm(as_node(x, self.weight.dtype), self.weight, self.bias, eps=self.eps)
        return result

    def __repr__(self) -> str:
        return f"LayerNorm({_axes(self.weight.shape)}, eps={self.eps})"


class RMSNorm(Layer):
    """Divide by the root of the mean square over the last axes, those of *shape*; then multiply by a weight.

    Args:
        shape: Of the last axes; a whole number for one.
        eps: Added to the mean square.
        dtype: Of the parameters.

    Source:
        Zhang, Sennrich: Root Mean Square Layer Normalization (2019).
    """

    def __init__(self, shape: int | tuple[int, ...], *, eps: float = 1e-5, dtype: Any = np.float32) -> None:
        self.eps = eps
        self.weight = TensorNode(np.ones(shape, dtype), name="weight")

    def __call__(self, x: Any) -> TensorNode:
        """Apply the layer to a node, or to an array of data, which is cast to the layer's dtype."""
        result: TensorNode = rms_norm(as_node(x, self.weight.dtype), self.weight, eps=self.eps)
        return result

    def __repr__(self) -> str:
        return f"RMSNorm({_axes(self.weight.shape)}, eps={self.eps})"


class GroupNorm(Layer):
    """Standardize groups of channels of x (n, channels, h, w) by themselves; a weight and a bias per channel.

    Args:
        groups: How many.
        channels: How many.
        eps: Added to the variance.
        dtype: Of the parameters.

    Raises:
        ValueError: The groups do not divide the channels.

    Source:
        Wu, He: Group Normalization (2018).
    """

    def __init__(self, groups: int, channels: int, *, eps: float = 1e-5, dtype: Any = np.float32) -> None:
        self.groups, self.eps = whole("GroupNorm", "groups", groups), eps
        if whole("GroupNorm", "channels", channels) % groups:
            raise ValueError(f"GroupNorm: groups is {groups}; allowed: divisors of channels={channels}")
        self.weight = TensorNode(np.ones(channels, dtype), name="weight")
        self.bias = TensorNode(np.zeros(channels, dtype), name="bias")

    def __call__(self, x: Any) -> TensorNode:
        """Apply the layer to a node, or to an array of data, which is cast to the layer's dtype."""
        x = as_node(x, self.weight.dtype)
        result: TensorNode = group_norm(x, self.weight, self.bias, groups=self.groups, eps=self.eps)
        return result

    def __repr__(self) -> str:
        return f"GroupNorm({self.groups}, {self.weight.shape[0]}, eps={self.eps})"


class BatchNorm(Layer):
    """Standardize each channel of x (n, channels, ...) over the batch; a weight and a bias per channel.

    In training the batch's mean and variance are used and kept as running averages, the variance with N - 1 in place
    of N; in evaluation the running averages are used. Both as in torch.nn.BatchNorm1d and 2d.

    Args:
        channels: How many.
        eps: Added to the variance.
        momentum: The weight of the newest batch in the running averages, from 0 to 1.
        dtype: Of the parameters and averages.

    Raises:
        ValueError: *momentum* is no weight.

    Source:
        Ioffe, Szegedy: Batch Normalization (2015).
    """

    buffers = ("running_mean", "running_var")

    def __init__(self, channels: int, *, eps: float = 1e-5, momentum: float = 0.1, dtype: Any = np.float32) -> None:
        if not isinstance(momentum, (int, float, np.number)) or not 0 <= momentum <= 1:
            raise ValueError(f"BatchNorm: momentum is {momentum!r}; allowed: numbers from 0 to 1")
        self.eps, self.momentum = eps, float(momentum)
        channels = whole("BatchNorm", "channels", channels)
        self.weight = TensorNode(np.ones(channels, dtype), name="weight")
        self.bias = TensorNode(np.zeros(channels, dtype), name="bias")
        self.running_mean = np.zeros(channels, dtype)
        self.running_var = np.ones(channels, dtype)

    def __call__(self, x: Any) -> TensorNode:
        """Apply the layer to a node, or to an array of data, which is cast to the layer's dtype."""
        x = as_node(x, self.weight.dtype)
        if not self.training:
            result: TensorNode = batch_norm_inference(
                x, self.weight, self.bias, self.running_mean.copy(), self.running_var.copy(), eps=self.eps
            )
            return result
        y, mean, var = batch_norm(x, self.weight, self.bias, eps=self.eps)
        count = x.value.size // len(self.running_mean)
        for running, new in (
            (self.running_mean, mean.value),
            (self.running_var, var.value * (count / max(count - 1, 1))),
        ):
            running *= 1 - self.momentum
            running += self.momentum * new
        normalized: TensorNode = y
        return normalized

    def __repr__(self) -> str:
        return f"BatchNorm({self.weight.shape[0]}, eps={self.eps}, momentum={self.momentum})"


def _axes(shape: tuple[int, ...]) -> str:
    return str(shape[0]) if len(shape) == 1 else str(shape)
