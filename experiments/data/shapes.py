"""``shapes``: drawn figures of ten kinds, computed from the seed.

Every figure is given by a signed distance in pixels, negative inside, so that its edge is drawn smoothly. Position,
size, tilt, colours, a gradient behind it and noise are random. A figure is more often lighter than what is behind it,
which is most of what a linear model can use; the rest has to be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from experiments.data.source import Dataset, Known, Place, Sizes, Source, Split
from experiments.data.splits import require_sizes, scaled

SIDE = 32
_CHUNK = 1000
_RADIUS = (6.0, 12.0)
_LINE = (0.16, 0.24)
"""Half the width of a line, per radius."""
_TILT = np.pi / 15
_BEHIND = (60.0, 140.0)
_GRADIENT = 50.0
_CONTRAST = (60.0, 140.0)
_LIGHTER = 0.9
_NOISE = 30.0


def _square(u: np.ndarray, v: np.ndarray, r: np.ndarray) -> np.ndarray:
    distance: np.ndarray = np.maximum(np.abs(u), np.abs(v)) - r
    return distance


def _stripes(t: np.ndarray, w: np.ndarray) -> np.ndarray:
    distance: np.ndarray = np.abs((t + 2 * w) % (4 * w) - 2 * w) - w
    return distance


def _checks(u: np.ndarray, v: np.ndarray, w: np.ndarray) -> np.ndarray:
    """In a vertical stripe or in a horizontal one, but not in both."""
    a, b = _stripes(u, w), _stripes(v, w)
    distance: np.ndarray = np.maximum(np.minimum(a, b), -np.maximum(a, b))
    return distance


def _triangle(u: np.ndarray, v: np.ndarray, r: np.ndarray) -> np.ndarray:
    slope = np.sqrt(np.float32(0.75))
    distance: np.ndarray = np.maximum(v, slope * np.abs(u) - v / 2) - r / 2
    return distance


def _plus(u: np.ndarray, v: np.ndarray, r: np.ndarray, w: np.ndarray) -> np.ndarray:
    distance: np.ndarray = np.maximum(_square(u, v, r), np.minimum(np.abs(u), np.abs(v)) - w)
    return distance


def _cross(u: np.ndarray, v: np.ndarray, r: np.ndarray, w: np.ndarray) -> np.ndarray:
    half = np.sqrt(np.float32(0.5))
    return _plus(half * (u + v), half * (u - v), r, w)


FIGURES: Mapping[str, Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = MappingProxyType(
    {
        "disc": lambda u, v, r, _: np.sqrt(u * u + v * v) - r,
        "ring": lambda u, v, r, w: np.abs(np.sqrt(u * u + v * v) - r + w) - w,
        "square": lambda u, v, r, _: _square(u, v, r),
        "frame": lambda u, v, r, w: np.abs(_square(u, v, r - w)) - w,
        "triangle": lambda u, v, r, _: _triangle(u, v, r),
        "plus": _plus,
        "cross": _cross,
        "horizontal stripes": lambda u, v, r, w: np.maximum(_square(u, v, r), _stripes(v, w)),
        "vertical stripes": lambda u, v, r, w: np.maximum(_square(u, v, r), _stripes(u, w)),
        "checkerboard": lambda u, v, r, w: np.maximum(_square(u, v, r), _checks(u, v, w)),
    }
)
"""Names of the classes, in the order of the labels, to their distances.

(u, v, radius, half the width of a line) in pixels; u grows to the right and v downwards, from the figure's centre.
"""
KNOWN = Known(digest="", shape=(3, SIDE, SIDE), classes=tuple(FIGURES), train=10**6, test=10**6)


def load_shapes(
    sizes: Sizes, seed: np.random.SeedSequence, dtype: type[np.floating], place: Place | None = None
) -> Dataset:
    """Draw the figures.

    Args:
        sizes: Of the splits; the first images of a split do not depend on how many follow. The classes are balanced:
            every ten images hold each class once.
        seed: Decides every pixel; used for nothing else.
        dtype: Of the images. They are drawn in 256 steps per colour, so they are the same in every dtype.
        place: Unused, the set is generated.

    Raises:
        DataError: The sizes are not possible.
    """
    del place
    require_sizes(Path("shapes"), KNOWN, sizes)
    splits = []
    for stream, size in zip(seed.spawn(3), (sizes.train, sizes.validation, sizes.test), strict=True):
        images, labels = draw(size, stream)
        splits.append(Split(scaled(images, dtype), labels))
    train, validation, test = splits
    return Dataset(train=train, validation=validation, test=test, classes=KNOWN.classes)


def draw(count: int, seed: np.random.SeedSequence) -> tuple[np.ndarray, np.ndarray]:
    """Draw *count* figures.

    Returns:
        Pixels (count, 3, 32, 32), uint8, and labels (count,), int64.
    """
    kinds, places, colours, noise = (np.random.default_rng(stream) for stream in seed.spawn(4))
    blocks = -(-count // len(FIGURES))
    labels = kinds.random((blocks, len(FIGURES))).argsort(axis=1).reshape(-1)[:count].astype(np.int64)
    place, colour = places.random((count, 5)), colours.random((count, 12))
    images = np.empty((count, 3, SIDE, SIDE), np.uint8)
    for start in range(0, count, _CHUNK):
        part = slice(start, start + _CHUNK)
        grain = _NOISE * noise.standard_normal(images[part].shape, np.float32)
        images[part] = _painted(labels[part], place[part], colour[part], grain)
    return images, labels


def _painted(labels: np.ndarray, place: np.ndarray, colour: np.ndarray, grain: np.ndarray) -> np.ndarray:
    """Figures over a gradient, with *grain* added: (n, 3, 32, 32), uint8."""
    share = _coverage(labels, place)[:, np.newaxis]
    centre = _between(_BEHIND, colour[:, 0:3])
    step = _GRADIENT * (2 * colour[:, 3:6] - 1) * 2 / SIDE
    towards = 2 * np.pi * colour[:, 6]
    lighter = np.where(colour[:, 7] < _LIGHTER, 1, -1) * _between(_CONTRAST, colour[:, 8])
    hue = 0.25 + colour[:, 9:12]
    figure = centre + lighter[:, np.newaxis] * hue / hue.max(axis=1, keepdims=True)

    rows, columns = _pixels()
    along = _each(np.cos(towards)) * columns + _each(np.sin(towards)) * rows
    image: np.ndarray = _each(centre) + _each(step) * along[:, np.newaxis]
    image += share * (_each(figure) - image)
    image += grain
    pixels: np.ndarray = np.rint(np.clip(image, 0, 255)).astype(np.uint8)
    return pixels


def _coverage(labels: np.ndarray, place: np.ndarray) -> np.ndarray:
    """How much of each pixel its figure covers, 0 to 1: (n, 32, 32)."""
    radius = _between(_RADIUS, place[:, 0])
    width = radius * _between(_LINE, place[:, 1])
    free = SIDE / 2 - radius
    right, down = free * (2 * place[:, 2] - 1), free * (2 * place[:, 3] - 1)
    tilt = _TILT * (2 * place[:, 4] - 1)
    rows, columns = _pixels()
    share = np.empty((len(labels), SIDE, SIDE), np.float32)
    for label, distance in enumerate(FIGURES.values()):
        chosen = labels == label
        x, y = columns - _each(right[chosen]), rows - _each(down[chosen])
        cos, sin = _each(np.cos(tilt[chosen])), _each(np.sin(tilt[chosen]))
        inside = distance(cos * x + sin * y, cos * y - sin * x, _each(radius[chosen]), _each(width[chosen]))
        share[chosen] = np.clip(0.5 - inside, 0, 1)
    return share


def _pixels() -> tuple[np.ndarray, np.ndarray]:
    """Rows (32, 1) and columns (1, 32) of the pixels' middles, from the middle of the image."""
    middles = np.arange(SIDE, dtype=np.float32) - np.float32((SIDE - 1) / 2)
    return middles[:, np.newaxis], middles[np.newaxis, :]


def _each(values: np.ndarray) -> np.ndarray:
    """One number per image (or image and colour), ready to meet its pixels."""
    spread: np.ndarray = values.astype(np.float32)[..., np.newaxis, np.newaxis]
    return spread


def _between(ends: tuple[float, float], share: np.ndarray) -> np.ndarray:
    return ends[0] + (ends[1] - ends[0]) * share


SHAPES = Source(
    name="shapes",
    shape=KNOWN.shape,
    classes=len(KNOWN.classes),
    generated=True,
    title="3×32×32 images of 10 kinds of drawn figures; generated",
    how="",
    train_points=10_000,
    validation_points=2_000,
    test_points=2_000,
    prepare=lambda _: KNOWN,
    load=load_shapes,
)
