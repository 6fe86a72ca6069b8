"""Worker processes: each call gets its own result, whatever happens to the others."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from typing import Any

import pytest

from experiments.workers import WorkerDiedError, Workers
from tests.experiments.small import ROOT


def test_workers() -> None:
    """Results, exceptions, what cannot be sent, and deaths: each call gets its own."""
    workers = Workers(2)
    calls: list[Future[Any]] = [
        workers.submit(pow, 2, 10),
        workers.submit(os._exit, 3),
        workers.submit(int, "x"),
        workers.submit(threading.Lock),
        workers.submit(pow, 2, 11),
    ]
    with pytest.raises(WorkerDiedError, match="a worker process ended with exit code 3"):
        calls[1].result(timeout=120)
    with pytest.raises(ValueError, match="invalid literal"):
        calls[2].result(timeout=120)
    with pytest.raises(RuntimeError, match="cannot be sent"):
        calls[3].result(timeout=120)

    assert [1024, 2048] == [calls[0].result(timeout=120), calls[4].result(timeout=120)]
    workers.shutdown()


DEAF = """
import signal
from experiments.workers import Workers

if __name__ == "__main__":
    workers = Workers(2)
    calls = [workers.submit(signal.pthread_sigmask, signal.SIG_BLOCK, []) for _ in range(4)]
    print(all(signal.SIGINT in call.result() for call in calls))
    print(workers.submit(signal.raise_signal, signal.SIGINT).result())
    workers.shutdown()
"""


def test_workers_leave_interrupts_to_the_command() -> None:
    """Ctrl-C in a terminal goes to all processes: the workers do not hear it, from their start on."""
    done = subprocess.run(
        [sys.executable, "-c", DEAF], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )

    assert ("True\nNone\n", "") == (done.stdout, done.stderr)


@pytest.fixture
def slow_reaping(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread whose process ends is the last to ask for its exit code, and who was first is slow to note it."""
    waitpid = os.waitpid

    def slow(pid: int, options: int) -> tuple[int, int]:
        if not options and threading.current_thread() is not threading.main_thread():
            time.sleep(0.05)
        ended = waitpid(pid, options)
        time.sleep(0.2 if ended[0] else 0)
        return ended

    monkeypatch.setattr(os, "waitpid", slow)


def _end(code: int) -> None:
    time.sleep(0.05 * (code % 4))  # so that some end while others are started
    os._exit(code)


@pytest.mark.usefixtures("slow_reaping")
def test_each_of_many_deaths_has_its_exit_code() -> None:
    """Processes end while others are started: whichever thread notices it, the call that died has the exit code."""
    workers = Workers(4)
    calls = [workers.submit(_end, code) for code in range(1, 13)]
    for code, call in enumerate(calls, 1):
        with pytest.raises(WorkerDiedError) as died:
            call.result(timeout=120)
        assert code == died.value.exitcode
    workers.shutdown()


@pytest.mark.usefixtures("slow_reaping")
def test_killed_workers() -> None:
    """Killing ends what runs and drops what waits, also where no process has begun."""
    workers = Workers(1)
    calls: list[Future[Any]] = [
        workers.submit(pow, 1, 1),
        workers.submit(time.sleep, 600),
        workers.submit(time.sleep, 600),
    ]
    while not calls[1].running():
        time.sleep(0.01)
    workers.kill()

    with pytest.raises(WorkerDiedError, match="SIGKILL"):
        calls[1].result(timeout=120)
    assert calls[2].cancelled()
    Workers(1).kill()
