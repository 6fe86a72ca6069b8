"""Sweeps on a Dask cluster: a scheduler and workers on loopback, each a process of its own that may be killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from experiments.data import Place
from experiments.directory import Progress, RunDirectory
from experiments.execute import execute
from experiments.executors import SchedulerError, open_executor
from experiments.sweep import Outcome, Runs, sweep
from gradspec.errors import MissingDependencyError
from tests.experiments import long_sweep, poison
from tests.experiments.small import ONE_OF_EACH, ROOT, bits, config

pytest.importorskip("distributed", reason="distributed is not installed")

RUNS: Runs = {"few": [config(seed=seed) for seed in range(4)]}
PATIENCE = 120


@contextmanager
def process(module: str, *arguments: str, folder: Path, allowed_failures: int = 3) -> Iterator[subprocess.Popen[bytes]]:
    """One process of a cluster; it is killed at the end, if it still lives."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(allowed_failures),
    }
    with (folder / "cluster.log").open("ab") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{module}", *arguments],
            cwd=folder,  # Dask's workers put their files here
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        yield started
    finally:
        started.kill()
        started.wait(PATIENCE)


@contextmanager
def cluster(
    folder: Path, workers: int = 2, allowed_failures: int = 3
) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """The address of a scheduler with so many workers, and its processes, the scheduler first."""
    folder.mkdir()
    file = folder / "scheduler.json"
    with ExitStack() as stack:
        scheduler = process(
            *("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show"),
            *("--scheduler-file", str(file)),
            folder=folder,
            allowed_failures=allowed_failures,
        )
        processes = [stack.enter_context(scheduler)]
        address = wait_for_address(file, processes[0])
        for _ in range(workers):
            worker = process(
                *("dask_worker", address, "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--no-dashboard"),
                folder=folder,
            )
            processes.append(stack.enter_context(worker))
        yield address, processes


def wait_for_address(file: Path, scheduler: subprocess.Popen[bytes]) -> str:
    """What the scheduler wrote, once it has."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        assert scheduler.poll() is None, (file.parent / "cluster.log").read_text()
        try:
            return str(json.loads(file.read_text())["address"])
        except (OSError, ValueError):
            time.sleep(0.05)
    raise TimeoutError((file.parent / "cluster.log").read_text())


def swept(root: Path, address: str, runs: Runs = RUNS) -> Outcome:
    """A sweep as the command does it."""
    with open_executor(2, address) as executor:
        return sweep(runs, root, executor=executor, place=Place())


def test_every_experiment(tmp_path: Path) -> None:
    """A network of each experiment has the bits of one that was trained here."""
    for one in ONE_OF_EACH:
        execute(one, tmp_path / "here")
    with cluster(tmp_path / "cluster") as (address, _):
        outcome = swept(tmp_path / "runs", address, {"each": ONE_OF_EACH})

    assert outcome.failed == ()
    for one in ONE_OF_EACH:
        assert bits(tmp_path / "here" / one.run_id) == bits(tmp_path / "runs" / one.run_id), one.experiment


def test_killed_mid_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of two workers is killed in the middle of a run: all runs are finished, with the bits of runs done here."""
    monkeypatch.setattr(poison.ATTEMPT, poison.attempt)
    poison.plant(tmp_path / "runs", 1, "die")
    for one in RUNS["few"]:
        execute(one, tmp_path / "here")
    with cluster(tmp_path / "cluster") as (address, processes):
        outcome = swept(tmp_path / "runs", address)
        ended = [one.poll() for one in processes]

    assert [0, 1, 2, 3] == [one.record.config.seed for one in outcome.runs["few"]]
    assert outcome.failed == ()
    assert (tmp_path / "runs" / "die-1").read_text() == "0"
    assert ended[0] is None, "the scheduler lives"
    assert sorted(code is not None for code in ended[1:]) == [False, True], "one worker died"
    for one in RUNS["few"]:
        assert bits(tmp_path / "here" / one.run_id) == bits(tmp_path / "runs" / one.run_id)


def test_a_poison_run_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dask gives up every run of a dead worker, also those that waited there: only the one that kills is failed."""
    monkeypatch.setattr(poison.ATTEMPT, poison.attempt)
    poison.plant(tmp_path / "runs", 1, "die", 99)
    with cluster(tmp_path / "cluster", workers=3, allowed_failures=0) as (address, _):
        outcome = swept(tmp_path / "runs", address)

    assert [0, 2, 3] == [one.record.config.seed for one in outcome.runs["few"]]
    assert [(config(seed=1), "every worker that was given this run died")] == [
        (one.config, one.reason) for one in outcome.failed
    ]
    assert (tmp_path / "runs" / "die-1").read_text() == "97"


def test_other_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a worker of the cluster, too: a bug is one failed run, and a full disk stops the sweep."""
    monkeypatch.setattr(poison.ATTEMPT, poison.attempt)
    root = tmp_path / "runs"
    poison.plant(root, 1, "bug")
    with cluster(tmp_path / "cluster", workers=1) as (address, _):
        (failed,) = swept(root, address).failed
        assert failed.reason.startswith("ZeroDivisionError: a bug in two lines; see ")
        poison.plant(root, 1, "full")
        with pytest.raises(OSError, match="No space left on device"):
            swept(root, address)
        assert swept(root, address).failed == ()


def test_a_lost_scheduler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scheduler that dies in the middle of a sweep is one line, not a wait without end."""
    with cluster(tmp_path / "cluster", workers=1) as (address, processes):

        def tell(units: float, text: str = "", *, part: str = "", of: float = 0) -> None:
            if part and units:
                processes[0].kill()

        with (
            pytest.raises(SchedulerError, match=f"Dask scheduler {address}: the connection is lost"),
            open_executor(2, address) as executor,
        ):
            sweep({"long": [config(epochs=2_000)]}, tmp_path, executor=executor, place=Place(), tell=tell)


def test_stopped_by_a_person(tmp_path: Path) -> None:
    """Ctrl-C is one line and code 130; the worker, which nobody kills, ends its run after the epoch in flight."""
    with cluster(tmp_path / "cluster", workers=1) as (address, processes):
        command = long_sweep.started(tmp_path, address)
        command.send_signal(signal.SIGINT)
        _, said = command.communicate(timeout=PATIENCE)
        (directory,) = (  # the worker takes whichever it is given first
            directory
            for directory in (RunDirectory(tmp_path, run) for run in long_sweep.RUNS)
            if directory.progress() is Progress.STARTED
        )
        with directory.locked():  # free when the worker has ended its run
            _, rows = directory.resume()
        assert processes[1].poll() is None, "the worker lives"

    assert command.returncode == 130, said
    assert said.count("\n") == 1, said
    assert 1 <= len(rows) < long_sweep.RUNS[0].epochs


def test_no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address at which nobody answers, or that is none, is named in one line."""
    monkeypatch.setattr("experiments.executors.CONNECT_SECONDS", 1)
    with socket.socket() as silent:  # a port that connects and never says a word
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        for address in (f"tcp://127.0.0.1:{silent.getsockname()[1]}", "tcp://127.0.0.1:1", "nonsense://x", "a b", ""):
            with pytest.raises(SchedulerError) as caught, open_executor(2, address):
                pass
            assert str(caught.value).startswith(f"Dask scheduler {address}: no answer (")
            assert str(caught.value).endswith("such as tcp://host:8786")
            assert "\n" not in str(caught.value)


def test_other_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Another version of a package in the cluster is a line of warning, not a stop."""
    from distributed import versions

    found = versions.get_versions()
    other = {**found, "packages": {**found["packages"], "tornado": "0.0"}}
    with cluster(tmp_path / "cluster", workers=0) as (address, _):
        monkeypatch.setattr(versions, "get_versions", lambda: other)
        with open_executor(2, address) as executor:
            assert executor is not None
    problem = "other versions there than here of tornado; last bits of the results may differ"

    assert f"warning: Dask scheduler {address}: {problem}\n" == capsys.readouterr().err


def test_distributed_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the library the message says what to install."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(MissingDependencyError, match=r"distributed is not installed; .* pip install"),
        open_executor(2, "tcp://127.0.0.1:1"),
    ):
        pass
