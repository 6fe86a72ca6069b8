"""Ops that make an array larger: padded with a constant, repeated as a tile, broadcast to a shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any

import numpy as np

from gradspec.spec import Op, real
from ops.errors import ParamError, ShapeMismatchError
from ops.rules.broadcast import unbroadcast
from ops.rules.guards import require_floats, whole_number, whole_numbers


def _pad(x: Any, pads: Any = 1, value: float = 0.0) -> tuple[Any, Any]:
    """Put *value* around *x*.

    Args:
        x: Any array.
        pads: How much is added: one number for every side, or a pair (before, after) for each axis.
        value: A number; infinity is one.
    """
    require_floats("pad", "x", x)
    if not isinstance(value, Real):
        raise ParamError("pad", "value", f"is {value!r}", "a number")
    pairs = _pairs(pads, x.ndim)
    inner = tuple([slice(before, before + size) for (before, _), size in zip(pairs, x.shape, strict=True)])
    with np.errstate(over="ignore"):  # a value too large for float32 becomes infinity
        y = np.full([n + before + after for n, (before, after) in zip(x.shape, pairs, strict=True)], value, x.dtype)
    y[inner] = x
    return y, inner


def _pad_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    return (y_bar[saved],)


def _tile(x: Any, reps: Any = 2) -> tuple[Any, Any]:
    """Repeat *x* as a whole, *reps* times along each axis, the last ones being meant where there are fewer numbers."""
    require_floats("tile", "x", x)
    times = whole_numbers("tile", "reps", reps, "a whole number from 0 on, or a tuple of them", lo=0)
    return np.tile(x, times), (x.shape, times)


def _tile_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    shape, times = saved
    rank = max(len(shape), len(times))
    sizes, counts = (1,) * (rank - len(shape)) + shape, (1,) * (rank - len(times)) + times
    copies = y_bar.reshape([n for pair in zip(counts, sizes, strict=True) for n in pair])
    return (np.asarray(copies.sum(axis=tuple(range(0, 2 * rank, 2)))).reshape(shape),)


def _broadcast_to(x: Any, shape: Any = None) -> tuple[Any, Any]:
    """Repeat *x* along axes of size 1 and along new axes in front, up to *shape*; None is its own.

    The result is a view that cannot be written to.
    """
    require_floats("broadcast_to", "x", x)
    wanted = x.shape if shape is None else shape
    wanted = whole_numbers("broadcast_to", "shape", wanted, "a tuple of whole numbers from 0 on", lo=0)
    try:
        return np.broadcast_to(x, wanted), (x.shape, x.dtype)
    except ValueError:
        allowed = f"a shape that ends with {x.shape}, where a 1 may be any size"
        raise ShapeMismatchError("broadcast_to", "shape", f"is {shape!r}", allowed) from None


def _broadcast_to_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    return (unbroadcast(y_bar, *saved),)


def _pairs(pads: Any, rank: int) -> list[tuple[int, int]]:
    """(before, after) for each axis."""
    allowed = f"a whole number from 0 on, or {rank} pairs (before, after) of them, one for each axis"
    if not isinstance(pads, (tuple, list)):
        return [(whole_number("pad", "pads", pads, allowed, lo=0),) * 2] * rank
    pairs = [whole_numbers("pad", "pads", pair, allowed, lo=0) for pair in pads]
    if len(pairs) != rank or any(len(pair) != 2 for pair in pairs):
        raise ParamError("pad", "pads", f"is {pads!r}", allowed)
    return [(before, after) for before, after in pairs]


def _torch_pad(x: Any, pads: Any, value: float) -> Any:
    from torch.nn import functional

    return functional.pad(x, [n for pair in reversed(_pairs(pads, x.ndim)) for n in pair], value=value)


def _shape(*axes: str | int) -> Callable[[Mapping[str, int]], tuple[int, ...]]:
    """A shape for declarations: of sizes that have a symbol, and of others."""
    return lambda sizes: tuple([sizes[axis] if isinstance(axis, str) else axis for axis in axes])


pad = Op(
    name="pad",
    forward=_pad,
    vjp=_pad_vjp,
    inputs={"x": real("n m")},
    params={
        "pads": (1, 0, 2, ((1, 2), (0, 3)), ((0, 0), (0, 1)), ((2, 0), (0, 0)), ((0, 1), (1, 0))),
        "value": (0.0, 1.5, -2),
    },
    torch=_torch_pad,
    formula=r"y_{i + b} = x_i \text{ for } 0 \le i < n, \quad y_j = v \text{ elsewhere}",
    vjp_formula=r"\bar x_i = \bar y_{i + b}",
    source="the chain rule: the padding is constant",
    linear_in=frozenset({"x"}),
)

tile = Op(
    name="tile",
    forward=_tile,
    vjp=_tile_vjp,
    inputs={"x": real("n d")},
    params={"reps": (2, 1, 0, (3,), (2, 1), (1, 3), (2, 3), (2, 1, 3), (0, 2))},
    torch=lambda x, reps: x.tile(reps if isinstance(reps, tuple) else (reps,)),
    formula=r"y_{r n + i} = x_i",
    vjp_formula=r"\bar x_i = \sum_r \bar y_{r n + i}",
    source="the chain rule: each copy of x_i contributes its cotangent",
    linear_in=frozenset({"x"}),
)

broadcast_to = Op(
    name="broadcast_to",
    forward=_broadcast_to,
    vjp=_broadcast_to_vjp,
    inputs={"x": real("n 1 d")},
    params={
        "shape": (
            _shape("n", 3, "d"),
            _shape("n", 1, "d"),
            _shape("n", 0, "d"),
            _shape(2, "n", 1, "d"),
            _shape(2, "n", 3, "d"),
            _shape(1, 1, "n", 2, "d"),
            _shape(0, "n", 1, "d"),
            None,
        )
    },
    torch=lambda x, shape: x.broadcast_to(x.shape if shape is None else shape),
    formula=r"y_{kij} = x_j",
    vjp_formula=r"\bar x_j = \sum_{k, i} \bar y_{kij}",
    source="the chain rule: each copy of x_j contributes its cotangent",
    linear_in=frozenset({"x"}),
)
