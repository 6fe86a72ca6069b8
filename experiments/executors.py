"""Who computes the runs of a sweep: this process, processes of this machine, or a Dask cluster named by its address."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from experiments.errors import ExperimentError, missing
from experiments.workers import Workers

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 10


class SchedulerError(ExperimentError):
    """A Dask scheduler does not answer.

    Attributes:
        address: Its address.
        problem: What is wrong, and what to do.
    """

    def __init__(self, address: str, problem: str) -> None:
        self.address = address
        self.problem = problem
        super().__init__(f"Dask scheduler {address}: {problem}")

    def __reduce__(self) -> tuple[type[SchedulerError], tuple[str, str]]:
        return type(self), (self.address, self.problem)


@contextmanager
def open_executor(workers: int, dask: str | None) -> Iterator[Executor | None]:
    """The executor for a sweep; on leaving by an error or Ctrl-C, local processes are killed and Dask's tasks dropped.

    Args:
        workers: Local processes; 0 or 1 is this process itself. Not asked where *dask* is given.
        dask: The address of a Dask scheduler, such as ``tcp://scheduler:8786``.

    Yields:
        None for this process itself.

    Raises:
        SchedulerError: Nobody answers at *dask* within 10 seconds, or no longer.
        MissingDependencyError: *dask* is given and ``distributed`` is not installed.
    """
    if dask is not None:
        with _connected(dask) as client:
            # No retries of its own: what an exception says is the same on every worker. The death of a worker is
            # another thing; the scheduler gives its task to another one, as often as its allowed-failures says.
            executor = client.get_executor(pure=False, retries=0)
            try:
                yield executor
            except CancelledError as error:  # what becomes of all futures when the scheduler is gone
                problem = "the connection is lost; finished runs and checkpoints are kept, the same command goes on"
                raise SchedulerError(dask, problem) from error
            except BaseException:
                executor.shutdown(wait=False)
                raise
    elif workers > 1:
        processes = Workers(workers)
        try:
            yield processes
        except BaseException:
            processes.kill()
            raise
        processes.shutdown(wait=True)
    else:
        yield None


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    try:
        from distributed import Client
    except ImportError as error:
        raise missing("distributed") from error
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # what goes wrong is told here, in one line
    try:
        asyncio.run(_greet(address))
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        allowed = "start one, or give its address as it prints it, such as tcp://host:8786"
        raise SchedulerError(address, f"no answer ({reason}); {allowed}") from error
    try:
        for warning in said:
            if text := _mismatch(str(warning.message)):
                sys.stderr.write(f"warning: Dask scheduler {address}: {text}\n")
        yield client
    finally:
        client.close(timeout=CONNECT_SECONDS)


async def _greet(address: str) -> None:
    """Try the address: a client waits for ever where something listens that is no scheduler.

    Raises:
        OSError: Nobody answers in time.
        ValueError: It is no address.
    """
    from distributed.comm import connect
    from distributed.security import Security

    security = Security().get_connection_args("client")
    comm = await asyncio.wait_for(connect(address, timeout=CONNECT_SECONDS, **security), CONNECT_SECONDS)
    comm.abort()


def _mismatch(text: str) -> str:
    """What Dask says of versions in a table, in one line; "" for another warning."""
    if not text.startswith("Mismatched versions"):
        return ""
    names = [name for name in re.findall(r"^\|\s*(\S+)\s*\|", text, flags=re.MULTILINE) if name != "Package"]
    return f"other versions there than here of {', '.join(names)}; last bits of the results may differ"


def is_killed_worker(error: BaseException) -> bool:
    """Whether Dask gave up a run because several workers died while they had it."""
    distributed = sys.modules.get("distributed")
    return distributed is not None and isinstance(error, distributed.KilledWorker)
