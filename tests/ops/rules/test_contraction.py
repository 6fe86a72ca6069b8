"""Sums of products, with the patterns that the declaration of einsum cannot say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradspec
from gradspec.spec import real
from ops.errors import InputTypeError, ParamError, ShapeMismatchError
from ops.graph import TensorNode
from ops.rules.contraction import einsum, outer, trace

SIZES = {"b": 2, "h": 3, "i": 4, "j": 5, "k": 2, "l": 3, "d": 4}
PATTERNS = [
    "ij,jk->ik",
    "ij,kj->ik",
    "ij,jk->ki",
    "bij,bjk->bik",
    "bhid,bhjd->bhij",  # attention: scores of queries and keys
    "bhij,bhjd->bihd",  # attention: values, with the heads last
    "bihd,bjhd->bhij",
    "i,i->",
    "i,j->ij",
    "ij,j->i",
    "ij,ij->ij",
    "ij,ij->i",
    "ij,->ij",
    "bij,i->bj",
    "bi,ijk,bk->bj",  # a bilinear form of each pair of rows
    "ij,jk,kl->il",
    "ij,kl,jk->il",
    "ij,jk,kl,ld->id",
    "ij->ji",
    "ij->j",
    "ij->",
    "ii->i",
    "ii->",
    "iij,jk->ik",
    "ij,ii->j",
    "iji->j",
    "i->i",
    "->",
]


def shapes(pattern: str) -> list[tuple[int, ...]]:
    """One shape for each operand."""
    return [tuple(SIZES[letter] for letter in letters) for letters in pattern.split("->")[0].split(",")]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_einsum_as_torch(pattern: str, rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangents equal torch's for one operand and more, repeated letters, and numbers."""
    matches_torch(einsum, *[np.asarray(rng.standard_normal(shape)) for shape in shapes(pattern)], pattern=pattern)


@pytest.mark.parametrize(
    "pattern",
    ["ij,jk->ik", "bhid,bhjd->bhij", "i,j->ij", "ij,ij->i", "bi,ijk,bk->bj", "ij,kl,jk->il", "ij->j", "iij,jk->ik"],
)
def test_einsum_is_verified_with_other_patterns(pattern: str) -> None:
    """The rule passes gradspec's own checks with other letters and other numbers of operands."""
    names = "abcd"[: pattern.count(",") + 1]
    operands = pattern.split("->")[0].split(",")
    inputs = {name: real(" ".join(letters)) for name, letters in zip(names, operands, strict=True)}
    op = einsum.replace(inputs=inputs, params={"pattern": (pattern,)}, linear_in=frozenset(names))
    report = gradspec.verify(op, examples=30)
    assert gradspec.Verdict.PASS == report.verdict, str(report)


@pytest.mark.parametrize("empty", ["i", "j", "k", "b"])
def test_einsum_of_nothing(empty: str, matches_torch: Any) -> None:
    """A sum over nothing is 0, and a result may have no element."""
    sizes = {**SIZES, empty: 0}
    arrays = [np.ones([sizes[letter] for letter in letters]) for letters in ("bij", "bjk")]
    for pattern in ("bij,bjk->bik", "bij,bjk->", "bij,bjk->bijk"):
        matches_torch(einsum, *arrays, pattern=pattern)


def test_einsum_of_nodes() -> None:
    """Three nodes of a graph get their gradients in one call, and spaces in the pattern mean nothing."""
    a, b, c = (TensorNode(np.array([[value]])) for value in (2.0, 3.0, 5.0))
    einsum(a, b, c, pattern="ij, jk, kl -> il").backward()
    assert ([[15.0]], [[10.0]], [[6.0]]) == tuple(node.grad.tolist() for node in (a, b, c) if node.grad is not None)


def test_einsum_needs(rng: np.random.Generator) -> None:
    """A mask leaves out what is not needed."""
    arrays = [rng.standard_normal(shape) for shape in shapes("ij,jk,kl->il")]
    y, saved = einsum.forward(*arrays, pattern="ij,jk,kl->il")
    for needs in ((True, False, True), (False, True, False)):
        assert needs == tuple(x_bar is not None for x_bar in einsum.vjp(saved, y, needs=needs))


def test_a_chain_makes_no_large_product() -> None:
    """Operands are multiplied in an order that keeps what lies between small: here 10^12 numbers otherwise."""
    a, b = np.ones((1000, 1)), np.ones((1, 1000))
    y, saved = einsum.forward(a, b, a, b, pattern="ij,jk,kl,lm->im")
    assert 1000.0 == y[0, 0]
    assert [(1000, 1), (1, 1000)] * 2 == [x_bar.shape for x_bar in einsum.vjp(saved, y)]


@pytest.mark.parametrize(
    "pattern",
    ["ij,jk", "ij,jk->ii", "ij,jk->il", "ij->i", "ij,jk,kl->il", "...j,jk->...k", "i1,jk->k", "", None, "->->"],
)
def test_patterns_that_are_none(pattern: Any) -> None:
    """A pattern that has no meaning for two arrays is refused."""
    with pytest.raises(ParamError, match=r"^einsum: pattern is .*; allowed: a letter for each axis of 2 arrays"):
        einsum(np.ones((2, 3)), np.ones((3, 4)), pattern=pattern)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: einsum(np.ones((2, 3)), np.ones((1, 4)), pattern="ij,jk->ik"),
            ShapeMismatchError,
            "einsum: b has shape (1, 4); allowed: (j, k) with j=3, by the pattern 'ij,jk->ik'",
        ),
        (
            lambda: einsum(np.ones(2), np.ones((1, 4)), pattern="ij,jk->ik"),
            ShapeMismatchError,
            "einsum: a has shape (2,); allowed: (i, j), by the pattern 'ij,jk->ik'",
        ),
        (
            lambda: einsum(np.ones((2, 3)), pattern="ii->i"),
            ShapeMismatchError,
            "einsum: a has shape (2, 3); allowed: (i, i) with i=2, by the pattern 'ii->i'",
        ),
        (
            lambda: einsum(np.ones(2), [1.0, 2.0], pattern="i,i->"),
            InputTypeError,
            "einsum: b is a Python list; allowed: a NumPy array of floats, such as np.asarray(value, np.float64)",
        ),
        (lambda: outer(np.float64(1), np.ones(2)), ShapeMismatchError, "outer: a has shape (); allowed: (..., n)"),
        (
            lambda: outer(np.ones((2, 3)), np.ones(3)),
            ShapeMismatchError,
            "outer: b has shape (3,); allowed: (2,) and one axis, to fit a (2, 3)",
        ),
        (lambda: trace(np.ones(3)), ShapeMismatchError, "trace: x has shape (3,); allowed: (..., n, m)"),
        (lambda: trace(np.ones((3, 3)), offset=0.5), ParamError, "trace: offset is 0.5; allowed: a whole number"),
    ],
)
def test_refused(call: Any, error: type[Exception], message: str) -> None:
    """What does not fit is refused with a message that says what it got and what fits."""
    with pytest.raises(error) as caught:
        call()
    assert message == str(caught.value)


@pytest.mark.parametrize("shapes", [((3,), (4,)), ((2, 3), (2, 1)), ((0,), (4,)), ((2, 0), (2, 3))], ids=str)
def test_outer_as_torch(shapes: Any, rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangents equal torch's, row by row where there are rows."""
    matches_torch(outer, *[rng.standard_normal(shape) for shape in shapes])


@pytest.mark.parametrize("shape", [(3, 3), (2, 5), (5, 2), (0, 3), (2, 1, 1), (3, 2, 4)], ids=str)
@pytest.mark.parametrize("offset", [0, 1, -1, 4, -9])
def test_trace_as_torch(shape: tuple[int, ...], offset: int, rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangent equal torch's for every diagonal, those outside the matrix, too."""
    matches_torch(trace, rng.standard_normal(shape), offset=offset)


@pytest.mark.parametrize("call", [lambda x: einsum(x, x, pattern="ij,jk->ik"), lambda x: outer(x, x), trace])
def test_float32_stays(call: Any) -> None:
    """Single precision in, single precision out."""
    assert np.float32 == call(np.ones((2, 2), np.float32)).dtype
