"""Unpacking a zip file that somebody sent: only below the folder it is to be unpacked in, and only if it fits there."""

from __future__ import annotations

import re
import shutil
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from experiments.data.cache import cache_errors
from experiments.errors import DataError

_JUNK = {"__MACOSX", "Thumbs.db", "desktop.ini", "lost+found"}
"""What systems leave in folders without being asked."""


def is_junk(name: str) -> bool:
    """Whether a file or folder of this name is no part of the data: hidden, or left by a system."""
    return name.startswith(".") or name in _JUNK


def unpack(archive: Path, into: Path) -> Path:
    """Unpack *archive* below the folder *into*, which is to be made.

    Returns:
        The folder that holds the contents: *into*, or the only folder in it where everything is in one.

    Raises:
        DataError: The archive is damaged, does not fit on the disk, or a member's name leads out of the folder.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            _require_inside(archive, members)
            size = sum(member.file_size for member in members)
            free = shutil.disk_usage(into.parent).free
            if size > free:
                raise DataError(archive, f"unpacks to {size} bytes, but {into.parent} has {free} bytes left")
            with cache_errors(into.parent):
                into.mkdir()
            _extract(archive, opened, members, into)
    except zipfile.BadZipFile as error:
        raise DataError(archive, f"is no whole zip file ({error}); get it again") from error
    except OSError as error:
        raise DataError(archive, f"cannot be read ({error.strerror or error})") from error
    return _contents(into)


def _extract(archive: Path, opened: zipfile.ZipFile, members: list[zipfile.ZipInfo], into: Path) -> None:
    for member in members:
        try:
            with cache_errors(into.parent):
                opened.extract(member, into)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise DataError(archive, f"its member {member.filename} is damaged ({error}); get it again") from error
        except (RuntimeError, NotImplementedError) as error:  # encrypted, or packed in a way that Python cannot unpack
            raise DataError(archive, f"its member {member.filename} cannot be unpacked ({error})") from error


def _require_inside(archive: Path, members: list[zipfile.ZipInfo]) -> None:
    seen = set()
    for member in members:
        name = member.filename
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", name):
            raise DataError(archive, f"its member {name!r} leads out of the folder it is unpacked in; refused")
        if path in seen and not member.is_dir():
            raise DataError(archive, f"holds the member {name!r} twice")
        seen.add(path)


def _contents(folder: Path) -> Path:
    inside = [path for path in folder.iterdir() if not is_junk(path.name)]
    return _contents(inside[0]) if len(inside) == 1 and inside[0].is_dir() else folder
