"""What the terminal shows: a failure, and a whole report."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from gradspec.results import Verdict

if TYPE_CHECKING:
    from gradspec.checks import Mismatch
    from gradspec.results import CheckResult, Report
    from gradspec.spec import Op

WIDTH = 74  # column of the check's name in the first line
UNHELD = "no oracle compared the vjp: none applies, or none was asked; a torch reference would be one"
SHOWN = 3  # examples of the declaration that were not judged
MARKS = {Verdict.PASS: "ok", Verdict.FAIL: "FAIL", Verdict.INCONCLUSIVE: "?", Verdict.SKIPPED: "-"}


def failure_text(op: Op, check: str, mismatch: Mismatch, *, guess: str, where: str, smallest: str, replay: str) -> str:
    """The failure text: subject first, then numbers, a guess, which cases, where to look, and last a command."""
    title = f"{op.name}: {mismatch.headline}"
    lines = [f"{title:<{WIDTH}}[{check}]" if len(title) < WIDTH else f"{title}  [{check}]"]
    lines += [f"  {line}" for line in mismatch.lines]
    formula = op.formula if mismatch.headline.startswith("forward") else op.vjp_formula
    rows = {
        "Looks like": guess,
        "Fails in": where,
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
    if report.outside:
        lines.append(f"  {outside(report)}")
    lines += [f"  {line}" for line in report.unjudged[:SHOWN]]
    if len(report.unjudged) > SHOWN:
        lines.append(f"  and {len(report.unjudged) - SHOWN} more like these")
    width = max((len(check.name) for check in report.checks), default=0)
    for check in report.checks:
        detail = check.reason
        if not detail and check.verdict is not Verdict.FAIL:
            detail = f"{check.compared:,} entries"
            if math.isfinite(check.resolution):
                detail += f", resolution {resolution(check.resolution)}"
        lines.append(f"  {MARKS[check.verdict]:<5}{check.name:<{width}}  {detail}".rstrip())
        if check.verdict is not Verdict.FAIL:
            lines += [f"       note: {note}" for note in check.notes]
    if report.verdict is Verdict.INCONCLUSIVE and not any(c.verdict is Verdict.INCONCLUSIVE for c in report.checks):
        lines.append(f"  {MARKS[report.verdict]:<5}{UNHELD}")
    for text in failure_texts(report):
        lines += ["", text]
    return "\n".join(lines)


def outside(report: Report) -> str:
    """At how many examples the vjp was not judged, and one of these."""
    examples = "example" if report.outside == 1 else "examples"
    return f"{report.outside} {examples} not judged, since forward is not finite there: {report.outside_at}"


def failure_texts(report: Report) -> list[str]:
    """The failures, worst first; what several oracles say of one input is told once, by the first of them."""
    groups: dict[str, list[CheckResult]] = {}
    for check in report.failures:
        title = check.message.partition("\n")[0].replace(f"[{check.name}]", "").rstrip()
        groups.setdefault(title, []).append(check)
    order = [check.name for check in report.checks]
    texts = []
    for group in groups.values():
        first, *others = sorted(group, key=lambda check: order.index(check.name))
        text, _, last = first.message.rpartition("\n")
        also = [f"  {'Also in':<13}{', '.join(check.name for check in others)}"] if others else []
        texts.append("\n".join([*filter(None, [text]), *also, last]))
    return texts


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
