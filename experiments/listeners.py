"""Trackers that people already use, told of the same events as the run directory, which stays the truth.

``wandb`` writes offline, into ``wandb/`` of the run's directory (``wandb sync`` uploads it); ``tensorboard`` writes
event files into ``tensorboard/`` there. Neither is installed with this project: a name here imports its library when it
is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Protocol

from experiments.directory import RunDirectory
from experiments.errors import ConfigError
from experiments.records import Epoch, Result
from gradspec.errors import MissingDependencyError


class Listener(Protocol):
    """Who is told of a run."""

    def epoch(self, row: Epoch) -> None:
        """Take the row of an epoch that is written."""

    def finish(self, result: Result) -> None:
        """Take the result, which is written."""

    def close(self) -> None:
        """Let go of files, also of a run that was stopped."""


class Wandb:
    """Weights & Biases, offline: nothing leaves this machine."""

    def __init__(self, directory: RunDirectory) -> None:
        try:
            import wandb
        except ImportError as error:
            raise _missing("wandb") from error
        config = directory.config
        self._run = wandb.init(
            mode="offline",
            project="gradspec",
            group=config.experiment,
            id=config.run_id,
            name=config.run_id,
            resume="allow",
            dir=str(directory.path),
            config=config.to_dict(),
        )

    def epoch(self, row: Epoch) -> None:
        """Log the numbers of an epoch."""
        values = asdict(row)
        self._run.log(values, step=values.pop("epoch"))

    def finish(self, result: Result) -> None:
        """Log the result as the summary."""
        self._run.summary.update(asdict(result))

    def close(self) -> None:
        """End the run."""
        self._run.finish()


class TensorBoard:
    """Event files for TensorBoard."""

    def __init__(self, directory: RunDirectory) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise _missing("tensorboard") from error
        self._writer = SummaryWriter(str(directory.path / "tensorboard"))

    def epoch(self, row: Epoch) -> None:
        """Write the numbers of an epoch."""
        values = asdict(row)
        number = values.pop("epoch")
        for name, value in values.items():
            self._writer.add_scalar(name, value, number)

    def finish(self, result: Result) -> None:
        """Write the accuracies of the result."""
        for name in ("best_test_accuracy", "test_accuracy"):
            self._writer.add_scalar(f"result/{name}", getattr(result, name), result.epochs)

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()


LISTENERS: Mapping[str, Callable[[RunDirectory], Listener]] = {"wandb": Wandb, "tensorboard": TensorBoard}


def checked_listeners(names: Sequence[str]) -> tuple[str, ...]:
    """The names of listeners, each once.

    Raises:
        ConfigError: There is none of this name.
    """
    for name in names:
        if name not in LISTENERS:
            raise ConfigError("listen", name, ", ".join(LISTENERS))
    return tuple(dict.fromkeys(names))


class _All:
    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = listeners

    def epoch(self, row: Epoch) -> None:
        for listener in self._listeners:
            listener.epoch(row)

    def finish(self, result: Result) -> None:
        for listener in self._listeners:
            listener.finish(result)

    def close(self) -> None:
        for listener in self._listeners:
            listener.close()


@contextmanager
def listen(names: Sequence[str], directory: RunDirectory) -> Iterator[Listener]:
    """Open the listeners of these names for a run, and close them after it.

    Args:
        names: In :data:`LISTENERS`.
        directory: The run's directory.

    Raises:
        MissingDependencyError: A listener's library is not installed.
    """
    everyone = _All([LISTENERS[name](directory) for name in names])
    try:
        yield everyone
    finally:
        everyone.close()


def _missing(package: str) -> MissingDependencyError:
    return MissingDependencyError(f"{package} is not installed: pip install {package}; or leave out --listen {package}")
