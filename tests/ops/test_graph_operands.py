"""What nodes may be combined with: arrays, numbers and labels; what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ops
from ops.errors import BadInputError, GraphError, InputTypeError
from ops.graph import TensorNode
from tests.ops.leaf import leaf


@pytest.mark.parametrize("other", [2, 2.0, True, np.float64(2), np.int64(2), np.float32(2), np.arange(1, 4)], ids=repr)
@pytest.mark.parametrize(
    "operation", ["__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__truediv__"]
)
def test_float32_stays_float32(operation: str, other: Any) -> None:
    """No number, Python's or NumPy's, and no array of integers widens a node."""
    x = leaf(1, 2, 3, dtype=np.float32)
    y = getattr(x, operation)(other)
    np.testing.assert_allclose(getattr(x.value, operation)(other), y.value, rtol=1e-6)
    y.backward(np.ones(3))
    assert (np.float32, np.float32) == (y.dtype, x.grad.dtype)


def test_arrays_on_the_left() -> None:
    """An ndarray or a NumPy scalar on the left gives a node, not an array of objects."""
    x = TensorNode(np.array([[1.0, 2.0], [3.0, 4.0]]))
    a = np.array([[1.0, 1.0], [0.0, 2.0]])
    for y, expected in [
        (a + x, a + x.value),
        (a - x, a - x.value),
        (a * x, a * x.value),
        (a / x, a / x.value),
        (a @ x, a @ x.value),
        (x @ a, x.value @ a),
        (np.float64(2) / x, 2 / x.value),
        (3 - x, 3 - x.value),
    ]:
        assert isinstance(y, TensorNode)
        np.testing.assert_array_equal(expected, y.value)


def test_ops_take_arrays_and_numbers_beside_nodes() -> None:
    """Arrays among the arguments are data: they get no gradient; a number takes the node's dtype."""
    x = leaf(1, 2, dtype=np.float32)
    y = ops.add(np.ones(2, np.float32), x)
    assert (np.float32, False, True) == (y.dtype, y.source.inputs[0].needs_grad, y.source.inputs[1].needs_grad)
    assert [np.float32] * 3 == [ops.mul(x, 2).dtype, ops.mul(x, 2.0).dtype, ops.mul(np.float64(2), x).dtype]


def test_labels_get_no_gradient() -> None:
    """Integers never do, as an array or as a node."""
    logits, labels = TensorNode(np.eye(2)), TensorNode(np.array([0, 1]))
    assert not labels.needs_grad
    for given in (labels, labels.value):
        ops.cross_entropy(logits, given).backward()
    assert labels.grad is None
    assert logits.grad.shape == (2, 2)


def test_data_costs_no_cotangent() -> None:
    """The vjp is told which inputs need a cotangent, and a graph of data keeps nothing for a sweep."""
    asked = []

    def vjp(saved: Any, y_bar: Any, needs: tuple[bool, ...] = (True, True)) -> tuple[Any, ...]:
        asked.append(needs)
        return ops.matmul.vjp(saved, y_bar, needs)

    spy = ops.matmul.replace(vjp=vjp)
    data, w = TensorNode(np.eye(2), needs_grad=False), TensorNode(np.eye(2))
    spy(data, w).backward(np.eye(2))
    assert asked == [(False, True)]
    assert data.grad is None
    only_data = ops.exp(data)
    assert (only_data.needs_grad, only_data.source.saved) == (False, None)
    with pytest.raises(GraphError, match=r"no leaf that needs a gradient"):
        ops.sum(only_data).backward()


def test_wrong_operands() -> None:
    """A node of a node, text and lists are refused with a TypeError."""
    x = leaf(1)
    with pytest.raises(TypeError, match=r"^TensorNode: got the node"):
        TensorNode(x)
    with pytest.raises(TypeError, match="unsupported operand"):
        x + "a"
    with pytest.raises(InputTypeError, match=r"^add: an argument is a Python list"):
        ops.add(x, [1.0])
    with pytest.raises(BadInputError, match=r"^add: a and b have shapes"):
        leaf(1, 2) + leaf(1, 2, 3)
