"""Folders of pictures, one per class, and what is in a picture: 3×32×32 pixels."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.data.archive import is_junk
from experiments.data.cache import LOGGER
from experiments.data.torchvision_beside import torchvision_datasets
from experiments.errors import DataError, missing

SIDE = 32
_EVERY = 5000
_DEEP = ("I", "F")
"""Pillow's modes of more than 8 bits per colour begin so; converted to RGB they would be cut off at 255."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The pictures below a folder.

    Attributes:
        folder: The folder that holds one folder per class.
        classes: Their names, in alphabetical order.
        samples: Each picture with its class, by class and then by name.
    """

    folder: Path
    classes: tuple[str, ...]
    samples: tuple[tuple[Path, int], ...]


def walk(folder: Path) -> Iterator[tuple[str, os.stat_result | None]]:
    """Every file below *folder* with size and time, every folder with None; what is no part of the data is left out.

    Raises:
        DataError: A folder cannot be read, or a link makes it its own part.
    """

    def failed(error: OSError) -> None:
        raise DataError(Path(error.filename), f"cannot be read ({error.strerror})") from error

    for name, folders, files in os.walk(folder, onerror=failed, followlinks=True):
        here = Path(name)
        if here.is_symlink() and (real := here.resolve()) in (here.parent.resolve(), *here.parent.resolve().parents):
            raise DataError(here, f"is a link to {real}, which it is a part of")
        folders[:] = sorted(entry for entry in folders if not is_junk(entry))
        yield here.relative_to(folder).as_posix() + "/", None
        for file in files:
            if not is_junk(file):
                try:
                    yield (here / file).relative_to(folder).as_posix(), (here / file).stat()
                except OSError as error:
                    raise DataError(here / file, f"cannot be read ({error.strerror or error})") from error


def listing(folder: Path) -> Listing:
    """List the pictures of *folder* by torchvision's ``ImageFolder``.

    Every file counts as a picture, whatever its name ends with: a picture must not be left out in silence.

    Raises:
        DataError: There are fewer than two classes, or one of them is empty.
    """
    names = class_names(folder)
    if len(names) < 2:
        found = f"only {names[0]!r}" if names else "none"
        raise DataError(folder, f"must hold a folder of pictures for each of at least 2 classes; found {found}")
    for name in names:
        if all(status is None for _, status in walk(folder / name)):
            raise DataError(folder / name, "holds no picture; put some in, or remove the folder")

    class Pictures(torchvision_datasets().ImageFolder):  # type: ignore[misc]
        def find_classes(self, directory: str) -> tuple[list[str], dict[str, int]]:
            found = class_names(Path(directory))
            return found, {name: label for label, name in enumerate(found)}

    def is_picture(path: str) -> bool:
        return not any(is_junk(part) for part in Path(path).relative_to(folder).parts)

    found = Pictures(str(folder), is_valid_file=is_picture)
    return Listing(
        folder=folder, classes=tuple(names), samples=tuple((Path(path), label) for path, label in found.samples)
    )


def class_names(folder: Path) -> list[str]:
    """The folders in *folder*, in alphabetical order.

    Raises:
        DataError: The folder cannot be read, or a name cannot be written down.
    """
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and not is_junk(entry.name))
    except OSError as error:
        raise DataError(folder, f"cannot be read ({error.strerror or error})") from error
    for name in names:
        if not name.isprintable():
            raise DataError(folder, f"the folder {name!r} is named by more than printable characters; rename it")
    return names


def read(samples: tuple[tuple[Path, int], ...]) -> np.ndarray:
    """Decode pictures, telling the logger ``gradspec.data`` how far it is.

    Returns:
        Pixels (n, 3, 32, 32), uint8.

    Raises:
        DataError: A file is no picture.
        MissingDependencyError: Pillow is not installed.
    """
    images = np.empty((len(samples), 3, SIDE, SIDE), np.uint8)
    for number, (path, _) in enumerate(samples):
        images[number] = picture(path)
        if (number + 1) % _EVERY == 0:
            LOGGER.info("%d of %d pictures decoded", number + 1, len(samples))
    return images


def picture(path: Path) -> np.ndarray:
    """Decode one picture: red, green and blue, without transparency; the first one of an animation.

    A picture of another size is resized by Pillow's bilinear filter, which averages where it makes smaller.

    Returns:
        Pixels (3, 32, 32), uint8.

    Raises:
        DataError: The file is no picture, is cut short, or has more than 8 bits per colour.
    """
    pillow = _pillow()
    try:
        with pillow.open(path) as image:
            mode, size = image.mode, image.size
            image.load()
            colours = image.convert("RGBA").convert("RGB") if mode == "P" else image.convert("RGB")
            if size != (SIDE, SIDE):
                colours = colours.resize((SIDE, SIDE), pillow.Resampling.BILINEAR)
            pixels = np.asarray(colours)
    except Exception as error:  # Pillow's decoders raise many kinds for a damaged file
        strange = isinstance(error, pillow.UnidentifiedImageError)
        problem = "is no picture" if strange else f"is no whole picture ({str(error) or type(error).__name__})"
        raise DataError(path, f"{problem}; replace or remove it") from error
    if mode.startswith(_DEEP):
        raise DataError(path, f"has pixels of mode {mode}, more than 8 bits; save it with 8 bits per colour")
    return pixels.transpose(2, 0, 1)


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise missing("Pillow") from error
    return Image
