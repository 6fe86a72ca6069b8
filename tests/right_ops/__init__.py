"""Right ops of kinds that the registry lacks; 75 of 233 are by people who did not know how the engine decides."""
