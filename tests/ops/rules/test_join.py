"""Putting arrays together, any number of them, and taking them apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradspec
from gradspec.spec import real
from ops.errors import InputTypeError, OutOfRangeError, ParamError, ShapeMismatchError
from ops.graph import TensorNode
from ops.rules.join import concat, split, stack

LINEAR = frozenset({"a", "b", "c"})


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
@pytest.mark.parametrize("sizes", [(2,), (2, 3), (1, 0, 3), (0, 0)], ids=str)
def test_concat_as_torch(axis: int, sizes: tuple[int, ...], rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangents equal torch's for one array and more, empty ones among them."""
    arrays = []
    for size in sizes:
        shape = [2, 3, 4]
        shape[axis] = size
        arrays.append(rng.standard_normal(shape))
    matches_torch(concat, *arrays, axis=axis)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 3)], ids=str)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_stack_as_torch(shape: tuple[int, ...], count: int, rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangents equal torch's along every axis of the result, for 0-d arrays, too."""
    for axis in range(-len(shape) - 1, len(shape) + 1):
        matches_torch(stack, *[np.asarray(rng.standard_normal(shape)) for _ in range(count)], axis=axis)


@pytest.mark.parametrize("axis", [0, -2])
def test_concat_of_three_is_verified(axis: int) -> None:
    """The rule passes gradspec's own checks with three arrays of different sizes."""
    inputs = {"a": real("n d"), "b": real("m d"), "c": real("k d")}
    report = gradspec.verify(
        concat.replace(inputs=inputs, params={"axis": (axis,)}, where=None, linear_in=LINEAR), examples=30
    )
    assert gradspec.Verdict.PASS == report.verdict, str(report)


def test_stack_of_three_is_verified() -> None:
    """The rule passes gradspec's own checks with three arrays."""
    inputs = {"a": real("n d"), "b": real("n d"), "c": real("n d")}
    report = gradspec.verify(stack.replace(inputs=inputs, linear_in=LINEAR), examples=30)
    assert gradspec.Verdict.PASS == report.verdict, str(report)


@pytest.mark.parametrize("count", [1, 2, 3, 30])
def test_any_number_of_arrays_and_nodes(count: int) -> None:
    """One call takes as many arrays, or nodes of a graph, as there are; each node has its own gradient."""
    arrays = [np.full((1, 2), float(i)) for i in range(count)]
    y = concat(*arrays, axis=0)
    assert [[float(i)] * 2 for i in range(count)] == y.tolist()
    nodes = [TensorNode(x) for x in arrays]
    concat(*nodes, axis=0).backward(10 * y)
    assert [(10 * x).tolist() for x in arrays] == [node.grad.tolist() for node in nodes if node.grad is not None]


def test_arrays_among_nodes() -> None:
    """An array between two nodes is data."""
    first, last = TensorNode(np.array([1.0])), TensorNode(np.array([3.0]))
    stack(first, np.array([2.0]), last).backward(np.array([[1.0], [2.0], [3.0]]))
    assert (first.grad, last.grad) == ([1.0], [3.0])


@pytest.mark.parametrize("op", [concat, stack], ids=["concat", "stack"])
def test_each_array_keeps_its_dtype(op: Any) -> None:
    """Where two dtypes meet the result is the wider one, and each cotangent has its array's."""
    y, saved = op.forward(np.ones((1, 2), np.float32), np.ones((1, 2)), np.ones((1, 2), np.float32))
    assert np.float64 == y.dtype
    assert [np.float32, np.float64, np.float32] == [x_bar.dtype for x_bar in op.vjp(saved, np.ones(y.shape))]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: concat(), TypeError, "concat: got 0 arrays; it takes 2: a, b"),
        (lambda: concat(np.ones(2), dim=0), TypeError, "concat: got the keyword 'dim'; its params are: axis"),
        (
            lambda: concat(np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 4))),
            ShapeMismatchError,
            "concat: c has shape (2, 4); allowed: (*, 3), as a has (2, 3)",
        ),
        (
            lambda: concat(np.ones((2, 3)), np.ones(3)),
            ShapeMismatchError,
            "concat: b has shape (3,); allowed: (*, 3), as a has (2, 3)",
        ),
        (
            lambda: concat(np.ones(()), np.ones(())),
            OutOfRangeError,
            "concat: axis is 0; allowed: none: a 0-d array has no axis",
        ),
        (lambda: concat(np.ones(2), np.ones(2), axis=1), OutOfRangeError, "concat: axis is 1; allowed: -1 to 0"),
        (
            lambda: concat(np.ones(2), np.arange(2)),
            InputTypeError,
            "concat: b has dtype int64; allowed: floats, such as value.astype(np.float64)",
        ),
        (
            lambda: stack(np.ones(2), np.ones(1)),
            ShapeMismatchError,
            "stack: b has shape (1,); allowed: (2,), as a",
        ),
        (lambda: stack(np.ones(2), np.ones(2), axis=2), OutOfRangeError, "stack: axis is 2; allowed: -2 to 1"),
        (
            lambda: split(np.ones(5), sizes=(2, 2)),
            ShapeMismatchError,
            "split: sizes is (2, 2); allowed: numbers that add up to 5, x's size there",
        ),
        (
            lambda: split(np.ones(5), sizes=()),
            ShapeMismatchError,
            "split: sizes is (); allowed: numbers that add up to 5, x's size there",
        ),
    ],
)
def test_refused(call: Any, error: type[Exception], message: str) -> None:
    """Arrays that do not fit are refused with a message that says which one and what fits."""
    with pytest.raises(error) as caught:
        call()
    assert message == str(caught.value)


@pytest.mark.parametrize("sizes", [0, -1, (3, -1), 2.0, "2", None, True], ids=repr)
def test_sizes_that_are_none(sizes: Any) -> None:
    """A size is a whole number."""
    with pytest.raises(ParamError, match=r"^split: sizes is .*; allowed: a whole number from 1 on, or a tuple"):
        split(np.ones(2), sizes=sizes)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [(2, [2, 2, 1]), (5, [5]), (9, [5]), ((0, 5), [0, 5]), ([1, 3, 1], [1, 3, 1])],
    ids=str,
)
def test_sizes_of_the_parts(sizes: Any, expected: list[int]) -> None:
    """A number is the size of every part but the last; a tuple is taken as it is."""
    assert expected == [len(part) for part in split(np.arange(5.0), sizes=sizes)]


def test_split_of_nothing_is_one_part() -> None:
    """An axis of size 0 is one empty part, as in torch."""
    assert [(0, 3)] == [part.shape for part in split(np.ones((0, 3)), sizes=2)]


def test_split_in_a_graph() -> None:
    """A part that nobody uses has a cotangent of zeros."""
    x = TensorNode(np.array([1.0, 2.0, 3.0]))
    first, _ = split(x, sizes=2)
    first.backward(np.array([5.0, 7.0]))
    assert x.grad is not None
    assert [5.0, 7.0, 0.0] == x.grad.tolist()


def test_concat_undoes_split(rng: np.random.Generator) -> None:
    """What was taken apart and put together again is what it was."""
    x = rng.standard_normal((3, 5))
    np.testing.assert_array_equal(x, concat(*split(x, sizes=2, axis=1), axis=1))
