"""What was decoded once, kept: ``<cache>/<name>-<key>/`` with ``images.npy``, ``labels.npy`` and ``meta.json``.

An entry is written whole under another name and renamed, so a kill leaves all of it or nothing. It is read with
suspicion: ``meta.json`` holds the SHA-256 of both arrays and of itself, and an entry that does not fit it is decoded
again, with one line of warning to the logger ``gradspec.data``.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.data.source import CACHE_VARIABLE, Known, Place
from experiments.errors import DataError
from experiments.files import canonical_json, readable_json

try:
    import fcntl
except ImportError:  # Windows: two processes may then both decode, and the second takes what the first kept
    fcntl = None  # type: ignore[assignment]

LOGGER = logging.getLogger("gradspec.data")
IMAGES, LABELS, META = "images.npy", "labels.npy", "meta.json"
FORMAT = 1
"""Part of every key: raised when the same files come to be decoded or kept in another way."""
_KEY_LENGTH = 16
_OTHER = f"{CACHE_VARIABLE} names another folder for decoded data"


@dataclass(frozen=True, eq=False, kw_only=True)
class Decoded:
    """A set as its decoder gives it: the points for training and validation first, then those for the test.

    Attributes:
        images: Pixels (n, channels, height, width), uint8.
        labels: Classes (n,), int64.
        classes: Their names.
        train: How many of the n are not for the test.
    """

    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    train: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Stored:
    """A set as the cache gives it; the arrays are those of :class:`Decoded`, the images mapped from the file."""

    known: Known
    images: np.ndarray
    labels: np.ndarray


class _UnusableError(Exception):
    """An entry that is not what was written."""


def key_of(origin: Path, files: list[tuple[str, os.stat_result | None]]) -> str:
    """A name for the state of some source files, without reading them.

    Args:
        origin: The folder or file that they are found by: two copies of a folder have two keys, since equal sizes
            and times, as a reproducible archive gives them, do not mean equal pictures.
        files: Their names below *origin* with size and time; None for a folder.
    """
    rows = sorted([name, *((status.st_size, status.st_mtime_ns) if status else ())] for name, status in files)
    text = canonical_json([FORMAT, str(origin.resolve()), rows])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:_KEY_LENGTH]


def cached(place: Place, name: str, key: str, decode: Callable[[Path], Decoded]) -> Stored:
    """Read the entry *name*-*key*, or decode it and keep it.

    Several processes may call this at once: one decodes, the others wait for it.

    Args:
        place: Says where the cache is.
        name: Of the set.
        key: Of the state of its files.
        decode: Called where there is no usable entry, with a folder for temporary files.

    Raises:
        DataError: The cache cannot be written to; or what *decode* raises.
    """
    folder = place.cache_folder()
    entry = folder / f"{name}-{key}"
    with suppress(_UnusableError, FileNotFoundError):
        return _read(entry)
    with cache_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / ".locks", entry.name):
        try:
            return _read(entry)  # another process was faster
        except FileNotFoundError:
            pass
        except _UnusableError as error:
            LOGGER.warning("%s: %s; decoding the data again", entry, error)
        with scratch(folder, entry.name) as temporary:
            decoded = decode(temporary)
            with cache_errors(folder):
                _write(temporary / "entry", decoded)
                _replace(temporary / "entry", entry, temporary / "old")
        try:
            return _read(entry)
        except (_UnusableError, FileNotFoundError) as error:
            raise DataError(entry, f"cannot be read back after writing ({error}); {_OTHER}") from error


@contextmanager
def cache_errors(folder: Path) -> Iterator[None]:
    """Say of a failure to write in the cache what can be done.

    Raises:
        DataError: In place of any ``OSError``.
    """
    try:
        yield
    except OSError as error:
        raise DataError(folder, f"cannot write to this folder ({error.strerror or error}); {_OTHER}") from error


def _read(entry: Path) -> Stored:
    """Read an entry and check every byte of it.

    Raises:
        FileNotFoundError: There is no entry.
        _UnusableError: It is not what was written.
    """
    if not entry.exists():
        raise FileNotFoundError(entry)
    try:
        meta = json.loads((entry / META).read_bytes())
        if meta.pop("meta_sha256") != _digest(meta):
            raise _UnusableError(f"{META} was changed")
        for file, expected in meta["files"].items():
            found = _file_digest(entry / file)
            if found != expected:
                raise _UnusableError(f"{file} is damaged (SHA-256 {found[:12]} instead of {expected[:12]})")
        known = Known(
            digest=meta["digest"],
            shape=tuple(meta["shape"]),
            classes=tuple(meta["classes"]),
            train=meta["train"],
            test=meta["test"],
        )
        images = np.load(entry / IMAGES, mmap_mode="r", allow_pickle=False)
        labels = np.load(entry / LABELS, allow_pickle=False)
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise _UnusableError(f"cannot be read ({type(error).__name__}: {error})") from error
    return Stored(known=known, images=images, labels=labels)


def _write(folder: Path, decoded: Decoded) -> None:
    """Write an entry and see it to the disk."""
    folder.mkdir()
    images = np.ascontiguousarray(decoded.images, dtype=np.uint8)
    labels = np.ascontiguousarray(decoded.labels, dtype="<i8")
    for name, array in ((IMAGES, images), (LABELS, labels)):
        with (folder / name).open("wb") as file:
            np.save(file, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
    content: dict[str, Any] = {
        "shape": list(images.shape[1:]),
        "classes": list(decoded.classes),
        "train": decoded.train,
        "test": len(images) - decoded.train,
    }
    arrays = {"images": hashlib.sha256(images.data).hexdigest(), "labels": hashlib.sha256(labels.data).hexdigest()}
    meta = {
        "format": FORMAT,
        **content,
        # Over the arrays themselves, not their files: a record of a run stays comparable whatever a file begins with.
        "digest": _digest(content | arrays),
        "files": {name: _file_digest(folder / name) for name in (IMAGES, LABELS)},
    }
    with (folder / META).open("wb") as file:
        file.write(readable_json(meta | {"meta_sha256": _digest(meta)}).encode())
        file.flush()
        os.fsync(file.fileno())


def _replace(new: Path, entry: Path, old: Path) -> None:
    """Rename *new* to *entry*; what was there is renamed to *old*."""
    if entry.exists():
        entry.rename(old)
    try:
        new.rename(entry)
    except OSError:
        if not entry.is_dir():
            raise
        # Without locks another process may have kept the same files in the meantime: then its entry is as good.


@contextmanager
def scratch(folder: Path, name: str) -> Iterator[Path]:
    """A folder for temporary files beside the entries; what a kill left of an earlier one is removed."""
    prefix = f".{name}."
    if fcntl is not None:  # only then is nobody else at work on this entry
        for left in folder.glob(f"{prefix}*"):
            shutil.rmtree(left, ignore_errors=True)
    with cache_errors(folder):
        path = Path(tempfile.mkdtemp(prefix=prefix, dir=folder))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def locked(folder: Path, name: str) -> Iterator[None]:
    """Keep other processes out; they wait. The system drops the lock of a killed process."""
    if fcntl is None:
        yield
        return
    with cache_errors(folder.parent):
        folder.mkdir(exist_ok=True)
        file = (folder / name).open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:
            file.close()
            raise
    with file:
        yield


def _digest(value: object) -> str:
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
