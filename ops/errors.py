"""What the ops and the graph raise for a user's mistake: each error says who, what it got and what fits."""

from __future__ import annotations

from collections.abc import Iterable


class BadInputError(Exception):
    """An op was given something that does not fit; base of the four below.

    Attributes:
        op: The op's name.
        argument: The name of the input or param.
        got: What it was given.
        allowed: What fits.
    """

    def __init__(self, op: str, argument: str, got: str, allowed: str) -> None:
        self.op = op
        self.argument = argument
        self.got = got
        self.allowed = allowed
        super().__init__(f"{op}: {argument} {got}; allowed: {allowed}")

    def __reduce__(self) -> tuple[type[BadInputError], tuple[str, str, str, str]]:
        return type(self), (self.op, self.argument, self.got, self.allowed)


class ShapeMismatchError(BadInputError, ValueError):
    """Shapes that do not fit each other or the op."""


class ParamError(BadInputError, ValueError):
    """A static keyword with a value that has no meaning for the op."""


class OutOfRangeError(BadInputError, IndexError, ValueError):
    """An axis, index or label that points outside."""


class InputTypeError(BadInputError, TypeError):
    """An input that is not an array, or holds the wrong kind of numbers."""


class GraphError(RuntimeError):
    """backward() was asked for something that has no meaning."""


class GraphConsumedError(GraphError):
    """A part of the graph was freed by an earlier backward()."""


class StateMismatchError(ValueError):
    """Saved arrays that do not fit a model or an optimizer; nothing of them was loaded.

    Attributes:
        missing: Names that were expected and are not there.
        extra: Names that are there and were not expected.
        misshapen: Names whose array has another shape, with both shapes.
        mistyped: Names whose array has another dtype, with both dtypes.
    """

    def __init__(
        self,
        missing: Iterable[str] = (),
        extra: Iterable[str] = (),
        misshapen: Iterable[str] = (),
        mistyped: Iterable[str] = (),
    ) -> None:
        self.missing = tuple(missing)
        self.extra = tuple(extra)
        self.misshapen = tuple(misshapen)
        self.mistyped = tuple(mistyped)
        kinds = {"missing": self.missing, "not expected": self.extra}
        kinds |= {"of another shape": self.misshapen, "of another dtype": self.mistyped}
        found = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in kinds.items() if names)
        super().__init__(f"the state does not fit and nothing was loaded; {found}")

    def __reduce__(self) -> tuple[type[StateMismatchError], tuple[tuple[str, ...], ...]]:
        return type(self), (self.missing, self.extra, self.misshapen, self.mistyped)
