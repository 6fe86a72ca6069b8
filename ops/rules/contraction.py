"""Sums of products over named axes: einsum of any number of arrays, outer products, traces."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from gradspec.spec import Op, real
from ops.errors import ParamError, ShapeMismatchError
from ops.rules.broadcast import as_dtype
from ops.rules.guards import require_floats, whole_number
from ops.rules.join import VariadicOp, called

Term = tuple[str, Any]  # an array, and one letter for each of its axes
DEFAULT = "bij,bjk->bik"


def _einsum(*arrays: Any, pattern: str = DEFAULT) -> tuple[Any, Any]:
    """Multiply *arrays* whose axes have the letters of *pattern*, and sum over the letters that the result lacks."""
    for position, x in enumerate(arrays):
        require_floats("einsum", called(position), x)
    operands, result = _letters(pattern, len(arrays))
    sizes: dict[str, int] = {}
    for position, (letters, x) in enumerate(zip(operands, arrays, strict=True)):
        fits = len(letters) == x.ndim
        if not fits or any(n != sizes.setdefault(letter, n) for letter, n in zip(letters, x.shape, strict=True)):
            known = ", ".join(f"{letter}={sizes[letter]}" for letter in dict.fromkeys(letters) if letter in sizes)
            got, allowed = f"has shape {x.shape}", f"({', '.join(letters)}){f' with {known}' if known else ''}"
            raise ShapeMismatchError("einsum", called(position), got, f"{allowed}, by the pattern {pattern!r}")
    terms = [*zip(operands, arrays, strict=True)]
    return contract(terms, result), (terms, result, sizes)


def _einsum_vjp(saved: Any, y_bar: Any, needs: tuple[bool, ...] | None = None) -> tuple[Any, ...]:
    terms, result, sizes = saved
    wanted = needs or (True,) * len(terms)
    return tuple([_cotangent(terms, i, (result, y_bar), sizes) if wanted[i] else None for i in range(len(terms))])


def _cotangent(terms: list[Term], position: int, y_bar: Term, sizes: dict[str, int]) -> Any:
    """Contract y_bar with all other operands; a letter that only this operand has was summed, and is repeated."""
    letters, x = terms[position]
    others = [y_bar, *terms[:position], *terms[position + 1 :]]
    unique = "".join(dict.fromkeys(letters))
    known = "".join([letter for letter in unique if any(letter in other for other, _ in others)])
    part = contract(others, known)
    if known == letters:
        return as_dtype(part, x.dtype)
    x_bar = np.zeros(x.shape, x.dtype)
    diagonal = np.einsum(f"{letters}->{unique}", x_bar)  # a view; x_bar itself where no letter is repeated
    diagonal[...] = np.reshape(part, [sizes[letter] if letter in known else 1 for letter in unique])
    return x_bar


def contract(terms: list[Term], result: str) -> Any:
    """The sum of products with the letters of *result*; two operands at a time, those first that make the least."""
    terms = list(terms)
    while len(terms) > 1:
        pairs = itertools.combinations(range(len(terms)), 2)
        i, k = min(pairs, key=lambda pair: _pair_size(terms, pair, result)) if len(terms) > 2 else (0, 1)
        second, first = terms.pop(k), terms.pop(i)
        terms.append(_pair(first, second, set(result).union(*[letters for letters, _ in terms])))
    letters, y = _reduced(*terms[0], set(result))
    return y.transpose([letters.index(letter) for letter in result])


def _pair_size(terms: list[Term], pair: tuple[int, int], result: str) -> int:
    """How many elements the product of two operands has."""
    keep = set(result).union(*[letters for position, (letters, _) in enumerate(terms) if position not in pair])
    operands = [terms[position] for position in pair]
    sizes = {letter: n for letters, x in operands for letter, n in zip(letters, x.shape, strict=True)}
    return math.prod([n for letter, n in sizes.items() if letter in keep])


def _pair(first: Term, second: Term, keep: set[str]) -> Term:
    """Multiply two operands and sum over what they share and nobody needs any more."""
    a, x = _reduced(*first, keep | set(second[0]))
    b, w = _reduced(*second, keep | set(first[0]))
    size = dict(zip(a + b, x.shape + w.shape, strict=True))
    batch = "".join([letter for letter in a if letter in b and letter in keep])
    summed = "".join([letter for letter in a if letter in b and letter not in keep])
    left = "".join([letter for letter in a if letter not in b])
    right = "".join([letter for letter in b if letter not in a])
    letters = batch + left + right
    if not summed or not left + right:  # nothing that BLAS is for
        return letters, np.einsum(f"{a},{b}->{letters}", x, w)

    def count(group: str) -> int:
        return math.prod([size[letter] for letter in group])

    lead = [size[letter] for letter in batch]
    rows = x.transpose([a.index(letter) for letter in batch + left + summed])
    columns = w.transpose([b.index(letter) for letter in batch + summed + right])
    rows = rows.reshape(*lead, count(left), count(summed))
    y = rows @ columns.reshape(*lead, count(summed), count(right))
    return letters, y.reshape([size[letter] for letter in letters])


def _reduced(letters: str, x: Any, keep: set[str]) -> Term:
    """Take the diagonal of a repeated letter, and sum over what nobody needs."""
    unique = "".join(dict.fromkeys(letters))
    if unique != letters:
        x = np.einsum(f"{letters}->{unique}", x)
    gone = tuple([axis for axis, letter in enumerate(unique) if letter not in keep])
    return "".join([letter for letter in unique if letter in keep]), np.asanyarray(x.sum(axis=gone)) if gone else x


def _letters(pattern: Any, count: int) -> tuple[list[str], str]:
    """The letters of each operand and of the result."""
    ends = pattern.replace(" ", "").split("->") if isinstance(pattern, str) else []
    operands, result = (ends[0].split(","), ends[1]) if len(ends) == 2 else ([], "")
    known = set("".join(operands))
    plain = all(letter.isascii() and letter.isalpha() for letter in known)
    if len(operands) != count or not plain or len(set(result)) < len(result) or set(result) - known:
        allowed = f"a letter for each axis of {count} arrays and, each once, those of the result, such as {DEFAULT!r}"
        raise ParamError("einsum", "pattern", f"is {pattern!r}", allowed)
    return operands, result


def _outer(a: Any, b: Any) -> tuple[Any, Any]:
    """Multiply each element of *a* (..., n) by each one of *b* (..., m); leading axes go along."""
    for name, x in (("a", a), ("b", b)):
        require_floats("outer", name, x)
        if not x.ndim:
            raise ShapeMismatchError("outer", name, "has shape ()", "(..., n)")
    if a.shape[:-1] != b.shape[:-1]:
        raise ShapeMismatchError(
            "outer", "b", f"has shape {b.shape}", f"{a.shape[:-1]} and one axis, to fit a {a.shape}"
        )
    return a[..., :, None] * b[..., None, :], (a, b)


def _outer_vjp(saved: Any, y_bar: Any, needs: tuple[bool, bool] = (True, True)) -> tuple[Any, Any]:
    a, b = saved
    a_bar = as_dtype((y_bar @ b[..., None])[..., 0], a.dtype) if needs[0] else None
    b_bar = as_dtype((a[..., None, :] @ y_bar)[..., 0, :], b.dtype) if needs[1] else None
    return a_bar, b_bar


def _trace(x: Any, offset: int = 0) -> tuple[Any, Any]:
    """Sum the diagonal of *x* (..., n, m), or the one that lies *offset* columns to its right."""
    require_floats("trace", "x", x)
    if x.ndim < 2:
        raise ShapeMismatchError("trace", "x", f"has shape {x.shape}", "(..., n, m)")
    shift = whole_number("trace", "offset", offset, "a whole number")
    return x.diagonal(shift, -2, -1).sum(axis=-1), (x.shape, shift)


def _trace_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    shape, shift = saved
    down, right = max(-shift, 0), max(shift, 0)
    i = np.arange(min(shape[-2] - down, shape[-1] - right))
    x_bar = np.zeros(shape, y_bar.dtype)
    x_bar[..., i + down, i + right] = y_bar[..., None]
    return (x_bar,)


def _torch_einsum(*arrays: Any, pattern: str) -> Any:
    import torch

    return torch.einsum(pattern, *arrays)


_PATTERNS = (
    DEFAULT,
    "bij,bjk->bki",
    "bij,bjk->ik",  # the batch summed as well
    "bij,bjk->ikb",
    "bij,bjk->bijk",  # nothing summed
    "bij,bjk->bj",  # what only one operand has, summed
    "bij,bjk->ji",
    "bij,bjk->k",
    "bij,bjk->",
)

einsum = VariadicOp(
    name="einsum",
    forward=_einsum,
    vjp=_einsum_vjp,
    # Sizes belong to letters, so that one declaration has patterns of these letters; attention's, chains of three,
    # diagonals and others are verified by tests/ops/rules/test_contraction.py, which declares this rule again.
    inputs={"a": real("b i j"), "b": real("b j k")},
    params={"pattern": _PATTERNS},
    torch=_torch_einsum,
    formula=r"y_{bik} = \sum_j a_{bij} b_{bjk} "
    r"\text{; for other patterns alike: products, summed over what } y \text{ lacks}",
    vjp_formula=r"\bar a_{bij} = \sum_k \bar y_{bik} b_{bjk}, \quad \bar b_{bjk} = \sum_i a_{bij} \bar y_{bik}",
    source="the chain rule: a product's cotangent is summed over what the operand lacks",
    linear_in=frozenset({"a", "b"}),
)

outer = Op(
    name="outer",
    forward=_outer,
    vjp=_outer_vjp,
    inputs={"a": real("... n"), "b": real("... m")},
    torch=lambda a, b: a.unsqueeze(-1) * b.unsqueeze(-2),
    formula=r"y_{ij} = a_i b_j",
    vjp_formula=r"\bar a_i = \sum_j \bar y_{ij} b_j, \quad \bar b_j = \sum_i a_i \bar y_{ij}",
    source="the product rule",
    linear_in=frozenset({"a", "b"}),
)

trace = Op(
    name="trace",
    forward=_trace,
    vjp=_trace_vjp,
    inputs={"x": real("... n m")},
    params={"offset": (0, 1, -1, 2, -3)},
    torch=lambda x, offset: x.diagonal(offset, -2, -1).sum(-1),
    formula=r"y = \sum_i x_{i, i + o}, \quad o \text{ the offset}",
    vjp_formula=r"\bar x_{ij} = \bar y [j = i + o]",
    source="the chain rule: an element beside the diagonal has no influence",
    linear_in=frozenset({"x"}),
)
