"""Telling a person how far it is: bars on a terminal, plain lines everywhere else, both with the time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

QUIET_SECONDS = 60.0
"""How long plain lines say nothing while work goes on."""
_SPEED_SECONDS = 86_400.0
"""What rich measures the speed over; its own 30 seconds are less than some epochs."""


class Tell(Protocol):
    """What the work calls: ``tell(2, "...")`` says that two more units are done, and what was last.

    The units of the first call were done before: they say nothing of the speed.
    """

    def __call__(self, units: float, text: str = "", *, part: str = "", of: float = 0) -> None:
        """Say that more is done.

        Args:
            units: How much more.
            text: Names a finished part; "" names none.
            part: The part that these units belong to; it is shown from its first call until all of it is done.
            of: How many units the part has, without those that were done before.
        """


def silent(units: float, text: str = "", *, part: str = "", of: float = 0) -> None:
    """Tell nobody."""


@contextmanager
def progress(title: str, total: float) -> Iterator[Tell]:
    """Show the progress of *total* units of work on stdout.

    Yields:
        What to call as units are done.
    """
    if sys.stdout.isatty() and (bars := _bars(title, total)) is not None:
        with bars as tell:
            yield tell
    else:
        yield lines(title, total)


def _bars(title: str, total: float) -> AbstractContextManager[Tell] | None:
    try:
        from rich import progress as rich
    except ImportError:  # rich makes it nicer and nothing else
        return None

    @contextmanager
    def shown() -> Iterator[Tell]:
        columns = (
            rich.TextColumn("{task.description}", markup=False),
            rich.BarColumn(),
            rich.MofNCompleteColumn(),
            rich.TimeElapsedColumn(),
            rich.TextColumn("left"),
            rich.TimeRemainingColumn(),
        )
        with rich.Progress(*columns, speed_estimate_period=_SPEED_SECONDS) as shown:
            whole = shown.add_task(title, total=_whole(total))
            parts: dict[str, rich.TaskID] = {}
            over: set[str] = set()  # a finished part may be named once more, with its text

            def tell(units: float, text: str = "", *, part: str = "", of: float = 0) -> None:
                shown.advance(whole, _whole(units))
                if part and part not in over:
                    if part not in parts:
                        parts[part] = shown.add_task(f"  {part}", total=_whole(of))
                    shown.advance(parts[part], _whole(units))
                    if shown.tasks[shown.task_ids.index(parts[part])].finished:
                        shown.remove_task(parts.pop(part))
                        over.add(part)
                if text:
                    shown.console.print(text, markup=False, highlight=False)

            yield tell

    return shown()


def _whole(units: float) -> float:
    """Without ".0", which the column of m/n would show."""
    return int(units) if units == int(units) else units


def lines(title: str, total: float, clock: Callable[[], float] = time.monotonic) -> Tell:
    """Tell in plain lines: one per finished part, and one after a minute in which there was none."""
    done = before = 0.0
    start = said = clock()
    first = True

    def tell(units: float, text: str = "", *, part: str = "", of: float = 0) -> None:  # noqa: ARG001 - of: no bars here
        nonlocal done, before, said, first
        done += units
        if first:
            first, before = False, units
        now = clock()
        if text or (units and now - said > QUIET_SECONDS):
            said = now
            share = f"{100 * done / total if total else 100:3.0f} %"
            left = _left(now - start, done - before, total - done)
            sys.stdout.write(f"{title} {share}{left}  {text or part}\n")
            sys.stdout.flush()

    return tell


def _left(seconds: float, done: float, left: float) -> str:
    """The time that is left at the speed so far; "" where it is not known or over."""
    if done <= 0 or left <= 0:
        return ""
    minutes, rest = divmod(round(seconds * left / done), 60)
    return f", {minutes // 60}:{minutes % 60:02}:{rest:02} left"
