"""What the experiments raise for a user's mistake; each message is one line and says what to do."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gradspec.errors import GradspecError, MissingDependencyError


class ExperimentError(GradspecError):
    """Base of every error here; a command prints it as one line and exits with code 2."""


class UsageError(ExperimentError):
    """The command line is wrong."""


class ConfigError(ExperimentError):
    """A field of a config is wrong.

    Attributes:
        field: The field's name.
        got: The value.
        allowed: What is allowed, in words.
    """

    def __init__(self, field: str, got: object, allowed: str) -> None:
        self.field = field
        self.got = got
        self.allowed = allowed
        super().__init__(f"{field}: got {got!r}; allowed: {allowed}")

    def __reduce__(self) -> tuple[type[ConfigError], tuple[str, object, str]]:
        return type(self), (self.field, self.got, self.allowed)


class UnknownExperimentError(ExperimentError):
    """No experiment has this name.

    Attributes:
        name: What was asked for.
        known: The names there are.
    """

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        self.known = tuple(known)
        super().__init__(f"unknown experiment {name!r}; there are: {', '.join(self.known)}")

    def __reduce__(self) -> tuple[type[UnknownExperimentError], tuple[str, tuple[str, ...]]]:
        return type(self), (self.name, self.known)


class PathError(ExperimentError):
    """Something is wrong with a file or folder.

    Attributes:
        path: The file or folder.
        problem: What is wrong with it, and what to do.
    """

    def __init__(self, path: Path, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}")

    def __reduce__(self) -> tuple[type[PathError], tuple[Path, str]]:
        return type(self), (self.path, self.problem)


class OutputError(PathError):
    """A folder cannot be written to."""


class DataError(PathError):
    """A folder of data is missing or wrong."""


class CorruptRunError(PathError):
    """A run directory does not hold what its writer wrote; *path* is the file that shows it."""


class UnverifiedOpError(ExperimentError):
    """A run would use an op whose backward formula does not pass its verification.

    Attributes:
        op: The op's name.
        verdict: FAIL or INCONCLUSIVE.
        problem: The first line of what was found.
    """

    def __init__(self, op: str, verdict: str, problem: str) -> None:
        self.op = op
        self.verdict = verdict
        self.problem = problem
        super().__init__(
            f"the op {op} is not verified here ({verdict}: {problem}); nothing is trained with it; "
            f"see: gradspec check {op}"
        )

    def __reduce__(self) -> tuple[type[UnverifiedOpError], tuple[str, str, str]]:
        return type(self), (self.op, self.verdict, self.problem)


def missing(package: str) -> MissingDependencyError:
    """The error for a library that the experiments need and that is not installed."""
    return MissingDependencyError(f"{package} is not installed; the experiments need: pip install 'gradspec[all]'")
