"""Right ops outside the registry, nearly all of kinds that it lacks.

75 of 233 are by people who did not know how the engine decides.
"""
