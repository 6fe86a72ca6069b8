"""From decoded pixels to the three splits of a run: which points, in which order, in which numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from experiments.data.cache import Stored
from experiments.data.source import Dataset, Known, Place, Sizes, Split
from experiments.errors import DataError

_CHUNK = 1000


def require_sizes(place: Path, known: Known, sizes: Sizes) -> None:
    """Refuse sizes that *known* cannot give; *place* is named in the message.

    Raises:
        DataError: A size is not possible.
    """
    if sizes.train < 1 or sizes.validation < 0 or sizes.test < 0:
        raise DataError(
            place,
            f"got {sizes.train} training, {sizes.validation} validation and {sizes.test} test points; "
            "allowed: at least 1 to train on, and no negative number",
        )
    if sizes.train + sizes.validation > known.train:
        raise DataError(
            place,
            f"has {known.train} points to train and validate on; got {sizes.train} + {sizes.validation} = "
            f"{sizes.train + sizes.validation}; ask for fewer",
        )
    if sizes.test > known.test:
        raise DataError(place, f"has {known.test} test points; got {sizes.test}; ask for fewer")


def cut(
    place: Path,
    known: Known,
    images: np.ndarray,
    labels: np.ndarray,
    sizes: Sizes,
    seed: np.random.SeedSequence,
    dtype: type[np.floating],
) -> Dataset:
    """Cut decoded data into splits.

    The order of the training part is drawn once: ``train`` is taken from its beginning and ``validation`` from its end,
    so neither depends on the size of the other, and a larger split begins with the smaller one.

    Args:
        place: Named in messages.
        known: What the arrays are; the first ``known.train`` points are for training and validation.
        images: Pixels (n, channels, height, width), uint8.
        labels: Classes (n,), int64.
        sizes: Of the splits.
        seed: Decides which points, and their order; used for nothing else.
        dtype: Of the images.

    Raises:
        DataError: There are fewer points than asked for.
    """
    require_sizes(place, known, sizes)
    order_seed, test_seed = seed.spawn(2)
    order = np.random.default_rng(order_seed).permutation(known.train)
    test = np.arange(known.test)
    if sizes.test < known.test:
        test = np.random.default_rng(test_seed).permutation(known.test)[: sizes.test]

    def split(chosen: np.ndarray) -> Split:
        return Split(scaled(images, dtype, chosen), np.ascontiguousarray(labels[chosen], dtype=np.int64))

    return Dataset(
        train=split(order[: sizes.train]),
        validation=split(order[::-1][: sizes.validation]),
        test=split(known.train + test),
        classes=known.classes,
    )


def scaled(images: np.ndarray, dtype: type[np.floating], chosen: np.ndarray | None = None) -> np.ndarray:
    """Pixels as numbers from -1 to 1: x / 127.5 - 1 in float64, rounded once to *dtype*.

    Args:
        images: Pixels (n, ...), uint8.
        dtype: Of the result.
        chosen: Which of the n, in which order; None for all.

    Returns:
        A new array (len(chosen), ...), C-contiguous.
    """
    chosen = np.arange(len(images)) if chosen is None else chosen
    value = (np.arange(256) / 127.5 - 1).astype(dtype)
    result = np.empty((len(chosen), *images.shape[1:]), dtype)
    for start in range(0, len(chosen), _CHUNK):  # in pieces: NumPy makes an index of 8 bytes for every pixel
        part = slice(start, start + _CHUNK)
        result[part] = value[images[chosen[part]]]
    return result


def read_by(
    stored: Callable[[Place], tuple[Path, Stored]],
) -> tuple[Callable[[Place], Known], Callable[[Sizes, np.random.SeedSequence, type[np.floating], Place], Dataset]]:
    """``prepare`` and ``load`` of a :class:`Source` whose set *stored* finds and decodes, once."""

    def prepare(place: Place) -> Known:
        return stored(place)[1].known

    def load(sizes: Sizes, seed: np.random.SeedSequence, dtype: type[np.floating], place: Place) -> Dataset:
        origin, found = stored(place)
        return cut(origin, found.known, found.images, found.labels, sizes, seed, dtype)

    return prepare, load
