"""One run of a sweep, where it is computed: in this process, in another one, or on another machine."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from experiments.config import Config
from experiments.data import Place
from experiments.errors import PathError
from experiments.execute import Done, execute
from experiments.files import write_atomic
from experiments.lease import is_held
from gradspec.errors import GradspecError

# A worker of Dask may have several threads, but the threads of the numeric libraries are set per process.
_one_at_a_time = threading.Lock()


class NotSharedError(PathError):
    """A worker sees another folder of runs than the sweep."""


class _StoppedError(Exception):
    """The sweep that wanted this run is over."""


@dataclass(frozen=True, kw_only=True)
class Bug:
    """A run ended with an exception that nobody foresaw.

    Attributes:
        reason: Its last line, and the file with all of them.
    """

    reason: str


def error_file(config: Config, root: Path) -> Path:
    """Where the traceback of a failed run is: beside its directory, whose files a config decides to the bit."""
    return root / f"{config.run_id}.error.txt"


def attempt(
    config: Config,
    root: Path,
    *,
    place: Place,
    listeners: tuple[str, ...] = (),
    lease: Path | None = None,
    on_epoch: Callable[[], None] = lambda: None,
) -> Done | Bug:
    """Execute a run; an unforeseen exception is written down and told, not raised.

    Args:
        config: The run.
        root: The folder of run directories.
        place: Where data are.
        listeners: Who is told of each epoch.
        lease: Of the sweep that wants this run; when that is over, the run ends after the epoch in flight.
        on_epoch: Called after each epoch.

    Raises:
        NotSharedError: *lease* is not there: this machine has another folder of that name.
        GradspecError: What :func:`~experiments.execute.execute` says of the outside.
        OSError: A file cannot be written.
    """
    if lease is not None and not lease.exists():
        raise NotSharedError(root, "a worker does not see this folder of runs; all machines must share it")

    def after_epoch() -> None:
        on_epoch()
        if lease is not None and not is_held(lease):
            raise _StoppedError

    report = error_file(config, root)
    try:
        with _one_at_a_time:
            done = execute(config, root, place=place, listeners=listeners, on_epoch=after_epoch)
    except (GradspecError, OSError):
        raise
    except _StoppedError:
        return Bug(reason="the sweep was stopped")
    except Exception as error:
        write_atomic(report, traceback.format_exc())
        last = " ".join(traceback.format_exception_only(error)[-1].split())
        return Bug(reason=f"{last}; see {report}")
    if report.exists():  # of an earlier attempt
        report.unlink()
    return done
