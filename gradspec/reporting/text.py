"""What the terminal shows: a failure, and a whole report."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from gradspec.results import Verdict

if TYPE_CHECKING:
    from gradspec.checks import Mismatch
    from gradspec.results import Report
    from gradspec.spec import Op

WIDTH = 74  # column of the check's name in the first line
MARKS = {Verdict.PASS: "ok", Verdict.FAIL: "FAIL", Verdict.INCONCLUSIVE: "?", Verdict.SKIPPED: "-"}


def failure_text(op: Op, check: str, mismatch: Mismatch, *, guess: str, smallest: str, replay: str) -> str:
    """The failure text: subject first, then numbers, a guess, where to look, and a command as the last line."""
    title = f"{op.name}: {mismatch.headline}"
    lines = [f"{title:<{WIDTH}}[{check}]" if len(title) < WIDTH else f"{title}  [{check}]"]
    lines += [f"  {line}" for line in mismatch.lines]
    formula = op.formula if mismatch.headline.startswith("forward") else op.vjp_formula
    rows = {
        "Looks like": guess,
        "Formula": "        ".join(part for part in (formula, relative(op.location)) if part),
        "Smallest": smallest,
        "Replay": replay,
    }
    lines += [f"  {name:<13}{text}" for name, text in rows.items() if text]
    return "\n".join(lines)


def replay_line(message: str, path: str) -> str:
    """*message* with its last line replaced by the command that shows the saved counterexample again."""
    return f"{message.rpartition(chr(10))[0]}\n  {'Replay':<13}gradspec replay {path}"


def report_text(report: Report) -> str:
    """A report: one line per check, failures in full."""
    lines = [
        f"{report.op}: {report.verdict}   {report.compared:,} entries compared, "
        f"resolution {resolution(report.resolution)}   (seed {report.seed}, {report.examples} examples, "
        f"{report.seconds:.1f} s)"
    ]
    width = max((len(check.name) for check in report.checks), default=0)
    for check in report.checks:
        detail = check.reason
        if not detail and check.verdict is not Verdict.FAIL:
            detail = f"{check.compared:,} entries"
            if math.isfinite(check.resolution):
                detail += f", resolution {resolution(check.resolution)}"
        lines.append(f"  {MARKS[check.verdict]:<5}{check.name:<{width}}  {detail}".rstrip())
        lines += [f"       note: {note}" for note in check.notes]
    for check in report.failures:
        lines += ["", check.message]
    return "\n".join(lines)


def resolution(value: float) -> str:
    """A relative error, or a dash where nothing was seen."""
    return f"{value:.0e}" if math.isfinite(value) else "–"


def relative(location: str) -> str:
    """``path:line`` with the path relative to the current folder where it lies below it."""
    path, _, line = location.rpartition(":")
    if not path:
        return location
    try:
        return f"{Path(path).resolve().relative_to(Path.cwd()).as_posix()}:{line}"
    except ValueError:
        return f"{Path(path).name}:{line}"
