"""Shared by every test of this repository."""

from __future__ import annotations

import os

import hypothesis

# The suite is reproducible: no example database, no deadlines on noisy machines. Every field that a CI profile of
# Hypothesis sets is set here too, since profiles registered later inherit from it.
hypothesis.settings.register_profile(
    "gradspec", database=None, deadline=None, derandomize=True, print_blob=False, max_examples=50
)
hypothesis.settings.load_profile("gradspec")

# The ops are small: threads only get into each other's way, and xdist has the cores already.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
