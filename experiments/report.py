"""``python -m experiments.report``: verify every op, gather the runs there are, write one page that shows all of it.

Runs come from the records of the repository and from a folder of runs; only an experiment that has none in either is
computed. Nothing computed is lost when a later step fails: runs are kept in their directories, and the files of an
older report are replaced only when the new ones are complete.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments import cli
from experiments.catalogue import EXPERIMENTS
from experiments.config import Config
from experiments.data import Place
from experiments.environment import environment, facts, one_thread
from experiments.errors import CorruptRunError
from experiments.experiment import Experiment
from experiments.files import readable_json, writable_folder, write_atomic
from experiments.gallery import Gallery, read_gallery
from experiments.page import Page, render
from experiments.plan import plan
from experiments.progress import progress
from experiments.publish import RECORDS, gallery_of
from experiments.recorded import Collected, Recorded, Study, collect, studies
from experiments.report_json import as_json
from experiments.section import Section, make_section
from experiments.settings import shared
from experiments.speed import speed
from experiments.sweep import state_of
from experiments.trust import trust
from experiments.verification import FULL_EXAMPLES, QUICK_EXAMPLES, op_names, verify_all

PROG = "python -m experiments.report"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Verify every op, show the study's experiments, and write index.html, report.json, badge.svg and badge.json.

    The runs are those of the records and of the folder of runs, on whatever data; an experiment that has none is run on
    generated data. With --quick it takes a minute or two on two processors. Exit codes: 0 the report is written,
    whatever it says; 2 a mistake in the command, a run that failed, or a damaged run directory (nothing in it is lost,
    and the report is written without it).
    """

    quick: cli.Flag = False
    """Fewer examples, and for what has to be run fewer seeds, epochs and points: judgements hold for that budget."""
    train: cli.Flag = False
    """Run every experiment on generated data, also those that have runs."""
    out: cli.OutFolder = Path("report")
    """The folder of the report."""
    runs: cli.OutFolder = Path("runs")
    """The folder of run directories."""
    records: cli.OutFolder = RECORDS
    """A folder of run directories that is only read."""
    root: cli.FilePath = None
    """Where data are (default: the variable GRADSPEC_DATA), to show what a CNN gets wrong."""
    seeds: cli.Seeds = None
    """The seeds of what has to be run; by default the experiment's own."""
    workers: cli.Count = None
    """Processes; by default one per processor."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return cli.guarded(lambda: _main(cli.parse(Options, PROG, arguments)))


def _main(options: Options) -> int:
    if options.seeds is not None:
        cli.checked_seeds(options.seeds)
    workers = cli.checked_workers(options.workers)
    place = Place(root=options.root)
    has_data = place.data_root() is not None
    plans = {experiment.name: _default_plan(experiment, options, place) for experiment in EXPERIMENTS}
    out, root = writable_folder(options.out), writable_folder(options.runs)
    code = cli.OK
    found = collect([options.records, root])
    computed = {
        f"{experiment.name} {label}": configs
        for experiment in EXPERIMENTS
        if must_run(experiment, found, plans[experiment.name], root, quick=options.quick, train=options.train)
        for label, configs in plans[experiment.name].items()
    }
    if computed:
        code = cli.warn(cli.sweep_and_tell("experiments", computed, root, workers=workers, place=place))
        found = collect([options.records, root])
    code = max(code, _warn(found))
    known = {experiment.name: studies(experiment, found.runs.values()) for experiment in EXPERIMENTS}
    for study in (study for group in known.values() for study in group):
        if (has_data or study.is_generated) and study.best_run.path.parent == root:
            code = max(code, _say(gallery_of(study, place)))
    examples = QUICK_EXAMPLES if options.quick else FULL_EXAMPLES
    names = op_names()
    with progress("verification", len(names)) as tell:
        ops = verify_all(names, examples=examples, workers=workers, tell=tell)
    page = Page(
        ops=ops,
        sections=sections(known, out),
        environments=places(run for group in known.values() for study in group for run in runs_of(study)),
        quick=options.quick,
        examples=examples,
        command=" ".join([PROG, *arguments_of(options)]),
        trust=trust(),
        speed=speed(),
    )
    write(page, out)
    print(f"{page.passed} of {len(ops)} ops pass; claims: {told_outcomes(page)}; the report: {out / 'index.html'}")
    return code


def _default_plan(experiment: Experiment, options: Options, place: Place) -> dict[str, tuple[Config, ...]]:
    seeds = options.seeds if options.seeds is not None else experiment.default_seeds(quick=options.quick)
    return plan(experiment, seeds, place, quick=options.quick)


def must_run(
    experiment: Experiment,
    found: Collected,
    planned: Mapping[str, Sequence[Config]],
    root: Path,
    *,
    quick: bool,
    train: bool,
) -> bool:
    """Whether the default runs are to be computed: there are no others, or they were begun and not finished.

    Args:
        experiment: The experiment.
        found: What there is.
        planned: Its default runs.
        root: Where they would be computed.
        quick: Whether runs with a small budget count.
        train: Whether they are to be computed in any case.
    """
    counted = [study for study in studies(experiment, found.runs.values()) if quick or not study.is_small]
    if train or not counted:
        return True
    configs = [config for group in planned.values() for config in group]
    own = shared(experiment, configs[0])
    if any(shared(experiment, study.config) != own for study in counted):
        return False
    begun = any(state_of(config, root) != "missing" for config in configs)
    return begun and any(config.run_id not in found.runs for config in configs)


def _warn(found: Collected) -> int:
    if found.older:
        print(f"{found.older} runs of another version are left out")
    return _say([f"left out: {problem}" for problem in found.problems])


def _say(problems: Iterable[str]) -> int:
    """Each problem in one line on stderr; the exit code that follows."""
    code = cli.OK
    for problem in problems:
        sys.stderr.write(f"{' '.join(problem.split())}\n")
        code = cli.MISTAKE
    return code


def arguments_of(options: Options) -> list[str]:
    """The options that give this report again, without those that name a place."""
    named = [] if options.seeds is None else ["--seeds", *map(str, options.seeds)]
    return [*named, *(["--quick"] if options.quick else []), *(["--train"] if options.train else [])]


def sections(known: Mapping[str, Sequence[Study]], out: Path) -> list[Section]:
    """One section per experiment that has a study; links are as seen from the folder *out*."""
    return [
        make_section(experiment, known[experiment.name], link=lambda run: link(run.path, out), gallery=gallery)
        for experiment in EXPERIMENTS
        if known[experiment.name]
    ]


def link(path: Path, out: Path) -> str:
    """The way from the folder *out* to *path*; "" where they share nothing but the root, which says too much."""
    try:
        common = Path(os.path.commonpath([path.resolve(), out.resolve()]))
    except ValueError:  # two drives
        return ""
    if common == Path(common.anchor):
        return ""
    return Path(os.path.relpath(path.resolve(), out.resolve())).as_posix() + "/"


def gallery(study: Study) -> Gallery | None:
    """What there is to see of the best run; None also where its file is damaged."""
    try:
        return read_gallery(study.best_run.path)
    except CorruptRunError:
        return None


def runs_of(study: Study) -> list[Recorded]:
    """All runs of *study*, also torch's."""
    theirs = [run for twin in study.twins.values() for group in twin.values() for run in group]
    return [*study.all_runs, *theirs]


def places(runs: Iterable[Recorded]) -> dict[str, tuple[str, ...]]:
    """Where the verification and the runs were computed: fact -> one text per distinct place."""
    with one_thread():
        here = facts(environment())
    counts = Counter(tuple(facts(run.record.environment).items()) for run in runs)
    columns = [("verification", here)] + [
        (f"{count} {'run' if count == 1 else 'runs'}", dict(place)) for place, count in sorted(counts.items())
    ]
    names = dict.fromkeys(name for _, place in columns for name in place)
    return {"what": tuple(title for title, _ in columns)} | {
        name: tuple(place.get(name, "–") for _, place in columns) for name in names
    }


def told_outcomes(page: Page) -> str:
    """The claims in a few words."""
    return ", ".join(f"{count} {outcome.value}" for outcome, count in page.outcomes)


def write(page: Page, out: Path) -> None:
    """Write the report's four files; the page last, so that a page means that its facts are there."""
    from gradspec.reporting.badge import badge_json, badge_svg

    html = render(page)
    write_atomic(out / "report.json", readable_json(as_json(page)))
    write_atomic(out / "badge.json", readable_json(badge_json(page.passed, len(page.ops))))
    write_atomic(out / "badge.svg", badge_svg(page.passed, len(page.ops)))
    write_atomic(out / "index.html", html)


if __name__ == "__main__":
    sys.exit(main())
