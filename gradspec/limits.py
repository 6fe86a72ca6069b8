"""A limit on the time that one call of somebody else's function may take: a hang must not hang the verification."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

CALL_SECONDS = 60.0  # far beyond any forward or vjp of arrays as small as a verification draws


class OutOfTimeError(Exception):
    """The call was stopped."""


class TimeLimit:
    """``with TimeLimit(60.0):`` raises :class:`OutOfTimeError` inside the block when its time is up.

    It needs the main thread, a system with alarms (not Windows) and no alarm set by somebody else, such as
    pytest-timeout; elsewhere it does nothing. A loop inside compiled code is stopped when it returns to Python.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.armed = False

    def __enter__(self) -> None:
        if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
            return
        if signal.getitimer(signal.ITIMER_REAL)[0]:
            return
        self.before = signal.signal(signal.SIGALRM, self._stop)
        signal.setitimer(signal.ITIMER_REAL, self.seconds)
        self.armed = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.armed:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, self.before)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        raise OutOfTimeError
