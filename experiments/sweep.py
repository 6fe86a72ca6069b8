"""Many runs: which are finished, which are missing, and the computing of the missing ones.

A finished run is read, not run again; a started one goes on from its last checkpoint. A corrupt directory is renamed,
so that nothing in it is lost, and its run is computed anew.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from experiments.config import Config
from experiments.directory import Progress, RunDirectory
from experiments.errors import CorruptRunError, InterruptedSweepError
from experiments.execute import Done, execute
from experiments.progress import Tell, silent

Runs = Mapping[str, Sequence[Config]]
"""What to compute: a name for people -> the runs of that name."""


def sweep(
    runs: Runs,
    root: Path,
    *,
    workers: int = 1,
    data_folder: Path | None = None,
    tell: Tell = silent,
) -> dict[str, list[Done]]:
    """Finish all runs, here (1 worker) or in processes of their own.

    Args:
        runs: Name -> configs.
        root: The folder of run directories.
        workers: How many processes.
        data_folder: Where local data are.
        tell: Told of epochs that are done and of runs that were computed.

    Returns:
        Name -> one result per config, in their order.

    Raises:
        InterruptedSweepError: A worker died. Finished runs and checkpoints are kept.
        OSError: A file cannot be written.
    """
    jobs = [(name, config) for name, configs in runs.items() for config in configs]
    if min(workers, len(jobs)) <= 1:
        done = [_here(name, config, root, data_folder, tell) for name, config in jobs]
    else:
        done = _in_processes(jobs, root, workers, data_folder, tell)
    rest = iter(done)
    return {name: [next(rest) for _ in configs] for name, configs in runs.items()}


def _here(name: str, config: Config, root: Path, data_folder: Path | None, tell: Tell) -> Done:
    told = 0

    def on_epoch() -> None:
        nonlocal told
        told += 1
        tell(1)

    done = execute(config, root, data_folder=data_folder, on_epoch=on_epoch)
    tell(config.epochs - told, _describe(name, done))
    return done


def _in_processes(
    jobs: Sequence[tuple[str, Config]], root: Path, workers: int, data_folder: Path | None, tell: Tell
) -> list[Done]:
    results: dict[int, Done] = {}
    with process_pool(min(workers, len(jobs))) as pool:
        futures: dict[Future[Done], int] = {}
        try:
            for number, (_, config) in enumerate(jobs):
                futures[pool.submit(execute, config, root, data_folder=data_folder)] = number
            for future in as_completed(futures):
                number = futures[future]
                results[number] = future.result()
                name, config = jobs[number]
                tell(config.epochs, _describe(name, results[number]))
        except BrokenProcessPool as error:
            raise InterruptedSweepError(finished([config for _, config in jobs], root), len(jobs)) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return [results[number] for number in range(len(jobs))]


def _describe(name: str, done: Done) -> str:
    """A run that was computed, in one line; "" for one that was only read."""
    if not done.computed:
        return ""
    config, result, last = done.record.config, done.record.result, done.record.epochs[-1]
    return (
        f"{name}, seed {config.seed}: {result.status} after {result.epochs} epochs, "
        f"loss {last.loss_epoch_mean:.4f}, validation accuracy {last.validation_accuracy:.4f}"
    )


def process_pool(workers: int) -> ProcessPoolExecutor:
    """Worker processes that die quietly when a person presses Ctrl-C."""
    # spawn: a forked child could inherit a lock that a thread of a numeric library holds
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_die_quietly)


def _die_quietly() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def finished(configs: Iterable[Config], root: Path) -> int:
    """How many of these runs are finished; a corrupt one is not."""
    count = 0
    for config in configs:
        try:
            count += RunDirectory(root, config).progress() is Progress.FINISHED
        except CorruptRunError:
            continue
    return count
