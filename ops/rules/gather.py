"""Ops that pick along an axis by numbers that may repeat, and the one that adds to such places."""

from __future__ import annotations

import math
from collections.abc import Mapping
from operator import index as whole
from typing import Any

import numpy as np

from gradspec.spec import Op, index, real
from ops.errors import OutOfRangeError, ParamError, ShapeMismatchError
from ops.rules.broadcast import as_dtype
from ops.rules.guards import one_axis, require_floats, require_indices, require_rank


def _gather(x: Any, k: Any, axis: int = -1) -> tuple[Any, Any]:
    """Pick from each row of *x* along *axis* the elements at the positions in the same row of *k*."""
    require_floats("gather", "x", x)
    along = one_axis("gather", axis, x.ndim)
    _require_rows("gather", x, k, along)
    places = _places(x.shape, along, k)
    return x.reshape(-1).take(places).reshape(k.shape), (x.shape, places)


def _gather_vjp(saved: Any, y_bar: Any) -> tuple[Any, None]:
    shape, places = saved
    return _added(np.zeros(math.prod(shape), y_bar.dtype), places, y_bar).reshape(shape), None


def _take(x: Any, k: Any, axis: int = 0) -> tuple[Any, Any]:
    """Pick slices of *x* along *axis*, which the axes of *k* take the place of."""
    require_floats("take", "x", x)
    along = one_axis("take", axis, x.ndim)
    require_indices("take", "k", k, x.shape[along])
    return np.take(x, k, along), (x.shape, along, k)


def _take_vjp(saved: Any, y_bar: Any) -> tuple[Any, None]:
    shape, along, k = saved
    places = _places(shape, along, k.reshape(-1), every_row=True)
    return _added(np.zeros(math.prod(shape), y_bar.dtype), places, y_bar).reshape(shape), None


def _scatter_add(x: Any, k: Any, w: Any, axis: int = -1) -> tuple[Any, Any]:
    """Add to each row of *x* along *axis*, at the positions in *k*, the elements of *w*; places may repeat."""
    require_floats("scatter_add", "x", x)
    require_floats("scatter_add", "w", w)
    along = one_axis("scatter_add", axis, x.ndim)
    _require_rows("scatter_add", x, k, along)
    if w.shape != k.shape:
        raise ShapeMismatchError("scatter_add", "w", f"has shape {w.shape}", f"{k.shape}, as k")
    places = _places(x.shape, along, k)
    y = np.array(x, np.result_type(x, w), order="C")
    return _added(y.reshape(-1), places, w).reshape(x.shape), (places, x.dtype, w.shape, w.dtype)


def _scatter_add_vjp(saved: Any, y_bar: Any) -> tuple[Any, None, Any]:
    places, x_dtype, w_shape, w_dtype = saved
    return as_dtype(y_bar, x_dtype), None, as_dtype(y_bar.reshape(-1).take(places).reshape(w_shape), w_dtype)


def _embedding(w: Any, k: Any, padding_idx: int | None = None) -> tuple[Any, Any]:
    """Look up a row of *w* (c, d) for each number in *k*; the number *padding_idx* stands for a row of zeros.

    torch looks up that row, too, and leaves it to the user to keep it 0; its cotangent is 0 in both.
    """
    require_floats("embedding", "w", w)
    require_rank("embedding", "w", w, "(c, d)", 2)
    require_indices("embedding", "k", k, len(w))
    padding = None if padding_idx is None else _row("embedding", padding_idx, len(w))
    y = np.take(w, k, 0)
    if padding is not None:
        y[k == padding] = 0
    return y, (w.shape, k, padding)


def _embedding_vjp(saved: Any, y_bar: Any) -> tuple[Any, None]:
    shape, k, padding = saved
    w_bar = np.zeros(math.prod(shape), y_bar.dtype)
    w_bar = _added(w_bar, _places(shape, 0, k.reshape(-1), every_row=True), y_bar).reshape(shape)
    if padding is not None:
        w_bar[padding] = 0
    return w_bar, None


def _places(shape: tuple[int, ...], axis: int, k: Any, *, every_row: bool = False) -> Any:
    """The positions in an array of *shape*, made flat, that *k* means along *axis*.

    Args:
        shape: Of the array that is picked from.
        axis: The axis that *k* counts along.
        k: One position for each place in the result, or (every_row) a vector that all rows have in common.
        every_row: Whether it is a vector.
    """
    before, after = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    places = k.astype(np.intp, copy=False).reshape((1, -1, 1) if every_row else (before, k.shape[axis], after))
    if before != 1:
        places = places + np.arange(before)[:, None, None] * shape[axis]
    if after != 1:
        places = places * after + np.arange(after)
    return places.reshape(-1)


def _added(y: Any, places: Any, values: Any) -> Any:
    """Add *values* to the flat *y* at *places*: in one dimension and one dtype np.add.at is as fast as bincount."""
    np.add.at(y, places, values.astype(y.dtype, copy=False).reshape(-1))
    return y


def _require_rows(op: str, x: Any, k: Any, axis: int) -> None:
    require_indices(op, "k", k, x.shape[axis])
    if k.ndim != x.ndim or k.shape[:axis] + k.shape[axis + 1 :] != x.shape[:axis] + x.shape[axis + 1 :]:
        allowed = f"{(*x.shape[:axis], '*', *x.shape[axis + 1 :])}, as x has {x.shape}".replace("'", "")
        raise ShapeMismatchError(op, "k", f"has shape {k.shape}", allowed)


def _row(op: str, number: Any, count: int) -> int:
    """The number of a row, which may count from the end."""
    try:
        position = whole(number)
    except TypeError:
        raise ParamError(op, "padding_idx", f"is {number!r}", "None or a whole number") from None
    if not -count <= position < count:
        raise OutOfRangeError(op, "padding_idx", f"is {position}", f"{-count} to {count - 1}, as w has {count} rows")
    return position % count


def _fits_axis(sizes: Mapping[str, int], params: Mapping[str, Any]) -> bool:
    """Whether k (p, q), whose numbers are below n, belongs to x (n, m) along the axis."""
    if params["axis"] in (0, -2):
        return sizes["q"] == sizes["m"]
    return sizes["p"] == sizes["n"] <= sizes["m"]


def _fits_columns(sizes: Mapping[str, int], params: Mapping[str, Any]) -> bool:
    """Whether k, whose numbers are below n, counts along the axis of x (n, m)."""
    return params["axis"] in (0, -2) or sizes["n"] <= sizes["m"]


def _torch_embedding(w: Any, k: Any, padding_idx: int | None) -> Any:
    from torch.nn import functional

    y = functional.embedding(k, w, padding_idx)
    return y if padding_idx is None else y * (k != padding_idx % len(w)).unsqueeze(-1)


_LINEAR = "the chain rule: an element that was not picked has no influence, one picked twice has both cotangents"

gather = Op(
    name="gather",
    forward=_gather,
    vjp=_gather_vjp,
    inputs={"x": real("n m"), "k": index("p q", "n")},
    params={"axis": (0, 1, -1, -2)},
    where=_fits_axis,
    torch=lambda x, k, axis: x.gather(axis, k),
    formula=r"y_{ij} = x_{i k_{ij}} \text{, along the last axis; along the first: } y_{ij} = x_{k_{ij} j}",
    vjp_formula=r"\bar x_{il} = \sum_j \bar y_{ij} [k_{ij} = l] "
    r"\text{; along the first: } \bar x_{lj} = \sum_i \bar y_{ij} [k_{ij} = l]",
    source=_LINEAR,
    linear_in=frozenset({"x"}),
)

take = Op(
    name="take",
    forward=_take,
    vjp=_take_vjp,
    inputs={"x": real("n m"), "k": index("p q", "n")},
    params={"axis": (0, 1, -1, -2)},
    where=_fits_columns,
    torch=lambda x, k, axis: x.index_select(axis, k.reshape(-1)).unflatten(axis, k.shape),
    formula=r"y_i = x_{k_i}",
    vjp_formula=r"\bar x_l = \sum_i \bar y_i [k_i = l]",
    source=_LINEAR,
    linear_in=frozenset({"x"}),
)

scatter_add = Op(
    name="scatter_add",
    forward=_scatter_add,
    vjp=_scatter_add_vjp,
    inputs={"x": real("n m"), "k": index("p q", "n"), "w": real("p q")},
    params={"axis": (0, 1, -1, -2)},
    where=_fits_axis,
    torch=lambda x, k, w, axis: x.scatter_add(axis, k, w),
    formula=r"y_{il} = x_{il} + \sum_j w_{ij} [k_{ij} = l] "
    r"\text{, along the last axis; along the first: } y_{lj} = x_{lj} + \sum_i w_{ij} [k_{ij} = l]",
    vjp_formula=r"\bar x = \bar y, \quad \bar w_{ij} = \bar y_{i k_{ij}} "
    r"\text{; along the first: } \bar w_{ij} = \bar y_{k_{ij} j}",
    source="the chain rule: what is added has the cotangent of its place",
    linear_in=frozenset({"x", "w"}),
)

embedding = Op(
    name="embedding",
    forward=_embedding,
    vjp=_embedding_vjp,
    inputs={"w": real("c d"), "k": index("n t", "c")},
    params={"padding_idx": (None, 0, -1, 1)},
    where=lambda sizes, params: params["padding_idx"] is None or sizes["c"] >= 2,
    torch=_torch_embedding,
    formula=r"y_{ij} = w_{k_i j} \text{, but } 0 \text{ where } k_i \text{ is the padding}",
    vjp_formula=r"\bar w_{lj} = \sum_i \bar y_{ij} [k_i = l] \text{, but } 0 \text{ in the row of the padding}",
    source="the chain rule: a row that is looked up twice has both cotangents",
    linear_in=frozenset({"w"}),
)
