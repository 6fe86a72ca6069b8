"""The data sets, each a frozen :class:`Dataset` made by one function of a config's numbers and a seed.

Split: ``train`` is learned from, ``validation`` is looked at after every epoch (and is what chooses, where something is
chosen), ``test`` is read once, when a run is finished. The study's 60 000 and 10 000 points of ``synth`` are ``train``
and ``validation``; as the set is generated, ``test`` is as many further points as ``validation`` from the same source,
so nothing is taken from what the study used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from experiments.errors import DataError

ELLIPSE = np.array([[1.0, 0.5], [1.0, 0.2]])
"""The quadratic form of ``synth``; Source: vugrad (github.com/dlvu/vugrad), ``load_synth``."""
ELLIPSE_LEVEL = 0.6


@dataclass(frozen=True, eq=False)
class Split:
    """Points and their classes.

    Attributes:
        x: Features (n, f).
        labels: Classes (n,), int64.
    """

    x: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False, kw_only=True)
class Dataset:
    """Three disjoint sets of points."""

    train: Split
    validation: Split
    test: Split


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a data set comes from: its numbers, known without loading it, and its loader."""

    features: int
    classes: int
    most_train_points: int
    most_held_out_points: int
    load: Callable[[int, int, np.random.SeedSequence, type[np.floating], Path | None], Dataset]


def load_synth(
    train_points: int,
    held_out_points: int,
    seed: np.random.SeedSequence,
    dtype: type[np.floating],
    folder: Path | None = None,
) -> Dataset:
    """Draw two normal features; the class says whether xᵀ [[1, 0.5], [1, 0.2]] x > 0.6.

    Args:
        train_points: Size of ``train``.
        held_out_points: Size of ``validation``, and of ``test``.
        seed: Decides every point; used for nothing else.
        dtype: Of the features. The class is decided in float64.
        folder: Unused, the set is generated.

    Returns:
        The data set; the first points do not depend on how many there are after them in their split.
    """
    del folder
    sizes = (train_points, held_out_points, held_out_points)
    splits = []
    for stream, size in zip(seed.spawn(len(sizes)), sizes, strict=True):
        x = np.random.default_rng(stream).standard_normal((size, 2))
        labels = (np.einsum("ni,ij,nj->n", x, ELLIPSE, x) > ELLIPSE_LEVEL).astype(np.int64)
        splits.append(_read_only(Split(x.astype(dtype), labels)))
    train, validation, test = splits
    return Dataset(train=train, validation=validation, test=test)


def _read_only(split: Split) -> Split:
    split.x.flags.writeable = False
    split.labels.flags.writeable = False
    return split


DATASETS: Mapping[str, Source] = MappingProxyType(
    {
        "synth": Source(features=2, classes=2, most_train_points=10**8, most_held_out_points=10**8, load=load_synth),
    }
)


def data_folder(path: Path | None) -> Path | None:
    """Check the folder of local data that a user named.

    Raises:
        DataError: There is no such folder.
    """
    if path is not None and not path.is_dir():
        raise DataError(path, "no such folder; --data (or GRADSPEC_DATA) names the folder that holds the data sets")
    return path
