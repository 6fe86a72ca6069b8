"""torchvision beside a torch of another build.

The wheel of torchvision on PyPI is built for CUDA. Beside a torch for CPUs its extension cannot be loaded, and the
import of torchvision ends with ``operator torchvision::nms does not exist`` (github.com/pytorch/vision, issue 9085),
although reading data sets needs no operator of it. So the two operators that the import asks for are declared first.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from experiments.errors import missing

_OPERATORS = ("nms", "qnms")
_KEPT: list[Any] = []
"""The library of declarations: torch forgets them when it is collected."""


def torchvision_datasets() -> Any:
    """The module ``torchvision.datasets``; it takes a second or two.

    Raises:
        MissingDependencyError: torch or torchvision is not installed.
    """
    if "torchvision" not in sys.modules:
        _declare()
    try:
        return importlib.import_module("torchvision.datasets")
    except ImportError as error:
        raise missing("torchvision") from error


def _declare() -> None:
    """Declare the operators, unless the extension does."""
    try:
        import torch

        spec = importlib.util.find_spec("torchvision")
    except ImportError as error:
        raise missing("torch") from error
    if spec is None or not spec.submodule_search_locations:
        raise missing("torchvision")
    folders = map(Path, spec.submodule_search_locations)
    if _KEPT or any(_loads(torch, file) for folder in folders for file in sorted(folder.glob("_C*.*"))):
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in _OPERATORS:
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _KEPT.append(library)


def _loads(torch: Any, extension: Path) -> bool:
    try:
        torch.ops.load_library(str(extension))
    except OSError:
        return False
    return True
