"""Layers and models: parameters, which are leaves of the graph with names, and a forward."""

from __future__ import annotations

from ops.nn.layer import Layer
from ops.nn.models import ACTIVATIONS, MLP, Net, Residual, Sequential
from ops.nn.norms import BatchNorm, GroupNorm, LayerNorm, RMSNorm
from ops.nn.unweighted import AvgPool2d, Dropout, MaxPool2d
from ops.nn.weighted import Conv2d, Embedding, Linear

__all__ = [
    "ACTIVATIONS",
    "MLP",
    "AvgPool2d",
    "BatchNorm",
    "Conv2d",
    "Dropout",
    "Embedding",
    "GroupNorm",
    "Layer",
    "LayerNorm",
    "Linear",
    "MaxPool2d",
    "Net",
    "RMSNorm",
    "Residual",
    "Sequential",
]
