"""What the optimizers share: which parameters and numbers fit, working memory, and the state by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ops.graph import TensorNode
from ops.state import load_arrays


def trainable(optimizer: str, params: Iterable[TensorNode]) -> list[TensorNode]:
    """Return the parameters as a list.

    Raises:
        ValueError: There is none, one is given twice, or one cannot be trained.
    """
    parameters = list(params)
    if not parameters:
        raise ValueError(f"{optimizer}: params is empty; allowed: at least one parameter")
    seen: set[int] = set()
    for position, p in enumerate(parameters):
        allowed = "leaves of the graph that need a gradient, with arrays that can be written to, each once"
        if not isinstance(p, TensorNode) or p.source is not None or not p.needs_grad or not p.value.flags.writeable:
            raise ValueError(f"{optimizer}: params[{position}] is {p!r}; allowed: {allowed}")
        if id(p) in seen:
            raise ValueError(f"{optimizer}: params[{position}] is there twice; allowed: {allowed}")
        seen.add(id(p))
    return parameters


def number(optimizer: str, name: str, value: Any, low: float, high: float) -> float:
    """Return *value*, which lies in [low, high), as a Python float, which leaves float32 arrays float32.

    Raises:
        ValueError: It is outside, or no number.
    """
    if not isinstance(value, (float, int, np.floating, np.integer)) or not low <= value < high:
        raise ValueError(f"{optimizer}: {name} is {value!r}; allowed: from {low:g} to less than {high:g}")
    return float(value)


def workspace(params: Sequence[TensorNode]) -> list[np.ndarray]:
    """Return an array of each parameter's shape and dtype; all of them use the same memory, one after the other."""
    sizes: dict[np.dtype, int] = {}
    for p in params:
        sizes[p.value.dtype] = max(p.value.size, sizes.get(p.value.dtype, 0))
    memory = {dtype: np.empty(size, dtype) for dtype, size in sizes.items()}
    return [memory[p.value.dtype][: p.value.size].reshape(p.value.shape) for p in params]


def descend(value: np.ndarray, direction: np.ndarray, lr: float, scratch: np.ndarray) -> None:
    """Subtract *lr* times *direction*, which may be the *scratch* array itself, from *value*."""
    np.multiply(direction, lr, out=scratch)
    value -= scratch


def forget(params: Sequence[TensorNode]) -> None:
    """Drop the gradients of the parameters."""
    for p in params:
        p.grad = None


def load_parts(
    params: Sequence[TensorNode], state: Mapping[str, np.ndarray], parts: tuple[str, ...]
) -> dict[str, dict[int, np.ndarray]]:
    """Copy a state part by part; a parameter that has made no step yet has none of them, the others have all.

    Raises:
        StateMismatchError: It is of an optimizer with other parameters.
    """
    begun = [i for i in range(len(params)) if any(f"{i}.{part}" in state for part in parts)]
    loaded: dict[str, dict[int, np.ndarray]] = {part: {} for part in parts}
    for part in parts:
        for i in begun:
            loaded[part][i] = np.zeros((), np.int64) if part == "t" else np.empty_like(params[i].value)
    load_arrays({f"{i}.{part}": arrays[i] for part, arrays in loaded.items() for i in arrays}, state)
    return loaded
