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
    threads = [
        {"library": pool["internal_api"], "version": pool["version"], "threads": pool["num_threads"]}
        for pool in _pools()  # its file paths are left out: they say where this machine keeps things
    ]
    return {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "system": platform.system(),
        "machine": platform.machine(),
        "packages": {name: _version(name) for name in PACKAGES},
        "git": git_state(),
        "threads": sorted(threads, key=str),
        "kernels": kernels(),
    }


def kernels() -> dict[str, str]:
    """The instructions that NumPy and its BLAS picked for this processor: others give other last bits."""
    blas = {pool["internal_api"]: pool["architecture"] for pool in _pools() if pool.get("architecture")}
    try:
        from numpy.lib.introspect import opt_func_info
    except ImportError:  # NumPy 2.0
        return blas
    of_exp = opt_func_info(func_name="^exp$", signature="float64").get("exp", {}).get("dd", {})  # it has all variants
    return {**blas, "numpy": of_exp.get("current", "unknown")}


def _pools() -> list[dict[str, Any]]:
    try:
        from threadpoolctl import threadpool_info
    except ImportError as error:
        raise missing("threadpoolctl") from error
    pools: list[dict[str, Any]] = threadpool_info()
    return pools


def facts(env: Mapping[str, Any]) -> dict[str, str]:
    """What :func:`environment` gave, as texts for people.

    Raises:
        KeyError: A fact is missing.
        AttributeError: A fact is of another kind.
        TypeError: The same.
    """
    packages = {name: version or "not installed" for name, version in env["packages"].items()}
    # Libraries that bring the same pool with them have it loaded once each.
    pools = dict.fromkeys(
        " ".join(filter(None, (one["library"], one["version"]))) + f": {one['threads']}" for one in env["threads"]
    )
    picked = (f"{library} {kernel}" for library, kernel in sorted(env.get("kernels", {}).items()))
    return {
        "Python": f"{env['python']} ({env['implementation']})",
        "system": f"{env['system']} {env['machine']}",
        **packages,
        "git": env["git"] or "no repository",
        "threads": ", ".join(pools) or "unknown",
        "instructions": ", ".join(picked) or "unknown",
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
