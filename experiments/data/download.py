"""Fetching a set from its official page, only where the user allowed it.

What is fetched goes into a folder of its own, and gets the name under which it is looked for once torchvision has found
its checksum right: a download that was cut short is never used.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from experiments.data.cache import cache_errors, locked, scratch
from experiments.data.source import DOWNLOAD_OPTION, ROOT_OPTION, Place
from experiments.errors import DataError

_SECONDS = 60.0
"""Without an answer for so long, a host is not there."""


def downloads(place: Place, name: str) -> Path:
    """Where the download of the set *name* is, or would be."""
    return place.cache_folder() / "downloads" / name


def fetch(place: Place, name: str, page: str, into: Callable[[Path], object]) -> Path:
    """Download a set.

    Args:
        place: Says where the cache is.
        name: Of the set.
        page: Its official page, named where the download fails.
        into: Downloads into a folder, and raises where a checksum is wrong.

    Returns:
        :func:`downloads`; nothing is done where it is there.

    Raises:
        DataError: The network or the cache fails.
    """
    target = downloads(place, name)
    with cache_errors(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target.parent / ".locks", name):
        if target.exists():
            return target
        with scratch(target.parent, name) as folder:
            try:
                with _patience():
                    into(folder / name)
            except (OSError, RuntimeError, EOFError, http.client.HTTPException) as error:
                reason = " ".join(str(error).split()) or type(error).__name__
                raise DataError(
                    Path(name),
                    f"the download failed ({reason}); try {DOWNLOAD_OPTION} again, or get the files from {page} "
                    f"in another way and name their folder by {ROOT_OPTION}",
                ) from error
            with cache_errors(target.parent):
                (folder / name).rename(target)
    return target


@contextmanager
def _patience() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
