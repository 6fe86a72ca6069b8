"""Wrong versions of a right rule: what the checks would notice, and what they would let pass."""

from gradspec.mutation.mutant import Mutant
from gradspec.mutation.run import Fate, mutants, tried

__all__ = ["Fate", "Mutant", "mutants", "tried"]
