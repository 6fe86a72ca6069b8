"""The benchmark of the mutants: reasons that nobody needs any more are told."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import mutants


def entry(*left: str) -> dict[str, Any]:
    """What the record says of an op."""
    return {"not_killed": [{"mutant": mutant, "outcome": "survived", "why": ""} for mutant in left]}


def test_reasons_that_are_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an op that was tried; of every op, once all are."""
    accepted = dict.fromkeys(["add: a", "add: b", "mul: a", "*: c", "*: d"], "why")
    ops = {"add": entry("a", "c")}

    assert ["add: b"] == mutants.unused(ops, accepted)
    monkeypatch.setattr(mutants, "OPS", [None, None])
    assert ["add: b", "*: d"] == mutants.unused({**ops, "mul": entry("a")}, accepted)
