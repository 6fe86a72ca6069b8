"""All right ops of kinds that the registry lacks.

They are kept as they were written, whatever gradspec says of them: a declaration is not narrowed to please it.
"""

from __future__ import annotations

from tests.right_ops import densities, elementwise, energies, images, linear_algebra, order, recurrences, rows

_MODULES = (elementwise, densities, rows, recurrences, images, energies, linear_algebra, order)

RIGHT_OPS = tuple(op for module in _MODULES for op in module.OPS)
