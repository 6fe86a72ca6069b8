"""Telling a person how far it is: a bar on a terminal, plain lines everywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Tell(Protocol):
    """What the work calls: ``tell(2, "...")`` says that two more units are done, and what was last."""

    def __call__(self, units: float, text: str = "") -> None:
        """Say that *units* more are done; *text* names a finished part, "" names none."""


def silent(units: float, text: str = "") -> None:
    """Tell nobody."""


@contextmanager
def progress(title: str, total: float) -> Iterator[Tell]:
    """Show the progress of *total* units of work on stdout.

    Yields:
        What to call as units are done.
    """
    if sys.stdout.isatty() and (bar := _bar(title, total)) is not None:
        with bar as tell:
            yield tell
    else:
        with _lines(title, total) as tell:
            yield tell


def _bar(title: str, total: float) -> AbstractContextManager[Tell] | None:
    try:
        from rich import progress as rich
    except ImportError:  # rich makes it nicer and nothing else
        return None

    @contextmanager
    def shown() -> Iterator[Tell]:
        columns = (
            rich.TextColumn("{task.description}"),
            rich.BarColumn(),
            rich.TaskProgressColumn(),
            rich.TimeRemainingColumn(),
            rich.TextColumn("{task.fields[last]}"),
        )
        with rich.Progress(*columns) as shown:
            task = shown.add_task(title, total=total, last="")

            def tell(units: float, text: str = "") -> None:
                shown.advance(task, units)
                if text:
                    shown.update(task, last=text)

            yield tell

    return shown()


@contextmanager
def _lines(title: str, total: float) -> Iterator[Tell]:
    done = 0.0

    def tell(units: float, text: str = "") -> None:
        nonlocal done
        done += units
        if text:
            sys.stdout.write(f"{title} {100 * done / total:3.0f} %  {text}\n")
            sys.stdout.flush()

    yield tell
