"""Gradient bugs that shipped in public libraries, re-created: each must be caught, each repaired op must pass."""
