"""A sweep in a process of its own that lasts long enough to be stopped: ``python -m tests.experiments.long_sweep``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from experiments import cli
from experiments.data import Place
from experiments.executors import open_executor
from experiments.sweep import sweep
from tests.experiments.small import ROOT, config

RUNS = [config(seed=seed, epochs=2_000) for seed in (0, 1)]


def started(root: Path, workers: str | int) -> subprocess.Popen[str]:
    """The sweep, in a process group of its own, after its first epoch.

    Args:
        root: The folder of runs.
        workers: How many processes, or the address of a Dask scheduler.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.experiments.long_sweep", str(root), str(workers)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "epoch\n", process.communicate(timeout=120)
    return process


def tell(units: float, text: str = "", *, part: str = "", of: float = 0) -> None:
    """Print a line when epochs are done."""
    if part and units:
        sys.stdout.write("epoch\n")
        sys.stdout.flush()


def work() -> int:
    """What the arguments say."""
    root, who = sys.argv[1:]
    workers, dask = (int(who), None) if who.isdigit() else (2, who)
    with open_executor(workers, dask) as executor:
        sweep({"long": RUNS}, Path(root), executor=executor, place=Place(), tell=tell)
    return cli.OK


if __name__ == "__main__":
    sys.exit(cli.guarded(work))
