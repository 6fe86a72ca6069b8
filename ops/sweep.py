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
    ready = [source]
    while ready:
        op_node = ready.pop()
        inputs = op_node.inputs
        for x, x_bar in zip(inputs, _pull(op_node, inputs, cotangents, kept), strict=True):
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
            uses[source_of_x] -= 1
            if not uses[source_of_x]:
                ready.append(source_of_x)
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
    inputs: tuple[TensorNode, ...],
    cotangents: dict[TensorNode, Any],
    kept: dict[TensorNode, np.ndarray],
) -> tuple[Any, ...]:
    """Take the cotangents of the op's outputs and return those of its inputs."""
    if op_node.several:
        arrived: Any = tuple(
            [_arrived(op_node, position, output, cotangents, kept) for position, output in enumerate(op_node.outputs)]
        )
    else:
        (output,) = op_node.outputs
        arrived = _arrived(op_node, 0, output, cotangents, kept)
    vjp = op_node.op.vjp
    if _takes_needs(vjp):
        return vjp(op_node.saved, arrived, needs=tuple([x.needs_grad for x in inputs]))
    return vjp(op_node.saved, arrived)


def _arrived(
    op_node: OpNode,
    position: int,
    output: TensorNode | None,
    cotangents: dict[TensorNode, Any],
    kept: dict[TensorNode, np.ndarray],
) -> Any:
    """The cotangent of one output; zeros for an unused one of several."""
    y_bar = None if output is None else cotangents.pop(output, None)
    if y_bar is not None:
        if output is not None and output.keeps_grad:
            kept[output] = np.array(y_bar)
        return y_bar
    shape, dtype = op_node.several[position]
    return np.zeros(shape, dtype) if dtype.kind in "fc" else None


@lru_cache(maxsize=1024)
def _takes_needs(vjp: Callable[..., Any]) -> bool:
    return "needs" in inspect.signature(vjp).parameters


def _bad_cotangent(op_node: OpNode, inputs: tuple[TensorNode, ...], x: TensorNode, x_bar: Any) -> GraphError:
    position = next(i for i, one in enumerate(inputs) if one is x)
    name = list(op_node.op.inputs)[position]
    got = "no cotangent" if x_bar is None else f"a cotangent of shape {x_bar.shape}"
    return GraphError(f"{op_node.op.name}: its vjp gave {got} for input {name!r}; needed: shape {x.value.shape}")
