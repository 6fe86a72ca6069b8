"""The ``gradspec check`` command: verify ops, here or in several processes, and keep what was found."""

from __future__ import annotations

import argparse
import json
import pickle
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from gradspec.errors import DeclarationError, TargetError
from gradspec.processes import process_pool
from gradspec.results import Report, Verdict, exit_code
from gradspec.spec import Op

FAILURES = Path(".gradspec") / "failures"
NOT_JUDGED = 2  # the exit code


@dataclass(frozen=True)
class How:
    """The arguments of :func:`gradspec.verify` beside the op."""

    seed: int
    examples: int
    checks: tuple[str, ...] | None
    max_seconds: float | None

    def verify(self, op: Op) -> Report | DeclarationError:
        """The report on *op*, or what is wrong with its declaration."""
        from gradspec.engine import verify

        try:
            return verify(op, seed=self.seed, examples=self.examples, checks=self.checks, max_seconds=self.max_seconds)
        except DeclarationError as error:
            return error


def check(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from gradspec.checks import selected
    from gradspec.targets import collection, find

    selected(options.checks)  # an unknown name is said before any work is done
    found = [find(target, options.ops) for target in options.targets] or [(collection(options.ops), options.ops)]
    wanted = [(op, where) for ops, where in found for op in ops]
    how = How(options.seed, options.examples, options.checks and tuple(options.checks), options.max_seconds)
    shown = str(options.json) != "-"
    reports: list[Report] = []
    errors: list[DeclarationError] = []
    try:
        for (op, where), report in zip(wanted, verified(wanted, how, options.workers), strict=True):
            if isinstance(report, DeclarationError):
                errors.append(report)
                print(f"gradspec: {report}", file=sys.stderr, flush=True)
                continue
            reports.append(kept := _kept(report, where))
            if options.checks is None and options.max_seconds is None:
                _remember(where, op, kept)
            if shown:
                _show(kept, quiet=options.quiet)
    finally:  # also of a run that was interrupted
        if options.json is not None:
            _write_json(reports, errors, options.json)
    if len(wanted) > 1 and shown:
        counts = [
            f"{sum(r.verdict is v for r in reports)} {v}" for v in (Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE)
        ]
        counts += [f"{len(errors)} not judged"] * bool(errors)
        print(f"\n{len(wanted)} ops: {', '.join(counts)}")
    return NOT_JUDGED if errors else exit_code(reports)


def verified(wanted: Sequence[tuple[Op, str]], how: How, workers: int = 1) -> Iterator[Report | DeclarationError]:
    """Verify ops one after the other, or several at a time.

    Args:
        wanted: Each op and where it was found, which is how another process finds it.
        how: Seed, examples and so on.
        workers: How many processes; 1 is this one.

    Yields:
        A report, or what is wrong with the declaration, for each op in the order of *wanted*.

    Raises:
        TargetError: A process died (killed, out of memory, or ended by the op itself).
    """
    if min(workers, len(wanted)) <= 1:
        yield from (how.verify(op) for op, _ in wanted)
        return
    pool = process_pool(min(workers, len(wanted)))
    try:
        futures = [pool.submit(_pickled, where, op.name, how) for op, where in wanted]
        for (op, _), future in zip(wanted, futures, strict=True):
            sent = future.result()
            yield how.verify(op) if sent is None else pickle.loads(sent)  # noqa: S301 - of our own process
    except BrokenProcessPool:
        raise TargetError(
            "a worker process died (killed, out of memory, or ended by an op): without --workers one sees at which op"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _pickled(where: str, name: str, how: How) -> bytes | None:
    """What was found, for another process; None where something in it cannot leave this one: a param's value, say."""
    try:
        return pickle.dumps(how.verify(_found(where)[name]))
    except Exception:  # whatever the pickling of the author's objects raises
        return None


@cache
def _found(where: str) -> dict[str, Op]:
    from gradspec.targets import collection

    return {op.name: op for op in collection(where)}


def _show(report: Report, *, quiet: bool) -> None:
    text = str(report)
    if quiet:
        text = "\n\n".join([text.partition("\n")[0], *(check.message for check in report.failures)])
    print(text, flush=True)


def _kept(report: Report, where: str) -> Report:
    """Save the counterexamples, and let each message end with the command that replays its own."""
    from gradspec.reporting.text import replay_line

    checks = []
    for check in report.checks:
        kept = check
        if check.counterexample is not None:
            try:
                saved = replace(check.counterexample, target=where).save(FAILURES)
                kept = replace(check, counterexample=saved, message=replay_line(check.message, saved.path))
            except OSError as error:
                print(f"gradspec: {FAILURES}: counterexample not saved: {error.strerror}", file=sys.stderr)
        checks.append(kept)
    return replace(report, checks=tuple(checks))


def _remember(where: str, op: Op, report: Report) -> None:
    from gradspec.verdicts import PATH, remember

    try:
        remember(where, [(op, report)])
    except OSError as error:
        print(f"gradspec: {PATH}: verdict not kept: {error.strerror}", file=sys.stderr)


def _write_json(reports: Sequence[Report], errors: Sequence[DeclarationError], path: Path) -> None:
    not_judged = [{"op": error.op, "verdict": None, "error": str(error)} for error in errors]
    text = json.dumps([*(report.to_dict() for report in reports), *not_judged], indent=2)
    if str(path) == "-":
        print(text)
        return
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise TargetError(f"--json {path}: cannot be written: {error.strerror}") from None
