"""``shapes``: balanced, the same for the same seed, to be learned, and not by a linear look."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.data import DATASETS, Place, Sizes
from experiments.data.shapes import _CHUNK, FIGURES, draw, load_shapes
from experiments.errors import DataError
from tests.experiments.data.files import seed


def test_the_classes_are_balanced() -> None:
    """Every ten images hold each class once, in an order that is drawn."""
    labels = draw(200, seed())[1].reshape(20, 10)

    assert np.array_equal(np.tile(np.arange(10), (20, 1)), np.sort(labels, axis=1))
    assert 1 < len({tuple(row) for row in labels.tolist()})


@pytest.mark.parametrize("count", [1, 13, _CHUNK, _CHUNK + 3])
def test_more_images_keep_the_first_ones(count: int) -> None:
    """Also where they are drawn in pieces."""
    images, labels = draw(_CHUNK + 20, seed(5))
    fewer, their_labels = draw(count, seed(5))

    assert np.array_equal(images[:count], fewer)
    assert np.array_equal(labels[:count], their_labels)


def test_no_image_is_there_twice() -> None:
    """Within a split and between splits."""
    data = load_shapes(Sizes(train=300, validation=300, test=300), seed(), np.float32)
    images = np.concatenate([data.train.x, data.validation.x, data.test.x])

    assert 900 == len({image.tobytes() for image in images})


def test_images_are_the_same_in_every_dtype() -> None:
    """They are drawn in 256 steps, scaled exactly."""
    sizes = Sizes(train=30, validation=10, test=10)
    one, other = (load_shapes(sizes, seed(), dtype).train.x for dtype in (np.float32, np.float64))

    assert np.array_equal(other.astype(np.float32), one)
    assert -1 <= other.min() < -0.5
    assert 0.5 < other.max() <= 1


@pytest.mark.parametrize("name", FIGURES)
def test_figures_stay_in_their_box(name: str) -> None:
    """Of a figure with radius 8, nothing is farther from its centre than 8 to a side, and something is inside."""
    middles = np.arange(-16, 17, dtype=np.float32) / 16 * 12
    u, v = middles[np.newaxis, :], middles[:, np.newaxis]
    inside = FIGURES[name](u, v, np.float32(8), np.float32(1.6)) < 0
    box = np.maximum(np.abs(u), np.abs(v)) <= 8 + 1e-4

    assert not (inside & ~box).any()
    assert 0.1 < inside[np.broadcast_to(box, inside.shape)].mean() <= 1


def test_a_mean_of_each_class_is_not_enough() -> None:
    """The nearest class mean is right more often than chance, and far from always."""
    source = DATASETS["shapes"]
    sizes = Sizes(train=4_000, validation=10, test=source.test_points)
    data = source.load(sizes, seed(), np.float32, Place())
    x, test = data.train.x.reshape(4_000, -1), data.test.x.reshape(len(data.test), -1)
    means = np.stack([x[data.train.labels == label].mean(axis=0) for label in range(10)])
    nearest = ((means * means).sum(axis=1) - 2 * test @ means.T).argmin(axis=1)
    accuracy = (nearest == data.test.labels).mean()
    chance = 0.1 + 5 * np.sqrt(0.1 * 0.9 / len(data.test))

    assert chance < accuracy < 0.7


def test_more_than_a_million_are_refused() -> None:
    """As they would not fit in memory."""
    with pytest.raises(DataError, match=r"^shapes: has 1000000 points to train and validate on; got 1000000 [+] 1"):
        load_shapes(Sizes(train=10**6, validation=1, test=1), seed(), np.float32)
