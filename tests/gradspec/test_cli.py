"""The command: what it prints, what it writes, and its exit codes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gradspec import __version__, engine
from gradspec.checks import CHECKS
from gradspec.cli import main
from gradspec.oracles import torch_autograd

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


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file of ops, as the current one."""
    (tmp_path / "mine.py").write_text(OPS_FILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    return tmp_path


def check(*arguments: str) -> int:
    """``gradspec check`` with few examples."""
    return main(["check", *arguments, "--examples", "8"])


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr."""
    lines = capsys.readouterr().err.splitlines()
    assert 1 == len(lines), lines
    assert lines[0].startswith(LEADING)
    return lines[0].removeprefix(LEADING)


@pytest.mark.parametrize(
    ("target", "code"),
    [("mine.py:square", 0), ("mine:square", 0), ("mine.py:wrong", 1), ("mine.py:count", 1), ("mine.py:blind", 3)],
)
def test_each_verdict_has_its_exit_code(folder: Path, target: str, code: int) -> None:
    """0 PASS, 1 FAIL, 3 INCONCLUSIVE."""
    assert code == check(target)


def test_a_file_means_every_op_in_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The worst verdict decides, and the last line counts."""
    assert 1 == check("mine.py")
    out = capsys.readouterr().out
    assert [name in out for name in ("square: PASS", "cube: PASS", "wrong: FAIL", "count: FAIL")] == [True] * 4
    assert "5 ops: 2 PASS, 2 FAIL, 1 INCONCLUSIVE" == out.splitlines()[-1]


def test_names_are_looked_up_in_the_ops_module(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--ops says where; without a target all of its OPS are verified."""
    assert 0 == check("cube", "--ops", "mine")
    assert "square" not in capsys.readouterr().out
    assert 0 == check("--ops", "mine")
    assert "2 ops: 2 PASS, 0 FAIL, 0 INCONCLUSIVE" in capsys.readouterr().out


def test_the_wrong_number_of_results_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A vjp with two cotangents for one input is a failure with a sentence."""
    assert 1 == check("mine.py:count")
    assert "count: vjp returns 2 cotangents; it should be 1, for x" in capsys.readouterr().out


def test_quiet_is_one_line_per_op_and_the_failures(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No line per check."""
    check("mine.py:square", "mine.py:wrong", "--quiet")
    out = capsys.readouterr().out
    assert "value_torch" not in out
    assert "wrong: vjp is wrong for input 'x'" in out


def test_only_the_named_checks_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--check can be repeated; the order is that of CHECKS."""
    assert 3 == check("mine.py:square", "--check", "vjp_algebra", "--check", "contract")  # no oracle was asked
    lines = capsys.readouterr().out.splitlines()
    assert ["contract", "vjp_algebra"] == [line.split()[1] for line in lines[1:]]


def test_the_seed_is_said_and_decides(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same seed gives the same report, but for the time it took."""
    reports = []
    for _ in range(2):
        check("mine.py:cube", "--seed", "7", "--json", "-")
        (report,) = json.loads(capsys.readouterr().out)
        reports.append({**report, "seconds": 0})
    assert reports[0] == reports[1]
    assert 7 == reports[0]["seed"]


def test_json_has_every_check(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file holds one report per op, the terminal still shows them."""
    assert 0 == check("mine.py:square", "--json", "out.json")
    (report,) = json.loads((folder / "out.json").read_text())
    assert [c.name for c in CHECKS] == [c["name"] for c in report["checks"]]
    assert "square: PASS" in capsys.readouterr().out


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


def test_without_torch_its_checks_are_skipped(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They say how to get it; finite differences decide."""
    monkeypatch.setattr(torch_autograd, "available", lambda: False)
    assert 0 == check("mine.py:square")
    lines = [line for line in capsys.readouterr().out.splitlines() if "_torch" in line]
    assert ["  -    value_torch", "  -    vjp_torch"] == [line[:21].rstrip() for line in lines]
    assert all("torch is not installed: pip install 'gradspec[torch]'" in line for line in lines)


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


@pytest.mark.parametrize("command", [[], ["list"], ["check"], ["replay"]])
def test_every_command_has_help(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """--help exits with 0."""
    with pytest.raises(SystemExit) as caught:
        main([*command, "--help"])
    assert 0 == caught.value.code
    assert "usage: gradspec" in capsys.readouterr().out


def test_list_shows_every_op(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As text a line each, as JSON with its inputs."""
    assert 0 == main(["list", "--ops", "mine"])
    assert ["square", "cube"] == [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert 0 == main(["list", "--ops", "mine", "--json"])
    described = json.loads(capsys.readouterr().out)
    assert ["square", "cube"] == [op["name"] for op in described]


def test_list_shows_domains_and_the_last_verdict(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing before a check; then its verdict; and that the op has changed since, once it has."""

    def listed() -> list[str]:
        capsys.readouterr()
        assert 0 == main(["list", "--ops", "mine"])
        return capsys.readouterr().out.splitlines()

    assert "not checked" in listed()[0]
    main(["check", "square", "--ops", "mine", "--check", "contract"])
    assert "not checked" in listed()[0], "a part of the checks is no verdict"
    main(["check", "square", "--ops", "mine", "--examples", "20"])
    first, second = listed()
    assert ["square", "PASS"] == first.split()[:2]
    assert "(n)" in first
    assert "not checked" in second
    kept = folder / ".gradspec" / "verdicts.json"
    kept.write_text(kept.read_text().replace('"op": "', '"op": "x'))
    assert "changed since" in listed()[0]
    kept.write_text("{")
    assert "not checked" in listed()[0]


def test_an_interrupted_run_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 130, no traceback."""

    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "verify", interrupted)
    assert 130 == check("mine.py:square")
    assert "interrupted" == complaint(capsys)


def test_the_module_is_the_command() -> None:
    """``python -m gradspec`` works where the script is not on the path."""
    done = subprocess.run([sys.executable, "-m", "gradspec", "--version"], capture_output=True, text=True, check=True)
    assert f"gradspec {__version__}" == done.stdout.strip()


def test_several_processes_find_what_one_finds(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same lines to the digit, the same counterexamples, the same exit code."""
    texts, kept = [], []
    for workers in ("1", "2"):
        assert 1 == check("mine.py", "--workers", workers, "--json", "out.json")
        texts.append(re.sub(r"[\d.]+ s\)", "", capsys.readouterr().out))
        reports = json.loads((folder / "out.json").read_text())
        kept.append([{**report, "seconds": 0} for report in reports])
        assert (folder / ".gradspec" / "failures" / "wrong-vjp_finite_difference.npz").is_file()
        shutil.rmtree(folder / ".gradspec")
    assert ["square", "cube", "wrong", "count", "blind"] == [report["op"] for report in kept[0]]
    assert texts[0] == texts[1]
    assert kept[0] == kept[1]


def test_what_cannot_leave_its_process_is_verified_here(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A counterexample whose param holds a function."""
    (folder / "held.py").write_text(
        OPS_FILE.replace("wrong = Op(", MODE + "held = Op(params={'g': (Mode(),)}, ")
        .replace('name="wrong", forward=forward', 'name="held", forward=lambda x, g: (g.f(x), x)')
        .replace("OPS = (square, cube)", "OPS = (square, held)")
    )
    assert 1 == check("held:OPS", "--workers", "2")
    assert "held: FAIL" in capsys.readouterr().out


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
