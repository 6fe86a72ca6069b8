"""Other people's ops, made into declarations that gradspec can verify."""

from gradspec.adapters.torch_functions import from_torch

__all__ = ["from_torch"]
