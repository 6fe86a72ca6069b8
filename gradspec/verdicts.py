"""What `gradspec check` found out last, kept beside the counterexamples, so that `gradspec list` can show it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from gradspec.op_hash import op_hash
from gradspec.results import Report
from gradspec.spec import Op

PATH = Path(".gradspec") / "verdicts.json"
UNKNOWN = "not checked"
CHANGED = "changed since"


@dataclass(frozen=True)
class Kept:
    """The last verdict on one op.

    Attributes:
        verdict: PASS, FAIL or INCONCLUSIVE.
        op: A hash of the declaration, the rule and all that it leads to.
        seed: Of the run.
        examples: Of the run.
    """

    verdict: str
    op: str
    seed: int
    examples: int


def remember(where: str, checked: Iterable[tuple[Op, Report]], path: Path = PATH) -> None:
    """Add verdicts of whole verifications to the file.

    Args:
        where: The module, attribute or file that the ops are from.
        checked: The ops and their reports.
        path: The file.

    Raises:
        OSError: It cannot be written.
    """
    kept = {name: asdict(one) for name, one in _read(path).items()}
    for op, report in checked:
        kept[f"{where} {op.name}"] = asdict(Kept(report.verdict.name, op_hash(op), report.seed, report.examples))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    temporary.replace(path)


def recall(where: str, ops: Iterable[Op], path: Path = PATH) -> list[str]:
    """The last verdict on each op; :data:`CHANGED` where the op is another one now, :data:`UNKNOWN` without one."""
    kept = _read(path)
    return [_told(kept.get(f"{where} {op.name}"), op) for op in ops]


def _told(kept: Kept | None, op: Op) -> str:
    if kept is None:
        return UNKNOWN
    return kept.verdict if kept.op == op_hash(op) else CHANGED


def _read(path: Path) -> dict[str, Kept]:
    """What the file holds; nothing where there is none, or one that is damaged: it is only a memory."""
    try:
        return {name: Kept(**one) for name, one in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
