"""``python -m experiments.publish``: keep finished runs as records of the repository, small enough to be committed."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments import cli
from experiments.catalogue import EXPERIMENTS, find
from experiments.data import Place
from experiments.directory import CONFIG, ENVIRONMENT, METRICS, RESULT, TIMING, RunDirectory
from experiments.errors import CorruptRunError, ExperimentError, OutputError
from experiments.experiment import Experiment
from experiments.files import writable_folder, write_atomic
from experiments.gallery import GALLERY, can_be_made, make_gallery, read_gallery, write_gallery
from experiments.recorded import Recorded, Study, collect, studies
from gradspec.errors import GradspecError

PROG = "python -m experiments.publish"
RECORDS = Path("docs/records/runs")
"""Where the report looks for records, from the root of the repository."""
KEPT = (CONFIG, METRICS, RESULT, ENVIRONMENT, TIMING)
"""The files of a record; the checkpoint, which is large, stays where it is."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Copy finished runs, without their checkpoints, to where the report finds them after cloning.

    For the best run of each study of the CNN the first filters and some wrong predictions are kept beside its numbers;
    that needs its data. Exit codes: 0 all is well; 2 a mistake in the command, a damaged run (it is left out), or
    pictures that could not be made (the numbers are kept all the same).
    """

    names: cli.Names = ()
    """The experiments; by default all."""
    runs: cli.OutFolder = Path("runs")
    """The folder of run directories."""
    to: cli.OutFolder = RECORDS
    """The folder of records."""
    root: cli.FilePath = None
    """Where the data are (default: the variable GRADSPEC_DATA); generated sets need none."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return cli.guarded(lambda: _main(cli.parse(Options, PROG, arguments)))


def _main(options: Options) -> int:
    experiments = tuple(map(find, options.names)) if options.names else EXPERIMENTS
    if not options.runs.is_dir():
        raise OutputError(options.runs, "is no folder of runs; --runs names one")
    place = Place(root=options.root)
    place.data_root()
    found = collect([options.runs])
    target = writable_folder(options.to)
    wanted = [run for run in found.runs.values() if run.record.config.experiment in {one.name for one in experiments}]
    problems = [*found.problems, *make_galleries(experiments, wanted, place)]
    copied = sum(publish(run, target) for run in wanted)
    sys.stdout.write(f"{copied} runs copied to {target}; {len(wanted) - copied} were there\n")
    for problem in problems:
        sys.stderr.write(f"{' '.join(problem.split())}\n")
    return cli.MISTAKE if problems else cli.OK


def make_galleries(experiments: Iterable[Experiment], runs: Sequence[Recorded], place: Place) -> list[str]:
    """Make the gallery of the best run of each study, where it is missing.

    Returns:
        What went wrong, one line each.
    """
    problems = []
    for experiment in experiments:
        for study in studies(experiment, runs):
            problems += gallery_of(study, place)
    return problems


def gallery_of(study: Study, place: Place) -> list[str]:
    """Make the gallery of the best run of *study*, unless it is there or cannot be.

    Returns:
        What went wrong, in one line.
    """
    best = study.best_run
    if not can_be_made(best.record.config, best.path):
        return []
    try:
        if read_gallery(best.path) is None:
            write_gallery(best.path, make_gallery(best.record.config, best.path.parent, place))
    except (ExperimentError, GradspecError) as error:
        return [f"no pictures of run {best.record.config.run_id}: {error}"]
    return []


def publish(run: Recorded, target: Path) -> bool:
    """Copy a run into the folder *target*: all of it or nothing.

    Returns:
        Whether it was not there before. A record that is there is kept; it only gains a gallery.

    Raises:
        OSError: The folder cannot be written to; it holds no half of a record.
    """
    final = target / run.path.name
    if _is_whole(run, target):
        if (run.path / GALLERY).exists() and not (final / GALLERY).exists():
            write_atomic(final / GALLERY, (run.path / GALLERY).read_bytes())
        return False
    for torn in target.glob(f"{run.path.name}.*.tmp"):  # of a call that was killed
        shutil.rmtree(torn)
    draft = target / f"{run.path.name}.{os.getpid()}.tmp"
    try:
        draft.mkdir()
        for name in (*KEPT, GALLERY):
            if (run.path / name).exists():
                write_atomic(draft / name, (run.path / name).read_bytes())
        if final.exists():  # damaged: the run that is copied is the same, and whole
            shutil.rmtree(final)
        draft.rename(final)
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return True


def _is_whole(run: Recorded, target: Path) -> bool:
    directory = RunDirectory(target, run.record.config)
    try:
        directory.read()
    except (CorruptRunError, OSError):
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
