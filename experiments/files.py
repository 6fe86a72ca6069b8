"""Files that are either the old version or the new one, whatever moment the power fails."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from experiments.errors import OutputError


def canonical_json(value: object) -> str:
    """The one JSON text of *value*: sorted keys, no spaces, strict numbers.

    Raises:
        ValueError: *value* holds a NaN or an infinity, which JSON cannot say.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def readable_json(value: object) -> str:
    """JSON for files that people open: sorted keys, indented, strict numbers."""
    return json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_atomic(path: Path, content: bytes | str) -> None:
    """Replace *path* by *content*: a reader sees all of the old file or all of the new one.

    Raises:
        OSError: The folder cannot be written to, or the disk is full; the old file is untouched.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with naming(path), temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let an error name *path*: a write to a full disk knows no file by itself.

    Raises:
        OSError: The same, with the name.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = str(path)
        raise


def _sync_folder(folder: Path) -> None:
    """See the new name of a file to the disk; systems that cannot open a folder do it in their own time."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def writable_folder(path: Path) -> Path:
    """Make the folder *path* and try it, so that hours of work do not end at a closed door.

    Raises:
        OutputError: It cannot be made or written to.
    """
    probe = path / f".{os.getpid()}.probe"
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(path, f"cannot write to this folder ({reason}); name another one") from error
    return path
