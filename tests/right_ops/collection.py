"""All right ops of kinds that the registry lacks.

They are kept as they were written, whatever gradspec says of them: a declaration is not narrowed to please it.
"""

from __future__ import annotations

from tests.right_ops import (
    activations,
    curves,
    densities,
    distances,
    elementwise,
    energies,
    geometry,
    images,
    layers,
    linear_algebra,
    losses,
    means,
    networks,
    order,
    physics,
    recurrences,
    rows,
    signals,
    special,
    statistics,
)

_MODULES = (
    activations,
    curves,
    densities,
    distances,
    elementwise,
    energies,
    geometry,
    images,
    layers,
    linear_algebra,
    losses,
    means,
    networks,
    order,
    physics,
    recurrences,
    rows,
    signals,
    special,
    statistics,
)

RIGHT_OPS = tuple(op for module in _MODULES for op in module.OPS)
