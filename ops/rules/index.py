"""Ops that pick elements by position."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradspec.spec import Op, index, real
from ops.rules.guards import require_floats, require_positions, require_rank


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
