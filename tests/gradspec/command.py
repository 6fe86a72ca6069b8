"""A file of ops and the command that checks it, for the tests of the command."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gradspec.cli import main

OPS_FILE = """
import numpy as np
from gradspec import Op, real

def forward(x):
    return x * x, x

def vjp(saved, y_bar):
    return (2 * saved * y_bar,)

square = Op(name="square", forward=forward, vjp=vjp, inputs={"x": real("n")}, torch=lambda x: x * x)
cube = Op(name="cube", forward=lambda x: (x**3, x), vjp=lambda s, y_bar: (3 * s * s * y_bar,), inputs={"x": real("n")})
wrong = Op(name="wrong", forward=forward, vjp=lambda s, y_bar: (3 * s * y_bar,), inputs={"x": real("n")})
count = Op(name="count", forward=forward, vjp=lambda s, y_bar: (2 * s * y_bar, y_bar), inputs={"x": real("n")})
blind = Op(
    name="blind", forward=lambda x: (np.sin(1e9 * x), x), vjp=lambda s, y_bar: (1e9 * np.cos(1e9 * s) * y_bar,),
    inputs={"x": real("n")}, dtypes=("float64",),
)
OPS = (square, cube)
"""
MODE = """class Mode:
    def __init__(self):
        self.f = lambda x: x * x

"""
LEADING = "gradspec: "


def module_in(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> Path:
    """*folder* as the current one, with *text* as a module *name* that can be imported anew."""
    (folder / f"{name}.py").write_text(text)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, name, raising=False)
    return folder


def check(*arguments: str) -> int:
    """``gradspec check`` with few examples."""
    return main(["check", *arguments, "--examples", "8"])


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr."""
    lines = capsys.readouterr().err.splitlines()
    assert 1 == len(lines), lines
    assert lines[0].startswith(LEADING)
    return lines[0].removeprefix(LEADING)
