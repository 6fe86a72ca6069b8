"""The reverse sweep over a graph. Its state lives in local variables; nodes carry none."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ops.errors import GraphError

if TYPE_CHECKING:
    from ops.graph import OpNode, TensorNode


def sweep(root: TensorNode, source: OpNode, y_bar: np.ndarray, *, retain: bool) -> dict[TensorNode, np.ndarray]:
    """Call each op's vjp once all of its outputs have their cotangent; return the gradients to be kept.

    A cotangent that a vjp returned may be shared (add returns y_bar itself, twice): it is never written to, and one
    that outlives the sweep is copied.
    """
    uses = _count_uses(source)
    cotangents: dict[TensorNode, Any] = {root: y_bar}
    kept: dict[TensorNode, np.ndarray] = {}
    ready = [(source, root)]
    while ready:
        op_node, output = ready.pop()
        inputs = op_node.inputs
        x_bars = _pull(op_node, output, inputs, cotangents, kept)
        for x, x_bar in zip(inputs, x_bars, strict=True):
            if not x.needs_grad:
                continue
            if x_bar is None or x_bar.shape != x.value.shape:
                raise _bad_cotangent(op_node, inputs, x, x_bar)
            source_of_x = x.source
            if source_of_x is None:
                if x in kept:
                    kept[x] += x_bar
                else:
                    kept[x] = np.array(x_bar)
                continue
            before = cotangents.get(x)
            cotangents[x] = x_bar if before is None else before + x_bar
            left = uses[source_of_x] - 1
            uses[source_of_x] = left
            if not left:
                ready.append((source_of_x, x))
        if not retain:
            op_node.consume()
    return kept


def _count_uses(root: OpNode) -> dict[OpNode, int]:
    """Count how often the outputs of each op node are used on the way to *root*."""
    uses = {root: 0}
    stack = [root]
    while stack:
        for x in stack.pop().inputs:
            source = x.source
            if source is not None and x.needs_grad:
                if source in uses:
                    uses[source] += 1
                else:
                    uses[source] = 1
                    stack.append(source)
    return uses


def _pull(
    op_node: OpNode,
    output: TensorNode,
    inputs: tuple[TensorNode, ...],
    cotangents: dict[TensorNode, Any],
    kept: dict[TensorNode, np.ndarray],
) -> tuple[Any, ...]:
    """Take the cotangent of the op's *output*, or of its several ones, and return those of its inputs."""
    if op_node.several:
        arrived: Any = _several(op_node, cotangents, kept)
    else:
        arrived = cotangents.pop(output)
        if output.keeps_grad:
            kept[output] = np.array(arrived)
    vjp = op_node.op.vjp
    if _takes_needs(vjp):
        return vjp(op_node.saved, arrived, needs=tuple([x.needs_grad for x in inputs]))
    return vjp(op_node.saved, arrived)


def _several(
    op_node: OpNode, cotangents: dict[TensorNode, Any], kept: dict[TensorNode, np.ndarray]
) -> tuple[np.ndarray | None, ...]:
    """Take the cotangents of an op's several outputs; zeros for an unused one, None for integers."""
    arrived: list[np.ndarray | None] = []
    for output, (shape, dtype) in zip(op_node.outputs, op_node.several, strict=True):
        y_bar = None if output is None else cotangents.pop(output, None)
        if y_bar is None:
            arrived.append(np.zeros(shape, dtype) if dtype.kind in "fc" else None)
            continue
        if output is not None and output.keeps_grad:
            kept[output] = np.array(y_bar)
        arrived.append(y_bar)
    return tuple(arrived)


@lru_cache(maxsize=1024)
def _takes_needs(vjp: Callable[..., Any]) -> bool:
    return "needs" in inspect.signature(vjp).parameters


def _bad_cotangent(op_node: OpNode, inputs: tuple[TensorNode, ...], x: TensorNode, x_bar: Any) -> GraphError:
    position = next(i for i, one in enumerate(inputs) if one is x)
    name = list(op_node.op.inputs)[position]
    got = "no cotangent" if x_bar is None else f"a cotangent of shape {x_bar.shape}"
    return GraphError(f"{op_node.op.name}: its vjp gave {got} for input {name!r}; needed: shape {x.value.shape}")
