"""Declare an op and its backward formula once; gradspec finds what is wrong with it and says why.

Importing this package costs NumPy and nothing else: every public name is loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "Array": "spec",
    "Op": "spec",
    "array": "spec",
    "index": "spec",
    "nonnegative": "spec",
    "nonzero": "spec",
    "positive": "spec",
    "real": "spec",
    "DeclarationError": "errors",
    "GradspecError": "errors",
    "MissingDependencyError": "errors",
    "TargetError": "errors",
    "CheckResult": "results",
    "Report": "results",
    "Verdict": "results",
    "check_vjp": "pair",
    "verify": "engine",
    "pytest_tests": "testing",
}

if TYPE_CHECKING:
    from gradspec.engine import verify
    from gradspec.errors import DeclarationError, GradspecError, MissingDependencyError, TargetError
    from gradspec.pair import check_vjp
    from gradspec.results import CheckResult, Report, Verdict
    from gradspec.spec import Array, Op, array, index, nonnegative, nonzero, positive, real
    from gradspec.testing import pytest_tests

__all__ = [
    "Array",
    "CheckResult",
    "DeclarationError",
    "GradspecError",
    "MissingDependencyError",
    "Op",
    "Report",
    "TargetError",
    "Verdict",
    "array",
    "check_vjp",
    "index",
    "nonnegative",
    "nonzero",
    "positive",
    "pytest_tests",
    "real",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'gradspec' has no attribute {name!r}")
    value = getattr(import_module(f"gradspec.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
