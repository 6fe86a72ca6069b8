"""The ``gradspec`` command. Exit codes: 0 PASS, 1 FAIL, 2 usage or declaration, 3 INCONCLUSIVE."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gradspec import __version__
from gradspec.errors import GradspecError, TargetError
from gradspec.results import exit_code

FAILED, USAGE = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        code: int = options.run(options)
    except GradspecError as error:
        print(f"gradspec: {error}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print("gradspec: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `gradspec list | head`
        sys.stderr.close()
        return 0
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gradspec",
        description="Finds what is wrong with a backward formula, and says why.",
        epilog="Exit codes: 0 PASS, 1 FAIL, 2 usage or declaration error, 3 INCONCLUSIVE.",
    )
    parser.add_argument("--version", action="version", version=f"gradspec {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    listing = commands.add_parser("list", help="list the ops, their inputs and params")
    _add_ops(listing)
    listing.add_argument("--json", action="store_true", help="as JSON")
    listing.set_defaults(run=_list)

    check = commands.add_parser("check", help="verify ops and explain what is wrong")
    check.add_argument(
        "targets", nargs="*", metavar="OP | MODULE:ATTR | FILE.py", help="what to verify; every op by default"
    )
    _add_ops(check)
    _add_draws(check)
    check.add_argument("--workers", type=_positive, default=1, metavar="N", help="processes (default 1)")
    check.add_argument("--check", action="append", dest="checks", metavar="CHECK", help="only this check; repeatable")
    check.add_argument("--max-seconds", type=_seconds, metavar="S", help="stop drawing after S seconds per op")
    check.add_argument("--json", type=Path, metavar="FILE", help="write the reports as JSON ('-' for the terminal)")
    check.add_argument("-q", "--quiet", action="store_true", help="one line per op, and failures")
    check.set_defaults(run=_check)

    explain = commands.add_parser("explain", help="say in words what is declared, what is checked, how far one can see")
    explain.add_argument("target", metavar="OP | MODULE:ATTR | FILE.py", help="what to explain")
    _add_ops(explain)
    _add_draws(explain)
    explain.set_defaults(run=_explain)

    mutate = commands.add_parser("mutate", help="break rules on purpose and see whether the checks notice")
    mutate.add_argument(
        "targets", nargs="*", metavar="OP | MODULE:ATTR | FILE.py", help="whose rule to break; every op by default"
    )
    _add_ops(mutate)
    _add_draws(mutate)
    only = mutate.add_mutually_exclusive_group()
    only.add_argument("--only-wrapped", action="store_true", help="mistakes made around the rule, not in its source")
    only.add_argument("--only-source", action="store_true", help="mistakes made in the rule's source")
    mutate.add_argument("--list", action="store_true", help="name the mutants and try none")
    mutate.add_argument(
        "--accept",
        type=Path,
        metavar="FILE.toml",
        help='"op: mutant", or "*: mutant" for every op, = "why it may survive"',
    )
    mutate.add_argument("--json", type=Path, metavar="FILE", help="write what became of each as JSON")
    mutate.set_defaults(run=_mutate)

    new = commands.add_parser("new", help="write a rule and its tests to start from")
    new.add_argument("name", metavar="NAME", help="the op's name, a Python name")
    new.add_argument("--into", type=Path, default=Path(), metavar="FOLDER", help="where to (default: here)")
    new.set_defaults(run=_new)

    replay = commands.add_parser("replay", help="run a saved counterexample again")
    replay.add_argument("file", type=Path, metavar="FILE.npz", help="as the last line of a failure text names it")
    replay.add_argument("--target", metavar="MODULE:ATTR | FILE.py", help="where the op is, if it has moved")
    replay.set_defaults(run=_replay)
    return parser


def _add_ops(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ops", default="ops", metavar="MODULE[:ATTR]", help="where ops are looked up (default ops:OPS)"
    )


def _add_draws(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=_whole, default=0, metavar="N", help="seed of every draw (default 0)")
    parser.add_argument("--examples", type=_positive, default=100, metavar="N", help="cases per op (default 100)")


def _list(options: argparse.Namespace) -> int:
    from gradspec.reporting.words import briefly, described
    from gradspec.targets import collection
    from gradspec.verdicts import recall

    ops = collection(options.ops)
    verdicts = recall(options.ops, ops)
    if options.json:
        print(json.dumps([described(op, verdict) for op, verdict in zip(ops, verdicts, strict=True)], indent=2))
        return 0
    width, column = max(len(op.name) for op in ops), max(map(len, verdicts))
    for op, verdict in zip(ops, verdicts, strict=True):
        print(f"{op.name:<{width}}  {verdict:<{column}}  {briefly(op)}")
    return 0


def _check(options: argparse.Namespace) -> int:
    from gradspec.checking import check

    return check(options)


def _explain(options: argparse.Namespace) -> int:
    from gradspec.engine import verify
    from gradspec.reporting.words import explanation
    from gradspec.targets import find

    ops, _ = find(options.target, options.ops)
    reports = [verify(op, seed=options.seed, examples=options.examples) for op in ops]
    print("\n\n".join(explanation(op, report) for op, report in zip(ops, reports, strict=True)))
    return exit_code(reports)


def _mutate(options: argparse.Namespace) -> int:
    from gradspec.mutate import mutate

    return mutate(options)


def _new(options: argparse.Namespace) -> int:
    from gradspec.template import new

    rule, tests = new(options.name, options.into)
    print(f"{rule}\n{tests}\nNext: gradspec check {rule}")
    return 0


def _replay(options: argparse.Namespace) -> int:
    from gradspec.checks import CHECKS
    from gradspec.counterexample import load, load_meta
    from gradspec.explain import with_witnesses
    from gradspec.layouts import Space
    from gradspec.reporting.text import failure_text
    from gradspec.shrink import failure
    from gradspec.targets import by_name, collection

    meta = load_meta(options.file)
    where = options.target or meta["target"] or "ops"
    op = by_name(meta["op"], collection(where), where)
    counterexample = load(options.file, op)
    check = next((check for check in CHECKS if check.name == counterexample.check), None)
    if check is None:
        raise TargetError(f"{options.file}: got the check {counterexample.check!r}, which no longer exists")
    reason = check.skip(op)
    if reason:
        raise TargetError(f"{options.file}: {check.name} cannot run: {reason}")
    space = Space(op)
    with np.errstate(all="ignore"):
        mismatch = failure(space, counterexample.case, check)
    if mismatch is None:
        print(f"{op.name}: passes now: {check.name} finds nothing wrong at {counterexample}")
        return 0
    mismatch = with_witnesses(space, counterexample.case, mismatch)
    command = f"gradspec replay {options.file}"
    print(failure_text(op, check.name, mismatch, guess="", where="", smallest=str(counterexample), replay=command))
    return FAILED


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"got {text!r}; allowed: a whole number")
    return int(text)


def _positive(text: str) -> int:
    number = _whole(text)
    if number == 0:
        raise argparse.ArgumentTypeError("got 0; allowed: a whole number from 1 on")
    return number


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not seconds > 0:
        raise argparse.ArgumentTypeError(f"got {text!r}; allowed: a number of seconds above 0")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
