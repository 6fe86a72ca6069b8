"""Measure over many seeds how many of the known bugs are caught, and how often a repaired op is accused.

Resumable: results in the record are kept as long as the code that judges and the collection are the same.

    python -m tests.known_bugs --seeds 50
"""

# ruff: noqa: T201 -- a measurement prints its table
from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from benchmarks.record import JUDGING, ROOT, fingerprint, load, save
from tests.known_bugs.collection import BUGS
from tests.known_bugs.judge import judge

RECORD = ROOT / "docs" / "records" / "known_bugs.json"
ABOUT = (*JUDGING, "tests/known_bugs/*.py")
ASIDE = ("tests/known_bugs/__main__.py", "tests/known_bugs/test_known_bugs.py")
SAVE_EVERY = 20  # results

_WRONG = {bug.id: bug.wrong for bug in BUGS}
_RIGHT = {bug.right.name: bug.right for bug in BUGS}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing, keep the record, print the table; returns 1 for a false alarm."""
    parser = argparse.ArgumentParser(prog="python -m tests.known_bugs", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=50, help="seeds per op (default 50)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: all cores)")
    parser.add_argument("--record", type=Path, default=RECORD, help="the record (default docs/records/known_bugs.json)")
    options = parser.parse_args(arguments)
    record = load(options.record, {"code": fingerprint(ABOUT, ASIDE), "wrong": {}, "right": {}})
    record["seeds"] = options.seeds
    tasks = [
        (kind, name, seed)
        for seed in range(options.seeds)
        for kind, ops in (("right", _RIGHT), ("wrong", _WRONG))  # a false alarm is the first to be told
        for name in ops
        if str(seed) not in record[kind].get(name, {})
    ]
    print(f"{len(BUGS)} bugs, {len(_RIGHT)} repaired ops, {options.seeds} seeds: {len(tasks)} runs to do", flush=True)
    with ProcessPoolExecutor(options.workers) as pool:
        futures = [pool.submit(_run, *task) for task in tasks]
        for done, future in enumerate(as_completed(futures), start=1):
            kind, name, seed, result = future.result()
            record[kind].setdefault(name, {})[str(seed)] = result
            if done % SAVE_EVERY == 0 or done == len(tasks):
                _keep(record, options.record)
                print(f"{done}/{len(tasks)}", flush=True)
    _keep(record, options.record)
    return _table(record, options.seeds)


def _keep(record: dict[str, Any], path: Path) -> None:
    """Write the record with its sums: what is interrupted tells of what was run."""
    record["classes"] = _classes(record, record["seeds"])
    save(record, path, indent=None)


def _run(kind: str, name: str, seed: int) -> tuple[str, str, int, list[Any]]:
    started = time.monotonic()
    try:
        report = judge((_WRONG if kind == "wrong" else _RIGHT)[name], seed)
    except Exception as error:  # a crash of gradspec is a result, too: the bug was not caught
        return kind, name, seed, ["ERROR", round(time.monotonic() - started, 2), f"{type(error).__name__}: {error}"]
    seconds = round(time.monotonic() - started, 2)
    expected = "FAIL" if kind == "wrong" else "PASS"
    if report.verdict == expected:
        return kind, name, seed, [str(report.verdict), seconds]
    why = [f"{check.name}: {check.message or check.reason}" for check in report.checks if check.verdict != "PASS"]
    return kind, name, seed, [str(report.verdict), seconds, "; ".join(why)[:600]]


def _counts(record: dict[str, Any], kind: str, names: Sequence[str], seeds: int) -> dict[str, Any]:
    results = [result for name in names for seed, result in record[kind].get(name, {}).items() if int(seed) < seeds]
    verdicts = [result[0] for result in results]
    return {
        "runs": len(results),
        "fail": verdicts.count("FAIL"),
        "inconclusive": verdicts.count("INCONCLUSIVE"),
        "pass": verdicts.count("PASS"),
        "error": verdicts.count("ERROR"),
        "seconds": round(sum(result[1] for result in results), 1),
    }


def _classes(record: dict[str, Any], seeds: int) -> dict[str, Any]:
    classes = {}
    for klass in dict.fromkeys(bug.klass for bug in BUGS):
        bugs = [bug for bug in BUGS if bug.klass == klass]
        wrong = _counts(record, "wrong", [bug.id for bug in bugs], seeds)
        right = _counts(record, "right", list(dict.fromkeys(bug.right.name for bug in bugs)), seeds)
        classes[klass] = {"bugs": len(bugs), "wrong": wrong, "right": right}
    return classes


def _table(record: dict[str, Any], seeds: int) -> int:
    print(f"{'class':16} bugs   caught          accused    inconclusive (right)   seconds a run")
    for klass, entry in record["classes"].items():
        wrong, right = entry["wrong"], entry["right"]
        print(
            f"{klass:16} {entry['bugs']:4}   {wrong['fail']:5}/{wrong['runs']:<5}   "
            f"{right['fail']:3}/{right['runs']:<5}  {right['inconclusive']:3}/{right['runs']:<5}              "
            f"{(wrong['seconds'] + right['seconds']) / max(wrong['runs'] + right['runs'], 1):.1f}"
        )
    total = _counts(record, "wrong", list(_WRONG), seeds)
    clean = _counts(record, "right", list(_RIGHT), seeds)
    print(f"caught {total['fail']} of {total['runs']} runs; {clean['fail']} false alarms in {clean['runs']} runs")
    for kind, names, good in (("wrong", _WRONG, "FAIL"), ("right", _RIGHT, "PASS")):
        for name in names:
            bad = {seed: result for seed, result in record[kind].get(name, {}).items() if result[0] != good}
            if bad:
                seed, result = next(iter(bad.items()))
                print(f"  {kind} {name}: {len(bad)} not {good}; seed {seed}: {result[0]} {result[2]}")
    return 1 if clean["fail"] else 0


if __name__ == "__main__":
    sys.exit(main())
