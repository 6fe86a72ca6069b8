"""The README is true: its code runs, its failure text is what gradspec prints, its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

import gradspec
from ops import normalize

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_the_two_lines_run(capsys: Any) -> None:
    """The first block checks a pair of functions as it says."""

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray]:
        return (np.cos(saved[0]) * y_bar,)

    exec(PYTHON[0], {"forward": np.sin, "vjp": vjp, "x": np.linspace(-1, 1, 5)})  # noqa: S102

    assert capsys.readouterr().out.startswith("sin: PASS")


def test_the_declaration_passes(capsys: Any) -> None:
    """The second block declares an op that verifies."""
    exec(PYTHON[1], {})  # noqa: S102

    assert capsys.readouterr().out.startswith("normalize: PASS")


def test_the_failure_text_is_what_is_printed() -> None:
    """The example of a failure is the real thing, but for the bar and the replay line."""

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray]:
        return (y_bar / saved[1],)

    report = gradspec.verify(normalize.replace(vjp=vjp), checks=["vjp_finite_difference"])
    real = report.failures[0].message.splitlines()
    shown = next(block for block in README.split("```") if "normalize: vjp is wrong" in block).strip().splitlines()

    assert shown[0] == real[0]
    assert shown[1].partition("±")[0] == real[1].partition("±")[0]
    assert (shown[2], shown[3], shown[5]) == (real[2], real[3], real[5])


def test_links_to_files_lead_somewhere() -> None:
    """Every relative link names something in the repository."""
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith(("http", "../.."))]

    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
