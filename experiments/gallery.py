"""What a trained CNN looks at and where it errs: its first filters, and test pictures that it gets wrong.

Made from a run's checkpoint (the weights after the last epoch) and its data; kept in the run's directory as
``gallery.json``, so that the report needs neither.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.config import Config
from experiments.data import Dataset, Place
from experiments.directory import CHECKPOINT, RunDirectory
from experiments.environment import one_thread
from experiments.errors import CorruptRunError, DataError, missing
from experiments.execute import load
from experiments.files import canonical_json, write_atomic
from experiments.learner import as_input
from experiments.records import State
from experiments.train import resumed

GALLERY = "gallery.json"
FILTERS = "conv1.weight"
MOST_MISTAKES, MOST_PER_CLASS = 8, 2
DIGITS = 4
_NEAR = 0.005
"""How far an accuracy may be from the recorded one: on another machine some points change sides."""


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A test picture that the model gets wrong.

    Attributes:
        png: The picture as a PNG file, in base64.
        true: Its class.
        predicted: What the model says.
        probability: How sure it is of that.
    """

    png: str
    true: str
    predicted: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """What there is to see of a run.

    Attributes:
        filters: Weights of the first layer (filters, 3, height, width), rounded.
        mistakes: The mistakes that it is most sure of, at most two per true class.
    """

    filters: tuple[tuple[tuple[tuple[float, ...], ...], ...], ...]
    mistakes: tuple[Mistake, ...]

    @property
    def reach(self) -> float:
        """The largest absolute weight: one scale for all filters."""
        return float(np.max(np.abs(np.asarray(self.filters)), initial=0.0))

    @property
    def pictures(self) -> list[tuple[str, float, float]]:
        """Each filter as a PNG in base64, with its lowest and highest weight; grey is 0 in all of them."""
        found = []
        for one in np.asarray(self.filters):
            pixels = np.round(127.5 * (1 + one / (self.reach or 1.0))).astype(np.uint8)
            found.append((png(pixels), float(one.min()), float(one.max())))
        return found


def png(pixels: np.ndarray) -> str:
    """A picture (3, height, width), uint8, as a PNG file in base64.

    Raises:
        MissingDependencyError: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise missing("Pillow") from error
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))).save(file, format="PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode("ascii")


def can_be_made(config: Config, path: Path) -> bool:
    """Whether this run has filters to show and a checkpoint to take them from."""
    return config.model == "net" and config.backend == "ops" and (path / CHECKPOINT).is_file()


def make_gallery(config: Config, root: Path, place: Place) -> Gallery:
    """Compute the gallery of a finished run; equal runs and data give equal galleries.

    Args:
        config: The run.
        root: The folder of run directories.
        place: Where its data are.

    Raises:
        CorruptRunError: The run or its checkpoint is damaged.
        DataError: The data are missing, damaged, or not those of the run.
        MissingDependencyError: Pillow is not installed.
    """
    directory = RunDirectory(root, config)
    record = directory.read()
    data = load(config, place)
    path = directory.path / CHECKPOINT
    try:
        state = State.from_npz(path.read_bytes())
        learner, _ = resumed(config, state)
    except ValueError as error:
        raise CorruptRunError(path, str(error)) from error
    with one_thread():
        logits = np.asarray(learner.logits(as_input(config, data.test.x)), np.float64)
    right = np.isfinite(logits).all(axis=1) & (np.argmax(logits, axis=1) == data.test.labels)
    accuracy = float(np.mean(right))
    if abs(accuracy - record.result.test_accuracy) > _NEAR:
        raise DataError(
            _named(place, config),
            f"run {config.run_id} has test accuracy {accuracy:.4f} on these data, "
            f"but {record.result.test_accuracy:.4f} in its record; they are other data",
        )
    filters = np.round(np.asarray(state.parameters[FILTERS], np.float64), DIGITS) + 0.0  # no -0.0
    return Gallery(filters=_tuples(filters.tolist()), mistakes=mistakes(logits, data))


def _named(place: Place, config: Config) -> Path:
    return place.data_root() or Path(config.dataset)


def mistakes(logits: np.ndarray, data: Dataset) -> tuple[Mistake, ...]:
    """The wrong predictions that are most confident, the most confident first.

    Args:
        logits: Of the test points (n, classes).
        data: The test points.
    """
    with np.errstate(invalid="ignore"):  # a diverged model has no probabilities
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares = shifted / shifted.sum(axis=1, keepdims=True)
    said, labels = np.argmax(logits, axis=1), data.test.labels
    sure = np.where(np.isfinite(shares).all(axis=1) & (said != labels), shares.max(axis=1), -1.0)
    found: list[Mistake] = []
    taken: Counter[int] = Counter()
    for point in np.lexsort((np.arange(len(sure)), -sure)).tolist():
        if sure[point] < 0 or len(found) == MOST_MISTAKES:
            break
        label = int(labels[point])
        if taken[label] < MOST_PER_CLASS:
            taken[label] += 1
            pixels = np.clip(np.round((np.asarray(data.test.x[point], np.float64) + 1) * 127.5), 0, 255)
            found.append(
                Mistake(
                    png=png(pixels.astype(np.uint8)),
                    true=data.classes[label],
                    predicted=data.classes[int(said[point])],
                    probability=round(float(sure[point]), DIGITS),
                )
            )
    return tuple(found)


def write_gallery(path: Path, gallery: Gallery) -> None:
    """Keep *gallery* in the run's directory *path*."""
    write_atomic(path / GALLERY, canonical_json(asdict(gallery)) + "\n")


def read_gallery(path: Path) -> Gallery | None:
    """The gallery in the run's directory *path*; None where there is none.

    Raises:
        CorruptRunError: It is damaged.
    """
    file = path / GALLERY
    try:
        values = json.loads(file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise CorruptRunError(file, f"is not JSON ({error})") from error
    try:
        return _checked(values)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise CorruptRunError(file, f"is no gallery ({error})") from error


def _checked(values: Mapping[str, Any]) -> Gallery:
    filters = np.asarray(values["filters"], np.float64)
    if filters.ndim != 4 or filters.shape[1] != 3 or not np.isfinite(filters).all():
        raise ValueError(f"filters have shape {filters.shape}")
    found = tuple(Mistake(**one) for one in values["mistakes"])
    for one in found:
        if not all(isinstance(text, str) for text in (one.png, one.true, one.predicted)):
            raise TypeError("a mistake has no text")
        try:
            data = base64.b64decode(one.png, validate=True)
        except binascii.Error as error:
            raise ValueError("a picture is not base64") from error
        if not data.startswith(b"\x89PNG") or not 0 <= one.probability <= 1:
            raise ValueError("a picture is no PNG, or its probability is none")
    return Gallery(filters=_tuples(filters.tolist()), mistakes=found)


def _tuples(values: Any) -> Any:
    return tuple(map(_tuples, values)) if isinstance(values, Sequence) else values
