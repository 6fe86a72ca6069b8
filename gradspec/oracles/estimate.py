"""What an oracle answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Estimate:
    """A derivative and how far it can be trusted, entry by entry.

    Attributes:
        value: The derivative; in the middle between the one-sided slopes at a kink.
        error: How wrong *value* can be; inf where the oracle cannot tell.
        width: Half the gap between the one-sided slopes: 0 where the function is smooth.
        diverges: Whether the slope grows without bound: there is no derivative to compare with.
        evaluations: Calls of the function that this took.
    """

    value: np.ndarray
    error: np.ndarray
    width: np.ndarray
    diverges: np.ndarray
    evaluations: int
