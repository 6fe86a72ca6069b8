"""Verifying for the report: what breaks becomes a row, and the other rows are not lost."""

from __future__ import annotations

from typing import Any

import pytest

import gradspec
import ops
from experiments import verification
from experiments.verification import ERROR, QUICK_EXAMPLES, op_names, titles, verify_all, verify_one
from gradspec.checks import CHECKS


def test_one_op() -> None:
    """The row of an op is what gradspec.verify says of it, with its formulas."""
    row, report = verify_one("normalize", 4), gradspec.verify(ops.normalize, seed=0, examples=4)

    assert (report.verdict.name, report.compared) == (row.verdict, row.compared)
    assert [check.name for check in report.checks] == [check.name for check in row.checks]
    assert [check.compared for check in report.checks] == [check.compared for check in row.checks]
    assert (ops.normalize.formula, ops.normalize.vjp_formula) == (row.formula, row.vjp_formula)
    assert row.report is not None
    assert "seconds" not in row.report


def test_how_much_was_seen() -> None:
    """A short run leaves magnitudes out, and the row says how many."""
    reach = verify_one("softmax", QUICK_EXAMPLES).reach
    assert reach["params"] == (4, 4)
    reached, possible = reach["domain"]
    assert 0 < reached < possible == 19


def test_an_op_that_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception in one op is that op's row, in one line; the others are verified."""
    verify = gradspec.verify

    def breaks(op: Any, **options: Any) -> Any:
        if op.name == "sub":
            raise RuntimeError("two\nlines")
        return verify(op, **options)

    monkeypatch.setattr(gradspec, "verify", breaks)
    told: list[str] = []
    rows = verify_all(["add", "sub", "neg"], examples=4, workers=1, tell=lambda units, text="": told.append(text))

    assert ["PASS", ERROR, "PASS"] == [row.verdict for row in rows]
    assert "RuntimeError: two lines" == rows[1].error
    assert rows[1].formula == ops.sub.formula
    assert ["add: PASS", "sub: ERROR", "neg: PASS"] == told


def test_in_processes_as_here() -> None:
    """The rows are in the order asked for and do not depend on the number of processes."""
    names = ["neg", "add", "exp"]

    assert verify_all(names, examples=4, workers=1) == verify_all(names, examples=4, workers=2)


def test_a_worker_that_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a worker process is killed, every op has a row, and the lost ones say so."""
    monkeypatch.setattr(verification, "verify_one", _exit)
    rows = verify_all(["add", "neg", "exp"], examples=4, workers=2)

    assert ["add", "neg", "exp"] == [row.name for row in rows]
    assert {ERROR} == {row.verdict for row in rows}
    assert all("a worker process died" in row.error for row in rows)


def _exit(name: str, examples: int) -> None:
    import os

    os._exit(1)


def test_torch_has_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """While an op is verified torch computes on one thread, too."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    seen: list[int] = []
    before = torch.get_num_threads()

    def look(op: Any, **options: Any) -> Any:
        seen.append(torch.get_num_threads())
        raise RuntimeError

    monkeypatch.setattr(gradspec, "verify", look)
    torch.set_num_threads(2)
    verify_one("add", 4)
    after = torch.get_num_threads()
    torch.set_num_threads(before)

    assert [1] == seen
    assert 2 == after


def test_names_and_titles() -> None:
    """All ops in their order, all checks in their words."""
    assert [op.name for op in ops.OPS] == op_names()
    assert {check.name: check.title for check in CHECKS} == titles()
