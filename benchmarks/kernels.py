"""Ops as kernels: what takes float32, and raises for all else."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from gradspec import Op

FLOAT32 = np.dtype(np.float32)


def as_kernel(op: Op, *, beside_torch: bool = False) -> Op:
    """The same op, declared for float32 alone; forward and vjp raise for other floats.

    Without its reference, unless it is to stay beside that: it has another name, then.
    """
    name, torch = (f"{op.name}_beside_torch", op.torch) if beside_torch else (op.name, None)
    return op.replace(
        name=name, forward=_strict(op.forward, 0), vjp=_strict(op.vjp, 1), dtypes=("float32",), torch=torch
    )


def _strict(function: Callable[..., Any], first: int) -> Callable[..., Any]:
    """What raises if an argument from the *first* on is of other floats: what forward has saved is its own business."""

    @wraps(function)  # its signature is asked for: a vjp may take ``needs``
    def strict(*given: Any, **keywords: Any) -> Any:
        arrays = [x for each in given[first:] for x in (each if isinstance(each, tuple) else (each,))]
        for x in arrays:
            if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "fc" and x.dtype != FLOAT32:
                raise TypeError(f"this kernel takes float32, got {x.dtype}")
        return function(*given, **keywords)

    return strict
