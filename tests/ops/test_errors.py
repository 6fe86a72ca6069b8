"""The errors of the ops: what they say and what they carry."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import ops
from ops.errors import BadInputError, OutOfRangeError, ParamError, ShapeMismatchError, StateMismatchError

M = np.ones((2, 3))
REFUSED = {
    "add": (lambda: ops.add(M, np.ones(2)), ShapeMismatchError, "a and b", "shapes (2, 3) and (2,)"),
    "matmul": (lambda: ops.matmul(M, M), ShapeMismatchError, "x and w", "shapes (2, 3) and (2, 3)"),
    "matmul 0-d": (lambda: ops.matmul(np.float64(2), M), ShapeMismatchError, "x and w", "shapes () and (2, 3)"),
    "linear w": (lambda: ops.linear(M, np.ones(3), np.ones(3)), ShapeMismatchError, "w", "allowed: (f, m)"),
    "linear x": (lambda: ops.linear(M, M, np.ones(3)), ShapeMismatchError, "x", "allowed: (..., 2)"),
    "linear b": (lambda: ops.linear(M, M.T, M), ShapeMismatchError, "b", "allowed: (2,)"),
    "expand axis": (lambda: ops.expand(M, axis=3), OutOfRangeError, "axis", "is 3; allowed: -3 to 2"),
    "expand count": (lambda: ops.expand(M, count=-1), ParamError, "count", "is -1"),
    "expand half": (lambda: ops.expand(M, count=1.5), ParamError, "count", "is 1.5"),
    "reshape": (lambda: ops.reshape(M, shape=(4,)), ShapeMismatchError, "shape", "6 elements"),
    "reshape text": (lambda: ops.reshape(M, shape="ab"), ParamError, "shape", "'ab'"),
    "sum axis": (lambda: ops.sum(M, axis=-3), OutOfRangeError, "axis", "is -3; allowed: -2 to 1"),
    "sum twice": (lambda: ops.sum(M, axis=(0, -2)), ParamError, "axis", "each axis once"),
    "sum half": (lambda: ops.sum(M, axis=0.5), ParamError, "axis", "a whole number"),
    "mean 0-d": (lambda: ops.mean(np.float64(1), axis=0), OutOfRangeError, "axis", "a 0-d array has no axis"),
    "row_max": (lambda: ops.row_max(np.ones((2, 0))), ShapeMismatchError, "x", "d at least 1"),
    "normalize": (lambda: ops.normalize(np.ones(2)), ShapeMismatchError, "x", "allowed: (n, d)"),
    "softmax": (lambda: ops.softmax(M, axis=2), OutOfRangeError, "axis", "is 2"),
    "logsoftmax": (lambda: ops.logsoftmax(M, axis=-3), OutOfRangeError, "axis", "is -3"),
    "select high": (
        lambda: ops.select(M, np.array([0, 3])),
        OutOfRangeError,
        "k",
        "holds 3 at position 1; allowed: 0 to 2",
    ),
    "select low": (lambda: ops.select(M, np.array([-1, 0])), OutOfRangeError, "k", "holds -1 at position 0"),
    "select shape": (lambda: ops.select(M, np.array([0])), ShapeMismatchError, "k", "allowed: (2,)"),
    "nll empty": (lambda: ops.nll(np.ones((1, 0)), np.array([0])), OutOfRangeError, "labels", "there are no columns"),
    "nll": (lambda: ops.nll(M, np.array([0, 0]), reduction="no"), ParamError, "reduction", "'mean' or 'sum'"),
    "cross_entropy": (lambda: ops.cross_entropy(M, np.array([0, 9])), OutOfRangeError, "labels", "holds 9"),
    "cross_entropy c": (
        lambda: ops.cross_entropy(np.ones((0, 0)), np.zeros(0, int)),
        ShapeMismatchError,
        "logits",
        "c at least 1",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input(case: str) -> None:
    """The error is of the right type and names the op, the argument, what it got and what fits."""
    call, error, argument, text = REFUSED[case]
    with pytest.raises(error) as caught:
        call()
    assert (case.split()[0], argument) == (caught.value.op, caught.value.argument)
    assert text in str(caught.value)
    assert str(caught.value).startswith(f"{case.split()[0]}: {argument} ")


@pytest.mark.parametrize("labels", [np.array([0.0, 1.0]), [0, 1], np.array([True, False])], ids=repr)
def test_labels_are_integers(labels: object) -> None:
    """Labels that are not an array of integers get a TypeError."""
    with pytest.raises(TypeError, match=r"^cross_entropy: labels .*; allowed: a NumPy array of integers$"):
        ops.cross_entropy(M, labels)


def test_builtin_kinds() -> None:
    """A shape is a ValueError, a position an IndexError; both also by the common base."""
    assert issubclass(ShapeMismatchError, ValueError)
    assert issubclass(OutOfRangeError, IndexError)
    assert issubclass(ParamError, BadInputError)


@pytest.mark.parametrize(
    "error", [ShapeMismatchError("add", "a", "has shape (2,)", "(3,)"), StateMismatchError(missing=["w"], extra=["v"])]
)
def test_pickle(error: Exception) -> None:
    """An error crosses a process border whole."""
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 -- bytes made a moment ago
    assert (type(error), str(error), vars(error)) == (type(again), str(again), vars(again))
