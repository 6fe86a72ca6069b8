"""The data sets, each by its name: :data:`DATASETS`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from experiments.data.cifar10 import CIFAR10
from experiments.data.image_folder import IMAGE_FOLDER
from experiments.data.mnist import DIGITS, FASHION, source
from experiments.data.shapes import SHAPES
from experiments.data.source import Dataset, Known, Place, Sizes, Source, Split
from experiments.data.synth import SYNTH

__all__ = ["DATASETS", "Dataset", "Known", "Place", "Sizes", "Source", "Split"]

_SOURCES = (SYNTH, SHAPES, source(FASHION), source(DIGITS), CIFAR10, IMAGE_FOLDER)

DATASETS: Mapping[str, Source] = MappingProxyType({one.name: one for one in _SOURCES})
