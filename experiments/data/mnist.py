"""``fashion-mnist`` and ``mnist``: four IDX files each, read as they are.

The files that Debian packs have other checksums than those that torchvision expects (gzip keeps a time), though they
hold the same bits: so names, sizes and gzip's own checksums are what is checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from experiments.data.cache import Decoded, Stored, cached, key_of
from experiments.data.download import downloads, fetch
from experiments.data.idx import read_idx
from experiments.data.source import DOWNLOAD_OPTION, ROOT_OPTION, Place, Source
from experiments.data.splits import read_by
from experiments.data.torchvision_beside import torchvision_datasets
from experiments.errors import DataError

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
SIDE = 28
_BEGINS = {"mnist": (5, 0, 4, 1, 9, 2, 1, 3, 1, 4), "fashion-mnist": (9, 0, 0, 3, 0, 2, 7, 2, 5, 5)}
"""The first labels: the sets have files of the same names and sizes, and only what is in them tells them apart."""


@dataclass(frozen=True, kw_only=True)
class Publication:
    """One of the sets.

    Attributes:
        name: Of the set.
        shows: What is to be seen.
        torchvision: Its class there, which is also the name of torchvision's folder.
        page: The official page.
        package: The Debian package; "" where there is none.
        system: Where that package puts the files.
        classes: Names of the classes.
        train: Images to train and validate on.
        test: Images for the test.
    """

    name: str
    shows: str
    torchvision: str
    page: str
    package: str = ""
    system: Path | None = None
    classes: tuple[str, ...]
    train: int = 60_000
    test: int = 10_000

    @property
    def how(self) -> str:
        """How to get it."""
        package = f"apt install {self.package}; or " if self.package else ""
        return (
            f"{package}{DOWNLOAD_OPTION}; or {ROOT_OPTION} names a folder with the files {FILES[0]}.gz, ... "
            f"from {self.page}"
        )


FASHION = Publication(
    name="fashion-mnist",
    shows="clothing",
    torchvision="FashionMNIST",
    page="https://github.com/zalandoresearch/fashion-mnist",
    package="dataset-fashion-mnist",
    system=Path("/usr/share/datasets/fashion-mnist"),
    classes=(
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ),
)  # fmt: skip
DIGITS = Publication(
    name="mnist",
    shows="handwritten digits",
    torchvision="MNIST",
    page="http://yann.lecun.com/exdb/mnist/",
    classes=tuple("0123456789"),
)


def find(publication: Publication, place: Place) -> tuple[Path, ...]:
    """The four files, in the order of :data:`FILES`, each packed or not.

    Raises:
        DataError: They are nowhere, or some of them are missing.
    """
    root = place.data_root()
    folders = [root] if root is not None else []
    folders += [publication.system] if publication.system is not None else []
    folders += [downloads(place, publication.name)]
    for folder in folders:
        if files := _files(publication, folder):
            return files
    if place.download:
        folder = fetch(place, publication.name, publication.page, partial(_download, publication))
        if files := _files(publication, folder):
            return files
    looked = ", ".join(map(str, folders))
    raise DataError(Path(publication.name), f"not found in {looked}; to get it: {publication.how}")


def _files(publication: Publication, folder: Path) -> tuple[Path, ...]:
    """The files in *folder*, or in the one below it where torchvision or a person keeps them; () if there are none."""
    name = publication.torchvision
    for place in (folder / publication.name, folder / name / "raw", folder / name, folder / "raw", folder):
        found = {stem: path for stem in FILES if (path := _packed_or_not(place, stem))}
        absent = [stem for stem in FILES if stem not in found]
        if found and absent:
            raise DataError(place, f"has {min(found)}, but not {absent[0]} (nor {absent[0]}.gz); {publication.how}")
        if found:
            return tuple(found.values())
    return ()


def _packed_or_not(folder: Path, stem: str) -> Path | None:
    # The packed one first: gzip's checksum tells whether all of it is there.
    return next((path for path in (folder / f"{stem}.gz", folder / stem) if path.is_file()), None)


def _download(publication: Publication, folder: Path) -> None:
    getattr(torchvision_datasets(), publication.torchvision)(root=str(folder), download=True)


def decode(publication: Publication, files: tuple[Path, ...]) -> Decoded:
    """Read the four files.

    Raises:
        DataError: One of them is not what it should be.
    """
    counts = (publication.train, publication.test)
    parts = [
        (read_idx(images, (count, SIDE, SIDE)), _labels(publication, labels, count))
        for count, images, labels in zip(counts, files[::2], files[1::2], strict=True)
    ]
    begin = parts[0][1][: len(_BEGINS["mnist"])]
    for other, labels in _BEGINS.items():
        if other != publication.name and np.array_equal(begin, labels):
            raise DataError(files[1], f"holds the labels of {other}, not of {publication.name}; {publication.how}")
    return Decoded(
        images=np.concatenate([images for images, _ in parts])[:, np.newaxis],
        labels=np.concatenate([labels for _, labels in parts]),
        classes=publication.classes,
        train=publication.train,
    )


def _labels(publication: Publication, path: Path, count: int) -> np.ndarray:
    labels = read_idx(path, (count,)).astype(np.int64)
    if labels.max() >= len(publication.classes):
        raise DataError(path, f"holds the label {labels.max()}, expected 0 to {len(publication.classes) - 1}")
    return labels


def source(publication: Publication) -> Source:
    """The set as the experiments use it."""

    def stored(place: Place) -> tuple[Path, Stored]:
        files = find(publication, place)
        key = key_of(files[0].parent, [(path.name, path.stat()) for path in files])
        return files[0].parent, cached(place, publication.name, key, lambda _: decode(publication, files))

    prepare, load = read_by(stored)
    held_out = publication.train // 6
    return Source(
        name=publication.name,
        shape=(1, SIDE, SIDE),
        classes=len(publication.classes),
        generated=False,
        title=f"1×{SIDE}×{SIDE} grey images of {len(publication.classes)} kinds of {publication.shows}",
        how=publication.how,
        train_points=publication.train - held_out,
        validation_points=held_out,
        test_points=publication.test,
        prepare=prepare,
        load=load,
    )
