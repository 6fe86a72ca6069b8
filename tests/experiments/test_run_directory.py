"""Run directories: nothing is computed twice, nothing is lost, and a run that was stopped ends with the same bits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from experiments.config import Config
from experiments.environment import environment, facts
from experiments.execute import execute
from experiments.files import naming, write_atomic
from tests.experiments.small import ROOT, bits, command, config, times


class StoppedError(Exception):
    """What the tests throw into a run."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing stopped."""
    root = tmp_path_factory.mktemp("whole")
    execute(config(), root)
    return root / config().run_id


def never(*_: Any, **__: Any) -> None:
    """Stand in for what must not be called."""
    raise AssertionError("computed again")


def test_files_of_a_run(whole: Path) -> None:
    """The directory is named by the config and holds what DESIGN says, without a path of this machine."""
    texts = [path.read_text() for path in whole.iterdir() if path.suffix != ".npz"]

    assert {*bits(whole)} == {"config.json", "metrics.jsonl", "result.json", "checkpoint.npz"}
    assert (whole / "env.json").exists()
    assert (whole / "timing.jsonl").exists()
    assert config() == Config.from_dict(json.loads((whole / "config.json").read_text()))
    assert [text for text in texts if str(ROOT) in text or str(Path.home()) in text or sys.prefix in text] == []


def test_a_finished_run_is_read(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither training nor data are touched, and no file is written."""
    before = times(whole)
    monkeypatch.setattr("experiments.execute.train", never)
    monkeypatch.setattr("experiments.execute.load", never)
    done = execute(config(), whole.parent)

    assert not done.computed
    assert done.note == ""
    assert len(done.record.epochs) == config().epochs
    assert before == times(whole)


def test_equal_runs_are_equal_files(whole: Path, tmp_path: Path) -> None:
    """Another directory, the same bits, the checkpoint included."""
    execute(config(), tmp_path)

    assert bits(whole) == bits(tmp_path / whole.name)


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_stopped_after_an_epoch(whole: Path, tmp_path: Path, epochs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run stopped after any epoch goes on with the next one and ends with the same bits."""
    left = epochs

    def stop() -> None:
        nonlocal left
        left -= 1
        if not left:
            raise StoppedError

    with pytest.raises(StoppedError):
        execute(config(), tmp_path, on_epoch=stop)
    told: list[int] = []
    done = execute(config(), tmp_path, on_epoch=lambda: told.append(1))

    assert config().epochs - epochs == len(told)
    assert done.note == ""
    assert bits(whole) == bits(tmp_path / whole.name)


def writes() -> int:
    """How many files a small run replaces: environment, config, a checkpoint per epoch, result."""
    return 3 + config().epochs


@pytest.mark.parametrize("number", range(writes()))
@pytest.mark.parametrize("moment", ["before", "after"])
def test_stopped_at_any_write(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, moment: str
) -> None:
    """Stopped just before or after any of its files is written, a run is resumed without a word of corruption."""
    written = 0

    def write(path: Path, content: bytes | str) -> None:
        nonlocal written
        written += 1
        if written - 1 == number and moment == "before":
            path.with_name(f"{path.name}.1.tmp").write_bytes(b"torn")
            raise StoppedError
        write_atomic(path, content)
        if written - 1 == number:
            raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr("experiments.directory.write_atomic", write)
        with pytest.raises(StoppedError):
            execute(config(), tmp_path)
    done = execute(config(), tmp_path)

    assert done.note == ""
    assert bits(whole) == bits(tmp_path / whole.name)


def test_a_torn_row_is_written_again(whole: Path, tmp_path: Path) -> None:
    """Half a line at the end of the rows, and rows after the last checkpoint, are of an epoch that is redone."""
    with pytest.raises(StoppedError):
        execute(config(), tmp_path, on_epoch=lambda: (_ for _ in ()).throw(StoppedError))
    with (tmp_path / whole.name / "metrics.jsonl").open("ab") as file:
        file.write((whole / "metrics.jsonl").read_bytes().splitlines(keepends=True)[1] + b'{"epoch": 3, "los')
    done = execute(config(), tmp_path)

    assert done.note == ""
    assert bits(whole) == bits(tmp_path / whole.name)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_a_full_disk_names_the_file(tmp_path: Path) -> None:
    """A write knows no file by itself: the error is given the name."""
    path = tmp_path / "metrics.jsonl"
    with pytest.raises(OSError, match="No space left") as caught, naming(path), Path("/dev/full").open("w") as full:
        full.write("a row" * 10_000)  # more than fits in a buffer
    assert str(path) == caught.value.filename
    with pytest.raises(FileNotFoundError) as absent, naming(path):
        (tmp_path / "other").read_bytes()
    assert str(tmp_path / "other") == absent.value.filename


def test_environment_names_versions_not_places() -> None:
    """Versions, threads and the commit; nothing about who or where."""
    env = environment()

    assert {"python", "implementation", "system", "machine", "packages", "git", "threads", "kernels"} == set(env)
    assert env["packages"]["numpy"].count(".") == 2
    assert json.dumps(env).count("/") == 0


def test_instructions_are_told_from_others() -> None:
    """What OpenBLAS picks for a processor is in the environment, and in its words for people."""
    say = "import numpy; from experiments.environment import *; print(facts(environment())['instructions'])"
    found = set()
    for kernel in ("Haswell", "Prescott"):
        done = subprocess.run(
            [sys.executable, "-c", say], env={**os.environ, "OPENBLAS_CORETYPE": kernel}, capture_output=True, text=True
        )
        found.add(done.stdout)
    env = environment()
    older = facts({name: value for name, value in env.items() if name != "kernels"})

    assert all("numpy " in line for line in found)
    assert "openblas" not in env["kernels"] or len(found) == 2
    assert older["instructions"] == "unknown"


def test_command_reads_finished_runs(tmp_path: Path) -> None:
    """The same command twice: the second one says the same and writes nothing."""
    arguments = ["activations", "--quick", "--seeds", "0", "--workers", "1", "--out", str(tmp_path)]
    arguments += ["--epochs", "2", "--train-points", "300"]
    first = command("experiments.run", *arguments)
    before = times(tmp_path)
    second = command("experiments.run", *arguments)

    assert [0, 0] == [first.returncode, second.returncode], first.stderr + second.stderr
    assert "2 runs, 0 finished before" in first.stdout
    assert "2 runs, 2 finished before" in second.stdout
    assert before == times(tmp_path)
    tail: Callable[[str], str] = lambda text: text[text.index("n = 1") :]  # noqa: E731 - typed
    assert tail(first.stdout) == tail(second.stdout)
