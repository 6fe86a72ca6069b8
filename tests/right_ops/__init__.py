"""Right ops of kinds that the registry lacks, written by users who did not know how the engine decides."""
