"""Ops that put arrays together, and the one that takes them apart: concat, stack, split.

concat and stack take any number of arrays: ``ops.concat(a, b, c, axis=1)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from string import ascii_lowercase
from typing import Any

import numpy as np

from gradspec.spec import Op, real
from ops.errors import ShapeMismatchError
from ops.rules.broadcast import as_dtype
from ops.rules.guards import one_axis, require_floats, whole_numbers


class VariadicOp(Op):
    """An op whose rule takes any number of arrays; the declaration has two, and that is what is verified.

    tests/ops/rules verifies it with one and with three as well.
    """

    def __call__(self, *arrays: Any, **params: Any) -> Any:
        """Apply the op to one or more arrays or nodes.

        Raises:
            TypeError: There is no array, or a keyword does not fit the declaration.
        """
        if len(arrays) in (0, len(self.inputs)):
            return super().__call__(*arrays, **params)
        return _of_count(self, len(arrays))(*arrays, **params)


@lru_cache(maxsize=256)
def _of_count(op: VariadicOp, count: int) -> Op:
    """The same op, declared with *count* inputs."""
    inputs = {called(position).replace(" ", "_"): real("...") for position in range(count)}
    return Op(name=op.name, forward=op.forward, vjp=op.vjp, inputs=inputs, params=op.params)


def called(position: int) -> str:
    """How messages call one of any number of arrays: a, b, c, ..."""
    return ascii_lowercase[position] if position < len(ascii_lowercase) else f"array {position}"


def _concat(*arrays: Any, axis: int = 0) -> tuple[Any, Any]:
    """Join *arrays* along an axis that they have; all other sizes are equal."""
    for position, x in enumerate(arrays):
        require_floats("concat", called(position), x)
    shape = arrays[0].shape
    along = one_axis("concat", axis, len(shape))
    for position, x in enumerate(arrays):
        if x.ndim != len(shape) or x.shape[:along] + x.shape[along + 1 :] != shape[:along] + shape[along + 1 :]:
            allowed = f"{(*shape[:along], '*', *shape[along + 1 :])}, as a has {shape}".replace("'", "")
            raise ShapeMismatchError("concat", called(position), f"has shape {x.shape}", allowed)
    y = np.concatenate(arrays, along)
    return y, (along, [x.shape[along] for x in arrays], [x.dtype for x in arrays])


def _concat_vjp(saved: Any, y_bar: Any) -> tuple[Any, ...]:
    along, sizes, dtypes = saved
    return tuple([as_dtype(part, dtype) for part, dtype in zip(_parts(y_bar, along, sizes), dtypes, strict=True)])


def _stack(*arrays: Any, axis: int = 0) -> tuple[Any, Any]:
    """Put *arrays* of equal shapes one behind the other along a new axis, which is number *axis* of the result."""
    for position, x in enumerate(arrays):
        require_floats("stack", called(position), x)
        if x.shape != arrays[0].shape:
            allowed = f"{arrays[0].shape}, as a"
            raise ShapeMismatchError("stack", called(position), f"has shape {x.shape}", allowed)
    new = one_axis("stack", axis, arrays[0].ndim + 1)
    return np.stack(arrays, new), (new, [x.dtype for x in arrays])


def _stack_vjp(saved: Any, y_bar: Any) -> tuple[Any, ...]:
    new, dtypes = saved
    before = (slice(None),) * new
    return tuple([as_dtype(y_bar[(*before, i, ...)], dtype) for i, dtype in enumerate(dtypes)])


def _split(x: Any, sizes: Any = 1, axis: int = 0) -> tuple[Any, Any]:
    """Take *x* apart along *axis*: into parts of one size, the last one being smaller, or of a tuple of *sizes*.

    The parts are views.
    """
    require_floats("split", "x", x)
    along = one_axis("split", axis, x.ndim)
    parts = tuple(_parts(x, along, _part_sizes(sizes, x.shape[along])))
    return parts, along


def _split_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    return (np.concatenate(y_bar, saved),)


def _parts(x: Any, axis: int, sizes: Any) -> Iterator[Any]:
    """Views of *x*, one of each size along *axis*."""
    before, start = (slice(None),) * axis, 0
    for size in sizes:
        yield x[(*before, slice(start, start + size))]
        start += size


def _part_sizes(sizes: Any, total: int) -> tuple[int, ...]:
    """The sizes of the parts of an axis of size *total*; an axis of size 0 is one part."""
    several = isinstance(sizes, (tuple, list))
    allowed = "a whole number from 1 on, or a tuple of whole numbers from 0 on that add up to the axis"
    numbers = whole_numbers("split", "sizes", sizes, allowed, lo=0 if several else 1)
    if not several:
        numbers = tuple([min(numbers[0], total - start) for start in range(0, total, numbers[0])]) or (0,)
    if sum(numbers) != total or not numbers:
        raise ShapeMismatchError("split", "sizes", f"is {sizes!r}", f"numbers that add up to {total}, x's size there")
    return numbers


def _is_joinable(sizes: Mapping[str, int], params: Mapping[str, Any]) -> bool:
    """Whether the axis that is not joined has the same size in both."""
    return sizes["d"] == sizes["k"] if params["axis"] in (0, -2) else sizes["n"] == sizes["m"]


def _is_splittable(sizes: Mapping[str, int], params: Mapping[str, Any]) -> bool:
    try:
        _part_sizes(params["sizes"], sizes["n"] if params["axis"] in (0, -2) else sizes["d"])
    except ValueError:
        return False
    return True


def _first_and_rest(symbol: str) -> Callable[[Mapping[str, int]], tuple[int, ...]]:
    return lambda sizes: (1, sizes[symbol] - 1)


def _rest_nothing_one(symbol: str) -> Callable[[Mapping[str, int]], tuple[int, ...]]:
    return lambda sizes: (sizes[symbol] - 1, 0, 1)


concat = VariadicOp(
    name="concat",
    forward=_concat,
    vjp=_concat_vjp,
    inputs={"a": real("n d"), "b": real("m k")},
    params={"axis": (0, 1, -1, -2)},
    where=_is_joinable,
    torch=lambda *arrays, axis: _torch().cat(arrays, axis),
    formula=r"y = (a, b), \quad y_i = a_i \text{ for } i < n, \quad y_{n + i} = b_i",
    vjp_formula=r"\bar a_i = \bar y_i, \quad \bar b_i = \bar y_{n + i}",
    source="the chain rule: each element goes to one place",
    linear_in=frozenset({"a", "b"}),
)

stack = VariadicOp(
    name="stack",
    forward=_stack,
    vjp=_stack_vjp,
    inputs={"a": real("n d"), "b": real("n d")},
    params={"axis": (0, 1, 2, -1, -2, -3)},
    torch=lambda *arrays, axis: _torch().stack(arrays, axis),
    formula=r"y_{0 i} = a_i, \quad y_{1 i} = b_i",
    vjp_formula=r"\bar a_i = \bar y_{0 i}, \quad \bar b_i = \bar y_{1 i}",
    source="the chain rule: each element goes to one place",
    linear_in=frozenset({"a", "b"}),
)

split = Op(
    name="split",
    forward=_split,
    vjp=_split_vjp,
    inputs={"x": real("n d")},
    params={
        "sizes": (
            1,
            2,
            3,
            *(sizes(symbol) for symbol in ("n", "d") for sizes in (_first_and_rest, _rest_nothing_one)),
        ),
        "axis": (0, 1, -1, -2),
    },
    where=_is_splittable,
    torch=lambda x, sizes, axis: x.split(sizes, axis),
    formula=r"y^{(p)}_i = x_{o_p + i}, \quad o_p = \sum_{q < p} s_q",
    vjp_formula=r"\bar x_{o_p + i} = \bar y^{(p)}_i",
    source="the chain rule: each element goes to one part",
    linear_in=frozenset({"x"}),
)


def _torch() -> Any:
    import torch

    return torch
