"""Functions of ``torch`` and ``torch.nn.functional`` as declarations."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from benchmarks.torch_ops import arrays, layers, losses, matrices, pointwise
from gradspec import Op
from gradspec.adapters import from_torch


def declared(device: str = "cpu") -> Iterator[Op]:
    """The ops, made on demand.

    Args:
        device: Where torch computes, such as "cuda".
    """
    made = partial(from_torch, device=device)
    for module in (pointwise, arrays, matrices, layers, losses):
        yield from module.declared(made)
