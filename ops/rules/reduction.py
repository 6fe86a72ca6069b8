"""How the losses of the single elements become the loss: their mean, their sum, or each for itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ops.errors import ShapeMismatchError
from ops.rules.guards import require_choice, require_floats, require_shape

REDUCTIONS = ("mean", "sum", "none")


def require_pair(op: str, x: Any, target: Any, reduction: Any, allowed: tuple[str, ...] = REDUCTIONS) -> None:
    """Refuse what is not two arrays of floats of equal shapes and a known *reduction*.

    Raises:
        ParamError: *reduction* is not known.
        InputTypeError: *x* or *target* is no array of floats.
        ShapeMismatchError: Their shapes differ (a loss that broadcasts hides a forgotten axis), or they are empty and
            *reduction* is a mean.
    """
    require_choice(op, "reduction", reduction, allowed)
    require_floats(op, "x", x)
    require_floats(op, "target", target)
    require_shape(op, "target", target, x.shape, "the shape of x")
    require_examples(op, "x", x, reduction)


def require_examples(op: str, argument: str, x: Any, reduction: str) -> None:
    """Refuse the mean over an empty batch: it would be NaN, and show far from where the batch was made.

    Raises:
        ShapeMismatchError: *x* has no element, and *reduction* is a mean.
    """
    if not x.size and reduction not in ("sum", "none"):
        allowed = f"at least one example for reduction={reduction!r} (the sum over none is 0)"
        raise ShapeMismatchError(op, argument, f"has shape {x.shape}", allowed)


def reduced(losses: Any, reduction: str) -> Any:
    """Reduce the *losses*; the sum of none is 0."""
    if reduction == "none":
        return losses
    total = losses.sum()
    return total / losses.size if reduction == "mean" else total


def each(y_bar: Any, reduction: str, count: int) -> Any:
    """The cotangent of the single losses, *count* many: an array of them, or one number for all."""
    return y_bar / max(count, 1) if reduction == "mean" else y_bar


def has_value(sizes: Mapping[str, int], params: Mapping[str, Any]) -> bool:
    """Whether there is something to average, for declarations."""
    return params["reduction"] in ("sum", "none") or all(sizes.values())
