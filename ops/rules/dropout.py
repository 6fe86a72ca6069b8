"""Dropout with a given mask: drawing it is left to the layer, so that the op stays a function."""

from __future__ import annotations

from typing import Any

from gradspec.spec import Op, index, real
from ops.errors import ShapeMismatchError
from ops.rules.guards import require_floats, require_number, require_whole_numbers


def _dropout(x: Any, mask: Any, p: float = 0.5) -> tuple[Any, Any]:
    """Keep the elements of *x* whose *mask* is true, or not 0, and divide them by 1 - *p*; the others become 0.

    *mask* broadcasts to the shape of x: of shape (n, c, 1, 1) it drops whole channels. *p* is the probability with
    which it was drawn to drop; with *p* = 1 everything is dropped, whatever the mask says.
    """
    require_floats("dropout", "x", x)
    require_whole_numbers("dropout", "mask", mask, booleans=True)
    p = require_number("dropout", "p", p, 0, 1)
    if mask.shape != x.shape:
        _require_broadcast(mask.shape, x.shape)
    factor = (mask != 0).astype(x.dtype)
    factor *= 1 / (1 - p) if p < 1 else 0
    return x * factor, factor


def _dropout_vjp(saved: Any, y_bar: Any) -> tuple[Any, None]:
    factor = saved
    return y_bar * factor, None


def _require_broadcast(shape: tuple[int, ...], whole: tuple[int, ...]) -> None:
    sizes = zip(shape[::-1], whole[::-1], strict=False)
    if len(shape) > len(whole) or any(size not in (1, of_whole) for size, of_whole in sizes):
        raise ShapeMismatchError("dropout", "mask", f"has shape {shape}", f"one that broadcasts to that of x, {whole}")


def _torch_dropout(x: Any, mask: Any, p: float) -> Any:
    kept = x.masked_fill(mask == 0, 0)
    return kept / (1 - p) if p < 1 else kept * 0


dropout = Op(
    name="dropout",
    forward=_dropout,
    vjp=_dropout_vjp,
    inputs={"x": real("... n d"), "mask": index("... n d", 2, broadcastable=True)},
    params={"p": (0.5, 0.1, 0.0, 1.0)},
    torch=_torch_dropout,
    formula=r"y_i = m_i x_i / (1 - p), \quad 0 \text{ for } p = 1",
    vjp_formula=r"\bar x_i = m_i \bar y_i / (1 - p), \quad 0 \text{ for } p = 1",
    source="Srivastava et al.: Dropout: A Simple Way to Prevent Neural Networks from Overfitting (2014), section 10",
    linear_in=frozenset({"x"}),
)
