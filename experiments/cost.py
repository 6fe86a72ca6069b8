"""What a verdict costs: the record of benchmarks.cost as rows and charts."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.figures import UNTOLD, Line, chart_over_sizes
from experiments.section import Panel

UNIT = "gradcheck, fast"  # the side that times are compared with
PROJECTION = "one projection"
BUSY = 1.25  # seconds over seconds of the processor
LEAST_PEAK = 1e6  # bytes: what a process grows by for other reasons


@dataclass(frozen=True, kw_only=True)
class Side:
    """One way to check one rule at one point.

    Attributes:
        op: The op.
        entries: Of its input.
        name: The way.
        forwards: Calls of forward.
        vjps: Calls of the vjp.
        rounding: How many more of each measure what rounding may cost.
        seconds: Median over the rounds; None where it was not run.
        ratio: Its time over that of :data:`UNIT`, round by round: median, lowest, highest.
        peak_bytes: How far the process grew; None where that was not measured.
        jacobian_bytes: What a Jacobian would take, which is why it was not run.
        resolution: The smallest relative error that it could see.
        passed: Whether it found nothing wrong.
    """

    op: str
    entries: int
    name: str
    forwards: int
    vjps: int
    rounding: tuple[int, int] = (0, 0)
    seconds: float | None = None
    ratio: tuple[float, float, float] | None = None
    peak_bytes: float | None = None
    jacobian_bytes: int | None = None
    resolution: float | None = None
    passed: bool = True


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The record.

    Attributes:
        sides: One row per op, size and way.
        threads: That each of them may use.
        torch: The version of torch.
        forwards: Of one projection at most, as promised.
        vjps: Of one projection at most, as promised.
        verified: Op and seconds of ``verify(op)``, the slowest first.
        cpu: Seconds of the processor for each op.
        wall: Seconds of all ops with so many processes.
        workers: The processes.
        median_promised: Seconds of verify, in the median, at most.
        wall_promised: Seconds of all ops at most.
    """

    sides: Sequence[Side]
    threads: int
    torch: str
    forwards: int
    vjps: int
    verified: Sequence[tuple[str, float]]
    cpu: Mapping[str, float]
    wall: float
    workers: int
    median_promised: float
    wall_promised: float

    @property
    def median(self) -> float:
        """Seconds of verify, in the median over the ops."""
        return statistics.median(seconds for _, seconds in self.verified)

    @property
    def total(self) -> float:
        """Seconds of all ops, one after the other."""
        return sum(seconds for _, seconds in self.verified)

    @property
    def cpu_median(self) -> float:
        """Seconds of the processor, in the median over the ops."""
        return statistics.median(self.cpu.values())

    @property
    def cpu_total(self) -> float:
        """Seconds of the processor, of all ops."""
        return sum(self.cpu.values())

    @property
    def is_busy(self) -> bool:
        """Whether the machine had other work to do, so that seconds say too much."""
        return self.total > BUSY * self.cpu_total

    @property
    def projections(self) -> list[Side]:
        """The rows that a promise is about."""
        return [side for side in self.sides if side.name == PROJECTION]

    @property
    def at_most(self) -> tuple[Side, Side]:
        """One projection and the side that it is compared with, on the first op at its largest size."""
        here = [side for side in self.sides if (side.op, side.entries) == (self.ops[0], self.sizes[-1])]
        ours, theirs = (next(side for side in here if side.name == name) for name in (PROJECTION, UNIT))
        return ours, theirs

    @property
    def jacobian_bytes(self) -> int:
        """What the largest Jacobian that was not made would take; 0 if all were."""
        return max((side.jacobian_bytes or 0 for side in self.sides), default=0)

    @property
    def sizes(self) -> list[int]:
        """Entries of the inputs, from few to many."""
        return sorted({side.entries for side in self.sides})

    @property
    def ops(self) -> list[str]:
        """The ops that were checked in every way."""
        return list(dict.fromkeys(side.op for side in self.sides))

    @property
    def names(self) -> list[str]:
        """The ways."""
        return list(dict.fromkeys(side.name for side in self.sides))


def read_cost(record: Mapping[str, Any]) -> Cost | None:
    """The record as rows; None where there is none.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: It is of another shape.
    """
    if not record:
        return None
    promised, registry = record["promised"], record["registry"]
    sides = [_side(point, name) for point in record["points"] for name in point["sides"]]
    slowest_first = sorted(registry["seconds"].items(), key=lambda item: (-item[1], item[0]))
    if not sides or not slowest_first:
        raise ValueError("there is nothing in it")
    return Cost(
        sides=sides,
        threads=record["threads"],
        torch=record["torch"],
        forwards=promised["forwards"],
        vjps=promised["vjps"],
        verified=slowest_first,
        cpu={name: float(registry["cpu_seconds"][name]) for name, _ in slowest_first},
        wall=registry["wall_seconds"],
        workers=registry["workers"],
        median_promised=promised["median_seconds"],
        wall_promised=promised["registry_seconds"],
    )


def _side(point: Mapping[str, Any], name: str) -> Side:
    side = point["sides"][name]
    common = {"op": point["op"], "entries": point["entries"], "name": name}
    counts = {"forwards": side["forwards"], "vjps": side["vjps"]}
    if not side["run"]:
        return Side(**common, **counts, jacobian_bytes=side["jacobian_bytes"])
    unit = point["sides"][UNIT]["seconds"]
    ratios = [mine / theirs for mine, theirs in zip(side["seconds"], unit, strict=True)]
    peaks = [peak for peak in side["peak_bytes"] if peak is not None]
    return Side(
        **common,
        **counts,
        rounding=tuple(side["rounding"]),
        seconds=statistics.median(side["seconds"]),
        ratio=(statistics.median(ratios), min(ratios), max(ratios)),
        peak_bytes=statistics.median(peaks) if peaks else None,
        resolution=side["resolution"],
        passed=side["passed"],
    )


def panels(cost: Cost) -> list[Panel]:
    """Calls, seconds and memory over the number of entries, of the first op: one chart each.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    measures: dict[str, Callable[[Side], float | None]] = {
        "Forwards and vjps": lambda side: side.forwards + side.vjps + sum(side.rounding),
        "Seconds": lambda side: side.seconds,
        "Peak memory in MB": _peak_in_mb,
    }
    return [
        Panel(title=title, svg=chart_over_sizes(f"cost-{number}", title, "entries of the input", _lines(cost, measure)))
        for number, (title, measure) in enumerate(measures.items(), start=1)
    ]


def _peak_in_mb(side: Side) -> float | None:
    return None if side.peak_bytes is None or side.peak_bytes < LEAST_PEAK else side.peak_bytes / 1e6


def _lines(cost: Cost, measure: Callable[[Side], float | None]) -> list[Line]:
    """One per way; where it was not run, what is known of it is dotted."""
    lines = []
    for series, name in enumerate(cost.names):
        rows = [side for side in cost.sides if (side.op, side.name) == (cost.ops[0], name)]
        at = [side.entries for side in rows]
        values = [math.nan if value is None else float(value) for value in map(measure, rows)]
        run = [math.nan if side.seconds is None else value for side, value in zip(rows, values, strict=True)]
        lines.append(Line(label=name, series=series, middle=run, at=at))
        if any(math.isnan(ours) and not math.isnan(value) for ours, value in zip(run, values, strict=True)):
            lines.append(Line(label=UNTOLD, series=series, middle=values, at=at, dotted=True))
    return lines


def seconds(value: float) -> str:
    """A time, with two digits."""
    if value < 1:
        return f"{float(f'{1e3 * value:.2g}'):g}\N{NO-BREAK SPACE}ms"
    return f"{float(f'{value:.2g}'):g}\N{NO-BREAK SPACE}s"


def size(value: float | None) -> str:
    """An amount of memory, with two digits."""
    if value is None:
        return "not measured"
    if value < LEAST_PEAK:
        return "< 1\N{NO-BREAK SPACE}MB"
    unit, name = next((unit, name) for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")) if value >= unit)
    return f"{float(f'{value / unit:.2g}'):g}\N{NO-BREAK SPACE}{name}"


def times(value: float) -> str:
    """A ratio, with two digits."""
    return f"{float(f'{value:.2g}'):g}×"
