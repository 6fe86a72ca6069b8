"""What checking a rule costs, beside torch's gradcheck, and what ``verify`` costs on every op of the registry.

Checks of the same rule at the same point take turns in one process, from 100 to a million entries. Counts of forwards
and vjps are exact; seconds and peak memory are of this machine.

    python -m benchmarks.cost
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

import gradspec
from benchmarks.peak import Taken, taken
from benchmarks.record import ROOT, fingerprint, save
from benchmarks.sides import FAST, FULL, PROJECTION, SIDES, WIDTH, Checked, of_full_gradcheck, point
from gradspec import Op
from gradspec.checking import How, verified
from gradspec.drawing import DEFAULT_EXAMPLES
from ops import OPS, normalize, relu, tanh

RECORD = ROOT / "docs" / "records" / "cost.json"
SUBJECTS = (normalize, tanh, relu)
ROUNDS = {100: 9, 1_000: 5, 10_000: 5, 100_000: 3, 1_000_000: 1}  # entries -> how often each side has its turn
MOST_FULL = 1_000  # entries up to which the full gradcheck is run
PROMISED = {"forwards": 21, "vjps": 1, "median_seconds": 1.0, "registry_seconds": 60.0}
"""Of one projection, whatever the size, without the rounding; of verify; and of all ops on two cores."""


def compared(op: Op, entries: int, rounds: int) -> dict[str, Any]:
    """All sides at one point, in turns."""
    x = point(op, entries)
    sides = {name: side for name, side in SIDES.items() if name != FULL or entries <= MOST_FULL}
    turns: dict[str, list[Taken[Checked]]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            turns[name].append(taken(partial(side, op, x)))
    found = {name: _side(measured) for name, measured in turns.items()}
    outputs = op.forward(x)[0].size
    if FULL not in sides:
        found[FULL] = {"run": False, **of_full_gradcheck(entries, outputs)}
    return {"op": op.name, "entries": entries, "outputs": outputs, "sides": found}


def _side(turns: Sequence[Taken[Checked]]) -> dict[str, Any]:
    counts = turns[-1].result
    return {
        "run": True,
        "passed": all(turn.result.passed for turn in turns),
        "forwards": counts.forwards,
        "vjps": counts.vjps,
        "rounding": list(counts.rounding),
        "resolution": counts.resolution,
        "seconds": [turn.seconds for turn in turns],
        "peak_bytes": [turn.peak_bytes for turn in turns],
    }


def registry(ops: Sequence[Op]) -> dict[str, dict[str, float]]:
    """Seconds of ``verify(op)`` for each op, one after the other in this process; those of the processor, too.

    On a machine that has other work to do, it is the second that tells what an op costs.
    """
    gradspec.verify(ops[0], examples=2)  # what is imported at the first use is no op's cost
    found: dict[str, dict[str, float]] = {"seconds": {}, "cpu_seconds": {}}
    for op in ops:
        start = time.process_time()
        found["seconds"][op.name] = gradspec.verify(op).seconds
        found["cpu_seconds"][op.name] = time.process_time() - start
    return found


def together(ops: Sequence[Op], workers: int) -> float:
    """Seconds of ``gradspec check`` on all of *ops* with so many processes, their start included."""
    start = time.perf_counter()
    how = How(seed=0, examples=DEFAULT_EXAMPLES, checks=None, max_seconds=None)
    list(verified([(op, "ops") for op in ops], how, workers))
    return time.perf_counter() - start


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, keep the record, print the tables; returns 1 if something takes more than is promised."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cost", description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int, default=max(ROUNDS), help="the largest size (default a million)")
    parser.add_argument("--workers", type=int, default=2, help="processes for the whole registry (default 2)")
    parser.add_argument("--record", type=Path, default=RECORD, help="the record (default docs/records/cost.json)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    points = []
    for op in SUBJECTS:
        compared(op, WIDTH, 1)  # what is imported and set up at the first use
        for entries, rounds in ROUNDS.items():
            if entries <= options.entries:
                points.append(compared(op, entries, rounds))
                print("\n".join(table(points[-1])), flush=True)
    verified = {**registry(OPS), "workers": options.workers, "wall_seconds": together(OPS, options.workers)}
    record = {
        "code": fingerprint(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "promised": PROMISED,
        "points": points,
        "registry": verified,
    }
    print(told(verified))
    save(record, options.record)
    broken = [*broken_promises(record)]
    print("\n".join(broken) if broken else "every promise is kept")
    return 1 if broken else 0


def table(compared_at: dict[str, Any]) -> Iterator[str]:
    """The sides at one point, a line each."""
    yield f"{compared_at['op']}, {compared_at['entries']:,} entries, {torch.get_num_threads()} thread"
    fast = compared_at["sides"][FAST]["seconds"]
    for name, side in compared_at["sides"].items():
        calls = f"  {name:<16} {side['forwards']:>9,} forwards {side['vjps']:>9,} vjps"
        if not side["run"]:
            yield f"{calls}, a dense Jacobian of {side['jacobian_bytes'] / 1e9:,.1f} GB: not run"
            continue
        more = "+ {} and {}".format(*side["rounding"]) if any(side["rounding"]) else ""
        ratios = [ours / theirs for ours, theirs in zip(side["seconds"], fast, strict=True)]
        peaks = [peak for peak in side["peak_bytes"] if peak is not None]
        yield (
            f"{calls} {more:<9} {statistics.median(side['seconds']):9.4f} s  {statistics.median(ratios):8.2f} × fast "
            f"({min(ratios):.2f} to {max(ratios):.2f})  "
            f"{f'{statistics.median(peaks) / 1e6:.1f} MB' if peaks else 'memory not measured'}  "
            f"sees {side['resolution']:.0e}"
            f"{'' if side['passed'] else '  DOES NOT PASS'}"
        )


def told(verified: dict[str, Any]) -> str:
    """What verify costs on the registry, in a few lines."""
    seconds, cpu = verified["seconds"], verified["cpu_seconds"]
    slowest = max(seconds, key=seconds.__getitem__)
    return (
        f"verify: median {statistics.median(seconds.values()):.2f} s, slowest {slowest} {seconds[slowest]:.2f} s; "
        f"{len(seconds)} ops take {sum(seconds.values()):.0f} s in one process, {verified['wall_seconds']:.0f} s in "
        f"{verified['workers']}\nin processor time: median {statistics.median(cpu.values()):.2f} s, "
        f"all {sum(cpu.values()):.0f} s"
    )


def broken_promises(record: dict[str, Any]) -> Iterator[str]:
    """What takes more than is promised, in words."""
    for place in record["points"]:
        side, where = place["sides"][PROJECTION], f"{place['op']}, {place['entries']:,} entries"
        for kind in ("forwards", "vjps"):
            if side[kind] > PROMISED[kind]:
                yield f"{where}: {side[kind]} {kind} for one projection; promised: at most {PROMISED[kind]}"
    median = statistics.median(record["registry"]["seconds"].values())
    if median > PROMISED["median_seconds"]:
        yield f"verify: median {median:.2f} s; promised: at most {PROMISED['median_seconds']:g} s"
    wall = record["registry"]["wall_seconds"]
    if wall > PROMISED["registry_seconds"]:
        cores = os.cpu_count()
        yield f"the registry: {wall:.0f} s on {cores} cores; promised: at most {PROMISED['registry_seconds']:g} s on 2"


if __name__ == "__main__":
    sys.exit(main())
