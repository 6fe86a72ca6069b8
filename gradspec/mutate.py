"""The ``gradspec mutate`` command: break a rule in every way one can think of, and see what is noticed."""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from gradspec.errors import TargetError
from gradspec.mutation import Fate, Mutant, mutants, tried
from gradspec.mutation.run import KILLED, SAME, SURVIVED
from gradspec.spec import Op


def mutate(options: argparse.Namespace) -> int:
    """Run the command; 1 if a mutant that answers otherwise is not noticed, and not accepted."""
    from gradspec.targets import collection, find

    accepted = _accepted(options.accept)
    found = [op for target in options.targets for op in find(target, options.ops)[0]] or [*collection(options.ops)]
    rows: list[tuple[str, Fate]] = []
    for op in found:
        # What an adapter makes has the adapter's text: a change there would say nothing of the rule.
        source = not options.only_wrapped and not hasattr(op.vjp, "rule")
        all_of_it = [*mutants(op, wrapped=not options.only_source, source=source)]
        if options.list:
            print("\n".join(f"{op.name}: {mutant.name}" for mutant in all_of_it))
            continue
        fates = [_told(op, mutant, number, len(all_of_it), options) for number, mutant in enumerate(all_of_it, start=1)]
        _clear()
        print(summary(op.name, fates, accepted), flush=True)
        rows += [(op.name, fate) for fate in fates]
    if options.json is not None:
        text = json.dumps([{"op": name, **asdict(fate)} for name, fate in rows], indent=1)
        _write(options.json, text)
    survivors = [name for name, fate in rows if fate.outcome == SURVIVED and not reason(accepted, name, fate.name)]
    if len(found) > 1 and rows:
        killed = sum(fate.outcome == KILLED for _, fate in rows)
        print(f"\n{len(rows)} mutants of {len(found)} ops: {killed} killed, {len(survivors)} survived")
    return 1 if survivors else 0


def summary(name: str, fates: list[Fate], accepted: Mapping[str, str]) -> str:
    """One op's mutants in words: how many, and each that was not noticed."""
    killed = sum(fate.outcome == KILLED for fate in fates)
    expected = [fate for fate in fates if fate.outcome == KILLED and fate.guess]
    lines = [f"{name}: {killed} of {len(fates)} mutants killed"]
    if expected:
        lines[0] += f", {sum(fate.is_named for fate in expected)} of {len(expected)} mistakes named"
    for fate in fates:
        if fate.outcome == KILLED:
            continue
        why = reason(accepted, name, fate.name)
        if why:
            words = f"accepted: {why}"
        elif fate.outcome == SAME:
            words = "no difference in any call: equivalent, or out of reach of the draws"
        else:
            words = "SURVIVED: it answers otherwise, and nothing failed"
        lines.append(f"  {fate.name}\n      {words}" + (f"\n      {fate.where}" if fate.where else ""))
    return "\n".join(lines)


def reason(accepted: Mapping[str, str], op: str, mutant: str) -> str:
    """Why a mutant may survive: of this op, or of every op that calls the same helper; "" if it may not."""
    return accepted.get(f"{op}: {mutant}") or accepted.get(f"*: {mutant}", "")


def _told(op: Op, mutant: Mutant, number: int, count: int, options: argparse.Namespace) -> Fate:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{op.name}: {number}/{count} {mutant.name}"[:100], end="", file=sys.stderr, flush=True)
    return tried(mutant, seed=options.seed, examples=options.examples)


def _clear() -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _accepted(path: Path | None) -> dict[str, str]:
    """Mutants that may survive, "op: mutant", or "*: mutant" for every op -> the reason."""
    if path is None:
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TargetError(f'--accept {path}: {error}; allowed: a TOML file of "op: mutant" = "reason"') from None
    wrong = [key for key, reason in table.items() if not isinstance(reason, str) or not reason.strip()]
    if wrong:
        raise TargetError(
            f"--accept {path}: got no reason for {wrong[0]!r}; allowed: a text that says why it may survive"
        )
    return table


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise TargetError(f"--json {path}: cannot be written: {error.strerror}") from None
