"""torch.autograd as an oracle: the op's torch reference, differentiated in float64."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from gradspec.errors import DeclarationError, MissingDependencyError
from gradspec.spec import Op

INSTALL = "pip install 'gradspec[torch]'"


class ReferenceFailedError(Exception):
    """The torch reference raised, or returned something that is no tensor."""


@dataclass(frozen=True)
class TorchAnswer:
    """What the reference gives: values, and a cotangent per input (None where not differentiable)."""

    values: tuple[np.ndarray, ...]
    cotangents: tuple[np.ndarray | None, ...]


def available() -> bool:
    """Whether torch is installed (it is not imported for this)."""
    return find_spec("torch") is not None


def torch_autograd(
    op: Op,
    arrays: Sequence[np.ndarray],
    params: Mapping[str, Any],
    y_bar: Sequence[np.ndarray | None] | None,
    dtype: str = "float64",
) -> TorchAnswer:
    """Evaluate and differentiate op's torch reference.

    Args:
        op: Has a torch reference.
        arrays: The inputs; float ones are taken to *dtype*.
        params: The params, passed on by name.
        y_bar: One cotangent per output, None for integer ones; or None for the values alone.
        dtype: "float64"; "float32" only to see how much the reference itself loses there.

    Raises:
        MissingDependencyError: torch is not installed.
        DeclarationError: The reference's dotted name leads nowhere.
        ReferenceFailedError: The reference raised or returned no tensors.
    """
    if not available():
        raise MissingDependencyError(f"{op.name}: its torch reference needs torch, which is not installed: {INSTALL}")
    import torch

    reference = resolve(op)
    tensors = []
    for x, domain in zip(arrays, op.inputs.values(), strict=True):
        tensor = torch.from_numpy(np.array(x, dtype=np.int64 if domain.integer else dtype, order="C"))
        tensors.append(tensor.requires_grad_(domain.differentiable))
    try:
        with warnings.catch_warnings():  # its opinion of unusual sizes is no concern of the op's author
            warnings.simplefilter("ignore")
            returned = reference(*tensors, **params)
        outputs = returned if isinstance(returned, (tuple, list)) else (returned,)
        values = tuple(output.detach().numpy() for output in outputs)
        if y_bar is None:
            return TorchAnswer(values, ())
        bars = [None if bar is None else torch.from_numpy(np.array(bar, dtype=dtype)) for bar in y_bar]
        # Detached: torch's cummax hands back y_bar's own tensor for an empty input, and that one requires a gradient.
        found = [None if bar is None else bar.detach().numpy() for bar in autograd(tensors, outputs, bars)]
    except Exception as error:
        raise ReferenceFailedError(f"the torch reference raised {type(error).__name__}: {error}") from error
    return TorchAnswer(values, tuple(found))


def autograd(tensors: Sequence[Any], outputs: Sequence[Any], y_bar: Sequence[Any]) -> list[Any | None]:
    """The gradient of each tensor by torch's autograd; zeros where the outputs do not depend on it.

    Args:
        tensors: What the outputs were computed from; None is returned for those that require no gradient.
        outputs: Tensors.
        y_bar: One cotangent per output; None for those that have none. If one of them requires a gradient, so do the
            results: they can be differentiated again.
    """
    import torch

    wanted = [tensor for tensor in tensors if tensor.requires_grad]
    pairs = [(y, bar) for y, bar in zip(outputs, y_bar, strict=True) if bar is not None and y.requires_grad]
    found = iter(
        torch.autograd.grad(
            [y for y, _ in pairs],
            wanted,
            [bar for _, bar in pairs],
            retain_graph=True,
            create_graph=any(bar.requires_grad for _, bar in pairs),
            allow_unused=True,
        )
        if pairs and wanted
        else [None] * len(wanted)
    )
    gradients: list[Any | None] = []
    for tensor in tensors:
        gradient = next(found) if tensor.requires_grad else None
        gradients.append(torch.zeros_like(tensor) if tensor.requires_grad and gradient is None else gradient)
    return gradients


def resolve(op: Op) -> Any:
    """The reference as a callable; a dotted name is looked up in its module.

    Raises:
        DeclarationError: The dotted name leads nowhere.
    """
    return resolved(op.name, "torch", op.torch) if isinstance(op.torch, str) else op.torch


def resolved(op: str, field: str, dotted: str) -> Any:
    """What a dotted name such as ``torch.nn.functional.gelu`` stands for.

    Raises:
        DeclarationError: It leads nowhere; the error names *op* and *field*.
    """
    module, *rest = dotted.split(".")
    try:
        target: Any = import_module(module)
        for position, name in enumerate(rest):
            if not hasattr(target, name):
                import_module(".".join([module, *rest[: position + 1]]))
            target = getattr(target, name)
    except (ImportError, AttributeError, ValueError) as error:
        raise DeclarationError(
            op, field, f"got {dotted!r} ({error}); allowed: a dotted name that exists, such as 'torch.softmax'"
        ) from None
    return target
