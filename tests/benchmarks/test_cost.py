"""What checks cost, in forwards, vjps and bytes, which are exact; seconds are for the record alone."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from gradspec import Op
from ops import add, normalize, relu, tanh

pytest.importorskip("torch")

from benchmarks import cost
from benchmarks.peak import RESET, taken
from benchmarks.sides import FAST, FULL, PROJECTION, SIDES, of_full_gradcheck, point, projection

SUBJECTS = pytest.mark.parametrize("op", [normalize, tanh, relu], ids=lambda op: op.name)


@SUBJECTS
@pytest.mark.parametrize("entries", [30, 1_000, 100_000])
def test_one_projection_costs_the_same_at_any_size(op: Op, entries: int) -> None:
    """19 forwards and one vjp; those that measure rounding are counted by themselves, and as few at any size."""
    found = projection(op, point(op, entries))
    assert (True, 19, 1) == (found.passed, found.forwards, found.vjps)
    assert found.forwards <= cost.PROMISED["forwards"]
    assert found.vjps <= cost.PROMISED["vjps"]
    moved_nowhere = op.name == "normalize"  # with their signs flipped its inputs are outside its domain
    assert (9 - moved_nowhere, 9 - moved_nowhere) == found.rounding


def test_its_memory_grows_as_the_number_of_entries() -> None:
    """Ten times the entries take ten times the bytes at most, and a kilobyte each: no Jacobian is held."""
    peaks, sizes = [], (100_000, 1_000_000)
    for entries in sizes:
        x = point(tanh, entries)
        tracemalloc.start()
        projection(tanh, x)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert 5 < peaks[1] / peaks[0] < 11
    assert peaks[1] < 1_000 * sizes[1]


@SUBJECTS
@pytest.mark.parametrize("entries", [20, 50])
def test_the_full_gradcheck_costs_what_is_said_where_it_is_not_run(op: Op, entries: int) -> None:
    """Its calls grow with the entries."""
    found = SIDES[FULL](op, point(op, entries))
    said = of_full_gradcheck(entries, entries)
    assert found.passed
    assert (said["forwards"], said["vjps"], 8 * entries**2) == (found.forwards, found.vjps, said["jacobian_bytes"])


@pytest.mark.parametrize("name", SIDES)
def test_every_side_notices_a_wrong_rule(name: str) -> None:
    """What is timed is a check, not a walk past it."""
    wrong = tanh.replace(vjp=lambda saved, y_bar: (1.01 * tanh.vjp(saved, y_bar)[0],))
    assert SIDES[name](tanh, point(tanh, 50)).passed
    assert not SIDES[name](wrong, point(tanh, 50)).passed


@pytest.mark.skipif(not RESET.exists(), reason="this system does not tell the peak")
def test_the_peak_is_what_is_held_at_once() -> None:
    """Also the second time, when the allocator could give what was freed before."""
    for _ in range(2):
        peak = taken(lambda: float(np.ones(4_000_000).sum())).peak_bytes
        assert peak is not None
        assert 30_000_000 < peak < 36_000_000


def test_where_the_system_does_not_tell_there_is_no_peak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is measured all the same."""
    monkeypatch.setattr("benchmarks.peak.RESET", tmp_path / "none" / "clear_refs")
    this = taken(lambda: 3)
    assert (3, None) == (this.result, this.peak_bytes)
    assert this.seconds > 0


def test_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It holds every side at every size, in turns of one process, and the seconds of every op."""
    monkeypatch.setattr(cost, "SUBJECTS", (tanh,))
    monkeypatch.setattr(cost, "OPS", (add,))
    monkeypatch.setattr(cost, "ROUNDS", {20: 2, 2000: 1, 3000: 1})
    path = tmp_path / "cost.json"
    cost.main(["--entries", "2000", "--workers", "1", "--record", str(path)])
    record = json.loads(path.read_text())
    assert [("tanh", 20), ("tanh", 2000)] == [(point["op"], point["entries"]) for point in record["points"]]
    small, large = (point["sides"] for point in record["points"])
    assert [*SIDES] == [*small] == [*large]
    assert [2, 2, 2, 2] == [len(side["seconds"]) for side in small.values()]
    assert {"run": False, "forwards": 4002, "vjps": 4002, "jacobian_bytes": 32_000_000} == large[FULL]
    assert [True, True, True] == [side["passed"] for name, side in large.items() if name != FULL]
    verified = record["registry"]
    assert (["add"], ["add"], 1) == ([*verified["seconds"]], [*verified["cpu_seconds"]], verified["workers"])
    printed = capsys.readouterr().out
    assert "19 forwards         1 vjps + 9 and 9" in printed
    assert "a dense Jacobian of 0.0 GB: not run" in printed
    assert "1 ops take" in printed


def test_a_promise_that_is_not_kept_is_told() -> None:
    """One line each."""
    side = {"forwards": 22, "vjps": 2}
    record = {
        "points": [{"op": "add", "entries": 100, "sides": {PROJECTION: side, FAST: side}}],
        "registry": {"seconds": {"add": 0.5, "exp": 3.0, "log": 2.0}, "wall_seconds": 61.0},
    }
    assert [
        "add, 100 entries: 22 forwards for one projection; promised: at most 21",
        "add, 100 entries: 2 vjps for one projection; promised: at most 1",
        "verify: median 2.00 s; promised: at most 1 s",
    ] == [*cost.broken_promises(record)][:3]
    assert 4 == len([*cost.broken_promises(record)])
