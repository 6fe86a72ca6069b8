"""The double backward of torch: the derivative of a vjp, contracted with a cotangent of its result."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradspec.oracles.torch_autograd import ReferenceFailedError, autograd, resolve
from gradspec.spec import Op

OfTensors = Callable[[Sequence[Any], Mapping[str, Any], Sequence[Any]], Sequence[Any]]
# (tensors, params, y_bar) -> one gradient per tensor, itself differentiable


@dataclass(frozen=True)
class SecondOrder:
    """The derivatives of ⟨w, x_bar⟩, x_bar being what a vjp makes of x and y_bar.

    Attributes:
        by_x: Per input, with respect to x; None where it is not differentiable.
        by_y_bar: Per output, with respect to y_bar; None for integer outputs.
    """

    by_x: tuple[np.ndarray | None, ...]
    by_y_bar: tuple[np.ndarray | None, ...]


def own_double_backward(op: Op) -> OfTensors | None:
    """The op's own vjp as torch differentiates it; None for an op that torch knows nothing of.

    Ops made by :func:`gradspec.adapters.from_torch` have one, and it is then the subject, not the oracle.
    """
    found: OfTensors | None = getattr(op.vjp, "of_tensors", None)
    return found


def double_backward(
    op: Op,
    arrays: Sequence[np.ndarray],
    params: Mapping[str, Any],
    y_bar: Sequence[np.ndarray | None],
    w: Sequence[np.ndarray | None],
) -> SecondOrder:
    """Differentiate ⟨w, x_bar⟩ in float64.

    Args:
        op: Has a torch reference, or was made by ``from_torch``.
        arrays: The inputs.
        params: The params.
        y_bar: One cotangent per output; None for integer ones.
        w: One cotangent per input's cotangent; None where not differentiable.

    Raises:
        ReferenceFailedError: torch cannot differentiate the gradient.
    """
    import torch

    tensors = []
    for x, domain in zip(arrays, op.inputs.values(), strict=True):
        tensor = torch.from_numpy(np.array(x, dtype=np.int64 if domain.integer else np.float64, order="C"))
        tensors.append(tensor.requires_grad_(domain.differentiable))
    bars = [None if b is None else torch.from_numpy(np.array(b, dtype=np.float64)).requires_grad_() for b in y_bar]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            first = (own_double_backward(op) or _of_reference(op))(tensors, params, bars)
            outputs, seeds = [], []
            for gradient, weight in zip(first, w, strict=True):
                if gradient is not None and weight is not None and gradient.requires_grad:
                    outputs.append(gradient)
                    seeds.append(torch.from_numpy(np.array(weight, dtype=np.float64)))
            if (
                outputs
            ):  # not autograd.grad: it goes around the node by which a backward says that it is not made for this
                torch.autograd.backward(outputs, seeds)
    except Exception as error:
        raise ReferenceFailedError(f"torch has no double backward here: {type(error).__name__}: {error}") from error
    return SecondOrder(
        by_x=tuple(_gradient(tensor) if tensor.requires_grad else None for tensor in tensors),
        by_y_bar=tuple(None if bar is None else _gradient(bar) for bar in bars),
    )


def _gradient(leaf: Any) -> np.ndarray:
    """What was accumulated; zeros where nothing depends on it."""
    gradient: np.ndarray = (leaf.new_zeros(leaf.shape) if leaf.grad is None else leaf.grad).numpy(force=True)
    return gradient


def _of_reference(op: Op) -> OfTensors:
    reference = resolve(op)

    def of_tensors(tensors: Sequence[Any], params: Mapping[str, Any], y_bar: Sequence[Any]) -> Sequence[Any]:
        returned = reference(*tensors, **params)
        return autograd(tensors, returned if isinstance(returned, (tuple, list)) else (returned,), y_bar)

    return of_tensors
