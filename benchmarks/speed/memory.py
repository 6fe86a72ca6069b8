"""Memory of a training step at its peak, each side in a process of its own, and beside torch's.

    python -m benchmarks.speed.memory ours 128 1

It is how far the process grows, at most, over what it had just before the step: the arrays of the step, and in the
first step also what the libraries set up at their first use.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.peak import taken
from benchmarks.record import ROOT
from benchmarks.speed.networks import net_step
from benchmarks.speed.turns import OURS, TORCH, threads

BATCH, ROUNDS = 128, 5
PROMISED = 1.5  # times torch's peak, at most
SETTLED = 3  # steps after which nothing is set up any more
KINDS = ("first", "later")


def of_net(batch: int = BATCH, rounds: int = ROUNDS, count: int = 1) -> dict[str, Any]:
    """The peak of the first step and of a later one, in the median over processes that take turns."""
    found: dict[str, dict[str, list[int | None]]] = {side: {kind: [] for kind in KINDS} for side in (OURS, TORCH)}
    for _ in range(rounds):
        for side, peaks in found.items():
            for kind, peak in _in_a_process(side, batch, count).items():
                peaks[kind].append(peak)
    sides = {side: {kind: _median(peaks[kind]) for kind in KINDS} for side, peaks in found.items()}
    ratios = {kind: _over(sides[OURS][kind], sides[TORCH][kind]) for kind in KINDS}
    row = {"batch": batch, "threads": count, "rounds": rounds, "promised": PROMISED}
    return {**row, "bytes": sides, "ratio": ratios}


def _median(peaks: Sequence[int | None]) -> int | None:
    known = [peak for peak in peaks if peak is not None]
    return round(statistics.median(known)) if known else None


def _over(mine: int | None, theirs: int | None) -> float | None:
    return None if mine is None or not theirs else float(f"{mine / theirs:.3g}")


def _in_a_process(side: str, batch: int, count: int) -> dict[str, int | None]:
    command = [sys.executable, "-m", "benchmarks.speed.memory", side, str(batch), str(count)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603 -- our own
    peaks: dict[str, int | None] = json.loads(done.stdout)
    return peaks


def peaks_here(side: str, batch: int, count: int) -> dict[str, int | None]:
    """The peaks of the first step of this process and of one when all is set up."""
    step = net_step(side, batch)
    with threads(count):
        first = taken(step).peak_bytes
        for _ in range(SETTLED):
            step()
        return {"first": first, "later": taken(step).peak_bytes}


def lines(row: Mapping[str, Any]) -> Iterator[str]:
    """What the row says."""
    for kind in KINDS:
        mine, theirs = (row["bytes"][side][kind] for side in (OURS, TORCH))
        if mine is None or theirs is None:
            yield f"{kind} step: this system does not tell the peak"
        else:
            amounts = f"ours {mine / 1e6:.1f} MB, torch {theirs / 1e6:.1f} MB, {row['ratio'][kind]} ×"
            yield f"memory of the {kind} step, batch {row['batch']}: {amounts} (promised: at most {row['promised']})"


if __name__ == "__main__":
    print(json.dumps(peaks_here(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
