"""All known bugs."""

from __future__ import annotations

from tests.known_bugs import (
    broadcasting,
    dtype,
    formula,
    formula_arrays,
    indices,
    kinks,
    layout,
    magnitude,
    missing,
    params,
    second_order,
    sizes,
    small,
    special_points,
    special_values,
    state,
    upstream,
    windows,
)

_CLASSES = (
    formula,
    formula_arrays,
    params,
    windows,
    special_values,
    special_points,
    broadcasting,
    magnitude,
    upstream,
    sizes,
    indices,
    state,
    second_order,
    kinks,
    small,
    dtype,
    missing,
    layout,
)

BUGS = tuple(bug for klass in _CLASSES for bug in klass.BUGS)
