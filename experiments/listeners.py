"""Trackers that people already use, told of the same events as the run directory, which stays the truth.

``wandb`` writes offline, into ``wandb/`` of the run's directory (``wandb sync`` uploads it); ``tensorboard`` writes
event files into ``tensorboard/`` there. Neither is installed with this project: a name here imports its library when it
is asked for. A tracker that fails is told no more, and the run goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from importlib import import_module
from typing import Any, Protocol

from experiments.directory import RunDirectory
from experiments.errors import ConfigError
from experiments.records import Epoch, Result
from gradspec.errors import MissingDependencyError

_log = logging.getLogger(__name__)


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
        config = directory.config
        self._run = library("wandb").init(
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
        self._writer = library("tensorboard").SummaryWriter(str(directory.path / "tensorboard"))

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


MODULES: Mapping[str, str] = {"wandb": "wandb", "tensorboard": "torch.utils.tensorboard"}
"""Of each listener; its package has the listener's name."""
LISTENERS: Mapping[str, type[Wandb] | type[TensorBoard]] = {"wandb": Wandb, "tensorboard": TensorBoard}


def library(name: str) -> Any:
    """The module of a listener.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        return import_module(MODULES[name])
    except ImportError as error:
        text = f"{name} is not installed: pip install {name}; or leave out --listen {name}"
        raise MissingDependencyError(text) from error


def checked_listeners(names: Sequence[str], *, here: bool = True) -> tuple[str, ...]:
    """The names of listeners, each once.

    Args:
        names: What a person asked for.
        here: Whether runs are computed on this machine, so that it needs the libraries.

    Raises:
        ConfigError: There is none of this name.
        MissingDependencyError: A listener's library is not installed.
    """
    for name in names:
        if name not in LISTENERS:
            raise ConfigError("listen", name, ", ".join(LISTENERS))
        if here:
            library(name)
    return tuple(dict.fromkeys(names))


class _All:
    """Several listeners; one that fails is told, and let go."""

    def __init__(self, names: Sequence[str], directory: RunDirectory) -> None:
        self._run = directory.config.run_id
        self._listeners: dict[str, Listener] = {}
        for name in names:
            library(name)
            self._guarded(name, partial(self._open, name, directory))

    def _open(self, name: str, directory: RunDirectory) -> None:
        self._listeners[name] = LISTENERS[name](directory)

    def epoch(self, row: Epoch) -> None:
        for name, listener in list(self._listeners.items()):
            self._guarded(name, partial(listener.epoch, row))

    def finish(self, result: Result) -> None:
        for name, listener in list(self._listeners.items()):
            self._guarded(name, partial(listener.finish, result))

    def close(self) -> None:
        for name, listener in list(self._listeners.items()):
            self._guarded(name, listener.close)

    def _guarded(self, name: str, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # whatever it is, the run is worth more
            self._listeners.pop(name, None)
            problem = " ".join(f"{type(error).__name__}: {error}".split())
            _log.warning("warning: %s failed and is told no more of run %s (%s)", name, self._run, problem)


@contextmanager
def listen(names: Sequence[str], directory: RunDirectory) -> Iterator[Listener]:
    """Open the listeners of these names for a run, and close them after it.

    Args:
        names: In :data:`LISTENERS`.
        directory: The run's directory.

    Raises:
        MissingDependencyError: A listener's library is not installed.
    """
    everyone = _All(names, directory)
    try:
        yield everyone
    finally:
        everyone.close()
