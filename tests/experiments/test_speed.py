"""What the page says of speed comes from the record; without a whole record there is no such section."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from experiments.page import Page, render
from experiments.report_json import as_json
from experiments.speed import Speed, duration, panels, speed, spread
from tests.experiments.reports import words

SPACE = "\N{NO-BREAK SPACE}"
UNIT = [1.0, 1.0, 1.0]


def sides(**ratios: float) -> dict[str, Any]:
    """Sides with these medians; torch takes 10 ms."""
    found = {
        side: {"seconds": [0.009 * ratio, 0.01 * ratio, 0.02 * ratio], "ratio": [0.9 * ratio, ratio, 1.2 * ratio]}
        for side, ratio in ratios.items()
    }
    return {**found, "torch": {"seconds": [0.009, 0.01, 0.02], "ratio": UNIT}}


def an_op(name: str, forward: float, vjp: float, why: str = "") -> dict[str, Any]:
    """An op with these medians, and a reason for its forward."""
    reasons = {"forward": why} if why else {}
    row = {"op": name, "shapes": {"x": [1000, 10], "k": [10]}, "params": {}, "rounds": 3, "why": reasons}
    return {**row, "forward": sides(ours=forward), "vjp": sides(ours=vjp)}


def record(**changes: Any) -> dict[str, Any]:
    """Two batches on one and two threads, one MLP, one chain, two ops."""
    made = {
        "date": "2027-01-02",
        "quick": False,
        "processor": {"name": "Abacus <3>", "cores": 2},
        "versions": {"numpy": "2.4", "torch": "9.9"},
        "sides": {"vugrad-style": "written for this"},
        "absent": "MyGrad is not installed",
        "net": [
            {"batch": batch, "threads": threads, "rounds": 9, "sides": sides(ours=batch / 40 / threads)}
            for threads in (1, 2)
            for batch in (8, 64)
        ],
        "mlp": [
            {
                "features": 784,
                "hidden": 99,
                "batch": 128,
                "threads": 1,
                "rounds": 9,
                "sides": sides(ours=0.9, **{"vugrad-style": 4.0}),
            }
        ],
        "graph": {
            "per_node": [{"op": "add", "nodes": 1000, "rounds": 9, "sides": sides(ours=1.25)}],
            "deep": {
                "nodes": 100_000,
                "sides": {
                    "ours": {"build": [0.4, 0.5, 0.6], "sweep": [0.2, 0.25, 0.3]},
                    "vugrad-style": {"error": "RecursionError: too deep"},
                },
            },
        },
        "ops": [
            an_op("exp", 0.5, 2.5),
            an_op("gelu", 12.0, 0.4, why="erf <has> many steps"),
            {"op": "hinge", "skipped": "torch has none"},
        ],
        "memory": {
            "batch": 128,
            "promised": 1.5,
            "bytes": {"ours": {"first": 20_000_000, "later": None}, "torch": {"first": 40_000_000, "later": 9}},
            "ratio": {"first": 0.5, "later": None},
        },
    }
    return made | changes


def read(folder: Path, **changes: Any) -> Speed | None:
    """The record, by way of a file."""
    (folder / "speed.json").write_text(json.dumps(record(**changes)))
    return speed(folder / "speed.json")


def shown(found: Speed | None) -> str:
    """The HTML of a page with nothing else."""
    return render(Page(ops=[], sections=[], environments={}, quick=False, examples=1, command="c", speed=found))


def test_rows(tmp_path: Path) -> None:
    """Medians and quartiles of every side but torch; ops by their ratios."""
    found = read(tmp_path)
    assert found is not None
    assert [(8, 1, 0.2), (64, 1, 1.6), (8, 2, 0.1), (64, 2, 0.8)] == [
        (row.batch, row.threads, row.ratio[1]) for row in found.steps
    ]
    assert (found.steps[1], found.steps[2]) == (found.slowest_step, found.fastest_step)
    assert ["ours", "vugrad-style"] == [row.side for row in found.mlp]
    assert ["gelu forward", "exp vjp", "exp forward", "gelu vjp"] == [f"{row.op} {row.timed.work}" for row in found.ops]
    assert (2, 2, 1.5) == (len(found.slow), found.faster, found.median)
    assert "x 1000×10, k 10" == found.ops[0].shapes
    assert found.is_memory_kept


def test_the_section(tmp_path: Path) -> None:
    """Steps, MLP, graph, the slowest ops with their reasons, memory, the machine."""
    html = shown(read(tmp_path))
    text = words(html)
    assert "As fast as torch?" in text
    assert "takes between 0.1× (batch 8, 2 threads) and 1.6× (batch 64, 1 thread) the time of torch’s" in text
    assert "batch 64, 1 thread 16 ms 10 ms 1.60× (1.44 to 1.92)" in text
    assert "vugrad-style 784 → 99 → 10 128 1 40 ms 10 ms 4.00× (3.60 to 4.80)" in text
    assert "vugrad-style: written for this. MyGrad is not installed." in text
    assert "ours 500 ms 250 ms vugrad-style RecursionError: too deep" in text
    assert "Of 4 forwards and vjps 2 are faster than torch’s, the median takes 1.5× its time, 2 more than twice" in text
    assert "gelu, forward 120 ms 10 ms 12.00× (10.80 to 14.40) Erf &lt;has&gt; many steps" in text
    assert "exp, vjp 25 ms 10 ms 2.50× (2.25 to 3.00) Not looked into yet" in text
    assert "exp, forward 5 ms 10 ms 0.50× (0.45 to 0.60) gelu, vjp" in text
    assert "gelu, forward x 1000×10, k 10 120 ms 10 ms" in text
    assert "Not measured: hinge Torch has none" in text
    assert "at most 1.5× torch’s ✓ kept" in text
    assert "first 20 MB 40 MB 0.5× later not measured &lt; 1 MB" in text
    assert "Measured on 2027-01-02: Abacus &lt;3&gt;, 2 cores; numpy 2.4, torch 9.9." in text
    assert "few rounds" not in text
    assert "few rounds" in words(shown(read(tmp_path, quick=True)))


def test_all_ops_are_folded_the_slowest_are_not(tmp_path: Path) -> None:
    """The whole table, and the reasons of the others, are there for those who ask."""
    slow = [an_op(f"slow{number}", 20.0 + number, 0.5) for number in range(11)]
    html = shown(read(tmp_path, ops=[*record()["ops"], *slow]))
    section = html[html.index('<section id="speed"') :]
    folded = "".join(re.findall(r"<details>.*?</details>", section, flags=re.DOTALL))
    assert "All 26, the slowest first" in folded
    assert "Why 3 more take over twice the time" in folded
    assert "gelu" in folded
    assert "gelu" not in re.sub(r"<details>.*?</details>", "", section, flags=re.DOTALL).split("<h3>Memory")[0]


def test_the_figure(tmp_path: Path) -> None:
    """A dot and a bar for each step, in the page's colours, and a line at 1."""
    found = read(tmp_path)
    assert found is not None
    (panel,) = panels(found)
    assert 1 == panel.svg.count("<svg")
    assert re.findall(r"#[0-9a-f]{6}", panel.svg) == []
    assert all(f">{label}</text>" in panel.svg for label in ("1 thread", "2 threads", "8", "64", "batch"))
    assert {"var(--series-1)", "var(--series-2)", "var(--muted)"} <= set(re.findall(r"var\(--[a-z0-9-]*\)", panel.svg))
    assert panel.svg == panels(found)[0].svg
    assert panel.svg in shown(found)


@pytest.mark.parametrize(
    "changes",
    [
        {"net": []},
        {"ops": []},
        {"ops": [{"op": "exp"}]},
        {"graph": {}},
        {"memory": None},
        {"processor": "a name"},
        {"net": [{"batch": 8, "threads": 1, "rounds": 3, "sides": {"ours": {}}}]},
    ],
    ids=["no steps", "no ops", "an op without times", "no graph", "no memory", "processor", "a step without torch"],
)
def test_a_record_that_is_not_whole_is_left_out(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Never an error, and no heading without figures."""
    assert read(tmp_path, **changes) is None


def test_no_record(tmp_path: Path) -> None:
    """No section, also for what is no JSON; the facts say that there is none."""
    assert speed(tmp_path / "speed.json") is None
    (tmp_path / "speed.json").write_text("{")
    assert speed(tmp_path / "speed.json") is None
    assert 'id="speed"' not in shown(None)
    page = Page(ops=[], sections=[], environments={}, quick=False, examples=1, command="c")
    assert as_json(page)["speed"] is None


def test_memory_that_is_not_kept(tmp_path: Path) -> None:
    """It is said."""
    memory = record()["memory"] | {"ratio": {"first": 1.6, "later": None}}
    assert "at most 1.5× torch’s ✗ not kept" in words(shown(read(tmp_path, memory=memory)))


def test_numbers() -> None:
    """Three digits and the unit that suits; a ratio has two after the point."""
    assert [f"1.5{SPACE}s", f"16{SPACE}ms", f"9.88{SPACE}µs", f"850{SPACE}ns", f"0.5{SPACE}ns"] == [
        duration(value) for value in (1.5, 0.016, 9.876e-6, 8.5e-7, 5e-10)
    ]
    assert "0.65× (0.60 to 0.70)" == spread((0.6, 0.651, 0.7))
