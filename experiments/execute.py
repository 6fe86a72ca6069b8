"""One run: read it if it is finished, go on with it if it was started, compute it if it is missing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from experiments.config import Config
from experiments.data import DATASETS, Dataset
from experiments.directory import CHECKPOINT, Progress, RunDirectory
from experiments.environment import environment, one_thread
from experiments.errors import CorruptRunError
from experiments.randomness import streams
from experiments.records import Epoch, Result, RunRecord, State, digest
from experiments.train import evaluate, make_model, resumed, train


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


def load(config: Config, folder: Path | None = None) -> Dataset:
    """The data of *config*; *folder* holds the sets that are not generated."""
    source = DATASETS[config.dataset]
    seed = streams(config.seed).data
    return source.load(config.train_points, config.held_out_points, seed, config.numpy_dtype, folder)


def execute(
    config: Config,
    root: Path,
    *,
    data_folder: Path | None = None,
    on_epoch: Callable[[], None] = lambda: None,
) -> Done:
    """Read the run of *config* below *root*, or compute what of it is missing.

    Raises:
        OSError: A file cannot be written. Every epoch written before is kept.
    """
    directory = RunDirectory(root, config)
    with directory.locked():
        try:
            return _finish(directory, data_folder, on_epoch, note="")
        except CorruptRunError as error:
            kept = directory.set_aside()
            note = f"{error}; moved to {kept} and computed again"
            return _finish(directory, data_folder, on_epoch, note=note)


def _finish(directory: RunDirectory, data_folder: Path | None, on_epoch: Callable[[], None], note: str) -> Done:
    progress = directory.progress()
    if progress is Progress.FINISHED:
        return Done(record=directory.read(), computed=False, note=note)
    with one_thread():
        state: State | None = None
        rows: list[Epoch] = []
        if progress is Progress.MISSING:
            directory.start(environment())
        else:
            state, rows = directory.resume()
            _check(directory, state)
        _compute(directory, load(directory.config, data_folder), state, rows, on_epoch)
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
) -> None:
    config = directory.config
    before = time.perf_counter()
    for row, after in train(config, data, start=state):
        now = time.perf_counter()
        directory.append(row, after, now - before)
        rows.append(row)
        state, before = after, now
        on_epoch()
    if state is None:
        raise ValueError("a run has at least one epoch")
    model = make_model(config, state.parameters)
    directory.finish(
        Result(
            status="diverged" if rows[-1].diverged else "finished",
            epochs=len(rows),
            best_epoch=max(rows, key=lambda row: (row.validation_accuracy, -row.epoch)).epoch,
            test_accuracy=evaluate(model, data.test)[1],
            parameters_sha256=digest(state.parameters),
            metrics_sha256=directory.metrics_sha256(),
        )
    )
