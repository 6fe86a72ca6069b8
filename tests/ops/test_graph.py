"""The graph: what it computes, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ops
from gradspec.spec import Op, real
from ops.errors import GraphConsumedError, GraphError, ShapeMismatchError
from ops.graph import OpNode, TensorNode
from tests.ops.leaf import leaf


def test_study_row_r5() -> None:
    """The node c = a + b has value, source, source.inputs[0].value and grad (R5)."""
    a, b = leaf(1, 2), leaf(3, 5)
    c = a + b
    assert c.value.tolist() == [4, 7]
    assert c.source.op is ops.add
    assert c.source.inputs[0].value is a.value
    c.backward(np.array([1.0, 10.0]))
    assert [a.grad.tolist(), b.grad.tolist()] == [[1, 10], [1, 10]]


def test_study_row_r6() -> None:
    """An op node has no outputs until its operation has run (R6)."""
    a, b = leaf(1), leaf(2)
    node = OpNode(ops.add, (a, b))
    assert node.outputs == ()
    c = node.run()
    assert node.outputs == (c,)
    assert c.source is node
    with pytest.raises(GraphError, match=r"^add: this op node has run already"):
        node.run()


# Each returns the scalar at the end; the same code builds the graph here and in torch.
GRAPHS: dict[str, Any] = {
    "unused branch": lambda x, w, f: [x * w * 2.0, (x * w + x).sum()][1],
    "diamond": lambda x, w, f: ((t := x * w) * f.tanh(t) + t).sum(),
    "node used twice": lambda x, w, f: (x * x + x / x - x).sum(),
    "same op node under many": lambda x, w, f: ((t := f.sigmoid(x * w)) + t + t * t + 1.0 / (t + 1.0)).sum(),
    "uneven depth": lambda x, w, f: (x * f.tanh(f.tanh(f.tanh(x * w))) + w).sum(),
    "scalars left and right": lambda x, w, f: (1.0 - x * 2.0 + 3.0 / (w * w + 1.0) + (-x) / 4.0).sum(),
}


class _Functions:
    """What torch calls tanh and sigmoid, for nodes."""

    tanh, sigmoid = ops.tanh, ops.sigmoid


def _node_sum(self: TensorNode) -> Any:
    return ops.sum(self)


@pytest.fixture
def summing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give nodes torch's method sum, so that GRAPHS can be written once."""
    monkeypatch.setattr(TensorNode, "sum", _node_sum, raising=False)


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("sweeps", [1, 2])
@pytest.mark.usefixtures("summing")
def test_as_torch(name: str, sweeps: int, rng: np.random.Generator) -> None:
    """Gradients equal torch's, also when a retained graph is swept twice."""
    torch = pytest.importorskip("torch")
    arrays = rng.uniform(0.5, 2, (2, 3))
    nodes = [TensorNode(a) for a in arrays]
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    mine, other = GRAPHS[name](*nodes, _Functions), GRAPHS[name](*tensors, torch)
    for sweep in range(1, sweeps + 1):
        mine.backward(retain_graph=sweep < sweeps)
        other.backward(retain_graph=sweep < sweeps)
    np.testing.assert_allclose(mine.value, other.detach().numpy(), rtol=1e-14)
    for node, tensor in zip(nodes, tensors, strict=True):
        assert (node.grad is None) == (tensor.grad is None)
        if tensor.grad is not None:
            np.testing.assert_allclose(node.grad, tensor.grad.numpy(), rtol=1e-13, atol=1e-15)


def test_consumed_graph() -> None:
    """A second backward, a look at the inputs and zero_grad say that the graph was freed; gradients stay."""
    x = leaf(2)
    trunk = x * x
    first, second = trunk * 3.0, trunk * 5.0
    first.backward()
    for again in (first.backward, second.backward, first.zero_grad, lambda: first.source.inputs):
        with pytest.raises(GraphConsumedError, match=r"^mul: .* retain_graph=True"):
            again()
    assert x.grad.tolist() == [12]


def test_gradients_add_up() -> None:
    """Two graphs over one leaf accumulate, and zero_grad starts anew."""
    x = leaf(2)
    (x * x).backward()
    (x * 3.0).backward()
    assert x.grad.tolist() == [7]
    loss = x * x
    loss.zero_grad()
    assert x.grad is None


def test_zero_grad_is_linear() -> None:
    """A graph with 2^200 paths is walked once."""
    x = y = leaf(1)
    for _ in range(200):
        y = y + y
    y.backward(np.array([2.0**-200]), retain_graph=True)
    assert x.grad.tolist() == [1]
    y.zero_grad()
    assert x.grad is None


def test_interior_gradients_on_request() -> None:
    """As in torch an interior node has no grad unless retain_grad was called; it is a copy."""
    x = leaf(1, 2)
    kept, other = (x * 2.0).retain_grad(), x * 3.0
    y_bar = np.array([1.0, 1.0])
    end = kept + other
    end.backward(y_bar)
    assert (other.grad, end.grad, kept.grad.tolist()) == (None, None, [1, 1])
    assert not np.shares_memory(kept.grad, y_bar)


def test_leaf_is_its_own_root() -> None:
    """backward() of a leaf gives it the cotangent itself, as a copy."""
    x, y_bar = leaf(1, 2), np.array([3.0, 4.0])
    x.backward(y_bar)
    assert not np.shares_memory(x.grad, y_bar)
    x.backward(y_bar)
    assert x.grad.tolist() == [6, 8]


def test_gradients_share_nothing() -> None:
    """The op add hands y_bar itself to both sides; the gradients are neither it nor each other."""
    a, b, y_bar = leaf(1, 2), leaf(3, 4), np.array([1.0, 10.0])
    (a + b + a).backward(y_bar)
    assert [a.grad.tolist(), b.grad.tolist(), y_bar.tolist()] == [[2, 20], [1, 10], [1, 10]]
    assert not any(np.shares_memory(p, q) for p, q in [(a.grad, b.grad), (a.grad, y_bar), (b.grad, y_bar)])


def test_shared_cotangents_of_interior_nodes() -> None:
    """What add hands to two interior nodes adds up in one of them without changing in the other."""
    a, b, y_bar = leaf(1, 2), leaf(3, 4), np.array([1.0, 10.0])
    t, u = a * 1.0, b * 1.0
    ((t + u) + (t + t)).backward(y_bar)
    assert [a.grad.tolist(), b.grad.tolist(), y_bar.tolist()] == [[3, 30], [1, 10], [1, 10]]


def test_accumulating_leaves_earlier_gradient_alone() -> None:
    """A gradient that somebody holds does not change under them."""
    x = leaf(1)
    (x * 2.0).backward()
    held = x.grad
    (x * 3.0).backward()
    assert [held.tolist(), x.grad.tolist()] == [[2], [5]]


def _halves(x: Any) -> tuple[Any, Any]:
    count = x.shape[0] // 2
    return (x[:count] * 2, np.array([count]), x[count:] * 3), x.shape


HALVES_SEEN: list[Any] = []


def _halves_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    HALVES_SEEN.append(y_bar)
    low, _, high = y_bar
    return (np.concatenate([low * 2, high * 3]),)


HALVES = Op(name="halves", forward=_halves, vjp=_halves_vjp, inputs={"x": real("2*n")})


@pytest.mark.parametrize("drop", [False, True])
def test_several_outputs(drop: bool) -> None:
    """An unused output counts as zeros, an integer one as None; also when nobody holds it any more."""
    HALVES_SEEN.clear()
    x = leaf(1, 2, 3, 4)
    low, count, high = HALVES(x)
    assert (count.needs_grad, high.needs_grad) == (False, True)
    if drop:
        del count, high
    (low * 5.0).backward(np.ones(2))
    assert x.grad.tolist() == [10, 10, 0, 0]
    low_bar, count_bar, high_bar = HALVES_SEEN[0]
    assert (low_bar.tolist(), count_bar, high_bar.tolist()) == ([5, 5], None, [0, 0])


def test_all_of_several_outputs() -> None:
    """The vjp runs once, when all outputs that are used have their cotangent."""
    HALVES_SEEN.clear()
    x = leaf(1, 2, 3, 4)
    low, _, high = HALVES(x)
    (low * high + low).backward(np.ones(2))
    assert len(HALVES_SEEN) == 1
    assert x.grad.tolist() == [2 * (9 + 1), 2 * (12 + 1), 3 * 2, 3 * 4]


@pytest.mark.parametrize(
    ("given", "text"),
    [(None, "gave no cotangent for input 'b'"), (np.ones(3), "gave a cotangent of shape (3,) for input 'b'")],
)
def test_wrong_vjp_is_named(given: Any, text: str) -> None:
    """A missing or misshapen cotangent is an error that names the op and the input, never a silent zero."""

    def vjp(saved: Any, y_bar: Any) -> tuple[Any, Any]:
        return y_bar, given

    a, b = leaf(1, 2), leaf(3, 4)
    with pytest.raises(GraphError) as caught:
        ops.add.replace(name="wrong", vjp=vjp)(a, b).backward(np.ones(2))
    assert str(caught.value) == f"wrong: its vjp {text}; needed: shape (2,)"
    assert (a.grad, b.grad) == (None, None)


def test_backward_asks_for_a_cotangent() -> None:
    """More than one element and no cotangent, or one of another shape, is an error; one element is enough."""
    x = leaf(1, 2)
    with pytest.raises(GraphError, match=r"it has 2 elements; reduce it to one"):
        (x * x).backward()
    with pytest.raises(ShapeMismatchError, match=r"y_bar has shape \(3,\); allowed: \(2,\)"):
        (x * x).backward(np.ones(3))
    one = TensorNode(np.array([[3.0]]))
    (one * one).backward()
    assert one.grad.tolist() == [[6]]


def test_representation() -> None:
    """It says the name, the shape, the dtype and the op that made it."""
    x = TensorNode(np.ones((2, 3), np.float32), name="w")
    assert repr(x) == "TensorNode('w', shape=(2, 3), dtype=float32)"
    y = x * x
    assert repr(y) == "TensorNode(shape=(2, 3), dtype=float32, source=mul)"
    assert [repr(OpNode(ops.neg, (x,))), repr(y.source)] == ["OpNode(neg, not run)", "OpNode(mul, run)"]
    y.backward(np.ones((2, 3)))
    assert repr(y.source) == "OpNode(mul, consumed)"
