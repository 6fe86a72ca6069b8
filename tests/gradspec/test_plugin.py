"""The pytest plugin, in projects of its own, each in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from gradspec.checks import CHECKS

OPS = """
import numpy as np
from gradspec import Op, real

def forward(x):
    return x * x, x

def op(name, factor=2, **fields):
    return Op(
        name=name, forward=forward, vjp=lambda s, y_bar: (factor * s * y_bar,), inputs={"x": real("n")}, **fields
    )

blind = Op(
    name="blind", forward=lambda x: (np.sin(1e9 * x), x), vjp=lambda s, y_bar: (1e9 * np.cos(1e9 * s) * y_bar,),
    inputs={"x": real("n")}, dtypes=("float64",),
)
GOOD = [op("square"), op("square_too")]
WRONG = [op("square"), op("wrong", factor=3)]
BLIND = [blind]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with ops in rules/ and a test beside them."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "__init__.py").write_text(OPS)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_other.py").write_text("def test_other():\n    pass\n")
    configure(tmp_path, "rules:GOOD")
    return tmp_path


def configure(project: Path, ops: str, **ini: str) -> None:
    """Write pytest.ini."""
    lines = ["[pytest]", f"gradspec_ops = {ops}" if ops else "", *(f"{key} = {value}" for key, value in ini.items())]
    (project / "pytest.ini").write_text("\n".join(lines) + "\n")


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """pytest in the project, with few examples."""
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider", "--gradspec-examples=8"]
    return subprocess.run([*command, *arguments], cwd=project, capture_output=True, text=True, check=False)


def collected(project: Path, *arguments: str) -> list[str]:
    """The ids that would run."""
    done = run(project, "--collect-only", "-q", *arguments)
    return [line for line in done.stdout.splitlines() if "::" in line]


def test_one_test_per_op_and_check(project: Path) -> None:
    """Ids hang on the module that defines the ops; ordinary tests are there too."""
    ids = [f"rules/__init__.py::{op}-{check.name}" for op in ("square", "square_too") for check in CHECKS]
    assert sorted([*ids, "tests/test_other.py::test_other"]) == sorted(collected(project))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-k", "square-contract"], ["square-contract"]),
        (["--gradspec-op", "square", "-k", "contract"], ["square-contract"]),
        (["--gradspec-check", "vjp_algebra", "rules"], ["square-vjp_algebra", "square_too-vjp_algebra"]),
        (["rules/__init__.py::square-contract"], ["square-contract"]),
        (["tests"], ["test_other"]),
        (["-m", "gradspec", "--gradspec-check", "contract"], ["square-contract", "square_too-contract"]),
    ],
)
def test_selection(project: Path, arguments: list[str], expected: list[str]) -> None:
    """By -k, by exact name, by check, by id, by path, by marker."""
    assert expected == [node.partition("::")[2] for node in collected(project, *arguments)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--gradspec-op", "squar"], "no op named 'squar' in what was collected; did you mean square"),
        (["--gradspec-op", "squar", "-n", "2"], "no op named 'squar' in what was collected; did you mean square"),
        (["--gradspec-check", "sums"], "unknown check 'sums'; the checks are: contract,"),
        (["--gradspec-seed", "one"], "got 'one'; allowed: a whole number"),
    ],
)
def test_a_bad_option_is_told(project: Path, arguments: list[str], words: str) -> None:
    """Nothing runs, no traceback."""
    done = run(project, *arguments)
    text = done.stdout + done.stderr
    assert done.returncode in ((1,) if "-n" in arguments else (2, 4))
    assert words in text
    assert "Traceback" not in text


@pytest.mark.parametrize(
    ("ops", "ini", "words"),
    [
        ("nowhere", {}, "gradspec_ops: got 'nowhere'; allowed: a module that can be imported from"),
        ("rules:GOOD", {"gradspec_inconclusive": "maybe"}, "gradspec_inconclusive: got 'maybe'; allowed: fail or skip"),
        ("rules:NONE", {}, "module 'rules' has no attribute 'NONE'"),
    ],
)
def test_a_bad_ini_is_told(project: Path, ops: str, ini: dict[str, str], words: str) -> None:
    """The line names the setting and what it got."""
    configure(project, ops, **ini)
    done = run(project)
    assert done.returncode in (2, 4)
    assert words in done.stdout + done.stderr


def test_a_passing_run_ends_with_a_table(project: Path) -> None:
    """One line per op: verdict, entries compared, resolution, worst discrepancy; and why a check was skipped."""
    done = run(project)
    assert 0 == done.returncode, done.stdout
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith(("square ", "square_too "))]
    assert [("square", "PASS"), ("square_too", "PASS")] == [(row[0], row[1]) for row in rows]
    assert all(int(row[2].replace(",", "")) > 10 for row in rows)
    assert "skipped for 2 ops: vjp_torch: the op declares no torch reference" in done.stdout
    assert "gradspec: ops from rules/__init__.py, seed 0, 8 examples" in done.stdout


@pytest.mark.parametrize("ci", ["", "1"], ids=["by hand", "in CI"])
def test_a_failure_is_its_text_alone(project: Path, monkeypatch: pytest.MonkeyPatch, ci: str) -> None:
    """No traceback through gradspec; the command on its last line works (with CI set, pytest's summary repeats it)."""
    monkeypatch.setenv("CI", ci)
    configure(project, "rules:WRONG")
    done = run(project, "-k", "finite_difference")
    assert 1 == done.returncode
    assert "wrong: vjp is wrong for input 'x'" in done.stdout
    assert "Traceback" not in done.stdout
    assert "engine.py" not in done.stdout
    (command,) = {line.split("gradspec ", 1)[1] for line in done.stdout.splitlines() if "gradspec replay" in line}
    again = subprocess.run(
        [sys.executable, "-m", "gradspec", *command.split()], cwd=project, capture_output=True, text=True, check=False
    )
    assert 1 == again.returncode, again.stderr
    assert "wrong: vjp is wrong for input 'x'" in again.stdout


@pytest.mark.parametrize(("mode", "code", "word"), [("fail", 1, "failed"), ("skip", 0, "skipped")])
def test_inconclusive_fails_unless_told_otherwise(project: Path, mode: str, code: int, word: str) -> None:
    """gradspec_inconclusive = fail or skip; the table says INCONCLUSIVE either way."""
    configure(project, "rules:BLIND", gradspec_inconclusive=mode)
    done = run(project, "-k", "finite_difference", "-rs")
    assert code == done.returncode
    assert f"1 {word}" in done.stdout.splitlines()[-1]
    assert "is inconclusive" in done.stdout
    assert any(line.split()[:2] == ["blind", "INCONCLUSIVE"] for line in done.stdout.splitlines())


def test_the_junit_file_has_the_figures(project: Path) -> None:
    """verdict, compared, resolution and discrepancy are properties of the test case."""
    run(project, "--junitxml=out.xml", "-k", "square-vjp_finite_difference")
    found = dict(re.findall(r'<property name="(.*?)" value="(.*?)"', (project / "out.xml").read_text()))
    assert {"gradspec_verdict", "gradspec_compared", "gradspec_resolution", "gradspec_discrepancy"} == found.keys()
    assert "PASS" == found["gradspec_verdict"]


def test_the_checks_of_an_op_stay_on_one_worker(project: Path) -> None:
    """One drawn example serves them all: no other process calls forward."""
    log = "def log():\n    with pathlib.Path(f'calls-{os.getpid()}').open('a') as f:\n        f.write('.')\n\n"
    ops = OPS.replace("def forward(x):", f"import os, pathlib\n\n{log}def forward(x):\n    log()")
    (project / "rules" / "__init__.py").write_text(ops)
    done = run(project, "--gradspec-op", "square", "-n", "2")
    assert 0 == done.returncode, done.stdout
    assert 1 == len(list(project.glob("calls-*")))


def test_two_workers_find_what_one_finds(project: Path) -> None:
    """The same verdicts and figures; the counterexamples are there, written by the controller."""
    configure(project, "rules:WRONG")
    texts = []
    for arguments in ((), ("-n", "2")):
        done = run(project, *arguments)
        assert 1 == done.returncode
        table = done.stdout.partition("= gradspec =")[2].splitlines()
        texts.append(sorted(line for line in table if line.startswith(("square ", "wrong "))))
        kept = sorted(path.name for path in (project / ".gradspec" / "failures").iterdir())
        assert "wrong-vjp_finite_difference.npz" in kept
    assert 2 == len(texts[0])
    assert texts[0] == texts[1]


def test_other_projects_pay_nothing(project: Path) -> None:
    """Without the setting nothing of gradspec is imported, and no option is in the way."""
    configure(project, "")
    (project / "tests" / "test_other.py").write_text(
        "import sys\n\ndef test_other():\n    assert not {'gradspec', 'numpy', 'torch'} & sys.modules.keys()\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout
    assert "gradspec" not in done.stdout
