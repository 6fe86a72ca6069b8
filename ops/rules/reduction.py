"""How the losses of the single elements become the loss: their mean, their sum, or each for itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ops.rules.guards import require_choice, require_floats, require_shape
from ops.rules.reduce import average

REDUCTIONS = ("mean", "sum", "none")


def require_pair(op: str, x: Any, target: Any, reduction: Any, allowed: tuple[str, ...] = REDUCTIONS) -> None:
    """Refuse what is not two arrays of floats of equal shapes and a known *reduction*.

    Raises:
        ParamError: *reduction* is not known.
        InputTypeError: *x* or *target* is no array of floats.
        ShapeMismatchError: Their shapes differ: a loss that broadcasts hides a forgotten axis.
    """
    require_choice(op, "reduction", reduction, allowed)
    require_floats(op, "x", x)
    require_floats(op, "target", target)
    require_shape(op, "target", target, x.shape, "the shape of x")


def reduced(losses: Any, reduction: str) -> Any:
    """Reduce the *losses*; the mean of none is NaN, their sum 0."""
    if reduction == "none":
        return losses
    total = losses.sum()
    return average(total, losses.size) if reduction == "mean" else total


def each(y_bar: Any, reduction: str, count: int) -> Any:
    """The cotangent of the single losses, *count* many: an array of them, or one number for all."""
    return y_bar / max(count, 1) if reduction == "mean" else y_bar


def has_value(sizes: Mapping[str, int], params: Mapping[str, Any]) -> bool:
    """Whether there is something to average, for declarations."""
    return params["reduction"] != "mean" or all(sizes.values())
