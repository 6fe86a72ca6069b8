"""Processes to verify in, several ops at a time."""

from __future__ import annotations

import multiprocessing
import signal
from concurrent.futures import ProcessPoolExecutor


def process_pool(workers: int) -> ProcessPoolExecutor:
    """Worker processes for short work that is done anew when one dies; quiet when a person presses Ctrl-C."""
    # spawn: a forked child could inherit a lock that a thread of a numeric library holds
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_die_quietly)


def _die_quietly() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
