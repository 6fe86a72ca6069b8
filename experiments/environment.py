"""Where a run was computed: versions and machine, without a path or a name of the machine."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from experiments.errors import missing

THREADS = 1
"""Of the numeric libraries inside a run: more of them may change the last bits, and sweeps use processes."""
PACKAGES = ("numpy", "torch", "hypothesis")
_GIT_SECONDS = 10


def environment() -> dict[str, Any]:
    """Versions, platform, git state and the threads of the numeric libraries at this moment, for ``env.json``."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError as error:
        raise missing("threadpoolctl") from error
    threads = [
        {"library": pool["internal_api"], "version": pool["version"], "threads": pool["num_threads"]}
        for pool in threadpool_info()  # its file paths are left out: they say where this machine keeps things
    ]
    return {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "system": platform.system(),
        "machine": platform.machine(),
        "packages": {name: _version(name) for name in PACKAGES},
        "git": git_state(),
        "threads": sorted(threads, key=str),
    }


def facts(env: Mapping[str, Any]) -> dict[str, str]:
    """What :func:`environment` gave, as texts for people.

    Raises:
        KeyError: A fact is missing.
        AttributeError: A fact is of another kind.
        TypeError: The same.
    """
    packages = {name: version or "not installed" for name, version in env["packages"].items()}
    # Libraries that bring the same pool with them have it loaded once each.
    pools = dict.fromkeys(f"{one['library']} {one['version']}: {one['threads']}" for one in env["threads"])
    return {
        "Python": f"{env['python']} ({env['implementation']})",
        "system": f"{env['system']} {env['machine']}",
        **packages,
        "git": env["git"] or "no repository",
        "threads": ", ".join(pools) or "unknown",
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def git_state() -> str | None:
    """The commit of this repository, with ``-dirty`` where files differ from it; None outside of one."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command, no part of it from outside
            command, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=_GIT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


@contextmanager
def one_thread(*, with_torch: bool = False) -> Iterator[None]:
    """Keep the numeric libraries that are loaded now to one thread.

    Args:
        with_torch: Load torch first: it reads the limit when it starts, and keeps a count of its own.

    Raises:
        MissingDependencyError: threadpoolctl, or torch where it is wanted, is not installed.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise missing("threadpoolctl") from error
    if not with_torch:
        with threadpool_limits(THREADS):
            yield
        return
    try:
        import torch
    except ImportError as error:
        raise missing("torch") from error
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        with threadpool_limits(THREADS):
            yield
    finally:
        torch.set_num_threads(before)
