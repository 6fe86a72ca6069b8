"""The two commands: help, and every mistake as one line on stderr with exit code 2, never a traceback."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from experiments import report, run
from experiments.environment import one_thread
from experiments.execute import execute
from gradspec.errors import MissingDependencyError
from tests.experiments.small import ARGUMENTS, FAST, command, config, times

BOTH = {"run": (run.main, ["activations"]), "report": (report.main, [])}
MISTAKES: dict[str, tuple[list[str], str]] = {
    "negative seed": (["--seeds", "-1"], "seed: got -1; allowed: a whole number, at least 0"),
    "seed twice": (["--seeds", "1", "1"], "seeds: got (1, 1); allowed: one or more whole numbers, each once"),
    "no worker": (["--workers", "0"], "workers: got 0; allowed: a whole number, at least 1"),
    "half a worker": (["--workers", "0.5"], "0.5"),
    "unknown option": (["--sedes", "1"], "--sedes"),
    "option without a value": (["--out"], "--out"),
    "no such root": (["--root", "nowhere"], "nowhere: no such file or folder; --root (or GRADSPEC_DATA) names"),
}
RUN_MISTAKES: dict[str, tuple[list[str], str]] = {
    "no name": (
        [],
        "name an experiment: activations, residual, cnn_grid, optimizers; see python -m experiments.run --help",
    ),
    "unknown name": (["cnn"], "unknown experiment 'cnn'; there are: activations, residual, cnn_grid, optimizers"),
    "no epochs": (["activations", "--epochs", "0"], "epochs: got 0; allowed: a whole number, at least 1"),
    "lr": (["activations", "--lr", "-1"], "lr: got -1.0; allowed: a finite number above 0"),
    "lr nan": (["activations", "--lr", "nan"], "lr: got nan; allowed: a finite number above 0"),
    "momentum": (["activations", "--momentum", "1"], "momentum: got 1.0; allowed: a number from 0 up to"),
    "points": (["activations", "--train-points", "9999999999"], "train_points: got 9999999999; allowed:"),
    "data": (["activations", "--data", "coco"], "data: got 'coco'; allowed: synth, shapes, fashion-mnist, mnist, cif"),
    "data of a CNN": (
        ["cnn_grid", "--data", "mnist"],
        "dataset: got 'mnist'; allowed: pictures of shape (3, 32, 32) with model='net': shapes, cifar10, image-folder",
    ),
    "missing data": (["cnn_grid", "--data", "image-folder"], "--root (or GRADSPEC_DATA) names a folder"),
    "backend": (["activations", "--backend", "jax"], "backend: got 'jax'; allowed: ops, torch"),
    "device": (["activations", "--device", "cuda"], "device: got 'cuda'; allowed: cpu with backend='ops'"),
    "a compared field": (
        ["cnn_grid", "--lr", "0.002"],
        "lr: got 0.002; allowed: no value: it is what cnn_grid compares, leave it out",
    ),
    "more points than there are": (
        ["residual", "--data", "shapes", "--train-points", "999999999"],
        "has 1000000 points to train and validate on; got 999999999 + 2000",
    ),
    "width of a CNN": (["cnn_grid", "--hidden", "9"], "hidden: got 9; allowed: 0 with model='net'"),
    "tracker": (["activations", "--listen", "mlflow"], "listen: got 'mlflow'; allowed: wandb, tensorboard"),
    "two names": (["activations", "residual"], "residual"),
}


def told(main: Any, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a mistake gets."""
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.err.startswith("error: ")
    assert said.err.endswith("\n")
    assert said.err.count("\n") == 1
    assert not re.search(r"-{3}|─|│|  ", said.err), "a part of tyro's box"
    return said.err


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_of_both(
    name: str, case: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong option is named, with what is allowed, before any folder is made."""
    monkeypatch.chdir(tmp_path)
    main, first = BOTH[name]
    arguments, expected = MISTAKES[case]

    assert expected in told(main, [*first, *arguments], capsys)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("case", RUN_MISTAKES)
def test_mistakes_of_run(
    case: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong experiment or setting is named, with what is allowed, before any folder is made."""
    monkeypatch.chdir(tmp_path)
    arguments, expected = RUN_MISTAKES[case]

    assert expected in told(run.main, arguments, capsys)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", BOTH)
def test_help(name: str) -> None:
    """--help explains the options and the exit codes on stdout and succeeds."""
    done = command(f"experiments.{name}", "--help")

    assert (0, "") == (done.returncode, done.stderr)
    for word in ("--quick", "--seeds", "--out", "--workers", "--root", "Exit codes"):
        assert word in " ".join(done.stdout.split())


@pytest.mark.parametrize("arguments", [["run", "cnn"], ["report", "--root", "nowhere"]], ids=lambda a: a[0])
def test_from_a_shell(arguments: list[str]) -> None:
    """From a shell a mistake is exit code 2, one line on stderr and nothing on stdout."""
    module, *rest = arguments
    done = command(f"experiments.{module}", *rest)

    assert (2, "", 1) == (done.returncode, done.stdout, done.stderr.count("\n"))


def test_list() -> None:
    """--list names every experiment with its row, figure and variants, also into a pipe without UTF-8."""
    done = command("experiments.run", "--list", env={**os.environ, "PYTHONIOENCODING": "ascii"})

    assert (0, "") == (done.returncode, done.stderr)
    for words in (
        *("activations  (R9, figure 1)", "residual  (R10, figure 2)", "2 variants: sigmoid; ReLU"),
        *("cnn_grid  (R11, figures 3?5)", "18 variants: lr 0.0005, momentum 0.9, batch 8;", "seeds 0 to 4"),
        *("optimizers  (R12, figure 6)", "image-folder  your own pictures", "apt install dataset-fashion-mnist"),
    ):
        assert words in done.stdout


def test_data_by_variable(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GRADSPEC_DATA names the folder where --root does not."""
    monkeypatch.setenv("GRADSPEC_DATA", str(tmp_path / "gone"))

    assert "gone: no such file or folder" in told(run.main, ["activations", *FAST, "--out", str(tmp_path)], capsys)
    assert run.main(["activations", *FAST, "--out", str(tmp_path), "--root", str(tmp_path)]) == 0


@pytest.mark.parametrize("place", ["file", "below a file"])
@pytest.mark.parametrize("option", ["--out", "--runs"])
def test_a_folder_that_cannot_be(
    place: str, option: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that cannot be made is told before anything is computed."""
    monkeypatch.setattr("experiments.execute.train", None)
    (tmp_path / "file").write_text("kept")
    path = tmp_path / "file" / ("" if place == "file" else "deep")
    arguments = {"--out": str(tmp_path / "out"), "--runs": str(tmp_path / "runs"), option: str(path)}
    line = told(report.main, ["--quick", *[word for pair in arguments.items() for word in pair]], capsys)
    if option == "--out":
        assert told(run.main, ["activations", *FAST, "--out", str(path)], capsys) == line

    assert f"{path}: cannot write to this folder" in line
    assert (tmp_path / "file").read_text() == "kept"


def test_a_full_disk_keeps_what_is_finished(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a file cannot be written any more the line says so; finished runs and epochs are read by the next call."""
    from experiments import files

    room = 9

    def write(path: Path, content: bytes | str) -> None:
        nonlocal room
        room -= 1
        if room < 0:
            raise OSError(28, "No space left on device", str(path))
        files.write_atomic(path, content)

    arguments = ["activations", *FAST, "--out", str(tmp_path)]
    with monkeypatch.context() as patch:
        patch.setattr("experiments.directory.write_atomic", write)
        line = told(run.main, arguments, capsys)
    before = times(tmp_path)

    assert "No space left on device; what was finished before is kept" in line
    assert run.main(arguments) == 0
    assert "2 runs, 1 finished before" in capsys.readouterr().out
    kept = {path: when for path, when in before.items() if path.parent.name == min_finished(before)}
    assert kept == {path: when for path, when in times(tmp_path).items() if path in kept}


def min_finished(before: dict[Path, int]) -> str:
    """The directory of the run that had been finished."""
    (name,) = {path.parent.name for path in before if path.name == "result.json"}
    return name


def test_stopped_by_a_person(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C is one line that says how to go on, and exit code 130."""

    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("experiments.attempt.execute", stop)

    assert run.main(["activations", *FAST, "--out", str(tmp_path)]) == 130
    assert "the same command goes on from there" in capsys.readouterr().err


def test_what_came_out(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Each variant has its mean and deviation, each claim its outcome and reason."""
    assert run.main(["residual", *FAST[:-1], *ARGUMENTS, "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out

    assert " residual  n = 1  last training loss" in out
    assert 4 == len(re.findall(r"^ *undecided  ", out, re.MULTILINE))
    assert "too few pairs (1)" in out


def test_a_diverged_run_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A learning rate far too large: the runs are recorded as diverged, the numbers say nan, nothing breaks."""
    assert run.main(["residual", *FAST, "--lr", "1e308", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out

    assert "diverged after" in out
    assert "1 of 1 pairs have a diverged run" in out


def test_huge_losses_are_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Losses around 1e200 are finite: they are summarized without an overflow of their squares."""
    assert run.main(["residual", *FAST, "--seeds", "0", "1", "--lr", "1e200", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out

    assert "finished after" in out
    assert "diverged" not in out


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without threadpoolctl the message says what to install."""
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)

    with pytest.raises(MissingDependencyError, match=r"threadpoolctl is not installed; .* pip install"), one_thread():
        pass
    with pytest.raises(MissingDependencyError):
        execute(config(), tmp_path)
