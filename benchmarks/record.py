"""What every record of a long measurement has: a fingerprint of the code that it is about, and where it ran."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import gradspec

ROOT = Path(__file__).resolve().parent.parent
JUDGING = (
    "gradspec/checks/*.py",
    "gradspec/oracles/*.py",
    "ops/rules/*.py",
    *(f"gradspec/{name}.py" for name in ("analytic", "caller", "directions", "domains", "engine", "evidence")),
    *(f"gradspec/{name}.py" for name in ("layouts", "measurement", "rounding", "trial", "values")),
)
"""What decides a verdict on an op of the registry."""


def fingerprint(patterns: Sequence[str] = JUDGING, aside: Container[str] = ()) -> str:
    """A hash of the files that match, but for those set aside."""
    digest = hashlib.sha256()
    for pattern in patterns:
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            if name not in aside:
                digest.update(name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def load(path: Path, fresh: dict[str, Any]) -> dict[str, Any]:
    """The record in *path*, or *fresh* where there is none or it is about other code."""
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return fresh
    except ValueError as error:
        sys.exit(f"{path}: not a record ({error}); move it away to start anew")
    return record if record.get("code") == fresh["code"] else fresh


def save(record: dict[str, Any], path: Path, indent: int | None = 1) -> None:
    """Write the record, whole or not at all."""
    record["date"] = time.strftime("%Y-%m-%d", time.gmtime())
    record["environment"] = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "gradspec": gradspec.__version__,
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(record, indent=indent) + "\n", encoding="utf-8")
    temporary.replace(path)
