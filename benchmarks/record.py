"""What every record of a long measurement has: a fingerprint of the code that it is about, and where it ran."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import gradspec
from gradspec import Op
from gradspec.judging import JUDGING, code_hash, judging_hash
from gradspec.op_hash import op_hash

ROOT = Path(__file__).resolve().parent.parent


def fingerprint(patterns: Sequence[str] = JUDGING, aside: Container[str] = ()) -> str:
    """A hash of the code in the files that match, but for those set aside."""
    return code_hash(ROOT, patterns, aside)


def load(path: Path, fresh: dict[str, Any]) -> dict[str, Any]:
    """The record in *path*, or *fresh* where there is none or it is about other code."""
    record = _read(path)
    return record if record.get("code") == fresh["code"] else fresh


def load_ops(path: Path, code: str, ops: Iterable[Op]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The record in *path* of measurements on each of *ops*, and the entries in it that are about other code.

    An entry is about the present code if both the hash of the engine and that of its op are the same.
    """
    hashes = {op.name: op_hash(op) for op in ops}
    record = _read(path)
    entries = record.get("ops", {})
    same = record.get("code") == code
    kept = {name: entry for name, entry in entries.items() if same and entry.get("op") == hashes.get(name, "gone")}
    stale = {name: entry for name, entry in entries.items() if name not in kept}
    fresh = {name: {"op": hashed, **kept.get(name, {})} for name, hashed in hashes.items()}
    return {"code": code, "ops": fresh}, stale


def _read(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        sys.exit(f"{path}: not a record ({error}); move it away to start anew")
    return dict(record)


def save(record: dict[str, Any], path: Path, indent: int | None = 1) -> None:
    """Write the record, whole or not at all."""
    record["judging"] = judging_hash()  # what the page asks for; "code" may be about more
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
