"""Smooth functions (n,) -> (m,) composed at random, whose derivatives are known exactly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

INPUTS, OUTPUTS = 4, 3
Function = Callable[[np.ndarray], np.ndarray]


def random_function(rng: np.random.Generator) -> Function:
    """A smooth function (n,) -> (m,), composed at random; analytic, so that complex step gives its derivative."""
    layers: list[Function] = []
    width = INPUTS
    for _ in range(int(rng.integers(1, 4))):
        weights = rng.normal(size=(int(rng.integers(1, 5)), width)) / np.sqrt(width)
        offset = rng.normal(size=weights.shape[0])
        layers.append(_layer(rng.choice(["sin", "exp", "polynomial", "quotient", "product"]), weights, offset))
        width = weights.shape[0]
    layers.append(_layer("linear", rng.normal(size=(OUTPUTS, width)), rng.normal(size=OUTPUTS)))

    def function(x: np.ndarray) -> np.ndarray:
        for layer in layers:
            x = layer(x)
        return x

    return function


def _layer(kind: str, weights: np.ndarray, offset: np.ndarray) -> Function:
    def inner(x: np.ndarray) -> np.ndarray:
        return (weights * x).sum(axis=1) + offset  # no matmul: NumPy has none for long doubles

    layers: dict[str, Function] = {
        "linear": inner,
        "sin": lambda x: np.sin(inner(x)),
        "exp": lambda x: np.exp(np.sin(inner(x))),
        "polynomial": lambda x: (z := inner(x)) ** 3 / 4 - z**2 + z,
        "quotient": lambda x: inner(x) / (2 + np.cos(inner(x))),
        "product": lambda x: (z := inner(x)) * np.sin(z) / (1 + z * z),
    }
    return layers[kind]


def exact(function: Function, u: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """The derivative along *direction* by complex step in extended precision.

    Source: Squire and Trapp, "Using complex variables to estimate derivatives of real functions" (1998).
    """
    tiny = np.longdouble(1e-100)
    return np.asarray(function(u.astype(np.clongdouble) + 1j * tiny * direction).imag / tiny, dtype=float)
