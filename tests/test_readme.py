"""The README is true: its code runs, its failure text is what gradspec prints, its links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

import gradspec
from ops import OPS, normalize

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_the_two_lines_run(capsys: Any) -> None:
    """The first block checks a pair of functions."""
    exec(PYTHON[0], {})  # noqa: S102

    assert capsys.readouterr().out.startswith("sin: PASS")


def test_the_declaration_passes(capsys: Any) -> None:
    """The second block declares an op that verifies, and what stands below it is what that prints, but for figures."""
    exec(PYTHON[1], {})  # noqa: S102
    real = capsys.readouterr().out
    shown = next(block for block in README.split("```") if "normalize: PASS" in block)

    assert re.findall(r"\d+ examples", shown) == re.findall(r"\d+ examples", real)
    assert [line.split()[:2] for line in shown.strip().splitlines()] == [
        line.split()[:2] for line in real.strip().splitlines()
    ]


def test_the_failure_text_is_what_is_printed() -> None:
    """The example of a failure is the real thing, but for the bar, the rule's place and the replay line."""

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray]:
        return (y_bar / saved[1],)

    report = str(gradspec.verify(normalize.replace(vjp=vjp)))
    real = report[report.index("normalize: vjp is wrong") :].strip().splitlines()
    shown = next(block for block in README.split("```") if "normalize: vjp is wrong" in block).strip().splitlines()

    assert len(shown) == len(real)
    assert shown[1].partition("±")[0] == real[1].partition("±")[0]
    assert shown[4].rpartition("  ")[0] == real[4].rpartition("  ")[0]
    assert [shown[line] for line in (0, 2, 3, 5, 6)] == [real[line] for line in (0, 2, 3, 5, 6)]
    assert shown[7].split()[:2] == ["Replay", "gradspec"]


def test_the_ini_is_read_by_pytest(tmp_path: Path) -> None:
    """The block for pytest names one module, whatever stands beside it."""
    (tmp_path / "pytest.ini").write_text(re.findall(r"```ini\n(.*?)```", README, flags=re.DOTALL)[0], encoding="utf-8")
    (tmp_path / "mypackage").mkdir()
    (tmp_path / "mypackage" / "__init__.py").touch()
    (tmp_path / "mypackage" / "ops.py").write_text("from ops import normalize\n\nOPS = [normalize]\n")
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "mypackage/ops.py::normalize-vjp_finite_difference" in done.stdout


def test_as_many_ops_as_it_says() -> None:
    """The number of ops, here and in the changelog."""
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert f" {len(OPS)} verified NumPy ops" in README
    assert f" {len(OPS)} verified NumPy ops" in changes


def test_links_to_files_lead_somewhere() -> None:
    """Every relative link names something in the repository."""
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith(("http", "../.."))]

    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
