"""The two-line way in: one pair of functions, at given arrays, without a declaration."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from gradspec.checks import CHECKS
from gradspec.engine import Run
from gradspec.errors import DeclarationError
from gradspec.examples import declared_examples
from gradspec.results import Report
from gradspec.spec import Array, Op, array

DRAWS = 12  # cotangents tried
ONE_HOT = 4  # every fourth of them has a single entry


def check_vjp(forward: Callable[..., Any], vjp: Callable[..., Any], *arrays: Any) -> Report:
    """Check one pair of functions at the given arrays, without a declaration.

    Args:
        forward: ``(*arrays) -> (y, saved)``; or ``-> y`` alone, and *vjp* gets the tuple of arrays as saved.
        vjp: ``(saved, y_bar) -> tuple``: one cotangent per array, None for integer arrays.
        *arrays: The point; float64 or float32, one of them for all, and int64 for indices.

    Returns:
        The report. It speaks of this point only: declare an :class:`Op` to cover a whole domain.

    Raises:
        DeclarationError: The arrays or functions do not fit together.
    """
    name = getattr(forward, "__name__", "forward")
    name = name if name.isidentifier() else "forward"
    points = [np.asarray(x) for x in arrays]
    inputs = {f"x{position}" if len(points) > 1 else "x": _literal(name, x) for position, x in enumerate(points)}
    floats = {str(x.dtype) for x in points if x.dtype.kind == "f"}
    if len(floats) > 1:
        raise DeclarationError(name, "arrays", f"got dtypes {sorted(floats)}; allowed: one float dtype for all")
    for x in points:
        if not np.isfinite(x).all():
            value = x[~np.isfinite(x)].flat[0]
            raise DeclarationError(name, "arrays", f"got {float(value)!r} among the numbers; allowed: finite numbers")
    paired = Op(
        name=name,
        forward=_Pair(forward),
        vjp=vjp,
        inputs=inputs,
        dtypes=tuple(floats) or ("float64",),
        examples=(tuple(points),),
    )
    run = Run(paired, CHECKS, 0, DRAWS)
    run.replayable = False
    for case in declared_examples(paired, *paired.dtypes):
        for draw in range(DRAWS):
            cotangent = "one-hot" if draw % ONE_HOT == ONE_HOT - 1 else "signed"
            run.examine(replace(case, seed=draw, cotangent=cotangent))
    if run.outside:
        raise DeclarationError(name, "arrays", "forward is not finite at these arrays; allowed: a point where it is")
    return run.report()


class _Pair:
    """A forward that may return y alone."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        with contextlib.suppress(TypeError, ValueError):  # some builtins have none
            self.__signature__ = inspect.signature(function)

    def __call__(self, *arrays: np.ndarray) -> tuple[Any, Any]:
        returned = self.function(*arrays)
        if isinstance(returned, (np.ndarray, np.generic)):
            return returned, arrays
        if isinstance(returned, tuple) and len(returned) == 2:
            return returned
        raise TypeError(f"got {type(returned).__name__} from forward; it should be an array y, or a pair (y, saved)")


def _literal(op: str, x: np.ndarray) -> Array:
    if x.dtype.kind not in "fi" or x.dtype.name not in ("float64", "float32", "int64"):
        raise DeclarationError(op, "arrays", f"got dtype {x.dtype}; allowed: float64, float32, int64")
    return array(" ".join(map(str, x.shape)), integer=x.dtype.kind == "i")
