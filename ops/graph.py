"""The computation graph: tensors, the op nodes that made them, and the reverse sweep.

A tensor knows the op node that made it (``source``), an op node knows its inputs; outputs are known weakly, so a
graph has no cycles and is freed the moment that nobody holds its last tensor. The sweep keeps all of its state in
local variables: nodes carry none, and a branch that does not lead to the loss changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import ref

import numpy as np

from gradspec.spec import Op
from ops.errors import GraphConsumedError, GraphError, InputTypeError, ShapeMismatchError
from ops.rules.broadcast import add, div, mul, neg, sub
from ops.rules.linalg import matmul
from ops.sweep import sweep


class TensorNode:
    """A value in the graph.

    After ``backward()`` the *leaves* that need a gradient have it in ``grad``; as in torch, a tensor that an op made
    has one only if :meth:`retain_grad` was called on it before. Gradients add up over calls until ``zero_grad()``.

    Args:
        value: An array of any shape, or a number (which becomes a 0-d array). It is not copied.
        needs_grad: Whether ``backward()`` gives it a gradient; False for data. Integers never have one.
        name: How messages and saved states call it.

    Raises:
        TypeError: *value* is a node already.

    Examples:
        >>> import numpy as np
        >>> a, b = TensorNode(np.array([1.0, 2.0])), TensorNode(np.array([3.0, 4.0]))
        >>> c = a + b
        >>> c.value, c.source.inputs[0] is a
        (array([4., 6.]), True)
        >>> c.backward(np.array([1.0, 10.0]))
        >>> a.grad
        array([ 1., 10.])
    """

    __slots__ = ("__weakref__", "grad", "keeps_grad", "name", "needs_grad", "source", "value")
    __array_ufunc__ = None  # makes `ndarray + node` ask the node instead of looping over the array's elements

    value: Any
    source: OpNode | None
    grad: np.ndarray | None

    def __init__(self, value: Any, *, needs_grad: bool = True, name: str = "") -> None:
        if isinstance(value, TensorNode):
            raise TypeError(f"TensorNode: got the node {value!r}; allowed: an array or a number")
        self.value = np.asarray(value)
        self.source = None
        self.grad = None
        self.name = name
        self.needs_grad = needs_grad and self.value.dtype.kind in "fc"
        self.keeps_grad = False

    def __repr__(self) -> str:
        name = f"{self.name!r}, " if self.name else ""
        origin = f", source={self.source.op.name}" if self.source is not None else ""
        return f"TensorNode({name}shape={self.value.shape}, dtype={self.value.dtype}{origin})"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        return self.value.shape  # type: ignore[no-any-return]  # the value is Any so that its elements can be used

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the value."""
        return self.value.dtype  # type: ignore[no-any-return]  # as above

    def __gradspec_apply__(self, op: Op, args: tuple[Any, ...], params: Mapping[str, Any]) -> Any:
        """Apply *op* within the graph; ``ops.relu(node)`` comes here.

        Arrays among *args* become leaves without a gradient; a float or a Python number takes this node's dtype.
        """
        inputs = [arg if isinstance(arg, TensorNode) else _data(op, arg, self.value.dtype) for arg in args]
        return OpNode(op, inputs, params).run()

    def backward(self, y_bar: Any = None, *, retain_graph: bool = False) -> None:
        """Give each leaf that this tensor depends on its gradient.

        Args:
            y_bar: The cotangent of this tensor, of its shape; 1 by default, if it has one element.
            retain_graph: Keep what the sweep needs, so that it can be repeated. By default all of it (``inputs``,
                ``saved``, and the tensors held only by them) is freed while the sweep passes.

        Raises:
            GraphConsumedError: An earlier ``backward()`` freed a part of the graph. No gradient was changed.
            GraphError: There is no leaf that needs a gradient, *y_bar* is missing where there is more than one
                element, or an op's vjp gives nothing for an input that needs it.
            ShapeMismatchError: *y_bar* has another shape.
        """
        if not self.needs_grad:
            raise GraphError(f"backward of {self!r}: it depends on no leaf that needs a gradient")
        cotangent = _root_cotangent(self, y_bar)
        if self.source is None:
            gradients = {self: cotangent.copy()}
        else:
            gradients = sweep(self, self.source, cotangent, retain=retain_graph)
        for node, gradient in gradients.items():
            node.grad = gradient if node.grad is None else np.asarray(node.grad + gradient)

    def retain_grad(self) -> TensorNode:
        """Let ``backward()`` fill ``grad`` of this tensor though an op made it; returns the tensor."""
        self.keeps_grad = True
        return self

    def zero_grad(self) -> None:
        """Forget the gradient of this tensor and of all that it depends on.

        Raises:
            GraphConsumedError: ``backward()`` freed the graph, so that its leaves are out of reach.
        """
        stack, seen = [self], {self}
        while stack:
            node = stack.pop()
            node.grad = None
            for x in node.source.inputs if node.source is not None else ():
                if x not in seen:
                    seen.add(x)
                    stack.append(x)

    def __add__(self, other: Any) -> TensorNode:
        return _combine(add, self, other)

    def __radd__(self, other: Any) -> TensorNode:
        return _combine(add, self, other, swapped=True)

    def __sub__(self, other: Any) -> TensorNode:
        return _combine(sub, self, other)

    def __rsub__(self, other: Any) -> TensorNode:
        return _combine(sub, self, other, swapped=True)

    def __mul__(self, other: Any) -> TensorNode:
        return _combine(mul, self, other)

    def __rmul__(self, other: Any) -> TensorNode:
        return _combine(mul, self, other, swapped=True)

    def __truediv__(self, other: Any) -> TensorNode:
        return _combine(div, self, other)

    def __rtruediv__(self, other: Any) -> TensorNode:
        return _combine(div, self, other, swapped=True)

    def __matmul__(self, other: Any) -> TensorNode:
        return _combine(matmul, self, other)

    def __rmatmul__(self, other: Any) -> TensorNode:
        return _combine(matmul, self, other, swapped=True)

    def __neg__(self) -> TensorNode:
        result: TensorNode = OpNode(neg, (self,)).run()
        return result


NO_PARAMS: Mapping[str, Any] = {}


class OpNode:
    """One application of an op: its inputs, the op, and once it has run, its outputs.

    Args:
        op: The op.
        inputs: Its input tensors, in order.
        params: Its static keywords.
    """

    __slots__ = ("_inputs", "_outputs", "op", "params", "saved", "several")

    def __init__(self, op: Op, inputs: Any, params: Mapping[str, Any] | None = None) -> None:
        self.op = op
        self.params = params or NO_PARAMS
        self.saved: Any = None
        self._inputs: tuple[TensorNode, ...] | None = tuple(inputs)
        self._outputs: tuple[ref[TensorNode], ...] | ref[TensorNode] = ()  # one tuple less for the collector to visit
        self.several: tuple[
            tuple[tuple[int, ...], np.dtype], ...
        ] = ()  # what zeros look like, if there are several outputs

    def __repr__(self) -> str:
        state = "consumed" if self._inputs is None else "run" if self._outputs else "not run"
        return f"OpNode({self.op.name}, {state})"

    @property
    def inputs(self) -> tuple[TensorNode, ...]:
        """The tensors that the op was applied to.

        Raises:
            GraphConsumedError: ``backward()`` has freed them.
        """
        if self._inputs is None:
            raise GraphConsumedError(
                f"{self.op.name}: the graph behind it was freed by an earlier backward(); call that one with "
                "retain_graph=True to sweep or inspect the graph again (zero gradients on the parameters themselves)"
            )
        return self._inputs

    @property
    def outputs(self) -> tuple[TensorNode | None, ...]:
        """What the op made: nothing before it has run, None for a tensor that nobody holds any more."""
        made = self._outputs
        return tuple([output() for output in made]) if isinstance(made, tuple) else (made(),)

    def consume(self) -> None:
        """Drop the inputs and what forward saved, and with them all that nobody else holds."""
        self._inputs = self.saved = None

    def run(self) -> Any:
        """Apply the op to the inputs' values.

        Returns:
            The output tensor, or a tuple of them where the op has several.

        Raises:
            GraphError: It has run already.
        """
        if self._outputs:
            raise GraphError(f"{self.op.name}: this op node has run already; make another one")
        values, needs_grad = [], False
        for x in self.inputs:  # this runs once per op: any() costs a generator
            values.append(x.value)
            if x.needs_grad:
                needs_grad = True
        params = self.params
        y, saved = self.op.forward(*values, **params) if params else self.op.forward(*values)
        if needs_grad:
            self.saved = saved
        if not isinstance(y, tuple):
            output = _made(y, self, needs_grad)
            self._outputs = ref(output)
            return output
        outputs = tuple([_made(one, self, needs_grad and one.dtype.kind in "fc") for one in y])
        self._outputs = tuple(map(ref, outputs))
        self.several = tuple([(one.shape, one.dtype) for one in y])
        return outputs


_new = TensorNode.__new__


def _made(value: Any, source: OpNode, needs_grad: bool) -> TensorNode:  # noqa: FBT001 -- a keyword takes longer
    """Make the tensor that *source* made, past __init__: this runs once per op."""
    node = _new(TensorNode)
    node.value = value
    node.source = source
    node.grad = None
    node.name = ""
    node.needs_grad = needs_grad
    node.keeps_grad = False
    return node


def _combine(op: Op, node: TensorNode, other: Any, *, swapped: bool = False) -> TensorNode:
    """Apply a binary operator; numbers and integer arrays take the node's dtype, so that float32 stays float32."""
    if not isinstance(other, TensorNode):
        if isinstance(other, np.ndarray) and other.dtype.kind in "fc":
            other = TensorNode(other, needs_grad=False)
        elif isinstance(other, (np.ndarray, np.generic, int, float)):
            other = TensorNode(np.asarray(other, node.value.dtype), needs_grad=False)
        else:
            return NotImplemented  # type: ignore[no-any-return]  # lets Python ask the other operand
    result: TensorNode = OpNode(op, (other, node) if swapped else (node, other)).run()
    return result


def _data(op: Op, argument: Any, dtype: np.dtype) -> TensorNode:
    if isinstance(argument, (int, float)) and dtype.kind in "fc":  # np.float64 is a float: it must not widen float32
        return TensorNode(np.asarray(argument, dtype), needs_grad=False)
    if isinstance(argument, (np.ndarray, np.generic)):
        return TensorNode(argument, needs_grad=False)
    raise InputTypeError(op.name, "an argument", f"is a Python {type(argument).__name__}", "nodes, arrays and numbers")


def _root_cotangent(root: TensorNode, y_bar: Any) -> np.ndarray:
    value = root.value
    if y_bar is None:
        if value.size != 1:
            raise GraphError(
                f"backward of {root!r}: it has {value.size} elements; reduce it to one (ops.sum, ops.mean), "
                f"or give the cotangent y_bar of shape {value.shape}"
            )
        return np.ones(value.shape, value.dtype)
    cotangent = np.asarray(y_bar, value.dtype)
    if cotangent.shape != value.shape:
        raise ShapeMismatchError("backward", "y_bar", f"has shape {cotangent.shape}", f"{value.shape}")
    return cotangent
