"""References of the declarations that need more than a name: torch is loaded when they are called, never before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def functional(name: str, **fixed: Any) -> Callable[..., Any]:
    """The function of torch.nn.functional called *name*, with some keywords fixed."""

    def reference(*tensors: Any, **params: Any) -> Any:
        from torch.nn import functional as torch_functional

        return getattr(torch_functional, name)(*tensors, **fixed, **params)

    return reference


def over_axes(reduce: Callable[..., Any]) -> Callable[..., Any]:
    """A reduction with NumPy's axis and keepdims from ``reduce(x, dim, keepdim, **params)``.

    Torch takes an empty tuple for all axes: to reduce none of them is to reduce a new axis of size 1.
    """

    def reference(x: Any, axis: Any, keepdims: bool, **params: Any) -> Any:  # noqa: FBT001 -- NumPy's keyword
        if axis == ():
            return reduce(x.unsqueeze(-1), -1, False, **params)  # noqa: FBT003 -- torch's order
        return reduce(x, tuple(range(x.ndim)) if axis is None else axis, keepdims, **params)

    return reference
