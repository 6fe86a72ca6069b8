"""``python -m experiments.report``: verify every op, run what is missing, write one page that shows all of it.

Nothing computed is lost when a later step fails: runs are kept in their directories, and the files of an older report
are replaced only when the new ones are complete.
"""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from experiments import cli
from experiments.catalogue import EXPERIMENTS
from experiments.config import Config
from experiments.data import data_folder
from experiments.environment import environment, facts, one_thread
from experiments.execute import Done
from experiments.experiment import default_seeds
from experiments.files import readable_json, writable_folder, write_atomic
from experiments.page import Page, render
from experiments.progress import progress
from experiments.section import Section, make_section
from experiments.speed import speed
from experiments.trust import trust
from experiments.verification import FULL_EXAMPLES, QUICK_EXAMPLES, OpRow, op_names, verify_all

PROG = "python -m experiments.report"
REPORT_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Options:
    """Verify every op, run the study's experiments, and write index.html, report.json, badge.svg and badge.json.

    Runs that are finished are read, not run again. With --quick it takes a minute or two on two processors. Exit
    codes: 0 the report is written, whatever it says; 2 a mistake in the command, or a corrupt run directory was found
    (it is moved aside, nothing in it is lost, its run is computed again and the report is written).
    """

    quick: cli.Flag = False
    """Fewer seeds, epochs, points and examples: it shows that everything works; claims stay undecided."""
    out: cli.OutFolder = Path("report")
    """The folder of the report."""
    runs: cli.OutFolder = Path("runs")
    """The folder of run directories."""
    seeds: cli.Seeds = None
    """The seeds of the experiments; by default 0 to 9, with --quick 0 to 2."""
    workers: cli.Count = None
    """Processes; by default one per processor."""
    data: cli.Folder = None
    """The folder of local data sets (default: the variable GRADSPEC_DATA); synth needs none."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return cli.guarded(lambda: _main(cli.parse(Options, PROG, arguments)))


def _main(options: Options) -> int:
    seeds = cli.checked_seeds(options.seeds if options.seeds is not None else default_seeds(quick=options.quick))
    workers = cli.checked_workers(options.workers)
    folder = data_folder(cli.named_data_folder(options.data))
    planned = runs_of(seeds, quick=options.quick)
    out, root = writable_folder(options.out), writable_folder(options.runs)
    done = cli.sweep_and_tell("experiments", planned, root, workers=workers, data_folder=folder)
    examples = QUICK_EXAMPLES if options.quick else FULL_EXAMPLES
    names = op_names()
    with progress("verification", len(names)) as tell:
        ops = verify_all(names, examples=examples, workers=workers, tell=tell)
    arguments = arguments_of(seeds, quick=options.quick)
    page = Page(
        ops=ops,
        sections=sections(done, arguments),
        environments=places(done),
        quick=options.quick,
        examples=examples,
        command=" ".join([PROG, *arguments]),
        trust=trust(),
        speed=speed(),
    )
    write(page, out)
    print(f"{page.passed} of {len(ops)} ops pass; {told_outcomes(page)}; the report: {out / 'index.html'}")
    return cli.warn(one.note for group in done.values() for one in group if one.note)


def runs_of(seeds: Sequence[int], *, quick: bool) -> dict[str, tuple[Config, ...]]:
    """The runs of all experiments, by "experiment variant"."""
    return {
        f"{experiment.name} {label}": configs
        for experiment in EXPERIMENTS
        for label, configs in experiment.configs(seeds, quick=quick).items()
    }


def arguments_of(seeds: Sequence[int], *, quick: bool) -> list[str]:
    """The options that give these runs again."""
    named = [] if tuple(seeds) == default_seeds(quick=quick) else ["--seeds", *map(str, seeds)]
    return [*named, *(["--quick"] if quick else [])]


def sections(done: Mapping[str, Sequence[Done]], arguments: Sequence[str]) -> list[Section]:
    """One section per experiment."""
    return [
        make_section(
            experiment,
            {label: [one.record for one in done[f"{experiment.name} {label}"]] for label in experiment.variants},
            " ".join(["python -m experiments.run", experiment.name, *arguments]),
        )
        for experiment in EXPERIMENTS
    ]


def places(done: Mapping[str, Sequence[Done]]) -> dict[str, tuple[str, ...]]:
    """Where the verification and the runs were computed: fact -> one text per distinct place."""
    with one_thread():
        here = facts(environment())
    runs = Counter(tuple(facts(one.record.environment).items()) for group in done.values() for one in group)
    columns = [("verification", here)] + [
        (f"{count} {'run' if count == 1 else 'runs'}", dict(place)) for place, count in sorted(runs.items())
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


def as_json(page: Page) -> dict[str, Any]:
    """Everything on the page as strict JSON; a number that JSON cannot say becomes null."""
    value = {
        "format": REPORT_FORMAT,
        "quick": page.quick,
        "verdict": page.verdict,
        "passed": page.passed,
        "total": len(page.ops),
        "command": page.command,
        "verification": {"examples": page.examples, "ops": [_op_json(op) for op in page.ops]},
        "experiments": [_section_json(section) for section in page.sections],
        "trust": dataclasses.asdict(page.trust),
        "speed": dataclasses.asdict(page.speed) if page.speed else None,
        "environment": {name: list(values) for name, values in page.environments.items()},
    }
    strict = _strict(value)
    if not isinstance(strict, dict):
        raise TypeError("a report is a JSON object")
    return strict


def _op_json(op: OpRow) -> dict[str, Any]:
    return dict(op.report) if op.report is not None else {"op": op.name, "verdict": op.verdict, "error": op.error}


def _section_json(section: Section) -> dict[str, Any]:
    return {
        "name": section.experiment.name,
        "row": section.experiment.row,
        "figure": section.experiment.figure,
        "settings": dict(section.settings),
        "command": section.command,
        "variants": [asdict(variant) for variant in section.variants],
        "claims": [
            {
                "text": judgement.claim.text,
                "measured": judgement.claim.measured,
                "variant": judgement.claim.variant,
                "against": judgement.claim.against,
                "expect": judgement.claim.expect.value,
                "margin": judgement.claim.margin,
                "outcome": judgement.outcome.value,
                "difference": asdict(judgement.difference) if judgement.difference else None,
                "reason": judgement.reason,
            }
            for judgement in section.judgements
        ],
    }


def _strict(value: Any) -> Any:
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, Mapping):
        return {str(key): _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    return value


if __name__ == "__main__":
    sys.exit(main())
