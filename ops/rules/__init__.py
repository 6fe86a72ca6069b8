"""The rules: one file per family, each an op's forward, its vjp and where both are to be believed."""
