"""All right ops outside the registry.

They stay as they were written, but for mistakes of their own: a declaration is not narrowed to please gradspec.
"""

from __future__ import annotations

from importlib import import_module

_MODULES = (
    "activations",
    "arrays",
    "choices",
    "curves",
    "densities",
    "distances",
    "elementwise",
    "energies",
    "everyday",
    "finance_control",
    "geometry",
    "graphs_text",
    "images",
    "implicit",
    "layers",
    "linear_algebra",
    "losses",
    "masks",
    "matrices",
    "means",
    "mixed",
    "networks",
    "order",
    "physics",
    "recurrences",
    "rows",
    "signals",
    "special",
    "statistics",
    "swallowed",
)

RIGHT_OPS = tuple(op for name in _MODULES for op in import_module(f"tests.right_ops.{name}").OPS)
