"""How far the verification is to be trusted: what its own measurements, kept in docs/records/, say."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from experiments.alarms import Alarms, read_alarms
from experiments.cost import Cost, read_cost
from experiments.functions_of_torch import FunctionsOfTorch, read_functions
from gradspec.judging import judging_hash

T = TypeVar("T")
NAMES = (
    *("seeds", "right_ops", "float32", "kernels", "known_bugs", "mutants", "calibration", "cost"),
    *("torch_functions", "torch_functions-cuda"),
)
RECORDS = Path(__file__).resolve().parent.parent / "docs" / "records"


@dataclass(frozen=True, kw_only=True)
class Detection:
    """Bugs of one class: how many runs on the buggy ops failed, and on the repaired ones.

    Attributes:
        name: The class.
        bugs: How many bugs it has.
        caught: Runs on buggy ops with the verdict FAIL.
        wrong: Runs on buggy ops.
        accused: Runs on repaired ops with the verdict FAIL, or refused.
        right: Runs on repaired ops.
    """

    name: str
    bugs: int
    caught: int
    wrong: int
    accused: int
    right: int


@dataclass(frozen=True, kw_only=True)
class Broken:
    """One op with its rule broken in every way.

    Attributes:
        name: The op.
        mutants: How many broken versions.
        killed: How many of them failed.
        nameable: How many of those have a mistake that the diagnosis ought to name.
        named: How many it named.
        left: Those that did not fail: name, and why that is no hole ("" where it is one).
    """

    name: str
    mutants: int
    killed: int
    nameable: int
    named: int
    left: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, kw_only=True)
class Bars:
    """A rule that is right, held against finite differences.

    Attributes:
        name: The op, or what kind of function.
        comparisons: How many.
        open: Share of them that says nothing.
        exceeded: How many of the others are off by more than their error bar says.
        exceeded_share: That as a share of the others.
    """

    name: str
    comparisons: int
    open: float
    exceeded: int
    exceeded_share: float


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Whether error bars hold what they say.

    Attributes:
        functions: How many random vector functions.
        examples: How many examples per op.
        open_promised: Share of the comparisons that may say nothing.
        exceeded_promised: Share of the others that may be outside their bar.
        random: Of the random vector functions.
        registry: Of all ops, taken together.
        ops: Of each of them, the worst first.
    """

    functions: int
    examples: int
    open_promised: float
    exceeded_promised: float
    random: Bars
    registry: Bars
    ops: Sequence[Bars]

    def is_kept_by(self, row: Bars) -> bool:
        """Whether both shares are below what is promised."""
        return row.open < self.open_promised and row.exceeded_share < self.exceeded_promised

    @property
    def is_kept(self) -> bool:
        """Whether they are for the random functions, and for each op."""
        return all(map(self.is_kept_by, (self.random, *self.ops)))


@dataclass(frozen=True, kw_only=True)
class Trust:
    """The records, as far as they are there.

    Attributes:
        seeds: Many seeds on the registry's ops.
        right_ops: The same on right ops of kinds that the registry lacks.
        float32: The same on both, declared for float32 alone and without a reference.
        kernels: The same on these, raising for all floats but float32.
        detections: One per class of the known bugs, the worst first, then their sum.
        broken: Ops with their rules broken on purpose, those with most survivors first, then their sum.
        functions: What was said of torch's functions.
        on_gpu: The same on a GPU.
        calibration: What is known of the error bars.
        cost: What verdicts cost.
        outdated: Names of the records that were made by other judging code than the present.
    """

    seeds: Alarms | None = None
    right_ops: Alarms | None = None
    float32: Alarms | None = None
    kernels: Alarms | None = None
    detections: Sequence[Detection] = ()
    broken: Sequence[Broken] = ()
    functions: FunctionsOfTorch | None = None
    on_gpu: FunctionsOfTorch | None = None
    calibration: Calibration | None = None
    cost: Cost | None = None
    outdated: Sequence[str] = ()

    @property
    def is_known(self) -> bool:
        """Whether there is anything to show."""
        return any(getattr(self, field.name) for field in fields(self) if field.name != "outdated")

    @property
    def survivors(self) -> list[tuple[str, str, str]]:
        """Broken rules that did not fail: op, what was done to it, and why that is no hole."""
        return [(row.name, mutant, why) for row in self.broken for mutant, why in row.left]


def trust(folder: Path = RECORDS) -> Trust:
    """Read the records in *folder*; what is missing or no record is left out of the page."""
    now = judging_hash()
    return Trust(
        seeds=_part(folder / "seeds.json", read_alarms, None),
        right_ops=_part(folder / "right_ops.json", read_alarms, None),
        float32=_part(folder / "float32.json", read_alarms, None),
        kernels=_part(folder / "kernels.json", read_alarms, None),
        functions=_part(folder / "torch_functions.json", read_functions, None),
        on_gpu=_part(folder / "torch_functions-cuda.json", read_functions, None),
        detections=_part(folder / "known_bugs.json", _detections, []),
        broken=_part(folder / "mutants.json", _broken, []),
        calibration=_part(folder / "calibration.json", _calibration, None),
        cost=_part(folder / "cost.json", read_cost, None),
        outdated=[name for name in NAMES if _read(folder / f"{name}.json").get("judging") != now],
    )


def _part(path: Path, read: Callable[[Mapping[str, Any]], T], nothing: T) -> T:
    """What *read* makes of the record in *path*; *nothing* where that is of another shape."""
    try:
        return read(_read(path))
    except (AttributeError, KeyError, TypeError, ValueError):
        return nothing


def _calibration(record: Mapping[str, Any]) -> Calibration | None:
    if not record:
        return None
    (name, random), *ops = record["counts"].items()
    total = {key: sum(count[key] for _, count in ops) for key in random}
    rows = [_bars(op, count) for op, count in ops]
    return Calibration(
        functions=record["functions"],
        examples=record["examples"],
        open_promised=record["promised"]["open"],
        exceeded_promised=record["promised"]["exceeded"],
        random=_bars(name, random),
        registry=_bars("all ops", total),
        ops=sorted(rows, key=lambda row: (-row.exceeded_share, -row.open, row.name)),
    )


def _bars(name: str, count: Mapping[str, int]) -> Bars:
    comparisons, conclusive = count["comparisons"], count["conclusive"]
    return Bars(
        name=name,
        comparisons=comparisons,
        open=(comparisons - conclusive) / comparisons if comparisons else 0.0,
        exceeded=count["exceeded"],
        exceeded_share=count["exceeded"] / conclusive if conclusive else 0.0,
    )


def _broken(record: Mapping[str, Any]) -> list[Broken]:
    counts = ("mutants", "killed", "nameable", "named")
    rows = [
        Broken(
            name=name,
            **{count: row[count] for count in counts},
            left=[(survivor["mutant"], survivor["why"]) for survivor in row["not_killed"]],
        )
        for name, row in record.get("ops", {}).items()
    ]
    rows.sort(key=lambda row: (row.killed - row.mutants, row.named - row.nameable, row.name))
    total = {count: sum(getattr(row, count) for row in rows) for count in counts}
    return [*rows, Broken(name="all", **total)] if rows else []


def _detections(record: Mapping[str, Any]) -> list[Detection]:
    rows = [
        Detection(
            name=name,
            bugs=row["bugs"],
            caught=row["wrong"]["fail"],
            wrong=row["wrong"]["runs"],
            accused=row["right"]["fail"] + row["right"]["error"],
            right=row["right"]["runs"],
        )
        for name, row in record.get("classes", {}).items()
    ]
    rows.sort(key=lambda row: (row.right and -row.accused / row.right, row.wrong and row.caught / row.wrong, row.name))
    counts = ("bugs", "caught", "wrong", "accused", "right")
    total = {count: sum(getattr(row, count) for row in rows) for count in counts}
    runs = [
        run[0] for op in record.get("right", {}).values() for seed, run in op.items() if int(seed) < record["seeds"]
    ]
    if runs:  # bugs of several classes may share the repaired op, which ran once
        total |= {"right": len(runs), "accused": sum(verdict in ("FAIL", "ERROR") for verdict in runs)}
    return [*rows, Detection(name="all", **total)] if rows else []


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}
