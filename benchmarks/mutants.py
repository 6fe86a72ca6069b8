"""Every op of the registry with its rule broken in every way: how many mutants are noticed, and named.

Resumable: ops in the record are not tried again, as long as the code that judges, the mutants and the op are the same.

    python -m benchmarks.mutants --workers 2
"""

from __future__ import annotations

import argparse
import os
import sys
import tomllib
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from benchmarks.record import JUDGING, ROOT, fingerprint, load_ops, save
from gradspec.mutate import reason, summary
from gradspec.mutation import Fate, mutants, tried
from gradspec.mutation.run import KILLED
from ops import OPS

RECORD = ROOT / "docs" / "records" / "mutants.json"
ACCEPTED = ROOT / "tests" / "power" / "accepted_mutants.toml"
MUTATION = ("gradspec/mutation/*.py", "gradspec/diagnosis.py", "gradspec/explain.py")


def main(arguments: Sequence[str] | None = None) -> int:
    """Try what is missing, keep the record; returns 1 if a mutant is neither killed nor accepted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants", description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: all cores)")
    parser.add_argument("--record", type=Path, default=RECORD, help="the record (default docs/records/mutants.json)")
    options = parser.parse_args(arguments)
    accepted = tomllib.loads(ACCEPTED.read_text(encoding="utf-8"))
    record, _ = load_ops(options.record, fingerprint((*JUDGING, *MUTATION)), OPS)
    hashes = {name: entry["op"] for name, entry in record["ops"].items()}
    record["ops"] = {name: entry for name, entry in record["ops"].items() if "mutants" in entry}
    missing = [name for name in hashes if name not in record["ops"]]
    with ProcessPoolExecutor(options.workers) as pool:
        for future in as_completed([pool.submit(_run, name) for name in missing]):
            name, fates = future.result()
            record["ops"][name] = {"op": hashes[name], **_entry(name, fates, accepted)}
            save(record, options.record)
            print(summary(name, fates, accepted), flush=True)
    for name, entry in record["ops"].items():  # reasons may have been given since
        for survivor in entry["not_killed"]:
            survivor["why"] = reason(accepted, name, survivor["mutant"])
    save(record, options.record)
    for key in unused(record["ops"], accepted):
        print(f"no longer needed in {ACCEPTED.relative_to(ROOT)}: {key}")
    return _total(record)


def unused(ops: Mapping[str, Any], accepted: Mapping[str, str]) -> list[str]:
    """The reasons that speak of no mutant any more: it is killed by now, or no mutant has that name.

    Args:
        ops: The entries of the record.
        accepted: "op: mutant", or "*: mutant", -> the reason.
    """
    left = [(name, survivor["mutant"]) for name, entry in ops.items() for survivor in entry["not_killed"]]
    needed = {f"{name}: {mutant}" for name, mutant in left} | {f"*: {mutant}" for _, mutant in left}
    whole = len(ops) == len(OPS)
    return [key for key in accepted if key not in needed and (key.split(":")[0] in ops or whole)]


def _run(name: str) -> tuple[str, list[Fate]]:
    op = next(op for op in OPS if op.name == name)
    return name, [tried(mutant) for mutant in mutants(op)]


def _entry(name: str, fates: Sequence[Fate], accepted: dict[str, str]) -> dict[str, Any]:
    killed = [fate for fate in fates if fate.outcome == KILLED]
    by_check: dict[str, int] = {}
    for fate in killed:
        for check in fate.checks:
            by_check[check] = by_check.get(check, 0) + 1
    return {
        "mutants": len(fates),
        "killed": len(killed),
        "by_check": by_check,
        "nameable": sum(bool(fate.guess) for fate in killed),
        "named": sum(fate.is_named for fate in killed),
        "unnamed": [fate.name for fate in killed if fate.guess and not fate.is_named],
        "not_killed": [
            {"mutant": fate.name, "outcome": fate.outcome, "why": reason(accepted, name, fate.name)}
            for fate in fates
            if fate.outcome != KILLED
        ],
    }


def _total(record: dict[str, Any]) -> int:
    entries = record["ops"].values()
    total = {key: sum(entry[key] for entry in entries) for key in ("mutants", "killed", "nameable", "named")}
    left = [survivor for entry in entries for survivor in entry["not_killed"] if not survivor["why"]]
    print(f"{total['killed']} of {total['mutants']} mutants killed, {len(left)} neither killed nor explained")
    print(f"{total['named']} of {total['nameable']} nameable mistakes named")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
