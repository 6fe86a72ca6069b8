"""Run directories: nothing is computed twice, nothing is lost, and a run that was stopped ends with the same bits."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from experiments.config import Config
from experiments.directory import Progress, RunDirectory
from experiments.environment import environment
from experiments.execute import Done, execute
from experiments.files import write_atomic
from experiments.sweep import finished, sweep
from tests.experiments.small import ROOT, bits, command, config, times

ONE_RUN = """
import json, sys
from pathlib import Path
from experiments.config import Config
from experiments.execute import execute
execute(Config.from_dict(json.loads(sys.argv[1])), Path(sys.argv[2]), on_epoch=lambda: print("epoch", flush=True))
"""


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


def start(config: Config, root: Path) -> subprocess.Popen[str]:
    """One run in a process of its own, which prints a line per epoch."""
    arguments = [sys.executable, "-c", ONE_RUN, json.dumps(config.to_dict()), str(root)]
    return subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


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

    assert 1 <= len(told) < long.epochs
    assert done.note == ""
    assert bits(again / long.run_id) == bits(tmp_path / long.run_id)


def test_two_processes_on_one_run(tmp_path: Path, whole: Path) -> None:
    """Two processes that start the same run wait for each other: one computes it, both succeed."""
    processes = [start(config(), tmp_path) for _ in range(2)]
    said = [process.communicate(timeout=60) for process in processes]

    assert [0, 0] == [process.returncode for process in processes], said
    assert ["", "epoch\n" * config().epochs] == sorted(out for out, _ in said)
    assert bits(whole) == bits(tmp_path / whole.name)


def test_the_lock_waits(tmp_path: Path) -> None:
    """While another process holds a run, this one does not begin it."""
    pytest.importorskip("fcntl", reason="this system has no flock")
    directory = RunDirectory(tmp_path, config())
    with directory.locked():
        process = start(config(), tmp_path)
        while process.poll() is None and not list((tmp_path / ".locks").iterdir()):
            time.sleep(0.05)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=2)
        assert directory.progress() is Progress.MISSING
    process.communicate(timeout=60)

    assert process.returncode == 0
    assert directory.progress() is Progress.FINISHED


def test_sweep_computes_what_is_missing(tmp_path: Path, whole: Path) -> None:
    """Of three runs one is finished: the other two are computed, in processes or here, in the order asked for."""
    runs = {"few": [config(seed=1), config()], "other": [config(seed=2)]}
    results: list[dict[str, list[Done]]] = []
    for workers in (1, 2):
        root = tmp_path / str(workers)
        shutil.copytree(whole, root / whole.name)
        told: list[float] = []
        results.append(sweep(runs, root, workers=workers, tell=lambda units, text="", told=told: told.append(units)))

        assert 3 == finished([one for group in runs.values() for one in group], root)
        assert 9 == sum(told)
    for done in results:
        assert {"few": [1, 0], "other": [2]} == {
            name: [one.record.config.seed for one in group] for name, group in done.items()
        }
        assert [True, False, True] == [one.computed for group in done.values() for one in group]
    assert bits(tmp_path / "1" / config(seed=2).run_id) == bits(tmp_path / "2" / config(seed=2).run_id)


def test_a_killed_worker_is_one_line(tmp_path: Path) -> None:
    """When a worker process dies the others' runs are kept, and the message says how many there are."""
    patch = "import experiments.execute as e, os, signal; old = e.train\n"
    script = (
        f"{patch}import sys; from experiments import run, sweep\n"
        "def execute(config, root, *, data_folder=None):\n"
        "    if config.seed == 1: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return e.execute(config, root, data_folder=data_folder)\n"
        "sweep.execute = execute\n"
        "if __name__ == '__main__':\n"
        "    sys.exit(run.main(sys.argv[1:]))\n"
    )
    path = tmp_path / "script.py"
    path.write_text(script)
    arguments = ["activations", "--quick", "--seeds", "0", "1", "--workers", "2", "--out", str(tmp_path / "runs")]
    process = subprocess.run(
        [sys.executable, str(path), *arguments, "--epochs", "1", "--train-points", "500"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert process.returncode == 2, process.stderr
    assert process.stderr.startswith("error: a worker process died")
    assert process.stderr.count("\n") == 1


def test_environment_names_versions_not_places() -> None:
    """Versions, threads and the commit; nothing about who or where."""
    env = environment()

    assert {"python", "implementation", "system", "machine", "packages", "git", "threads"} == set(env)
    assert env["packages"]["numpy"].count(".") == 2
    assert json.dumps(env).count("/") == 0


def test_command_reads_finished_runs(tmp_path: Path) -> None:
    """The same command twice: the second one says the same and writes nothing."""
    arguments = ["activations", "--quick", "--seeds", "0", "--workers", "1", "--out", tmp_path]
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
