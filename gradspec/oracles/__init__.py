"""Independent ways to know a derivative. Each says how wrong it can be."""

from gradspec.oracles.estimate import Estimate

__all__ = ["Estimate"]
