"""``cifar10``: the original files, read by torchvision.

Its format is Python's pickle, which may run code: this is the one place of the project where something is unpickled,
and only files whose MD5 is the published one. torchvision checks that too; it is checked here to name the file.
"""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path
from typing import Any

import numpy as np

from experiments.data.cache import Decoded, Stored, cache_errors, cached, key_of
from experiments.data.download import downloads, fetch
from experiments.data.source import DOWNLOAD_OPTION, ROOT_OPTION, Place, Source
from experiments.data.splits import read_by
from experiments.data.torchvision_beside import torchvision_datasets
from experiments.errors import DataError

NAME = "cifar10"
FOLDER, ARCHIVE = "cifar-10-batches-py", "cifar-10-python.tar.gz"
PAGE = "https://www.cs.toronto.edu/~kriz/cifar.html"
HOW = f"{DOWNLOAD_OPTION}; or {ROOT_OPTION} names a folder with {FOLDER}/ or {ARCHIVE} (163 MB) from {PAGE}"
_BATCH = "data_batch_1"


def find(place: Place) -> Path:
    """The folder of batches, or the archive.

    Raises:
        DataError: It is nowhere.
    """
    root = place.data_root()
    folders = [root] if root is not None else []
    folders += [downloads(place, NAME)]
    for folder in folders:
        if found := _found(folder):
            return found
    if place.download and (found := _found(fetch(place, NAME, PAGE, _download))):
        return found
    raise DataError(Path(NAME), f"not found in {', '.join(map(str, folders))}; to get it: {HOW}")


def _found(root: Path) -> Path | None:
    if root.name == ARCHIVE and root.is_file():
        return root
    for folder in (root, root / FOLDER):
        if (folder / _BATCH).is_file() or (folder.name == FOLDER and folder.is_dir()):
            return folder
    archive = root / ARCHIVE
    return archive if archive.is_file() else None


def _download(folder: Path) -> None:
    torchvision_datasets().CIFAR10(root=str(folder), download=True)
    (folder / ARCHIVE).unlink(missing_ok=True)  # it is unpacked beside it, and checked once more before it is read


def decode(found: Path, scratch: Path) -> Decoded:
    """Read the batches.

    Args:
        found: What :func:`find` gave.
        scratch: A folder to unpack the archive in.

    Raises:
        DataError: A file is missing, or is not the published one.
    """
    cifar10 = torchvision_datasets().CIFAR10
    if found.is_file():
        _require_md5(found, cifar10.tgz_md5)
        with cache_errors(scratch.parent), tarfile.open(found) as archive:
            archive.extractall(scratch, filter="data")
        found = scratch / FOLDER
    for name, md5 in [*cifar10.train_list, *cifar10.test_list, (cifar10.meta["filename"], cifar10.meta["md5"])]:
        _require_md5(found / name, md5)

    class Here(cifar10):  # type: ignore[misc, valid-type]
        base_folder = found.name

    train, test = (Here(root=str(found.parent), train=part) for part in (True, False))
    return Decoded(
        images=np.concatenate([_pixels(train), _pixels(test)]),
        labels=np.array([*train.targets, *test.targets], dtype=np.int64),
        classes=tuple(train.classes),
        train=len(train.targets),
    )


def _pixels(part: Any) -> np.ndarray:
    pixels: np.ndarray = part.data
    return pixels.transpose(0, 3, 1, 2)


def _require_md5(path: Path, expected: str) -> None:
    try:
        with path.open("rb") as file:
            md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror or error}); to get it: {HOW}") from error
    if md5 != expected:
        size = path.stat().st_size
        raise DataError(
            path, f"is not the published file: expected MD5 {expected}, found {md5} ({size} bytes); to get it: {HOW}"
        )


def _stored(place: Place) -> tuple[Path, Stored]:
    found = find(place)
    files = [found] if found.is_file() else sorted(path for path in found.iterdir() if path.is_file())
    key = key_of(found, [(path.name, path.stat()) for path in files])
    return found, cached(place, NAME, key, lambda scratch: decode(found, scratch))


prepare, load = read_by(_stored)

CIFAR10 = Source(
    name=NAME,
    shape=(3, 32, 32),
    classes=10,
    generated=False,
    title="3×32×32 photographs of 10 kinds of things (CIFAR-10)",
    how=HOW,
    train_points=45_000,
    validation_points=5_000,
    test_points=10_000,
    prepare=prepare,
    load=load,
)
