"""SIGKILL at any moment, full disks and closed folders: what was finished is kept, and what goes on ends the same."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.config import Config
from experiments.data import Place
from experiments.directory import Progress, RunDirectory
from experiments.execute import execute
from experiments.executors import open_executor
from experiments.sweep import sweep
from tests.experiments.killing import KILLS, TEAR
from tests.experiments.small import ONE_OF_EACH, ROOT, bits, config, times

ONE_RUN = """
import json, sys
from pathlib import Path
from experiments.config import Config
from experiments.execute import execute
execute(Config.from_dict(json.loads(sys.argv[1])), Path(sys.argv[2]), on_epoch=lambda: print("epoch", flush=True))
"""
SHORT = config(epochs=2, train_points=200)
WRITES = 3 + SHORT.epochs
"""Of whole files, by a short run: environment, config, a checkpoint per epoch, result."""
MANY = config(epochs=15, train_points=300, lr=0.001)
BY_ADAM = replace(ONE_OF_EACH[-1], epochs=8, train_points=40, batch_size=20, validation_points=20, test_points=20)
"""A CNN in float32, whose checkpoints hold what Adam remembers, too."""


def start(config: Config, root: Path) -> subprocess.Popen[str]:
    """One run in a process of its own, which prints a line per epoch."""
    arguments = [sys.executable, "-c", ONE_RUN, json.dumps(config.to_dict()), str(root)]
    return subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def killing(mode: str, config: Config, root: Path) -> Any:
    """What :mod:`tests.experiments.killing` did; the verdicts on ops are kept before, so that they take no time."""
    execute(config, root / "whole")
    done = subprocess.run(
        [sys.executable, "-m", "tests.experiments.killing", mode, json.dumps(config.to_dict()), str(root)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def assert_same(config: Config, root: Path, folders: int) -> None:
    """Every one of the folders has the bits of the run that nothing stopped, and no corrupt directory."""
    expected = bits(root / "whole" / config.run_id)
    for number in range(folders):
        assert expected == bits(root / str(number) / config.run_id), number
        assert [config.run_id] == [path.name for path in (root / str(number)).iterdir() if path.name != ".locks"]


@pytest.mark.parametrize(
    ("together", "run"), [("1", MANY), ("2", MANY), ("1", BY_ADAM)], ids=["one", "two", "CNN by Adam"]
)
def test_killed_at_random_moments(tmp_path: Path, together: str, run: Config) -> None:
    """One process on a run, or two at once on the same: 30 are killed, and every run ends with the same bits."""
    said = killing(together, run, tmp_path)

    assert KILLS <= sum(said["kills"])
    assert len(said["rows"]) > 3, "the kills came in different epochs"
    assert_same(run, tmp_path, len(said["kills"]))


@pytest.mark.parametrize("run", [SHORT, replace(BY_ADAM, epochs=2)], ids=["MLP by SGD", "CNN by Adam"])
def test_killed_before_each_file_operation(tmp_path: Path, run: Config) -> None:
    """Before every file that a run opens, renames or makes, and with the half of every new file written."""
    operations = killing("operations", run, tmp_path)["operations"]

    assert WRITES == operations.count(TEAR) == sum(name.startswith("os.rename") for name in operations)
    assert run.epochs == operations.count("open a metrics")
    assert_same(run, tmp_path, len(operations))


def test_killed(tmp_path: Path) -> None:
    """SIGKILL in the middle of training: the epochs before it are kept, and the run ends with the same bits."""
    long = config(epochs=40, train_points=3_000)
    process = start(long, tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "epoch\n"
    process.kill()
    process.communicate()
    assert -signal.SIGKILL == process.returncode
    told: list[int] = []
    done = execute(long, tmp_path, on_epoch=lambda: told.append(1))
    again = tmp_path / "again"
    execute(long, again)

    assert done.note == ""
    assert 1 <= len(told) < long.epochs
    assert bits(again / long.run_id) == bits(tmp_path / long.run_id)


def test_two_processes_on_one_run(tmp_path: Path) -> None:
    """Two processes that start the same run wait for each other: one computes it, both succeed."""
    execute(config(), tmp_path / "whole")
    processes = [start(config(), tmp_path) for _ in range(2)]
    said = [process.communicate(timeout=120) for process in processes]

    assert [0, 0] == [process.returncode for process in processes], said
    assert ["", "epoch\n" * config().epochs] == sorted(out for out, _ in said)
    assert bits(tmp_path / "whole" / config().run_id) == bits(tmp_path / config().run_id)


def test_the_lock_waits(tmp_path: Path) -> None:
    """While another process holds a run, this one does not begin it."""
    pytest.importorskip("fcntl", reason="this system has no flock")
    directory = RunDirectory(tmp_path, config())
    with directory.locked():
        process = start(config(), tmp_path)
        while process.poll() is None and not opened(process.pid, tmp_path / ".locks" / config().run_id):
            time.sleep(0.05)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=2)
        assert directory.progress() is Progress.MISSING
    process.communicate(timeout=120)

    assert process.returncode == 0
    assert directory.progress() is Progress.FINISHED


def opened(pid: int, path: Path) -> bool:
    """Whether a process has a file open; True where the system does not say."""
    folder = Path(f"/proc/{pid}/fd")
    try:
        return path in [file.readlink() for file in folder.iterdir()]
    except FileNotFoundError:  # another file was closed meanwhile, or there is no such folder
        return not folder.exists()


@pytest.mark.parametrize(
    ("code", "room"),
    [*((errno.ENOSPC, room) for room in range(2 * WRITES)), (errno.EROFS, 0), (errno.EACCES, WRITES + 1)],
)
def test_no_room_at_any_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, room: int) -> None:
    """A disk that is full, or a folder that is closed, from any write on: the error says so, what is there is kept."""
    runs = {"few": [SHORT, replace(SHORT, seed=1)]}
    left = room
    sync = os.fsync

    def fsync(file: int) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(code, os.strerror(code))
        sync(file)

    with monkeypatch.context() as patch:
        patch.setattr("experiments.files.os.fsync", fsync)
        with pytest.raises(OSError, match=os.strerror(code)):
            sweep(runs, tmp_path, executor=None, place=Place())
    before = {path: when for path, when in times(tmp_path).items() if (path.parent / "result.json").exists()}
    torn = list(tmp_path.rglob("*.tmp"))
    outcome = sweep(runs, tmp_path, executor=None, place=Place())

    assert torn == []
    assert outcome.failed == ()
    assert before.items() <= times(tmp_path).items()
    assert [not before, True] == [one.computed for one in outcome.runs["few"]]
    for one in outcome.runs["few"]:
        assert one.note == ""
        execute(one.record.config, tmp_path / "whole")
        name = one.record.config.run_id
        assert bits(tmp_path / "whole" / name) == bits(tmp_path / name)


@pytest.mark.parametrize("workers", [1, 2], ids=["here", "processes"])
def test_a_folder_that_nobody_may_write_to(tmp_path: Path, workers: int) -> None:
    """A folder of runs that is a closed one stops the sweep with the system's words."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    if os.access(closed, os.W_OK):  # the superuser may write everywhere, but not below a file
        shutil.rmtree(closed)
        closed.write_text("a file")
    with pytest.raises(OSError, match="closed"), open_executor(workers, None) as executor:
        sweep({"few": [config(), config(seed=1)]}, closed, executor=executor, place=Place())
