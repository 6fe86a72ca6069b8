"""Arrays by name, loaded whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ops.errors import StateMismatchError


def load_arrays(targets: Mapping[str, np.ndarray], state: Mapping[str, np.ndarray]) -> None:
    """Copy *state* into the arrays *targets* of the same names: all of them, or none.

    Raises:
        StateMismatchError: A name is missing or unknown, or an array has another shape or dtype.
    """
    given = {name: np.asarray(value) for name, value in state.items()}
    shared = [name for name in targets if name in given]
    error = StateMismatchError(
        missing=[name for name in targets if name not in given],
        extra=[name for name in given if name not in targets],
        misshapen=[
            f"{name} {given[name].shape} instead of {targets[name].shape}"
            for name in shared
            if given[name].shape != targets[name].shape
        ],
        mistyped=[
            f"{name} {given[name].dtype} instead of {targets[name].dtype}"
            for name in shared
            if given[name].dtype != targets[name].dtype
        ],
    )
    if error.missing or error.extra or error.misshapen or error.mistyped:
        raise error
    for name, target in targets.items():
        target[...] = given[name]
