"""A leaf to build graphs from."""

from __future__ import annotations

from typing import Any

import numpy as np

from ops.graph import TensorNode


def leaf(*values: float, dtype: Any = np.float64) -> TensorNode:
    """A leaf that holds a vector."""
    return TensorNode(np.array(values, dtype))
