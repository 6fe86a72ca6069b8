"""The seeds' record: the core gets more of them, and a run goes on where the last one stopped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import seeds
from ops import OPS


def test_the_core_is_twenty_ops_of_the_registry() -> None:
    """A name that is none would get no seeds, without a word."""
    assert len(seeds.CORE) == 20
    assert seeds.CORE <= {op.name for op in OPS}


def test_a_second_run_goes_on_where_the_first_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Seeds that are in the record are not run again; the core has its own number."""
    monkeypatch.setattr(seeds, "OPS", tuple(op for op in OPS if op.name in ("neg", "add")))
    record = tmp_path / "seeds.json"
    common = ["--workers", "1", "--record", str(record)]
    assert seeds.main(["--seeds", "1", "--core", "2", *common]) == 0
    ops = json.loads(record.read_text())["ops"]
    assert {name: entry["seeds"] for name, entry in ops.items()} == {"neg": 1, "add": 2}
    assert "2 ops, 1 seeds each, 2 for 20: 2 tasks" in capsys.readouterr().out
    assert seeds.main(["--seeds", "1", "--core", "3", *common]) == 0
    ops = json.loads(record.read_text())["ops"]
    assert {name: entry["seeds"] for name, entry in ops.items()} == {"neg": 1, "add": 3}
    assert ": 1 tasks" in capsys.readouterr().out
