"""Runs that are killed at random moments, or before each of their file operations, in one process that forks them.

``python -m tests.experiments.killing MODE CONFIG FOLDER``: a fork costs a millisecond where a start of Python costs
a second, so that hundreds of kills take seconds. It prints what it did as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from experiments.config import Config
from experiments.execute import execute

KILLS = 30
"""How many at least, at random moments."""
TEAR = "tear"
SYNC = "sync"
"""The operation "a part of a new file is written, and not yet on the disk"."""


def fork(work: Callable[[], object]) -> int:
    """Start *work* in a child; its exit code says whether it came to its end."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)


def ended(child: int) -> bool:
    """Wait for a child: True if it finished, False if it was killed.

    Raises:
        ChildProcessError: It failed by itself.
    """
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in (0, -signal.SIGKILL):
        raise ChildProcessError(f"a run ended with {code}")
    return code == 0


def at_random(config: Config, root: Path, together: int) -> dict[str, Any]:
    """Kill runs at random moments until :data:`KILLS` were killed, each time until one is finished all the same."""
    random = np.random.default_rng(config.seed)
    execute(config, root / "first")  # here, so that each fork has all modules
    started = time.monotonic()
    ended(fork(lambda: execute(config, root / "timed")))
    longest = (time.monotonic() - started) / 2
    kills: list[int] = []
    rows: set[int] = set()
    while sum(kills) < KILLS:
        folder = root / str(len(kills))
        kills.append(0)
        finished, before = False, 0
        while not finished:
            delays = sorted(random.uniform(0, longest, together).tolist())
            lives = one_life(config, folder, delays)
            kills[-1] += lives.count(False)
            finished = any(lives)
            metrics = folder / config.run_id / "metrics.jsonl"
            after = metrics.read_bytes().count(b"\n") if metrics.exists() else 0
            longest *= 1.1 if after <= before else 0.8 if after > before + 1 else 1.0  # about an epoch per life
            before = after
            rows.add(after)
    return {"kills": kills, "rows": sorted(rows)}


def one_life(config: Config, root: Path, delays: list[float]) -> list[bool]:
    """The same run in as many processes as there are *delays*, each killed after its own: which of them finished."""
    children = [fork(lambda: execute(config, root)) for _ in delays]
    for child, delay, before in zip(children, delays, [0.0, *delays], strict=False):
        time.sleep(delay - before)
        os.kill(child, signal.SIGKILL)
    return [ended(child) for child in children]


def before_operation(config: Config, root: Path, number: int) -> Callable[[], None]:
    """A run that kills itself before its operation *number* on a file below *root*."""
    count = 0

    def step(name: str, tear: Callable[[], None] = lambda: None) -> None:
        nonlocal count
        if count == number:
            (root.with_name(f"{root.name}.operation")).write_text(name)
            tear()
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in ("open", "os.rename", "os.remove", "os.mkdir", "os.truncate"):
            return
        path = str(arguments[0])
        if path.startswith(f"{root}{os.sep}"):
            mode = arguments[1] if event == "open" and arguments[1] else ""
            step(f"{event} {mode} {Path(path).name.split('.')[0]}")

    sync = os.fsync

    def fsync(fd: Any) -> None:
        # Half of a new file can be missing; of one that grows, what was there before is on the disk already.
        if Path(f"/proc/self/fd/{fd}").resolve().suffix == ".tmp":
            step(TEAR, lambda: os.truncate(fd, os.fstat(fd).st_size // 2))
        else:
            step(SYNC)
        sync(fd)

    def work() -> None:
        os.fsync = fsync
        sys.addaudithook(audit)
        execute(config, root)

    return work


def at_each_operation(config: Config, root: Path) -> dict[str, Any]:
    """Kill the run before its first file operation, another one before its second, and so on; resume each."""
    execute(config, root / "first")
    operations: list[str] = []
    number = 0
    while True:
        folder = root / str(number)
        if ended(fork(before_operation(config, folder, number))):
            return {"operations": operations}
        operations.append(folder.with_name(f"{folder.name}.operation").read_text())
        if not ended(fork(lambda folder=folder: execute(config, folder))):  # type: ignore[misc]
            raise ChildProcessError("nobody killed it")
        number += 1


def main() -> None:
    """Do what the arguments say."""
    mode, text, folder = sys.argv[1:]
    config, root = Config.from_dict(json.loads(text)), Path(folder)
    said = at_each_operation(config, root) if mode == "operations" else at_random(config, root, int(mode))
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main()
