"""Records of long measurements: what they are about, and what becomes of them when that changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import seeds
from benchmarks.record import load_ops
from gradspec import Op, real
from gradspec.op_hash import op_hash
from ops import OPS, add, exp, log

SCALE = 2.0


def _helper(x: np.ndarray) -> np.ndarray:
    return x * SCALE


def _forward(x: np.ndarray) -> tuple[np.ndarray, None]:
    return _helper(x), None


def _vjp(_saved: None, y_bar: np.ndarray) -> tuple[np.ndarray]:
    return (_helper(y_bar),)


double = Op(name="double", forward=_forward, vjp=_vjp, inputs={"x": real("n")})


def test_every_op_of_the_registry_has_a_hash_of_its_own() -> None:
    """Also those that one function made from two formulas."""
    assert len({op_hash(op) for op in OPS}) == len(OPS)


@pytest.mark.parametrize(
    "changes",
    [
        {"vjp": lambda _saved, y_bar: (y_bar + y_bar,)},
        {"inputs": {"x": real("n", typical=(0.0, 1.0))}},
        {"inputs": {"x": real("n", transform=lambda x: x + x)}},
        {"sizes": {"n": (1, 4)}},
        {"dtypes": ("float64",)},
    ],
    ids=["rule", "typical", "transform", "sizes", "dtypes"],
)
def test_a_change_of_the_op_changes_its_hash(changes: dict[str, Any]) -> None:
    """A new rule, a new domain: what was measured is no longer about it."""
    assert op_hash(double.replace(**changes)) != op_hash(double)


def test_a_constant_that_a_helper_reads_belongs_to_the_op(monkeypatch: pytest.MonkeyPatch) -> None:
    """It decides the values as much as the rule does."""
    before = op_hash(double)
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    assert op_hash(double) != before


def test_words_for_people_do_not_belong_to_it() -> None:
    """A formula may be set more beautifully without measuring anew."""
    assert op_hash(double.replace(formula="y = 2x", source="a book")) == op_hash(double)


def entry(op: Op) -> dict[str, Any]:
    """Twenty seeds on *op*, one of them inconclusive."""
    unsure = [{"seed": 3, "reasons": []}]
    return {"op": op_hash(op), "seeds": 20, "fail": [], "inconclusive": unsure, "compared": 9}


def test_an_entry_stays_while_engine_and_op_are_the_same(tmp_path: Path) -> None:
    """The others are handed back as stale, and begin anew."""
    path = tmp_path / "record.json"
    path.write_text(json.dumps({"code": "now", "ops": {"add": entry(add), "exp": {**entry(exp), "op": "old"}}}))
    record, stale = load_ops(path, "now", [add, exp, log])
    assert record["ops"] == {"add": entry(add), "exp": {"op": op_hash(exp)}, "log": {"op": op_hash(log)}}
    assert list(stale) == ["exp"]
    assert list(load_ops(path, "another engine", [add, exp])[1]) == ["add", "exp"]


def test_runs_of_earlier_code_are_kept_as_a_sum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice changed: both are in it."""
    monkeypatch.setitem(seeds.COLLECTIONS, "registry", ("seeds.json", (add,)))
    path = tmp_path / "record.json"
    stale = {**entry(add), "op": "old", "earlier": {"runs": 5, "fail": 1, "inconclusive": 0}}
    path.write_text(json.dumps({"code": seeds.fingerprint(), "ops": {"add": stale}}))
    assert seeds.main(["--seeds", "0", "--core", "0", "--record", str(path)]) == 0
    seeds.main(["--seeds", "2", "--core", "2", "--workers", "1", "--record", str(path)])
    found = json.loads(path.read_text())["ops"]["add"]
    assert found["earlier"] == {"runs": 25, "fail": 1, "inconclusive": 1}
    assert (found["seeds"], found["fail"]) == (2, [])


def test_what_is_no_record_is_left_alone(tmp_path: Path) -> None:
    """It may be somebody's only copy."""
    path = tmp_path / "record.json"
    path.write_text("{")
    with pytest.raises(SystemExit, match="move it away"):
        load_ops(path, "now", [add])
    assert path.read_text() == "{"
