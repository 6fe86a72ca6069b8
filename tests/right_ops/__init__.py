"""Right ops outside the registry, nearly all of kinds that it lacks.

117 of 283 are by people who did not know how the engine decides.
"""
