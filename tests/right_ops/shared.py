"""What right ops of several kinds are made of."""

from __future__ import annotations

import numpy as np


def softplus(x):
    """log(1 + exp(x)), without overflow."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def functional(name):
    """The function of torch.nn.functional with this name; torch is imported when it is called."""

    def call(*tensors, **params):
        import torch

        return getattr(torch.nn.functional, name)(*tensors, **params)

    return call
