"""Which code decides a verdict, and a hash of it: what a record of measurements is about."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Container, Sequence
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
JUDGING = (
    "gradspec/checks/*.py",
    "gradspec/oracles/*.py",
    *(f"gradspec/{name}.py" for name in ("analytic", "caller", "constants", "cotangents", "covering", "crossed")),
    *(f"gradspec/{name}.py" for name in ("directions", "domains", "doubts", "drawing", "engine", "evaluated")),
    *(f"gradspec/{name}.py" for name in ("evidence", "excuses", "intervals", "judgement", "layouts", "measurement")),
    *(f"gradspec/{name}.py" for name in ("nearby", "places", "related", "rounding", "strategies", "tally")),
    *(f"gradspec/{name}.py" for name in ("ties", "trial", "values")),
)
"""What decides a verdict; what it is about, the op itself, has a hash of its own."""


@cache  # a page and its records ask often, and the code that runs stays what it is
def judging_hash() -> str:
    """A hash of the code that judges; measurements of verdicts are about that code alone."""
    return code_hash(ROOT, JUDGING)


def code_hash(root: Path, patterns: Sequence[str], aside: Container[str] = ()) -> str:
    """A hash of the code in the files below *root* that match, but for those set aside.

    Comments and docstrings are not in it. Another version of Python may give another one.
    """
    digest = hashlib.sha256()
    for pattern in patterns:
        for path in sorted(root.glob(pattern)):
            name = path.relative_to(root).as_posix()
            if name not in aside:
                digest.update(f"{name}\n{_code(path)}".encode())
    return digest.hexdigest()[:12]


def _code(path: Path) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        for name, field in ast.iter_fields(node):
            if name == "body" and isinstance(field, list):
                node.body = [item for item in field if not _is_text(item)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
