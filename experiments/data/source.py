"""What a data set is: its splits, where it may be found, and what is known of it before it is loaded.

Split: ``train`` is learned from, ``validation`` is what chooses, where something is chosen, ``test`` chooses nothing:
its accuracy is told for each epoch, as the study draws it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.errors import DataError

ROOT_VARIABLE = "GRADSPEC_DATA"
CACHE_VARIABLE = "GRADSPEC_CACHE"
ROOT_OPTION = f"--root (or {ROOT_VARIABLE})"
DOWNLOAD_OPTION = "--download"
"""How the commands call these things: said in the messages, so that they say what to type."""


@dataclass(frozen=True, eq=False)
class Split:
    """Points and their classes, both read-only.

    Attributes:
        x: Features (n, f), or images (n, channels, height, width) from -1 (black) to 1 (white).
        labels: Classes (n,), int64.
    """

    x: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        for name in ("x", "labels"):
            view = getattr(self, name).view()  # the caller's own array stays as it is
            view.flags.writeable = False
            object.__setattr__(self, name, view)

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False, kw_only=True)
class Dataset:
    """Three disjoint sets of points, and the names of their classes in the order of the labels."""

    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How many points each split is to have."""

    train: int
    validation: int
    test: int


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where local data are, and where what was decoded is kept.

    Attributes:
        root: The folder (or archive) with the data; None asks the variable ``GRADSPEC_DATA``.
        cache: The folder for decoded data; None asks ``GRADSPEC_CACHE``, then the user's cache folder.
        download: Whether a missing set may be fetched from the network. Nothing is ever fetched otherwise.
    """

    root: Path | None = None
    cache: Path | None = None
    download: bool = False

    def data_root(self) -> Path | None:
        """The folder or archive that the user named, None where none was.

        Raises:
            DataError: There is nothing of that name.
        """
        named = os.environ.get(ROOT_VARIABLE)
        root = self.root if self.root is not None else Path(named) if named else None
        if root is not None and not root.exists():
            raise DataError(root, f"no such file or folder; {ROOT_OPTION} names where the data are")
        return root

    def cache_folder(self) -> Path:
        """The folder for decoded data, which need not exist yet.

        Raises:
            DataError: The user has no home and named no folder.
        """
        if self.cache is not None:
            return self.cache
        if named := os.environ.get(CACHE_VARIABLE):
            return Path(named)
        base = Path(os.environ.get("XDG_CACHE_HOME", ""))
        if base.is_absolute():  # the XDG specification: relative ones are to be ignored
            return base / "gradspec"
        try:
            return Path.home() / ".cache" / "gradspec"
        except RuntimeError as error:
            raise DataError(Path("~"), f"no home folder to keep data in; {CACHE_VARIABLE} names a folder") from error


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of a set once it is found and decoded.

    Attributes:
        digest: SHA-256 (hex) over pixels, labels, names of the classes and sizes of the parts; "" where generated.
        shape: Of one point.
        classes: Their names, in the order of the labels.
        train: Points for training and validation together; where generated, the most that may be asked for.
        test: Points for the test; the same.
    """

    digest: str
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    train: int
    test: int


@dataclass(frozen=True, kw_only=True)
class Source:
    """A data set by name: what is known without looking for it, and how to get it.

    Attributes:
        name: What a config calls it.
        shape: Of one point.
        classes: How many; 0 where only :class:`Known` tells, since it depends on the user's data.
        generated: Whether it is computed from the seed; all others are read from files.
        title: One line for a list.
        how: How to get it; "" where generated.
        train_points: How many the experiments learn from, unless told otherwise.
        validation_points: The same for validation.
        test_points: The same for the test.
        prepare: Finds, checks and decodes it, once: what was decoded is kept in the cache. Raises ``DataError``.
        load: Makes the three splits. Equal seeds and sizes give equal bits. Raises ``DataError``.
    """

    name: str
    shape: tuple[int, ...]
    classes: int
    generated: bool
    title: str
    how: str
    train_points: int
    validation_points: int
    test_points: int
    prepare: Callable[[Place], Known]
    load: Callable[[Sizes, np.random.SeedSequence, type[np.floating], Place], Dataset]
