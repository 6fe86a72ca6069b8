"""Many seeds of ``verify`` on right ops: the promise "never cries wolf", measured.

Resumable: seeds already in the record are not run again, as long as the code that judges and the op are the same.
Runs of earlier code stay in the record as a sum of their own.

    python -m benchmarks.seeds --seeds 50 --core 1000 --workers 2
    python -m benchmarks.seeds --of right_ops --seeds 20 --workers 2  # tests/right_ops: kinds of ops the registry lacks
    python -m benchmarks.seeds --of float32 --seeds 5 --workers 2  # both, declared for float32 alone
    python -m benchmarks.seeds --of kernels --seeds 5 --workers 2  # and as kernels that raise for all others
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import gradspec
from benchmarks.kernels import as_kernel
from benchmarks.record import ROOT, fingerprint, load_ops, save
from ops import OPS
from tests.right_ops.collection import RIGHT_OPS

RECORDS = ROOT / "docs" / "records"
WITH_FLOAT32 = tuple(op for op in {op.name: op for op in (*RIGHT_OPS, *OPS)}.values() if "float32" in op.dtypes)
"""Right ops, of one name the registry's."""
IN_FLOAT32 = tuple(op.replace(dtypes=("float32",), torch=None) for op in WITH_FLOAT32)
"""Ops as the author of a kernel declares them: float32 alone, nothing to compare with."""
KERNELS = (
    *map(as_kernel, IN_FLOAT32),
    *(as_kernel(op, beside_torch=True) for op in WITH_FLOAT32 if op.torch is not None),
)
"""Without a reference, and those that have one with it, too."""
COLLECTIONS = {  # name -> record, ops
    "registry": ("seeds.json", OPS),
    "right_ops": ("right_ops.json", RIGHT_OPS),
    "float32": ("float32.json", IN_FLOAT32),
    "kernels": ("kernels.json", KERNELS),
}
EMPTY: dict[str, Any] = {"seeds": 0, "fail": [], "inconclusive": [], "compared": 0}
CORE = frozenset(
    (
        *("add", "mul", "div", "matmul", "linear", "relu", "sigmoid", "tanh", "exp", "log", "sum", "mean"),
        *("softmax", "logsoftmax", "cross_entropy", "normalize", "layer_norm", "batch_norm", "conv2d", "max_pool2d"),
    )
)
"""Twenty ops that most networks are made of: these get the most seeds."""
CHUNK = 10  # seeds per task: what an interruption can lose


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing, keep the record; returns 1 if any verdict is FAIL."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.seeds", description=__doc__.splitlines()[0])
    parser.add_argument("--of", choices=COLLECTIONS, default="registry", help="which ops (default registry)")
    parser.add_argument("--seeds", type=int, default=50, help="seeds per op (default 50)")
    parser.add_argument("--core", type=int, default=1000, help="seeds for each of 20 core ops of the registry (1000)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: all cores)")
    parser.add_argument("--record", type=Path, help="the record (default in docs/records/)")
    options = parser.parse_args(arguments)
    file, ops = COLLECTIONS[options.of]
    path = options.record or RECORDS / file
    core = CORE.intersection(op.name for op in ops) if options.of == "registry" else frozenset()
    record, stale = load_ops(path, fingerprint(), ops)
    for name, entry in stale.items():
        if name in record["ops"]:
            record["ops"][name]["earlier"] = _earlier(entry)
    for entry in record["ops"].values():
        for key, value in EMPTY.items():
            entry.setdefault(key, value.copy() if isinstance(value, list) else value)
    wanted = {op.name: max(options.seeds, options.core if op.name in core else 0) for op in ops}
    tasks = [
        (name, start, min(start + CHUNK, seeds))
        for name, seeds in wanted.items()
        for start in range(record["ops"][name]["seeds"], seeds, CHUNK)
    ]
    tasks.sort(key=lambda task: task[1])  # stable: every op keeps step, so that an interrupted run tells of all
    more = f", {options.core} for {len(core)}" if core else ""
    print(f"{len(ops)} ops, {options.seeds} seeds each{more}: {len(tasks)} tasks", flush=True)
    parts: dict[str, dict[int, dict[str, Any]]] = {}
    with ProcessPoolExecutor(options.workers) as pool:
        for done, future in enumerate(as_completed([pool.submit(_run, options.of, *task) for task in tasks]), start=1):
            name, start, part = future.result()
            parts.setdefault(name, {})[start] = part
            _absorb(record, name, parts[name])
            save(record, path)
            if part["fail"] or done % len(ops) == 0 or done == len(tasks):
                print(f"{done}/{len(tasks)}  {name} from seed {start}: {part['fail'] or 'no FAIL'}", flush=True)
    return _summary(record)


def _run(collection: str, name: str, start: int, stop: int) -> tuple[str, int, dict[str, Any]]:
    op = next(op for op in COLLECTIONS[collection][1] if op.name == name)
    part: dict[str, Any] = {"seeds": stop - start, "fail": [], "inconclusive": [], "compared": 0}
    for seed in range(start, stop):
        report = gradspec.verify(op, seed=seed)
        part["compared"] += report.compared
        if report.verdict is gradspec.Verdict.FAIL:
            part["fail"].append({"seed": seed, "message": report.failures[0].message})
        elif report.verdict is gradspec.Verdict.INCONCLUSIVE:
            reasons = [f"{check.name}: {check.reason}" for check in report.checks if check.verdict == "INCONCLUSIVE"]
            part["inconclusive"].append({"seed": seed, "reasons": reasons})
    return name, start, part


def _absorb(record: dict[str, Any], name: str, parts: dict[int, dict[str, Any]]) -> None:
    """Add the parts that continue the record without a gap."""
    entry = record["ops"][name]
    while entry["seeds"] in parts:
        for key, value in parts.pop(entry["seeds"]).items():
            entry[key] += value


def _earlier(entry: dict[str, Any]) -> dict[str, int]:
    """What stays of an entry when the code has changed: how many runs, and of which verdicts."""
    before = entry.get("earlier", {})
    return {
        "runs": before.get("runs", 0) + entry["seeds"],
        "fail": before.get("fail", 0) + len(entry["fail"]),
        "inconclusive": before.get("inconclusive", 0) + len(entry["inconclusive"]),
    }


def _summary(record: dict[str, Any]) -> int:
    ops = record["ops"]
    runs = sum(entry["seeds"] for entry in ops.values())
    fails = sum(len(entry["fail"]) for entry in ops.values())
    unsure = sum(len(entry["inconclusive"]) for entry in ops.values())
    print(f"{runs} runs on {len(ops)} ops: {fails} FAIL, {unsure} INCONCLUSIVE")
    old = {key: sum(entry.get("earlier", {}).get(key, 0) for entry in ops.values()) for key in _earlier(EMPTY)}
    print(f"earlier versions of the code: {old['runs']} runs, {old['fail']} FAIL, {old['inconclusive']} INCONCLUSIVE")
    for name, entry in ops.items():
        if entry["fail"] or entry["inconclusive"]:
            print(f"  {name}: {len(entry['fail'])} FAIL, {len(entry['inconclusive'])} INCONCLUSIVE")
    return 1 if fails else 0


if __name__ == "__main__":
    sys.exit(main())
