"""Ops that pick elements by position."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from gradspec.spec import Op, index, real
from ops.errors import ParamError
from ops.rules.guards import one_axis, require_floats, require_positions, require_rank, whole_number


def _select(x: Any, k: Any) -> tuple[Any, Any]:
    """Pick from each row i of *x* (n, c) the element at position k_i."""
    require_floats("select", "x", x)
    require_rank("select", "x", x, "(n, c)", 2)
    require_positions("select", "k", k, *x.shape)
    return x[np.arange(len(k)), k], (x.shape, k)


def _select_vjp(saved: Any, y_bar: Any) -> tuple[Any, None]:
    shape, k = saved
    x_bar = np.zeros(shape, y_bar.dtype)
    x_bar[np.arange(len(k)), k] = y_bar
    return x_bar, None


def _slice(x: Any, start: Any = None, stop: Any = None, step: Any = None, axis: int = 0) -> tuple[Any, Any]:
    """Pick every *step*-th element of *x* along *axis*, from *start* to before *stop*, as x[start:stop:step] does.

    The result is a view.
    """
    require_floats("slice", "x", x)
    along = one_axis("slice", axis, x.ndim)
    bounds = []
    for name, bound in (("start", start), ("stop", stop), ("step", step)):
        bounds.append(None if bound is None else whole_number("slice", name, bound, "None or a whole number"))
    if bounds[2] == 0:
        raise ParamError("slice", "step", "is 0", "None or a whole number other than 0")
    where = (*[builtins.slice(None)] * along, builtins.slice(*bounds))
    return x[where], (x.shape, where)


def _slice_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    shape, where = saved
    x_bar = np.zeros(shape, y_bar.dtype)
    x_bar[where] = y_bar
    return (x_bar,)


def _torch_slice(x: Any, start: Any, stop: Any, step: Any, axis: int) -> Any:
    """Torch has no negative steps."""
    picked = [*range(x.shape[axis])][start:stop:step]
    return x.index_select(axis, x.new_tensor(picked).long())


select = Op(
    name="select",
    forward=_select,
    vjp=_select_vjp,
    inputs={"x": real("n c"), "k": index("n", "c")},
    sizes={"c": (1, 4)},  # there is no position among no columns
    torch=lambda x, k: x.gather(1, k.unsqueeze(1)).squeeze(1),
    formula=r"y_i = x_{i k_i}",
    vjp_formula=r"\bar x_{ij} = \bar y_i [j = k_i]",
    source="the chain rule: an element that was not picked has no influence",
    linear_in=frozenset({"x"}),
)

slice = Op(  # noqa: A001 -- ops.slice is the op's name
    name="slice",
    forward=_slice,
    vjp=_slice_vjp,
    inputs={"x": real("n d")},
    params={
        "start": (None, 1, 0, -2, 3, 7),
        "stop": (None, 3, -1, 0, -9),
        "step": (None, 2, -1, -2, 3, 1),
        "axis": (0, 1, -1, -2),
    },
    torch=_torch_slice,
    formula=r"y_i = x_{a + s i}, \quad a \text{ the start, } s \text{ the step}",
    vjp_formula=r"\bar x_{a + s i} = \bar y_i, \quad 0 \text{ elsewhere}",
    source="the chain rule: an element that was not picked has no influence",
    linear_in=frozenset({"x"}),
)
