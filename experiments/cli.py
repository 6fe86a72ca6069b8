"""What both commands share: options from a dataclass, mistakes as one line and exit code 2, never a traceback."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import Annotated, Any, TypeVar

from experiments.config import Config
from experiments.data import Place
from experiments.errors import ConfigError, UsageError, missing
from experiments.executors import open_executor
from experiments.gate import require_verified
from experiments.progress import progress
from experiments.sweep import Outcome, Runs, finished, sweep
from gradspec.errors import GradspecError

try:
    from tyro.conf import Positional, arg
except ImportError:  # parse() says so, in one line

    def arg(**_: Any) -> None:  # type: ignore[no-redef]
        """Stand in for tyro's description of an option."""

    Positional = None  # type: ignore[misc]

OK, MISTAKE, INTERRUPTED = 0, 2, 130
_BOX = " ╭╮╰╯│─"

Options = TypeVar("Options")

# The kinds of options, so that the help shows "--seeds INT ..." and no default that is None.
Name = Annotated[str | None, Positional, arg(metavar="NAME", help_behavior_hint="")]
Flag = Annotated[bool, arg(help_behavior_hint="")]
Seeds = Annotated[tuple[int, ...] | None, arg(metavar="INT ...", help_behavior_hint="")]
Count = Annotated[int | None, arg(metavar="INT", help_behavior_hint="")]
Number = Annotated[float | None, arg(metavar="FLOAT", help_behavior_hint="")]
FilePath = Annotated[Path | None, arg(metavar="PATH", help_behavior_hint="")]
OutFolder = Annotated[Path, arg(metavar="DIR")]
Names = Annotated[tuple[str, ...], Positional, arg(metavar="NAME ...", help_behavior_hint="")]
Word = Annotated[str | None, arg(metavar="NAME", help_behavior_hint="")]
Words = Annotated[tuple[str, ...], arg(metavar="NAME ...", help_behavior_hint="")]
Address = Annotated[str | None, arg(metavar="ADDRESS", help_behavior_hint="")]


def parse(kind: type[Options], prog: str, arguments: Sequence[str] | None) -> Options:
    """Read the command line into a frozen dataclass; ``--help`` prints and exits with 0.

    Raises:
        UsageError: An option is unknown or has a wrong value.
        MissingDependencyError: tyro is not installed.
    """
    try:
        import tyro
    except ImportError as error:
        raise missing("tyro") from error
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(kind, prog=prog, args=arguments, config=(tyro.conf.FlagCreatePairsOff,))
    except SystemExit as stop:
        if stop.code == 0:
            raise
        raise UsageError(f"{_heart(said.getvalue())}; see {prog} --help") from stop


def _heart(box: str) -> str:
    """The first paragraph below the title of the box, of lines or of spaces, that tyro draws around a mistake."""
    lines = [line.strip(_BOX) for line in box.splitlines()]
    lines = ["" if set(line) <= {"-"} else line for line in lines]
    below = dropwhile(lambda line: not line, list(dropwhile(lambda line: not line, lines))[1:])
    words = " ".join(takewhile(bool, below)).replace("{None}|", "")
    return words.rstrip(".") or "the command line cannot be read"


def guarded(work: Callable[[], int]) -> int:
    """Call *work* and return its exit code; a person's mistake is one line on stderr and code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without "±" gets "?", not a traceback
    with _data_heard():
        return _guarded(work)


@contextlib.contextmanager
def _data_heard() -> Iterator[None]:
    """Show on stderr how far the decoding of pictures is, which takes a minute once, and what had to be repaired."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger, before = logging.getLogger("gradspec.data"), logging.getLogger("gradspec.data").level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def _guarded(work: Callable[[], int]) -> int:
    try:
        return work()
    except BrokenPipeError:  # `python -m experiments.run --list | head -1`
        sys.stderr.close()
        return OK
    except GradspecError as error:
        return _stop(str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _stop(f"{where}{error.strerror or error}; what was finished before is kept")
    except KeyboardInterrupt:
        _stop("stopped; finished runs and checkpoints are kept, the same command goes on from there")
        return INTERRUPTED


def _stop(problem: str) -> int:
    line = " ".join(problem.split())
    sys.stderr.write(f"error: {line}\n")
    return MISTAKE


def warn(outcome: Outcome) -> int:
    """Say what was corrupt and what failed, each in one line on stderr; the exit code that follows."""
    lines = [f"corrupt run: {one.note}" for group in outcome.runs.values() for one in group if one.note]
    lines += [f"failed run: {one.name}, seed {one.config.seed}: {one.reason}" for one in outcome.failed]
    for line in lines:
        sys.stderr.write(f"{' '.join(line.split())}\n")
    return MISTAKE if lines else OK


def checked_workers(workers: int | None) -> int:
    """How many processes to use: as many as there are processors for this one, where nothing is said.

    Raises:
        ConfigError: Fewer than one.
    """
    if workers is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if workers < 1:
        raise ConfigError("workers", workers, "a whole number, at least 1")
    return workers


def checked_seeds(seeds: Sequence[int]) -> tuple[int, ...]:
    """The seeds of an experiment.

    Raises:
        ConfigError: There is none, or one of them twice: it would count as two.
    """
    if not seeds or len(set(seeds)) != len(seeds):
        raise ConfigError("seeds", tuple(seeds), "one or more whole numbers, each once")
    return tuple(seeds)


def sweep_and_tell(
    title: str,
    runs: Runs,
    root: Path,
    *,
    workers: int,
    place: Place,
    dask: str | None = None,
    listeners: tuple[str, ...] = (),
) -> Outcome:
    """Verify what the runs use, finish all of them, and show how far it is."""
    configs = [config for group in runs.values() for config in group]
    sys.stdout.write(f"{title}: {len(configs)} runs, {finished(configs, root)} finished before\n")
    _verify_first(configs, root, place)
    with open_executor(workers, dask) as executor, progress(title, sum(config.epochs for config in configs)) as tell:
        return sweep(runs, root, executor=executor, place=place, tell=tell, listeners=listeners)


def _verify_first(configs: Sequence[Config], root: Path, place: Place) -> None:
    """Verify each op once, here, before runs ask for it: they find the verdicts kept."""
    missing_runs = [config for config in configs if not finished([config], root)]
    models = {(config.backend, config.model, config.activation, config.residual): config for config in missing_runs}
    for config in models.values():
        require_verified(config, place.cache_folder())
