"""What one known bug is."""

from __future__ import annotations

from dataclasses import dataclass

from gradspec import Op


@dataclass(frozen=True)
class KnownBug:
    """A bug that shipped: the op as it should be, and as it was."""

    id: str
    klass: str
    url: str
    what: str
    right: Op
    wrong: Op
    second_order: bool = False
