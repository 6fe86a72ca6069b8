"""The command where something is amiss: a line that says what, exit code 2, and nothing lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gradspec import engine
from gradspec.cli import main
from tests.gradspec.command import OPS_FILE, check, complaint


def test_a_json_file_that_cannot_be_written_loses_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The verdicts are out before; the complaint names the file."""
    assert 2 == check("mine.py:square", "--json", "nowhere/out.json")
    out, err = capsys.readouterr()
    assert "square: PASS" in out
    assert "gradspec: --json nowhere/out.json: cannot be written: No such file or directory\n" == err


def test_a_counterexample_that_cannot_be_saved_loses_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The verdict and the text are shown all the same, with a command that needs no file."""
    (folder / ".gradspec").write_text("in the way")
    assert 1 == check("mine.py:wrong", "--check", "vjp_finite_difference")
    out, err = capsys.readouterr()
    assert "wrong: vjp is wrong for input 'x'" in out
    assert "gradspec.verify(wrong" in out.splitlines()[-1]
    assert "counterexample not saved" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("squar", "--ops", "mine"), "no op named 'squar' in mine; did you mean square?"),
        (("zzz", "--ops", "mine"), "no op named 'zzz' in mine; it has: square, cube"),
        (("mine.py:nothing",), "has no attribute 'nothing'; it holds the ops: square, cube, wrong, count, blind"),
        (("gone.py",), "gone.py: no such file"),
        (("gone:OPS",), "no module named 'gone'"),
        (("mine.py:square", "--check", "sums"), "unknown check 'sums'; the checks are: contract, vjp_algebra"),
        (("mine.py:forward",), "allowed: an Op or a list of Ops"),
    ],
)
def test_what_is_not_there_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    """Exit code 2; the line says what there is instead."""
    assert 2 == check(*arguments)
    assert words in complaint(capsys)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def broken(:\n", "broken.py: raised SyntaxError while being loaded"),
        ("1 / 0\n", "broken.py: raised ZeroDivisionError while being loaded: division by zero"),
        ("import not_there\n", "broken.py: raised ModuleNotFoundError while being loaded: No module named 'not_there'"),
        ("x = 1\n", "broken.py: holds no op"),
        (
            OPS_FILE.replace('real("n")', 'real("n", lo=2.0, hi=1.0)'),
            "square: inputs['x'].lo: got 2.0; allowed: at most hi",
        ),
        (OPS_FILE.replace('real("n")', 'real("n,d")'), "square: inputs['x'].shape: got 'n,d'"),
    ],
)
def test_a_broken_file_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str], text: str, words: str) -> None:
    """Whatever is wrong with it: exit code 2, its name and the reason, no traceback."""
    (folder / "broken.py").write_text(text)
    assert 2 == check("broken.py")
    assert words in complaint(capsys)


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "--seed", "x"],
        ["check", "--seed", "-1"],
        ["check", "--examples", "0"],
        ["check", "--max-seconds", "0"],
        ["check", "--max-seconds", "nan"],
        ["chekc"],
        [],
    ],
)
def test_bad_options_exit_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """argparse says what it got."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert 2 == caught.value.code
    assert "usage: gradspec" in capsys.readouterr().err


def test_an_interrupted_run_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 130, no traceback."""

    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "verify", interrupted)
    assert 130 == check("mine.py:square")
    assert "interrupted" == complaint(capsys)


def test_an_op_that_ends_its_process_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was found before is out; there is no traceback."""
    (folder / "ends.py").write_text(OPS_FILE.replace("3 * s * y_bar,)", "__import__('os')._exit(9),)"))
    assert 2 == check("ends.py", "--workers", "2", "--json", "out.json")
    out, err = capsys.readouterr()
    assert "a worker process died" in err
    assert "Traceback" not in err
    assert [line.partition(":")[0] for line in out.splitlines() if ": PASS" in line] == [
        report["op"] for report in json.loads((folder / "out.json").read_text())
    ]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_wrong_declaration_does_not_stop_the_others(
    folder: Path, capsys: pytest.CaptureFixture[str], workers: str
) -> None:
    """It is told where it comes, the rest is verified and written; exit code 2, since not all was judged."""
    (folder / "pair.py").write_text(OPS_FILE.replace("lambda x: (x**3, x)", "lambda x: x**3"))
    assert 2 == check("pair.py", "--workers", workers, "--json", "out.json")
    out, err = capsys.readouterr()
    assert ["gradspec: cube: forward: returned an array"] == [
        line.partition(" of shape")[0] for line in err.splitlines()
    ]
    assert "5 ops: 1 PASS, 2 FAIL, 1 INCONCLUSIVE, 1 not judged" == out.splitlines()[-1]
    found = json.loads((folder / "out.json").read_text())
    assert ["square", "wrong", "count", "blind", "cube"] == [report["op"] for report in found]
    assert (None, True) == (found[-1]["verdict"], "allowed: a pair (y, saved)" in found[-1]["error"])
