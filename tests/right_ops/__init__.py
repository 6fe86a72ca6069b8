"""Right ops outside the registry, nearly all of kinds that it lacks.

113 of 271 are by people who did not know how the engine decides.
"""
