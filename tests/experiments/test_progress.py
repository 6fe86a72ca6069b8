"""Progress: plain lines, and bars on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from experiments.progress import QUIET_SECONDS, lines
from tests.experiments.small import ROOT


def test_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """A line per finished run with the share and the time left, and one when nothing was said for a minute."""
    now = 0.0
    tell = lines("grid", 10, clock=lambda: now)
    tell(2)  # done before: says nothing of the speed
    now = 10
    tell(1, part="a")
    now = 20
    tell(1, "a: finished", part="a", of=2)
    now += QUIET_SECONDS + 1
    tell(0, part="b")
    tell(1, part="b")
    tell(5, "b: finished", part="b")

    assert [
        "grid  40 %, 0:01:00 left  a: finished",
        "grid  50 %, 0:02:15 left  b",
        "grid 100 %  b: finished",
    ] == capsys.readouterr().out.splitlines()


BARS = """
from experiments.progress import progress
with progress("grid", 10) as tell:
    tell(2)
    tell(1, part="lr [0.1], seed 0", of=2)
    tell(1, part="lr [0.1], seed 0", of=2)
    tell(0, "lr [0.1], seed 0: finished", part="lr [0.1], seed 0", of=2)
    tell(1, part="lr 0.2, seed 0", of=3)
"""


def test_bars_on_a_terminal() -> None:
    """One bar for all and one per run that is not finished; a name may look like markup."""
    pytest.importorskip("rich", reason="rich is not installed")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", BARS], cwd=ROOT, stdout=theirs, env={**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    )
    os.close(theirs)
    said = b""
    try:
        while part := os.read(ours, 65536):
            said += part
    except OSError:  # the other end is closed
        pass
    finally:
        os.close(ours)
    assert process.wait(timeout=120) == 0
    text = said.decode()
    last = text[text.rindex("grid") :]

    assert "lr [0.1], seed 0: finished" in text
    assert "5/10" in last
    assert "lr 0.2, seed 0" in last
    assert "1/3" in last
    assert "lr [0.1]" not in last
