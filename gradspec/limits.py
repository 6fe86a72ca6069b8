"""A limit on the time that one call of somebody else's function may take: a hang must not hang the verification."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

CALL_SECONDS = 60.0  # far beyond any forward or vjp of arrays as small as a verification draws


class OutOfTimeError(Exception):
    """The call was stopped."""


class Watch:
    """Looks at the clock for many short calls; a context manager.

    Inside ``with watch:`` the clock ticks every :data:`CALL_SECONDS`. A call that is under way at two ticks in a
    row raises :class:`OutOfTimeError`, so that it has between one and two times that long. One alarm for all calls:
    setting one for each would cost more than most forwards do.

    It needs the main thread, a system with alarms (not Windows) and no alarm set by somebody else, such as
    pytest-timeout; elsewhere it does nothing. A loop inside compiled code is stopped when it returns to Python.

    Attributes:
        call: The number of the call under way, counted from 1; 0 between calls.
    """

    def __init__(self) -> None:
        self.call = self.count = self.seen = 0
        self.armed = False
        self.depth = 0  # blocks within blocks: the outermost one sets the alarm and takes it away

    def __enter__(self) -> Watch:
        self.depth += 1
        if self.depth > 1:
            return self
        if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
            return self
        if signal.getitimer(signal.ITIMER_REAL)[0]:
            return self
        self.before = signal.signal(signal.SIGALRM, self._tick)
        signal.setitimer(signal.ITIMER_REAL, CALL_SECONDS, CALL_SECONDS)
        self.armed = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.depth -= 1
        if self.armed and not self.depth:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, self.before)
            self.armed = False

    def begin(self) -> None:
        """Say that a call begins."""
        self.count += 1
        self.call = self.count

    def end(self) -> None:
        """Say that it is over, however it ended."""
        self.call = 0

    def _tick(self, _number: int, _frame: FrameType | None) -> None:
        if self.call and self.call == self.seen:
            raise OutOfTimeError
        self.seen = self.call


WATCH = Watch()
"""The one of this process: alarms are the process's, too."""
