"""One seed, one independent stream per purpose: changing how data are drawn does not move the first weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Streams:
    """The streams of one run. A new purpose goes last, so that the others keep their numbers."""

    init: np.random.SeedSequence
    shuffle: np.random.SeedSequence
    data: np.random.SeedSequence


def streams(seed: int) -> Streams:
    """The streams of *seed*: equal in every run that has it, so that runs can be compared in pairs."""
    return Streams(*np.random.SeedSequence(seed).spawn(3))
