"""A file that says that a sweep still wants its runs, to workers that cannot be told: they are on other machines.

Its sweep holds a lock on it, which the system drops when the sweep's process ends, however it ends.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: a killed sweep leaves its file, and workers go on to the end of their run
    fcntl = None  # type: ignore[assignment]

FOLDER, PREFIX = ".locks", "sweep-"


@contextmanager
def open_lease(root: Path) -> Iterator[Path]:
    """Make a lease in the folder of runs, and remove it at the end; those of killed sweeps are removed, too."""
    path = root / FOLDER / f"{PREFIX}{uuid.uuid4().hex}"
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"new-{path.name}")  # nobody takes it for one that was left before it is locked
    with new.open("w") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        new.rename(path)
        for other in path.parent.glob(f"{PREFIX}*"):
            if not is_held(other):
                other.unlink(missing_ok=True)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)


def is_held(lease: Path) -> bool:
    """Whether the lease is there and its sweep alive."""
    try:
        with lease.open("r+") as file:  # for writing: a network file system locks nothing else
            if fcntl is None:
                return True
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False
