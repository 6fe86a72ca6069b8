"""One run: read it if it is finished, go on with it if it was started, compute it if it is missing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from experiments.config import Config
from experiments.data import DATASETS, Dataset, Place
from experiments.directory import CHECKPOINT, Progress, RunDirectory
from experiments.environment import environment, one_thread
from experiments.errors import CorruptRunError, DataError
from experiments.gate import require_verified
from experiments.listeners import Listener, listen
from experiments.randomness import streams
from experiments.records import Epoch, Result, RunRecord, State, digest
from experiments.train import resumed, train


@dataclass(frozen=True, kw_only=True)
class Done:
    """A run that is finished now.

    Attributes:
        record: What it left.
        computed: Whether this call computed any of it.
        note: Where a corrupt directory was put and why, in one line; "" where there was none.
    """

    record: RunRecord
    computed: bool
    note: str


def load(config: Config, place: Place | None = None) -> Dataset:
    """The data of *config*; *place* says where sets are that are not generated.

    Raises:
        DataError: They are missing, damaged, or others than those whose digest the config has.
    """
    place, source = place or Place(), DATASETS[config.dataset]
    known = source.prepare(place)
    if not source.generated and not (config.data and known.digest.startswith(config.data)):
        raise DataError(
            place.data_root() or Path(config.dataset),
            f"holds other data (digest {known.digest[:12]}) than run {config.run_id} was planned for "
            f"({config.data or 'none'}); start the command again to plan it for these",
        )
    return source.load(config.sizes, streams(config.seed).data, config.numpy_dtype, place)


def execute(
    config: Config,
    root: Path,
    *,
    place: Place | None = None,
    listeners: tuple[str, ...] = (),
    on_epoch: Callable[[], None] = lambda: None,
) -> Done:
    """Read the run of *config* below *root*, or compute what of it is missing.

    Args:
        config: The run.
        root: The folder of run directories.
        place: Where data and verdicts are.
        listeners: Names of :data:`experiments.listeners.LISTENERS` that are told of each epoch.
        on_epoch: Called after each epoch.

    Raises:
        UnverifiedOpError: An op that it would use does not pass its verification.
        DataError: The data are missing, damaged or others than those of *config*.
        OSError: A file cannot be written. Every epoch written before is kept.
    """
    directory = RunDirectory(root, config)
    place = place or Place()
    with directory.locked():
        try:
            return _finish(directory, place, listeners, on_epoch, note="")
        except CorruptRunError as error:
            kept = directory.set_aside()
            note = f"{error}; moved to {kept} and computed again"
            return _finish(directory, place, listeners, on_epoch, note=note)


def _finish(
    directory: RunDirectory, place: Place, listeners: tuple[str, ...], on_epoch: Callable[[], None], note: str
) -> Done:
    progress = directory.progress()
    if progress is Progress.FINISHED:
        return Done(record=directory.read(), computed=False, note=note)
    verdicts = require_verified(directory.config, place.cache_folder())
    with one_thread(with_torch=directory.config.backend == "torch"):
        state: State | None = None
        rows: list[Epoch] = []
        data = load(directory.config, place)
        resumed(directory.config, None)  # a device that is not there is told before a directory is made
        here = {**environment(), "verified": verdicts}
        if progress is Progress.MISSING:
            directory.start(here)
        else:
            state, rows = directory.resume()
            _check(directory, state)
            directory.go_on_in(here)
        with listen(listeners, directory) as listener:
            _compute(directory, data, state, rows, on_epoch, listener)
    return Done(record=directory.read(), computed=True, note=note)


def _check(directory: RunDirectory, state: State | None) -> None:
    """Try the checkpoint before hours are spent on what follows from it."""
    try:
        resumed(directory.config, state)
    except ValueError as error:
        raise CorruptRunError(directory.path / CHECKPOINT, f"is not of this run ({error})") from error


def _compute(
    directory: RunDirectory,
    data: Dataset,
    state: State | None,
    rows: list[Epoch],
    on_epoch: Callable[[], None],
    listener: Listener,
) -> None:
    before = time.perf_counter()
    for row, after in train(directory.config, data, start=state):
        now = time.perf_counter()
        directory.append(row, after, now - before)
        rows.append(row)
        listener.epoch(row)
        state, before = after, time.perf_counter()
        on_epoch()
    if state is None:
        raise ValueError("a run has at least one epoch")
    best = max(rows, key=lambda row: (row.validation_accuracy, -row.epoch))
    result = Result(
        status="diverged" if rows[-1].diverged else "finished",
        epochs=len(rows),
        best_epoch=best.epoch,
        best_test_accuracy=best.test_accuracy,
        test_accuracy=rows[-1].test_accuracy,
        parameters_sha256=digest(state.parameters),
        metrics_sha256=directory.metrics_sha256(),
    )
    directory.finish(result)
    listener.finish(result)
