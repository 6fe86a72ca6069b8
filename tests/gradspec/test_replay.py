"""``gradspec replay``: a failure shown again, from the file that its text names."""

from __future__ import annotations

import importlib
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from gradspec.cli import main

RULE = """
from gradspec import Op, real

def forward(x):
    return x * x, x

def vjp(saved, y_bar):
    return (FACTOR * saved * y_bar,)

{name} = Op(name="{name}", forward=forward, vjp=vjp, inputs={{"x": real("n")}})
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one wrong op in rules.py, as the current one."""
    write(tmp_path, 3)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # a file rewritten within a second would count as unchanged
    return tmp_path


def write(folder: Path, factor: int, name: str = "square") -> None:
    """The op with this factor in its rule."""
    for module in ("rules", "gradspec_target_rules"):
        sys.modules.pop(module, None)
    (folder / "rules.py").write_text(RULE.format(name=name).replace("FACTOR", str(factor)))
    importlib.invalidate_caches()


def failure(capsys: pytest.CaptureFixture[str], target: str = "rules.py") -> tuple[str, list[str]]:
    """The text of the failure and the arguments of the command on its last line."""
    assert 1 == main(["check", target, "--examples", "8", "--check", "vjp_finite_difference"])
    text = capsys.readouterr().out.rstrip()
    word, *command = shlex.split(text.splitlines()[-1])
    assert ["Replay", "gradspec", "replay"] == [word, *command[:2]]
    return text, command[1:]


@pytest.mark.parametrize("target", ["rules.py", "rules:square"])
def test_the_last_line_of_a_failure_shows_it_again(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The same numbers and the same smallest case, exit code 1."""
    text, command = failure(capsys, target)
    assert 1 == main(command)
    again = capsys.readouterr().out
    for row in ("x_bar[", "Smallest"):
        (first,) = (line for line in text.splitlines() if row in line)
        assert first in again.splitlines()


def test_a_mended_op_passes_now(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0, and the text says at which case."""
    _, command = failure(capsys)
    write(folder, 2)
    assert 0 == main(command)
    out = capsys.readouterr().out
    assert out.startswith("square: passes now: vjp_finite_difference finds nothing wrong at n=")


def test_an_op_that_moved_is_found_with_target(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--target says where it is now."""
    _, command = failure(capsys)
    (folder / "rules.py").rename(folder / "moved.py")
    assert 2 == main(command)
    assert "rules.py: no such file" in capsys.readouterr().err
    assert 1 == main([*command, "--target", "moved.py"])


def test_an_op_that_is_gone_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file stays, the name does not."""
    _, command = failure(capsys)
    write(folder, 3, name="cube")
    assert 2 == main(command)
    assert "gradspec: no op named 'square' in rules.py; it has: cube\n" == capsys.readouterr().err


def test_a_check_that_is_gone_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file of another version may name one."""
    _, command = failure(capsys)
    path = folder / command[1]
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    arrays["meta"] = np.array(str(arrays["meta"]).replace("vjp_finite_difference", "by_hand"))
    np.savez(path, **arrays)
    assert 2 == main(command)
    assert "got the check 'by_hand', which no longer exists" in capsys.readouterr().err


@pytest.mark.parametrize(("content", "words"), [(None, "no such file"), (b"PK\x03\x04", "not a counterexample")])
def test_a_file_that_is_none_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, words: str
) -> None:
    """Missing or damaged: one line, exit code 2."""
    if content is not None:
        (folder / "case.npz").write_bytes(content)
    assert 2 == main(["replay", "case.npz"])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("gradspec: case.npz: ")
    assert words in line
