"""``gradspec.pytest_tests``: ops as tests in a module of one's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gradspec import TargetError, pytest_tests
from gradspec.checks import CHECKS
from tests.gradspec.samples import square

MODULE = """
import gradspec
from gradspec import Op, real

def op(name, factor):
    return Op(
        name=name, forward=lambda x: (x * x, x), vjp=lambda s, y_bar: (factor * s * y_bar,), inputs={"x": real("n")}
    )

test_gradients = gradspec.pytest_tests([op("right", 2), op("wrong", 3)])
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """pytest on the module, in a process of its own."""
    (folder / "test_rules.py").write_text(MODULE)
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_each_op_and_check_is_a_test(tmp_path: Path) -> None:
    """The ids are those of the plugin."""
    done = run(tmp_path, "--collect-only", "-q")
    expected = [f"test_rules.py::test_gradients[{op}-{check.name}]" for op in ("right", "wrong") for check in CHECKS]
    assert expected == [line for line in done.stdout.splitlines() if "::" in line]


def test_a_wrong_op_fails_and_a_right_one_passes(tmp_path: Path) -> None:
    """The text of the failure is there, the table counts, what does not apply is skipped with its reason."""
    done = run(tmp_path, "-rsf")
    assert 1 == done.returncode
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert any("[wrong-vjp_finite_difference]" in line for line in failed)
    assert all("[wrong-" in line for line in failed)
    assert "wrong: vjp is wrong for input 'x'" in done.stdout
    assert "the op declares no torch reference" in done.stdout
    rows = dict(
        line.split()[:2]
        for line in done.stdout.partition("= gradspec =")[2].splitlines()[1:]
        if line[:5] in ("right", "wrong")
    )
    assert {"right": "PASS", "wrong": "FAIL"} == rows
    assert (tmp_path / ".gradspec" / "failures" / "wrong-vjp_finite_difference.npz").is_file()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--gradspec-op", "right", "-k", "contract"], ["right-contract"]),
        (["--gradspec-check", "vjp_algebra"], ["right-vjp_algebra", "wrong-vjp_algebra"]),
        (["-m", "gradspec", "-k", "contract"], ["right-contract", "wrong-contract"]),
        (["-m", "not gradspec"], []),
    ],
)
def test_options_select(tmp_path: Path, arguments: list[str], expected: list[str]) -> None:
    """By exact name, by check and by marker, as among the tests of the plugin."""
    done = run(tmp_path, "--collect-only", "-q", *arguments)
    found = [line for line in done.stdout.splitlines() if "::" in line]
    assert [f"test_rules.py::test_gradients[{name}]" for name in expected] == found


def test_an_op_that_is_not_there_is_told(tmp_path: Path) -> None:
    """By name, with those that there are; an attribute of the author's own is no mark of ours."""
    done = run(tmp_path, "--gradspec-op", "left")
    assert 4 == done.returncode
    assert "no op named 'left' in what was collected; it has: right, wrong" in done.stderr
    (tmp_path / "test_other.py").write_text("def test_it():\n    pass\n\ntest_it.made_by_gradspec = 'a note'\n")
    assert 0 == run(tmp_path, "test_other.py").returncode


def test_options_hold_beside_the_ops_of_the_plugin(tmp_path: Path) -> None:
    """Seed and examples arrive, only the checks that were selected are made, whichever kind of test runs first."""
    (tmp_path / "pytest.ini").write_text("[pytest]\ngradspec_ops = mine:OPS\n")
    (tmp_path / "mine.py").write_text(MODULE.replace("test_gradients =", "OPS = [op('square', 2)]\nunused ="))
    (tmp_path / "conftest.py").write_text(
        "import gradspec.testing\n\nverify = gradspec.testing.verify\n\n"
        "def told(op, **options):\n    print(op.name, options)\n    return verify(op, **options)\n\n"
        "gradspec.testing.verify = told\n"
    )
    for order in (["test_rules.py", "mine.py"], ["mine.py", "test_rules.py"]):
        done = run(tmp_path, "-s", "-k", "contract", "--gradspec-seed=7", "--gradspec-examples=9", *order)
        assert 0 == done.returncode, done.stdout
        for name in ("right", "wrong", "square"):
            assert f"{name} {{'seed': 7, 'examples': 9, 'checks': {{'contract'}}}}" in done.stdout


@pytest.mark.parametrize(
    ("ops", "words"),
    [
        ([square(), "square"], "pytest_tests: got 'square'; allowed: an Op or a list of Ops"),
        (3, "pytest_tests: got 3; allowed"),
        ([square(), square()], "two ops are named 'square'"),
    ],
)
def test_what_is_no_op_is_refused(ops: object, words: str) -> None:
    """At once, where the mistake is."""
    with pytest.raises(TargetError, match=words):
        pytest_tests(ops)  # type: ignore[arg-type]
