"""How fast a training step, the graph and each op are beside torch, and what memory a step takes; keeps its record.

All sides take turns in one process, on the same work with the same number of threads; losses and results are compared.
What is printed and kept are medians of ratios with their quartiles, of this machine; nothing is promised but memory.

    python -m benchmarks.speed [--quick] [--only net mlp graph ops memory] [--record FILE]
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_info

from benchmarks.record import ROOT, fingerprint, save
from benchmarks.speed import each_op, graph, memory, steps
from benchmarks.speed.networks import without_mygrad
from benchmarks.speed.turns import OURS, VUGRAD
from ops import OPS

RECORD = ROOT / "docs" / "records" / "speed.json"
CODE = ("ops/**/*.py", "benchmarks/speed/*.py", "gradspec/spec.py")
QUICK = 5  # rounds of everything that has more
PARTS = ("net", "mlp", "graph", "ops", "memory")
HAND_MADE = "written for this benchmark from the description of vugrad: recursion, gradients in float64 from the start"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, tell, keep the record; a part that is not measured stays as it is in the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rounds")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="these parts only")
    parser.add_argument("--record", type=Path, default=RECORD, help="where to keep what was found")
    options = parser.parse_args(arguments)
    before = _read(options.record) if set(options.only) != set(PARTS) else {}
    fresh = {"code": fingerprint(CODE), "quick": options.quick, "versions": versions(), "processor": processor()}
    if before and any(before.get(name) != value for name, value in fresh.items()):
        parser.error(f"{options.record} is of other code, versions or rounds: measure all parts")
    record = {**before, **fresh, "sides": {VUGRAD: HAND_MADE}, "absent": without_mygrad()}
    for part in options.only:
        record[part] = measure(part, QUICK if options.quick else None)
    save(record, options.record)
    for told in summary(record):
        print(told)
    return 0


def measure(part: str, rounds: int | None = None) -> Any:
    """One part, with so many rounds or as many as it usually has; each row is told as soon as it is there."""
    some = {} if rounds is None else {"rounds": rounds}
    if part == "net":
        pairs = [(batch, count) for count in steps.THREADS for batch in steps.BATCHES]
        return _told((steps.of_net(*pair, **some) for pair in pairs), steps)
    if part == "mlp":
        pairs = [(hidden, count) for hidden in steps.WIDTHS for count in steps.THREADS]
        return _told((steps.of_mlp(*pair, **some) for pair in pairs), steps)
    if part == "graph":
        each = _told((graph.per_node(operation, **some) for operation in graph.OPERATIONS), graph)
        return {
            "per_node": each,
            "deep": _told([graph.deep(rounds=min(rounds or graph.DEEP_ROUNDS, graph.DEEP_ROUNDS))], graph)[0],
        }
    if part == "ops":
        return _told((each_op.of_op(op, **some) for op in OPS), each_op)
    return _told([memory.of_net(rounds=min(rounds or memory.ROUNDS, memory.ROUNDS))], memory)[0]


def _told(rows: Iterable[dict[str, Any]], module: Any) -> list[dict[str, Any]]:
    kept = []
    for row in rows:
        kept.append(row)
        print("\n".join(module.lines(row)), flush=True)
    return kept


def summary(record: Mapping[str, Any]) -> list[str]:
    """The worst ops, and those that are slow without a reason."""
    rows = record.get("ops", [])
    found = ["the slowest ops beside torch:"] if rows else []
    found += [f"  {ratio:6.2f} × {op}, {way}" for ratio, op, way in each_op.worst(rows)]
    found += [
        f"{row['op']}, {way}: {row[way][OURS]['ratio'][1]:.2f} × torch, not looked into yet"
        for row in rows
        if "skipped" not in row
        for way in each_op.WAYS
        if row[way][OURS]["ratio"][1] > each_op.SLOW and way not in row["why"]
    ]
    return found


def versions() -> dict[str, str]:
    """Of all that is measured, and of the libraries that multiply matrices."""
    names = {"numpy": "numpy", "torch": "torch", "mygrad": "mygrad"}
    found = {name: importlib.metadata.version(name) for name in names if name != "mygrad" or not without_mygrad()}
    blas = sorted({f"{one['internal_api']} {one['version']}" for one in threadpool_info() if one["user_api"] == "blas"})
    own = "MKL" if torch.backends.mkl.is_available() else "its own"
    return {"python": platform.python_version(), **found, "BLAS of numpy": ", ".join(blas), "BLAS of torch": own}


def processor() -> dict[str, Any]:
    """Its name and its cores."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {"name": named[0] if named else platform.processor(), "cores": os.cpu_count()}


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}


if __name__ == "__main__":
    sys.exit(main())
