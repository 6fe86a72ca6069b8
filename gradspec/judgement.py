"""What came of comparing a rule with an oracle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradspec.rounding import TINY


@dataclass(frozen=True)
class Judgement:
    """A rule against an oracle, along each direction (p,).

    Attributes:
        claim: What the rule says.
        want: What the oracle says.
        bar: How far they may differ.
        width: Half the range of derivatives at a kink; any value in it is right.
        terms: Sum of the terms that enter: what the bar is relative to.
        judged: Whether there is a derivative to compare with at all.
        conclusive: Whether the bar is small enough to count.
        wrong: Whether the difference exceeds the bar.
    """

    claim: np.ndarray
    want: np.ndarray
    bar: np.ndarray
    width: np.ndarray
    terms: np.ndarray
    judged: np.ndarray
    conclusive: np.ndarray
    wrong: np.ndarray

    @property
    def discrepancy(self) -> np.ndarray:
        """Difference over bar; inf where the claim is not finite though the derivative is."""
        with np.errstate(all="ignore"):
            excess = np.maximum(np.abs(self.claim - self.want) - self.width, 0.0)
            ratio = np.where(excess > 0, excess / np.maximum(self.bar, TINY["float64"]), 0.0)
        return np.where(np.isfinite(self.claim), ratio, np.inf)
