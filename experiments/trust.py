"""How far the verification is to be trusted: what its own measurements, kept in docs/records/, say."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
class Trust:
    """The records, as far as they are there.

    Attributes:
        runs: Runs of verify on the registry's ops in the record of seeds.
        fails: How many of them were FAIL.
        unsure: How many were INCONCLUSIVE.
        seeds: Seeds per op, at least.
        earlier: Runs of earlier versions of the code, or of the op.
        earlier_fails: How many of those were FAIL.
        detections: One per class of the known bugs, then their sum.
        broken: Ops with their rules broken on purpose, then their sum.
        functions: How many functions of torch were verified.
        passed: How many of them passed.
        torch: The version of torch.
        findings: Those that failed: name, what was found by hand, and the counterexample.
    """

    runs: int = 0
    fails: int = 0
    unsure: int = 0
    seeds: int = 0
    earlier: int = 0
    earlier_fails: int = 0
    detections: Sequence[Detection] = ()
    broken: Sequence[Broken] = ()
    functions: int = 0
    passed: int = 0
    torch: str = ""
    findings: Sequence[tuple[str, str, str]] = ()


def trust(folder: Path = RECORDS) -> Trust:
    """Read the records in *folder*; what is missing or no record is left out of the page."""
    try:
        return _trust(folder)
    except (AttributeError, KeyError, TypeError):  # JSON, but of another shape
        return Trust()


def _trust(folder: Path) -> Trust:
    seeds = _read(folder / "seeds.json").get("ops", {}).values()
    torch = _read(folder / "torch_functions.json")
    functions = torch.get("functions", [])
    return Trust(
        runs=sum(op["seeds"] for op in seeds),
        fails=sum(len(op["fail"]) for op in seeds),
        unsure=sum(len(op["inconclusive"]) for op in seeds),
        seeds=min((op["seeds"] for op in seeds), default=0),
        earlier=sum(op.get("earlier", {}).get("runs", 0) for op in seeds),
        earlier_fails=sum(op.get("earlier", {}).get("fail", 0) for op in seeds),
        detections=_detections(_read(folder / "known_bugs.json").get("classes", {})),
        broken=_broken(_read(folder / "mutants.json").get("ops", {})),
        functions=len(functions),
        passed=sum(row["verdict"] == "PASS" for row in functions),
        torch=str(torch.get("torch", "")),
        findings=[
            (row["op"], row["looked_into"] or f"not looked into yet: {row['why']}", row["counterexample"])
            for row in functions
            if row["verdict"] == "FAIL"
        ],
    )


def _broken(ops: Mapping[str, Any]) -> list[Broken]:
    fields = ("mutants", "killed", "nameable", "named")
    rows = [
        Broken(
            name=name,
            **{field: row[field] for field in fields},
            left=[(survivor["mutant"], survivor["why"]) for survivor in row["not_killed"]],
        )
        for name, row in ops.items()
    ]
    total = {field: sum(getattr(row, field) for row in rows) for field in fields}
    return [*rows, Broken(name="all", **total)] if rows else []


def _detections(classes: Mapping[str, Any]) -> list[Detection]:
    rows = [
        Detection(
            name=name,
            bugs=row["bugs"],
            caught=row["wrong"]["fail"],
            wrong=row["wrong"]["runs"],
            accused=row["right"]["fail"] + row["right"]["error"],
            right=row["right"]["runs"],
        )
        for name, row in classes.items()
    ]
    fields = ("bugs", "caught", "wrong", "accused", "right")
    total = {field: sum(getattr(row, field) for row in rows) for field in fields}
    return [*rows, Detection(name="all", **total)] if rows else []


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}
