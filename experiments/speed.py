"""How fast the ops, the graph and the layers are beside torch: the record of benchmarks.speed as rows and a chart."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from experiments.figures import Line, chart_of_ratios
from experiments.section import Panel
from experiments.trust import RECORDS

Spread: TypeAlias = tuple[float, float, float]
"""The lower quartile, the median and the upper quartile."""
OURS, TORCH = "ours", "torch"
WORST, SLOW = 10, 2.0  # how many ops are told first; times torch's from which on a reason is due
_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


@dataclass(frozen=True, kw_only=True)
class Timed:
    """Some work of one side, beside torch's.

    Attributes:
        work: What is done.
        side: Who does it.
        seconds: Median over the rounds.
        torch: Torch's.
        ratio: One over the other, round by round.
        batch: Examples, for a training step.
        threads: That each side may use.
        rounds: How often each had its turn.
    """

    work: str
    side: str
    seconds: float
    torch: float
    ratio: Spread
    batch: int = 0
    threads: int = 1
    rounds: int = 0


@dataclass(frozen=True, kw_only=True)
class OpTimed:
    """One op, one way, beside the function of torch.

    Attributes:
        timed: How long it takes; its work is "forward" or "vjp".
        op: The op.
        shapes: Of its inputs, in words.
        why: Why it takes so much longer; "" if it does not, or if nobody has looked into it.
    """

    timed: Timed
    op: str
    shapes: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Deep:
    """A long chain on one side.

    Attributes:
        side: Who builds and sweeps it.
        build: Seconds to build it; None where that or the sweep failed.
        sweep: Seconds to sweep it.
        error: What became of it.
    """

    side: str
    build: float | None = None
    sweep: float | None = None
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """How far a process grows in a training step.

    Attributes:
        step: Which: the first, or a later one.
        ours: Bytes; None where the system does not tell.
        torch: Torch's.
        ratio: One over the other.
    """

    step: str
    ours: int | None
    torch: int | None
    ratio: float | None


@dataclass(frozen=True, kw_only=True)
class Speed:
    """The record.

    Attributes:
        date: When it was measured.
        quick: Whether with few rounds.
        processor: Its name.
        cores: How many it has.
        versions: Of what was measured.
        sides: What is to be said of a side.
        absent: Which side is not there, and why.
        steps: Of the CNN.
        mlp: Of the MLP.
        nodes: Of the graph: time per node in a chain.
        chain: Nodes in that chain.
        deep: The long chain.
        depth: Nodes in it.
        ops: Each way of each op, the slowest beside torch first.
        skipped: Ops that are not measured, and why.
        memory: Of the CNN's step.
        memory_batch: Examples in it.
        memory_promised: Times torch's, at most.
    """

    date: str
    quick: bool
    processor: str
    cores: int
    versions: Mapping[str, str]
    sides: Mapping[str, str]
    absent: str
    steps: Sequence[Timed]
    mlp: Sequence[Timed]
    nodes: Sequence[Timed]
    chain: int
    deep: Sequence[Deep]
    depth: int
    ops: Sequence[OpTimed]
    skipped: Sequence[tuple[str, str]]
    memory: Sequence[Memory]
    memory_batch: int
    memory_promised: float

    @property
    def slowest_step(self) -> Timed:
        """The step of ours that takes longest beside torch's."""
        return max(self.steps, key=lambda row: row.ratio[1])

    @property
    def fastest_step(self) -> Timed:
        """The step of ours that takes least beside torch's."""
        return min(self.steps, key=lambda row: row.ratio[1])

    @property
    def worst(self) -> Sequence[OpTimed]:
        """The slowest ops, with their reasons."""
        return self.ops[:WORST]

    @property
    def slow(self) -> Sequence[OpTimed]:
        """All that a reason is due for."""
        return [row for row in self.ops if row.timed.ratio[1] > SLOW]

    @property
    def others(self) -> Sequence[OpTimed]:
        """Those that are not among the slowest."""
        return self.slow[WORST:]

    @property
    def median(self) -> float:
        """Of the ratios of all ops and ways."""
        return statistics.median(row.timed.ratio[1] for row in self.ops)

    @property
    def faster(self) -> int:
        """How many of them take less time than torch."""
        return sum(row.timed.ratio[1] < 1 for row in self.ops)

    @property
    def is_memory_kept(self) -> bool:
        """Whether no step takes more memory than promised."""
        return all(row.ratio is None or row.ratio <= self.memory_promised for row in self.memory)


def speed(path: Path = RECORDS / "speed.json") -> Speed | None:
    """What the record in *path* says; None where there is none, or not all of it."""
    try:
        return _speed(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, AttributeError, KeyError, TypeError, ValueError):
        return None


def _speed(record: Mapping[str, Any]) -> Speed:
    graph, memory = record["graph"], record["memory"]
    measured = [row for row in record["ops"] if "skipped" not in row]
    ops = [_op(row, way) for row in measured for way in ("forward", "vjp")]
    nodes = [timed for row in graph["per_node"] for timed in _sides(row["sides"], work=row["op"], rounds=row["rounds"])]
    steps = [timed for row in record["net"] for timed in _steps(row, "CNN")]
    if not steps or not ops or not nodes:
        raise ValueError("a part of it is missing")
    return Speed(
        date=record["date"],
        quick=record["quick"],
        processor=record["processor"]["name"],
        cores=record["processor"]["cores"],
        versions=dict(record["versions"]),
        sides=dict(record["sides"]),
        absent=record["absent"],
        steps=steps,
        mlp=[timed for row in record["mlp"] for timed in _steps(row, f"{row['features']} → {row['hidden']} → 10")],
        nodes=nodes,
        chain=graph["per_node"][0]["nodes"],
        deep=[_deep(side, took) for side, took in graph["deep"]["sides"].items()],
        depth=graph["deep"]["nodes"],
        ops=sorted(ops, key=lambda row: (-row.timed.ratio[1], row.op, row.timed.work)),
        skipped=[(row["op"], row["skipped"]) for row in record["ops"] if "skipped" in row],
        memory=[_memory(memory, kind) for kind in memory["ratio"]],
        memory_batch=memory["batch"],
        memory_promised=memory["promised"],
    )


def _steps(row: Mapping[str, Any], work: str) -> list[Timed]:
    return _sides(row["sides"], work=work, batch=row["batch"], threads=row["threads"], rounds=row["rounds"])


def _sides(sides: Mapping[str, Any], **common: Any) -> list[Timed]:
    """A row for each side but torch."""
    theirs = sides[TORCH]["seconds"][1]
    found = []
    for side, took in sides.items():
        if side != TORCH:
            low, middle, high = took["ratio"]
            ratio = (float(low), float(middle), float(high))
            found.append(Timed(side=side, seconds=took["seconds"][1], torch=theirs, ratio=ratio, **common))
    return found


def _op(row: Mapping[str, Any], way: str) -> OpTimed:
    (timed,) = _sides(row[way], work=way, rounds=row["rounds"])
    shapes = ", ".join(f"{name} {'×'.join(map(str, shape))}" for name, shape in row["shapes"].items())
    return OpTimed(timed=timed, op=row["op"], shapes=shapes, why=row["why"].get(way, ""))


def _deep(side: str, took: Mapping[str, Any]) -> Deep:
    if "error" in took:
        return Deep(side=side, error=took["error"])
    return Deep(side=side, build=took["build"][1], sweep=took["sweep"][1])


def _memory(memory: Mapping[str, Any], kind: str) -> Memory:
    ours, torch = (memory["bytes"][side][kind] for side in (OURS, TORCH))
    return Memory(step=kind, ours=ours, torch=torch, ratio=memory["ratio"][kind])


def panels(found: Speed) -> list[Panel]:
    """The time of a training step over torch's, for each batch and number of threads.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    batches = list(dict.fromkeys(row.batch for row in found.steps))
    lines = []
    for series, threads in enumerate(dict.fromkeys(row.threads for row in found.steps)):
        rows = [row for row in found.steps if row.threads == threads]
        low, middle, high = zip(*[row.ratio for row in rows], strict=True)
        at = [batches.index(row.batch) for row in rows]
        label = f"{threads} thread{'s' if threads != 1 else ''}"
        lines.append(Line(label=label, series=series, middle=middle, low=low, high=high, at=at, bars=True))
    title = "Time of a step, torch = 1"
    return [Panel(title=title, svg=chart_of_ratios("speed", title, "batch", [*map(str, batches)], lines))]


def duration(value: float) -> str:
    """A time with three digits, in the unit that suits."""
    unit, name = next((pair for pair in _UNITS if value >= pair[0]), _UNITS[-1])
    return f"{float(f'{value / unit:.3g}'):g}\N{NO-BREAK SPACE}{name}"


def spread(ratio: Spread) -> str:
    """A ratio with its quartiles."""
    low, middle, high = (f"{value:.2f}" for value in ratio)
    return f"{middle}× ({low} to {high})"
