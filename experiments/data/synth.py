"""``synth``: the two-class points of the study.

The study's 60 000 and 10 000 points are ``train`` and ``validation``; as the set is generated, ``test`` is further
points from the same source, so nothing is taken from what the study used.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from experiments.data.source import Dataset, Known, Place, Sizes, Source, Split
from experiments.data.splits import require_sizes

ELLIPSE = np.array([[1.0, 0.5], [1.0, 0.2]])
"""The quadratic form; Source: vugrad (github.com/dlvu/vugrad), ``load_synth``."""
ELLIPSE_LEVEL = 0.6
KNOWN = Known(digest="", shape=(2,), classes=("inside", "outside"), train=10**8, test=10**8)


def load_synth(
    sizes: Sizes, seed: np.random.SeedSequence, dtype: type[np.floating], place: Place | None = None
) -> Dataset:
    """Draw two normal features; the class says whether xᵀ [[1, 0.5], [1, 0.2]] x > 0.6.

    Args:
        sizes: Of the splits; the first points of a split do not depend on how many follow.
        seed: Decides every point; used for nothing else.
        dtype: Of the features. The class is decided in float64.
        place: Unused, the set is generated.

    Raises:
        DataError: The sizes are not possible.
    """
    del place
    require_sizes(Path("synth"), KNOWN, sizes)
    splits = []
    for stream, size in zip(seed.spawn(3), (sizes.train, sizes.validation, sizes.test), strict=True):
        x = np.random.default_rng(stream).standard_normal((size, 2))
        labels = (np.einsum("ni,ij,nj->n", x, ELLIPSE, x) > ELLIPSE_LEVEL).astype(np.int64)
        splits.append(Split(x.astype(dtype), labels))
    train, validation, test = splits
    return Dataset(train=train, validation=validation, test=test, classes=KNOWN.classes)


SYNTH = Source(
    name="synth",
    shape=KNOWN.shape,
    classes=len(KNOWN.classes),
    generated=True,
    title="2 normal features, 2 classes parted by a quadratic form; generated",
    how="",
    train_points=60_000,
    validation_points=10_000,
    test_points=10_000,
    prepare=lambda _: KNOWN,
    load=load_synth,
)
