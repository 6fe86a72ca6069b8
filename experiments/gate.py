"""No run starts on an op that is not verified here: verdicts are computed once per rule and environment, and kept."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.config import Config
from experiments.data.cache import cache_errors
from experiments.environment import kernels, one_thread
from experiments.errors import UnverifiedOpError
from experiments.files import readable_json, write_atomic
from experiments.learner import ops_of
from experiments.progress import Tell, silent
from gradspec.op_hash import op_hash
from gradspec.spec import Op

PASS = "PASS"  # noqa: S105 - a verdict, not a password


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What a verification with the default settings said of one op.

    Attributes:
        op: Its name.
        hash: Of the rule, the declaration and all that they lead to.
        verdict: PASS, FAIL or INCONCLUSIVE.
        compared: Entries compared against an oracle of the vjp.
        resolution: Smallest relative error that the best oracle could see; None where it saw none.
        problem: The first line of the failure, or why the verdict is open; "" for PASS.
    """

    op: str
    hash: str
    verdict: str
    compared: int
    resolution: float | None
    problem: str


def require_verified(config: Config, cache: Path, tell: Tell = silent) -> dict[str, dict[str, Any]]:
    """Make sure that every op that a run of *config* uses is verified, and say how.

    Args:
        config: The run. Of the backend torch nothing is asked: it uses none of these ops.
        cache: The folder that keeps verdicts.
        tell: Told of each op.

    Returns:
        Op -> its :class:`Verified` as plain data, for the record of the run.

    Raises:
        UnverifiedOpError: An op does not pass.
        DataError: The folder cannot be written.
    """
    if config.backend != "ops":
        return {}
    found = verified(ops_of(config), cache, tell)
    wrong = [one for one in found.values() if one.verdict != PASS]
    if wrong:
        raise UnverifiedOpError(wrong[0].op, wrong[0].verdict, wrong[0].problem)
    return {name: asdict(one) for name, one in found.items()}


def verified(wanted: Iterable[Op], cache: Path, tell: Tell = silent) -> dict[str, Verified]:
    """The verdicts on these ops: those that are kept, and the others computed and kept."""
    found = {}
    for op in wanted:
        path = cache / "verified" / f"{op.name}-{_key(op)}.json"
        one = _read(path)
        if one is None:
            one = _verify(op)
            with cache_errors(cache):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomic(path, readable_json(asdict(one)))
        found[op.name] = one
        tell(1, f"{op.name}: {one.verdict}")
    return found


def _key(op: Op) -> str:
    """Another rule, declaration, NumPy or machine is verified anew."""
    machine = f"{platform.machine()} {kernels()}"
    place = f"{op_hash(op)} {_gradspec()} {np.__version__} {platform.python_version()} {machine}"
    return hashlib.sha256(place.encode()).hexdigest()[:16]


def _gradspec() -> str:
    import gradspec

    return gradspec.__version__


def _read(path: Path) -> Verified | None:
    """The verdict in a file; None where there is none, or a damaged one: it is computed again."""
    try:
        values: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        one = Verified(**values)
    except (OSError, ValueError, TypeError):
        return None
    return one if one.verdict == PASS else None  # a failure is told anew, with its text


def _verify(op: Op) -> Verified:
    import gradspec

    with one_thread():
        report = gradspec.verify(op)
    lines = report.failures[0].message.splitlines() if report.failures else [check.reason for check in report.checks]
    return Verified(
        op=op.name,
        hash=op_hash(op),
        verdict=report.verdict.name,
        compared=report.compared,
        resolution=report.resolution if np.isfinite(report.resolution) else None,
        problem="" if report.verdict.name == PASS else next(filter(None, lines), ""),
    )
