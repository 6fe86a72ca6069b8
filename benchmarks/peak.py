"""How much memory something takes at its peak, and how long: of the whole process, so of NumPy and torch alike."""

from __future__ import annotations

import ctypes
import gc
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

STATUS = Path("/proc/self/status")
RESET = Path("/proc/self/clear_refs")
RESET_PEAK = "5"  # proc(5): set the peak of the resident set size to its present value
KIB = 1024
T = TypeVar("T")


@dataclass(frozen=True)
class Taken(Generic[T]):
    """What a call gave and took.

    Attributes:
        result: What it returned.
        seconds: Wall-clock time.
        peak_bytes: How far the resident set grew at most; None where the system does not tell.
    """

    result: T
    seconds: float
    peak_bytes: int | None


def taken(function: Callable[[], T]) -> Taken[T]:
    """Call *function* and measure it."""
    before = _reset()
    start = time.perf_counter()
    result = function()
    seconds = time.perf_counter() - start
    after = _kib("VmHWM")
    peak = None if before is None or after is None else KIB * max(after - before, 0)
    return Taken(result, seconds, peak)


def _reset() -> int | None:
    """Let the peak begin anew; returns the present resident set in KiB, None where there is no such peak."""
    gc.collect()
    _give_back()
    try:
        RESET.write_text(RESET_PEAK, encoding="ascii")
    except OSError:
        return None
    return _kib("VmRSS")


def _give_back() -> None:
    """Return freed memory to the system: what is used a second time would not show as growth."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # glibc's
        trim(0)


def _kib(field: str) -> int | None:
    try:
        found = re.search(rf"^{field}:\s*(\d+) kB$", STATUS.read_text(encoding="ascii"), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) if found else None
