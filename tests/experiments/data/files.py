"""Tiny data sets in files, as people keep them."""

from __future__ import annotations

import gzip
import struct
import zipfile
from pathlib import Path

import numpy as np

from experiments.data import DATASETS, Known
from experiments.data.source import Place

CLASSES = ("cat", "dog", "eel")
PER_CLASS = 7


def seed(number: int = 0) -> np.random.SeedSequence:
    """A fresh seed: spawning from one changes it."""
    return np.random.SeedSequence(number)


def place(tmp_path: Path, root: Path | None = None, *, download: bool = False) -> Place:
    """*root*, with a cache of the test's own."""
    return Place(root=root, cache=tmp_path / "cache", download=download)


def pixels(number: int, side: int = 32) -> np.ndarray:
    """One picture (side, side, 3) that no other number gives."""
    return np.random.default_rng(number).integers(0, 256, (side, side, 3)).astype(np.uint8)


def save(path: Path, number: int, side: int = 32) -> Path:
    """Write a picture without loss."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(number, side)).save(path)
    return path


def class_folders(folder: Path, first: int = 0, count: int = PER_CLASS) -> Path:
    """A folder of pictures for each class."""
    for label, name in enumerate(CLASSES):
        for number in range(count):
            save(folder / name / f"{number}.png", first + 100 * label + number)
    return folder


def train_and_test(folder: Path) -> Path:
    """The layout with folders for both parts: 21 and 6 pictures."""
    class_folders(folder / "train")
    class_folders(folder / "test", first=1000, count=2)
    return folder


def zipped(folder: Path, archive: Path) -> Path:
    """Pack *folder*."""
    with zipfile.ZipFile(archive, "w") as opened:
        for path in sorted(folder.rglob("*")):
            opened.write(path, path.relative_to(folder))
    return archive


def idx(values: np.ndarray) -> bytes:
    """The bytes of an IDX file."""
    return struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.astype(np.uint8).tobytes()


def idx_values(train: int, test: int) -> dict[str, np.ndarray]:
    """What the four files of a set like MNIST hold."""
    rng = np.random.default_rng(0)
    return {
        "train-images-idx3-ubyte": rng.integers(0, 256, (train, 28, 28)),
        "train-labels-idx1-ubyte": np.arange(train) % 10,
        "t10k-images-idx3-ubyte": rng.integers(0, 256, (test, 28, 28)),
        "t10k-labels-idx1-ubyte": np.arange(test) % 10,
    }


def idx_folder(folder: Path, train: int, test: int, *, packed: bool = True) -> Path:
    """The four files, by the names that MNIST gave them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in idx_values(train, test).items():
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx(values), mtime=0))
        else:
            (folder / name).write_bytes(idx(values))
    return folder


def prepare(tmp_path: Path, root: Path) -> Known:
    """Decode the pictures of *root* into the test's own cache."""
    return DATASETS["image-folder"].prepare(place(tmp_path, root))


def garbage(root: Path) -> Path:
    """Leave a text among the pictures."""
    path = root / "train" / "cat" / "notes.txt"
    path.write_text("not a picture")
    return path
