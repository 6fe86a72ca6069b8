"""One wrong version of an op, and a note of whether it ever did anything else than the right one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradspec.spec import Op

Vjp = Callable[..., Any]
ULPS = 16.0


@dataclass
class Seen:
    """What the calls of a mutant have shown: a mutant that never differs is equivalent, or was never reached."""

    calls: int = 0
    different: int = 0


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A wrong version of an op.

    Attributes:
        name: Says what is wrong; unique for one op, and the same from run to run.
        op: The wrong op.
        guess: Words that a right diagnosis has; "" where none is expected.
        where: File and line of the change, as ``path:line``; "" where the rule is wrapped.
        seen: Filled by the calls of the op.
    """

    name: str
    op: Op
    guess: str = ""
    where: str = ""
    seen: Seen = field(default_factory=Seen)


def mutated(op: Op, wrong: Vjp, name: str, *, guess: str = "", where: str = "", effects: bool = False) -> Mutant:
    """Put *wrong* in the place of the op's rule, and watch whether it ever answers something else.

    Args:
        op: The right op.
        wrong: The wrong rule.
        name: See :class:`Mutant`.
        guess: See :class:`Mutant`.
        where: See :class:`Mutant`.
        effects: Whether it is wrong in what it does to its arguments, not in what it returns.
    """
    seen = Seen()

    def vjp(saved: Any, y_bar: Any, **mask: Any) -> Any:
        seen.calls += 1
        right = None if effects else op.vjp(copied(saved), copied(y_bar), **mask)
        try:
            answer = wrong(saved, y_bar, **mask)
        except Exception:
            seen.different += 1
            raise
        seen.different += effects or not same(answer, right)
        return answer

    def vjp_with_needs(saved: Any, y_bar: Any, needs: Any = None) -> Any:
        return vjp(saved, y_bar) if needs is None else vjp(saved, y_bar, needs=needs)

    takes_needs = op.takes_needs and op.replace(vjp=wrong).takes_needs
    changed = op.replace(vjp=vjp_with_needs if takes_needs else vjp)
    return Mutant(name=name, op=changed, guess=guess, where=where, seen=seen)


def copied(value: Any) -> Any:
    """A copy that no rule can reach the original through."""
    try:
        return copy.deepcopy(value)
    except Exception:  # a generator, a lock, a handle: whatever their own copying raises
        return value


def same(one: Any, other: Any) -> bool:
    """Whether two answers are the same, in type, shape, dtype and, but for a few ulps, in their numbers."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if one is None or other is None:
        return one is other
    if not isinstance(one, (np.ndarray, np.generic)) or not isinstance(other, (np.ndarray, np.generic)):
        return bool(type(one) is type(other) and one == other)
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if one.dtype.kind != "f":
        return np.array_equal(one, other)
    # A sum over an array in another layout is rounded in another order.
    finite = np.where(np.isfinite(other), np.abs(other), 0)
    few_ulps = ULPS * float(np.finfo(other.dtype).eps) * float(finite.max(initial=0.0))
    return bool(np.allclose(one, other, rtol=0.0, atol=few_ulps, equal_nan=True))
