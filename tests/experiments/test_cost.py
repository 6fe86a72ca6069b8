"""What the page says of costs comes from the record, beside what is promised."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from experiments.cost import Cost, panels, read_cost, seconds, size, times
from experiments.figures import power_of_ten
from experiments.page import Page, render
from experiments.trust import Trust, trust
from tests.experiments.reports import words

SPACE = "\N{NO-BREAK SPACE}"


def side(forwards: int, took: list[float], peak: float | None, **changes: Any) -> dict[str, Any]:
    """A side that was run."""
    values = {"run": True, "passed": True, "forwards": forwards, "vjps": 1, "rounding": [0, 0], "resolution": 1e-3}
    return {**values, "seconds": took, "peak_bytes": [peak for _ in took], **changes}


def point(op: str, entries: int, full: dict[str, Any], projections: int = 19) -> dict[str, Any]:
    """One size; a projection takes three times as long as the fast gradcheck, in the median."""
    sides = {
        "one projection": side(projections, [0.2, 0.3, 0.4], 8e3 * entries, rounding=[9, 8], resolution=2e-11),
        "gradcheck, fast": side(4, [0.1, 0.1, 0.1], None),
        "gradcheck": full,
    }
    return {"op": op, "entries": entries, "outputs": entries, "sides": sides}


def record(**changes: Any) -> dict[str, Any]:
    """Two sizes of one op, one of another, three ops verified."""
    computed = {"run": False, "forwards": 2002, "vjps": 2002, "jacobian_bytes": 8_000_000}
    made = {
        "torch": "9.9",
        "threads": 1,
        "promised": {"forwards": 21, "vjps": 1, "median_seconds": 1.0, "registry_seconds": 60.0},
        "points": [
            point("tanh", 100, side(202, [2.0, 2.0, 2.0], 5e5, passed=False)),
            point("tanh", 1000, computed),
            point("relu", 100, side(202, [2.0, 2.0, 2.0], 5e5)),
        ],
        "registry": {
            "seconds": {"add": 0.5, "exp": 3.0, "log": 0.7},
            "cpu_seconds": {"add": 0.4, "exp": 2.4, "log": 0.6},
            "workers": 2,
            "wall_seconds": 75.0,
        },
    }
    return made | changes


def read(**changes: Any) -> Cost:
    """The record as rows."""
    found = read_cost(record(**changes))
    assert found is not None
    return found


def shown(cost: Cost) -> str:
    """The HTML of a page with nothing else."""
    found = Trust(cost=cost)
    return render(Page(ops=[], sections=[], environments={}, quick=False, examples=1, command="c", trust=found))


def test_rows_are_medians_and_ratios_round_by_round() -> None:
    """The spread is that of the ratios, not of the times."""
    ours = read().projections[0]
    assert (0.3, (pytest.approx(3), pytest.approx(2), pytest.approx(4))) == (ours.seconds, ours.ratio)
    assert (19, 1, (9, 8), 8e5) == (ours.forwards, ours.vjps, ours.rounding, ours.peak_bytes)
    fast = read().at_most[1]
    assert ("gradcheck, fast", "tanh", 1000, None) == (fast.name, fast.op, fast.entries, fast.peak_bytes)
    assert [("exp", 3.0), ("log", 0.7), ("add", 0.5)] == list(read().verified)
    assert (0.7, pytest.approx(4.2), 8_000_000) == (read().median, read().total, read().jacobian_bytes)


def test_the_page_sets_what_was_measured_beside_what_is_promised() -> None:
    """Counts and the median are kept, the minute for all ops is not."""
    text = words(shown(read()))
    assert "It takes 19 forwards and 1 vjp at any size from 100 to 1 000 entries" in text
    assert "(promised: at most 21 and 1) ✓ kept" in text
    assert "takes 3× the time of the fast gradcheck and 8 MB of memory" in text
    assert "relative errors from 2e−11 on; gradcheck’s tolerance is 1e−3" in text
    assert "takes 700 ms in the median over 3 ops (promised: at most 1 s) ✓ kept" in text
    assert "and 3 s for the slowest, exp" in text
    assert "4.2 s in one process and 75 s in 2" in text
    assert "(promised: at most 60 s on 2 cores) ✗ not kept" in text


def test_a_busy_machine_is_told() -> None:
    """Where processes had to wait, times say too much of the ops: those of the processor stand beside them."""
    registry = record()["registry"]
    text = words(shown(read()))
    assert "In processor time it is 600 ms in the median and 3.4 s for all." in text
    assert "exp 3 s 2.4 s log 700 ms 600 ms" in text
    assert "other work" not in text
    registry["cpu_seconds"]["exp"] = 2.3
    assert "for all. The machine had other work to do meanwhile" in words(shown(read(registry=registry)))


def test_the_most_at_any_size_is_what_the_promise_is_held_against() -> None:
    """One size that takes more is enough."""
    points = record()["points"]
    points[1]["sides"]["one projection"]["forwards"] = 22
    assert "It takes 22 forwards" in words(shown(read(points=points)))
    assert "(promised: at most 21 and 1) ✗ not kept" in words(shown(read(points=points)))


def test_the_table_says_what_was_not_run_and_what_did_not_pass() -> None:
    """It has every side at every size; memory that was not measured is said to be so."""
    html = shown(read())
    text = words(html)
    assert "one projection 100 19 + 9 1 + 8 300 ms 3× (2× to 4×) &lt; 1 MB 2e−11" in text
    assert "one projection 1 000 19 + 9 1 + 8 300 ms 3× (2× to 4×) 8 MB 2e−11" in text
    assert "gradcheck, fast 100 4 1 100 ms 1× not measured 1e−3" in text
    assert "gradcheck 100 202 1 2 s 20× &lt; 1 MB does not pass" in text
    assert "2 002 not run Jacobian 8 MB" in text
    folded = "".join(re.findall(r"<details>.*?</details>", html, flags=re.DOTALL))
    assert "The numbers, for tanh, relu" in folded
    assert "The 3 ops, the slowest first" in folded
    assert html.count('<th scope="row">') == folded.count('<th scope="row">')


def test_the_charts() -> None:
    """Three of them, in the page's colours; what was computed and not run is dotted and not in the legend."""
    titles = ["Forwards and vjps", "Seconds", "Peak memory in MB"]
    made = panels(read())
    assert titles == [panel.title for panel in made]
    for panel in made:
        assert 1 == panel.svg.count("<svg")
        assert 1 == panel.svg.count(">one projection</text>")
        assert re.findall(r"#[0-9a-f]{6}", panel.svg) == []
        assert {">10²</text>", ">10³</text>"} <= set(re.findall(r">10.</text>", panel.svg))
        assert ">10⁴</text>" not in panel.svg  # all have the same axis, also where little was measured
    dotted = [len(re.findall(r"stroke-dasharray: [^;\"]", panel.svg)) for panel in made]
    assert [1, 0, 0] == dotted
    assert [panel.svg for panel in made] == [panel.svg for panel in panels(read())]


@pytest.mark.parametrize(
    "changes",
    [
        {"points": []},
        {"registry": {"seconds": {}, "cpu_seconds": {}, "workers": 2, "wall_seconds": 1.0}},
        {"promised": {}},
        {"points": [{"op": "tanh", "entries": 1, "sides": {"one projection": {"run": True}}}]},
    ],
    ids=["no points", "no ops", "no promise", "no fast side"],
)
def test_a_record_of_another_shape_is_left_out(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Never an error, and no heading without figures."""
    (tmp_path / "cost.json").write_text(json.dumps(record(**changes)))
    assert trust(tmp_path).cost is None
    (tmp_path / "cost.json").write_text(json.dumps(record()))
    assert trust(tmp_path).cost == read()


def test_numbers() -> None:
    """Two digits, and the unit that suits."""
    assert [f"2.7{SPACE}ms", f"970{SPACE}ms", f"1{SPACE}s", f"1.4{SPACE}s", f"64{SPACE}s"] == [
        seconds(value) for value in (0.00271, 0.97, 1.0, 1.36, 64.2)
    ]
    assert ["not measured", f"< 1{SPACE}MB", f"80{SPACE}MB", f"8{SPACE}TB", f"1.5{SPACE}GB"] == [
        size(value) for value in (None, 9e5, 80e6, 8e12, 1.54e9)
    ]
    assert ["0.35×", "1×", "150×"] == [times(value) for value in (0.351, 1.0, 148.9)]
    assert ["10⁻²", "1", "10", "10⁶"] == [power_of_ten(value) for value in (0.01, 1.0, 10.0, 1e6)]
