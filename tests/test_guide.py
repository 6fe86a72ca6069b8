"""The guide's example of a failure is what gradspec prints, and its declarations run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from gradspec import Op, verify

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "guide"
GUIDE = (FOLDER / "failures.md").read_text(encoding="utf-8")
DECLARING = (FOLDER / "declaring.md").read_text(encoding="utf-8")


def test_the_failure_is_shown_as_it_is(capsys: Any) -> None:
    """But for the bar, the number of cases, and where the entry lies: shrinking takes limited time."""
    code = re.findall(r"```python\n(.*?)```", GUIDE, flags=re.DOTALL)[0]
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102
    assert "leaky_relu: FAIL" in capsys.readouterr().out
    op = names["leaky_relu"]
    assert isinstance(op, Op)
    real = verify(op).failures
    message = next(check.message for check in real if check.name == "vjp_finite_difference").splitlines()
    shown = (
        next(block for block in GUIDE.split("```") if block.startswith("\nleaky_relu: vjp")).strip("\n").splitlines()
    )
    assert shown[0] == message[0]
    assert shown[1].partition("] ")[2].partition(" ±")[0] == message[1].partition("] ")[2].partition(" ±")[0]
    numbers, _, common = shown[3].partition(", ")
    assert message[3].startswith("  Fails in ")
    assert message[3].endswith(common)
    assert re.fullmatch(r"  Fails in     \d+ of \d+ cases", numbers)
    assert shown[-1] == message[-1]


def test_every_line_of_a_failure_is_explained() -> None:
    """The rows of the table, in the order of the text."""
    rows = re.findall(r"^\| ([A-Z][A-Za-z ]+) \|", GUIDE, flags=re.MULTILINE)
    assert rows == ["Looks like", "Fails in", "Formula", "Smallest", "Also in", "Replay"]


def test_every_declaration_passes(capsys: Any) -> None:
    """Those of the guide to declarations, block after block."""
    code = re.findall(r"```python\n(.*?)```", DECLARING, flags=re.DOTALL)
    exec("\n".join(code), {})  # noqa: S102
    said = [line for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")]

    assert len(code) == len(said) == DECLARING.count("print(verify(")
    assert all(re.match(r"\w+: PASS ", line) for line in said), said
