"""Row-wise normalization."""

from __future__ import annotations

from typing import Any

from gradspec.spec import Op, positive
from ops.rules.guards import require_floats, require_rank


def _normalize(x: Any) -> tuple[Any, Any]:
    """Divide each row of *x* (n, d) by its sum."""
    require_floats("normalize", "x", x)
    require_rank("normalize", "x", x, "(n, d)", 2)
    s = x.sum(axis=1, keepdims=True)  # (n, 1)
    y = x / s
    return y, (y, s)


def _normalize_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    y, s = saved
    return ((y_bar - (y_bar * y).sum(axis=1, keepdims=True)) / s,)


normalize = Op(
    name="normalize",
    forward=_normalize,
    vjp=_normalize_vjp,
    inputs={"x": positive("n d")},
    torch=lambda x: x / x.sum(1, keepdim=True),
    formula=r"y_{ij} = x_{ij} / \sum_k x_{ik}",
    vjp_formula=r"\bar x_{ij} = (\bar y_{ij} - \sum_k \bar y_{ik} y_{ik}) / s_i, \quad s_i = \sum_k x_{ik}",
    source="quotient rule",
)
