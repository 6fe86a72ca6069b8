"""Worker processes of this machine: one that dies takes its own call with it and no other.

:class:`concurrent.futures.ProcessPoolExecutor` gives up all that it holds when one of its processes is killed, and
cannot tell whose call it was. Here each process has a pipe and a thread of its own, so both are known.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

# One thread at a time starts a process or waits for the end of one. Of two that wait for the same process, the later
# hears that there is none, and has no exit code until the other has noted it; a start looks after all that have ended.
_children = threading.Lock()


class WorkerDiedError(BrokenExecutor):
    """A worker process ended in the middle of a call.

    Attributes:
        exitcode: As in :attr:`multiprocessing.Process.exitcode`: negative for a signal.
    """

    def __init__(self, exitcode: int | None) -> None:
        self.exitcode = exitcode
        super().__init__(f"a worker process ended with {_named(exitcode)}")

    def __reduce__(self) -> tuple[type[WorkerDiedError], tuple[int | None]]:
        return type(self), (self.exitcode,)


def _named(exitcode: int | None) -> str:
    if exitcode is None or exitcode >= 0:
        return f"exit code {exitcode}"
    try:
        name = signal.Signals(-exitcode).name
    except ValueError:
        name = f"signal {-exitcode}"
    return f"{name} (out of memory, perhaps)" if name == "SIGKILL" else name


class Workers(Executor):
    """Processes that each do one call at a time; a dead one is replaced at the next call.

    A call whose worker dies raises :class:`WorkerDiedError`. The processes end with this one, however it ends.

    Args:
        count: How many processes.
    """

    def __init__(self, count: int) -> None:
        # Started by one of the threads, it would let that thread hear Ctrl-C again, and its processes with it.
        resource_tracker.ensure_running()
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="worker", initializer=_leave_interrupts)
        self._mine = threading.local()  # the worker of each thread
        self._all: set[_Worker] = set()
        self._lock = threading.Lock()
        self._killed = False

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """As :meth:`concurrent.futures.Executor.submit`; *fn*, arguments and result are pickled."""
        return self._threads.submit(self._call, fn, args, kwargs)

    def _call(self, fn: Callable[..., _T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> _T:
        worker: _Worker | None = getattr(self._mine, "worker", None)
        if worker is None:
            with self._lock:
                if self._killed:
                    raise WorkerDiedError(-signal.SIGTERM)
                worker = self._mine.worker = _Worker()
                self._all.add(worker)
        try:
            result: _T = worker.call(fn, args, kwargs)
        except WorkerDiedError:
            with self._lock:
                self._all.discard(worker)
            del self._mine.worker
            raise
        return result

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - as its base
        """Let the calls end, or with *cancel_futures* those that have begun, and then the processes."""
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)
        if wait:
            for worker in self._take():
                worker.close()

    def kill(self) -> None:
        """End the processes at once, whatever they do."""
        with self._lock:
            self._killed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self._take():
            worker.kill()
        self._threads.shutdown(wait=True)

    def _take(self) -> list[_Worker]:
        with self._lock:
            workers = list(self._all)
            self._all.clear()
        return workers


class _Worker:
    """A process and the pipe to it."""

    def __init__(self) -> None:
        # spawn: a forked child could inherit a lock that a thread of a numeric library holds
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        with _children:
            self._process.start()
        theirs.close()  # so that the end of the process is the end of the pipe

    def call(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            self._pipe.send((fn, args, kwargs))
            error, value = self._pipe.recv()
        except (EOFError, OSError) as gone:  # OSError: it died in the middle of an answer
            exitcode = self._ended()
            self._pipe.close()
            raise WorkerDiedError(exitcode) from gone
        if error is not None:
            raise error
        return value

    def close(self) -> None:
        self._pipe.close()
        self._ended()

    def kill(self) -> None:
        self._process.kill()
        self._ended()

    def _ended(self) -> int | None:
        with _children:
            self._process.join()
            return self._process.exitcode


def _leave_interrupts() -> None:
    """Leave Ctrl-C to the main thread, here and in the processes that this thread starts: they are killed by it."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _serve(pipe: Connection) -> None:
    """Do what comes through *pipe* until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where a blocked signal is not inherited
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        answer: tuple[Exception | None, Any]
        try:
            fn, args, kwargs = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            answer = None, fn(*args, **kwargs)
        except Exception as error:
            answer = error, None
        try:
            pipe.send(answer)
        except ConnectionError:
            return
        except Exception as error:
            pipe.send((RuntimeError(f"the answer of a worker process cannot be sent: {error!r}"), None))


def _end_with_parent() -> None:
    """A command that was killed leaves no process behind that goes on with its runs."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
