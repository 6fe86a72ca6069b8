"""How many threads the convolutions and pools may use. One by default; the results are the same to the bit."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from operator import index
from types import ModuleType

MIN_WORK = 4_000_000  # multiplications below which handing work to a thread costs more than it saves (measured)


class Threads:
    """A pool of threads for loops whose parts do not depend on each other.

    NumPy lets go of the interpreter inside its loops, so that two threads really use two cores.
    """

    def __init__(self) -> None:
        self.count = 1
        self._pool: ThreadPoolExecutor | None = None

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
            self._pool = ThreadPoolExecutor(wanted - 1, thread_name_prefix="ops") if wanted > 1 else None
            self.count = wanted
            _quiet_blas(wanted)

    def each(self, function: Callable[[int, int], None], size: int, work: int) -> None:
        """Call ``function(start, stop)`` so that the ranges cover range(*size*); *work* counts multiplications."""
        parts = min(self.count, size)
        if parts < 2 or work < MIN_WORK or self._pool is None:
            function(0, size)
            return
        bounds = [size * part // parts for part in range(parts + 1)]
        others = [self._pool.submit(function, *pair) for pair in pairwise(bounds[1:])]
        function(0, bounds[1])
        for other in others:
            other.result()


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
