"""``image-folder``: a person's own pictures, in the layout of torchvision's ``ImageFolder``.

``<root>/train/<class>/...`` and ``<root>/test/<class>/...``, or ``<root>/<class>/...``, of which a sixth is kept for
the test; *root* is a folder or a zip file of one.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from experiments.data.archive import unpack
from experiments.data.cache import Decoded, Stored, cached, key_of
from experiments.data.pictures import SIDE, Listing, class_names, listing, read, walk
from experiments.data.source import ROOT_OPTION, Place, Source
from experiments.data.splits import read_by
from experiments.errors import DataError

NAME = "image-folder"
TRAIN, TEST = "train", "test"
HOW = (
    f"{ROOT_OPTION} names a folder (or a .zip of it) with {TRAIN}/<class>/ and {TEST}/<class>/, or with <class>/ only, "
    "full of pictures; the layout is that of torchvision's ImageFolder"
)
HELD_OUT = 6
"""One picture of so many is for the test, where no folder says which."""
_HELD_OUT_SEED = 20_260
"""Decides which ones, in every run alike: the test must not depend on the seed of a run."""


def decode(folder: Path) -> Decoded:
    """Read the pictures below *folder*.

    Raises:
        DataError: The layout is another one, or a file is no picture.
    """
    names = class_names(folder)
    if TRAIN in names and TEST in names:
        train, test = listing(folder / TRAIN), listing(folder / TEST)
        _require_same_classes(train, test)
        samples, count = train.samples + test.samples, len(train.samples)
    elif names in ([TRAIN], [TEST]):
        raise DataError(folder, f"has a folder {names[0]!r}, but none named {TEST if TRAIN in names else TRAIN!r}")
    else:
        train = listing(folder)
        samples, count = _held_out(train)
    return Decoded(
        images=read(samples),
        labels=np.array([label for _, label in samples], dtype=np.int64),
        classes=train.classes,
        train=count,
    )


def _require_same_classes(train: Listing, test: Listing) -> None:
    for one, other in ((train, test), (test, train)):
        if only := [name for name in one.classes if name not in other.classes]:
            raise DataError(other.folder, f"has no class {only[0]!r}, but {one.folder} has; they must be the same")


def _held_out(pictures: Listing) -> tuple[tuple[tuple[Path, int], ...], int]:
    """All pictures, those for the test last, and the number of the others."""
    train: list[tuple[Path, int]] = []
    test: list[tuple[Path, int]] = []
    for label, seed in enumerate(np.random.SeedSequence(_HELD_OUT_SEED).spawn(len(pictures.classes))):
        of_class = [sample for sample in pictures.samples if sample[1] == label]
        count = max(1, len(of_class) // HELD_OUT)
        if count == len(of_class):
            name = pictures.classes[label]
            raise DataError(pictures.folder / name, "holds 1 picture; needed are 2, since one is kept for the test")
        chosen = set(np.random.default_rng(seed).permutation(len(of_class))[:count].tolist())
        for number, sample in enumerate(of_class):
            (test if number in chosen else train).append(sample)
    return tuple(train + test), len(train)


def _stored(place: Place) -> tuple[Path, Stored]:
    root = place.data_root()
    if root is None:
        raise DataError(Path(NAME), f"no folder is named; to get it: {HOW}")
    if root.is_dir():
        key = key_of(root, list(walk(root)))
        return root, cached(place, NAME, key, lambda _: decode(root))
    if not zipfile.is_zipfile(root):
        raise DataError(root, f"is neither a folder nor a whole zip file; {HOW}")
    key = key_of(root, [(root.name, root.stat())])
    return root, cached(place, NAME, key, lambda scratch: _decode_archive(root, scratch / "pictures"))


def _decode_archive(archive: Path, into: Path) -> Decoded:
    folder = unpack(archive, into)
    try:
        return decode(folder)
    except DataError as error:
        # The folder is temporary: the person has the archive, and finds the member in it.
        if not error.path.is_relative_to(into):
            raise
        raise DataError(archive / error.path.relative_to(into), error.problem) from error


prepare, load = read_by(_stored)

IMAGE_FOLDER = Source(
    name=NAME,
    shape=(3, SIDE, SIDE),
    classes=0,
    generated=False,
    title=f"your own pictures, a folder per class, resized to 3×{SIDE}×{SIDE}",
    how=HOW,
    train_points=45_000,
    validation_points=5_000,
    test_points=10_000,
    prepare=prepare,
    load=load,
)
