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
