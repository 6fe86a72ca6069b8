"""How often right ops are accused: what many seeds of ``verify`` said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Alarms:
    """The runs on a collection of right ops; each FAIL among them is a false alarm.

    Attributes:
        ops: How many ops.
        runs: Runs of verify with the code as it stands.
        fails: How many of them were FAIL.
        unsure: How many were INCONCLUSIVE.
        seeds: Seeds per op, at least.
        earlier: Runs of earlier versions of the code, or of the op.
        earlier_fails: How many of those were FAIL.
        doubtful: Ops with a FAIL or INCONCLUSIVE, and how many of each.
    """

    ops: int
    runs: int
    fails: int
    unsure: int
    seeds: int
    earlier: int
    earlier_fails: int
    doubtful: Mapping[str, tuple[int, int]]


def read_alarms(record: Mapping[str, Any]) -> Alarms | None:
    """What a record of ``benchmarks.seeds`` says; None where there is none.

    Raises:
        AttributeError, KeyError, TypeError: It is no such record.
    """
    ops = record.get("ops", {})
    rows = ops.values()
    counts = {name: (len(op["fail"]), len(op["inconclusive"])) for name, op in ops.items()}
    found = Alarms(
        ops=len(ops),
        runs=sum(op["seeds"] for op in rows),
        fails=sum(fails for fails, _ in counts.values()),
        unsure=sum(unsure for _, unsure in counts.values()),
        seeds=min((op["seeds"] for op in rows), default=0),
        earlier=sum(op.get("earlier", {}).get("runs", 0) for op in rows),
        earlier_fails=sum(op.get("earlier", {}).get("fail", 0) for op in rows),
        doubtful={name: count for name, count in counts.items() if any(count)},
    )
    return found if found.runs or found.earlier else None
