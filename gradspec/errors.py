"""What gradspec raises. Everything a user can cause derives from GradspecError."""

from __future__ import annotations


class GradspecError(Exception):
    """Base of every error that gradspec raises for a user's mistake."""


class DeclarationError(GradspecError):
    """A declaration is wrong: says which op, which field, what it got and what is allowed.

    Attributes:
        op: The op's name ("" where it is not known).
        field: The field, written as in the declaration, such as ``inputs['x'].lo``.
        problem: What was got and what is allowed.
    """

    def __init__(self, op: str, field: str, problem: str) -> None:
        self.op = op
        self.field = field
        self.problem = problem
        super().__init__(": ".join(part for part in (op, field, problem) if part))

    def __reduce__(self) -> tuple[type[DeclarationError], tuple[str, str, str]]:
        return type(self), (self.op, self.field, self.problem)


class MissingDependencyError(GradspecError, ImportError):
    """An optional library is needed and not installed; the message says how to get it."""


class TargetError(GradspecError):
    """What a command, an option or an argument names was not found, or is not what is allowed there."""
