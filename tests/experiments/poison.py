"""Runs with faults, for sweeps whose workers are other processes: the faults are read from files beside the runs.

``plant(root, seed, fault, times)`` makes the run with this seed fail after an epoch, so often.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import experiments.attempt
from experiments.attempt import Bug
from experiments.config import Config
from experiments.execute import Done

ATTEMPT = "experiments.sweep.attempt"
"""What the tests replace by :func:`attempt`."""


def die() -> None:
    """What happens to a process that takes too much memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def bug() -> None:
    """A mistake in the code of a run."""
    raise ZeroDivisionError("a bug\nin two lines")


def full() -> None:
    """A disk without room."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "metrics.jsonl")


FAULTS: Mapping[str, Callable[[], None]] = {"die": die, "bug": bug, "full": full}


def plant(root: Path, seed: int, fault: str, times: int = 1) -> None:
    """Make a run fail after its next epoch, *times* times."""
    root.mkdir(parents=True, exist_ok=True)
    (root / f"{fault}-{seed}").write_text(str(times))


def attempt(config: Config, root: Path, **options: Any) -> Done | Bug:
    """The attempt of the sweep, with the faults that were planted."""
    told = options.pop("on_epoch", lambda: None)

    def on_epoch() -> None:
        told()
        for name, fault in FAULTS.items():
            file = root / f"{name}-{config.seed}"
            left = int(file.read_text()) if file.exists() else 0
            if left:
                file.write_text(str(left - 1))
                fault()

    return experiments.attempt.attempt(config, root, on_epoch=on_epoch, **options)
