"""All known bugs."""

from __future__ import annotations

from tests.known_bugs import (
    broadcasting,
    dtype,
    formula,
    indices,
    kinks,
    layout,
    magnitude,
    missing,
    params,
    second_order,
    sizes,
    small,
    special_values,
    state,
    upstream,
    windows,
)

_CLASSES = (
    formula,
    params,
    windows,
    special_values,
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
