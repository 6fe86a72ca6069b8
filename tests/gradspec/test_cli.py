"""The command: what it prints, what it writes, and the exit codes of its verdicts."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gradspec import __version__
from gradspec.checks import CHECKS
from gradspec.cli import main
from gradspec.oracles import torch_autograd
from tests.gradspec.command import MODE, OPS_FILE, check


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
    assert ["contract", "vjp_algebra"] == [line.split()[1] for line in lines[1:-1]]
    assert lines[-1].startswith("  ?    no oracle compared the vjp: none applies, or none was asked")


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


def test_without_torch_its_checks_are_skipped(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They say how to get it; finite differences decide."""
    monkeypatch.setattr(torch_autograd, "available", lambda: False)
    assert 0 == check("mine.py:square")
    lines = [line for line in capsys.readouterr().out.splitlines() if "_torch" in line]
    assert ["  -    value_torch", "  -    vjp_torch"] == [line[:21].rstrip() for line in lines]
    assert all("torch is not installed: pip install 'gradspec[torch]'" in line for line in lines)


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
