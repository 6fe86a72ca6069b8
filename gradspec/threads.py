"""Torch on one thread while ops are verified: hundreds of small arrays gain nothing by more.

They lose much where other processes want the same cores, as under pytest-xdist: its threads wait for each other.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module

from gradspec.spec import Op


@contextmanager
def one_thread(op: Op) -> Iterator[None]:
    """Keep torch to one thread, if it is loaded or *op* will load it; its own count comes back afterwards.

    The count is the process's: of several threads that verify at once, the last to end leaves what it found.
    """
    if op.torch is not None:
        with suppress(Exception):  # a torch whose libraries are missing raises OSError: the checks say so
            import_module("torch")
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
