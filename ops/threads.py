"""How many threads the convolutions and pools may use. One by default; the results are the same to the bit."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from operator import index
from threading import Lock, get_native_id
from types import ModuleType

MIN_WORK = 12_000_000  # multiplications below which handing work to a thread costs more than it saves (measured)


class Threads:
    """A pool of threads for work whose parts do not depend on each other.

    NumPy lets go of the interpreter inside its loops, so that two threads really use two cores. But a thread that
    waits for the interpreter needs some 50 µs to wake up: it never gets it from one that lets go for less than that,
    call after call. So a part should be few calls that take long.
    """

    def __init__(self) -> None:
        self.count = 1
        self._pool: ThreadPoolExecutor | None = None
        self._workers: list[int] = []
        self._free = Lock()  # held while work is handed out: parts of parts, and other threads' work, are not cut

    def use(self, count: int) -> None:
        """Work with *count* threads from now on.

        Raises:
            ValueError: *count* is not a whole number from 1 on.
        """
        try:
            wanted = index(count)
        except TypeError:
            wanted = 0
        if wanted < 1:
            raise ValueError(f"set_threads: count is {count!r}; allowed: whole numbers from 1 on")
        if wanted != self.count:
            if self._pool is not None:
                self._pool.shutdown()
            self._workers.clear()
            self._pool = None
            if wanted > 1:
                self._pool = ThreadPoolExecutor(wanted - 1, "ops", lambda: self._workers.append(get_native_id()))
            self.count = wanted
            _quiet_blas(wanted)

    def each(self, function: Callable[[int, int], None], size: int, work: int) -> None:
        """Call ``function(start, stop)`` so that the ranges cover range(*size*); *work* counts multiplications."""
        parts = min(self.count, size)
        if parts < 2 or work < MIN_WORK or self._pool is None or not self._free.acquire(blocking=False):
            function(0, size)
            return
        try:
            self._elsewhere()
            bounds = [size * part // parts for part in range(parts + 1)]
            others = [(self._pool.submit(function, *pair), pair) for pair in pairwise(bounds[1:])]
            function(0, bounds[1])
            for other, pair in others:
                if other.cancel():  # its thread is not awake yet, or has no core: no need to wait for it
                    function(*pair)
                else:
                    other.result()
        finally:
            self._free.release()

    def both(self, small: Callable[[], None], large: Callable[[], None], work: int) -> None:
        """Call both, at the same time if there is a thread for it; *work* counts the multiplications of one of them.

        Args:
            small: What makes many calls: it runs in another thread.
            large: What makes few calls that take long: the other thread has the interpreter meanwhile.
            work: Below :data:`MIN_WORK` one is called after the other.
        """
        if self.count < 2 or work < MIN_WORK or self._pool is None or not self._free.acquire(blocking=False):
            small()
            large()
            return
        try:
            self._elsewhere()
            other = self._pool.submit(small)
            large()
            if other.cancel():
                small()
            else:
                other.result()
        finally:
            self._free.release()

    def _elsewhere(self) -> None:
        """Keep the other threads off the core that this one is on.

        Linux likes to wake a thread on the core of the one that woke it, which then has to wait: the two share one
        core, for as long as the work lasts (measured). Other systems do as they do.
        """
        if _current_core is None:
            return
        allowed = os.sched_getaffinity(0)
        others = allowed - {_current_core()}
        if others and len(allowed) > 1:
            for worker in self._workers:
                os.sched_setaffinity(worker, others)


def _find_current_core() -> Callable[[], int] | None:
    """The C library's function, where it has one and threads can be kept off a core."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    try:
        found: Callable[[], int] = ctypes.CDLL(None).sched_getcpu
    except (OSError, AttributeError):
        return None
    return found


_current_core = _find_current_core()

THREADS = Threads()
"""The one of this process: cores are the process's, too."""


def set_threads(count: int) -> None:
    """Let convolutions and pools of large batches use *count* threads, as torch.set_num_threads does for torch.

    BLAS's own threads would fight with these for the cores: where threadpoolctl is installed, they are limited to one
    while *count* is above 1; elsewhere set OPENBLAS_NUM_THREADS=1 before NumPy is imported.

    Raises:
        ValueError: *count* is not a whole number from 1 on.
    """
    THREADS.use(count)


def _quiet_blas(count: int) -> None:
    if count < 2:
        return
    blas = _threadpoolctl()
    if blas is not None:
        blas.threadpool_limits(1, user_api="blas")


def _threadpoolctl() -> ModuleType | None:
    try:
        import threadpoolctl
    except ImportError:
        return None
    module: ModuleType = threadpoolctl
    return module
