"""``python -m experiments.run``: compute what is missing of an experiment and say what came out."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments import cli
from experiments.catalogue import EXPERIMENTS, find
from experiments.claims import Judgement, judge
from experiments.config import Config
from experiments.data import DATASETS, Place
from experiments.errors import UsageError
from experiments.experiment import Experiment
from experiments.files import writable_folder
from experiments.listeners import checked_listeners
from experiments.measures import best_accuracy, final_loss, test_accuracy_at_best
from experiments.plan import plan
from experiments.records import RunRecord
from experiments.statistics import Summary, summarize
from experiments.sweep import state_of

PROG = "python -m experiments.run"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Run an experiment of the study, over several seeds, and say what came out.

    A finished run is read, not run again; a started one goes on from its last epoch. The same options give the same
    bits, with any number of workers. Exit codes: 0 all is well; 2 a mistake in the command, a run that failed, or a
    corrupt run directory (it is moved aside, nothing in it is lost, its run is computed again and everything else is
    finished); 130 stopped by Ctrl-C.
    """

    name: cli.Name = None
    """The experiment; --list shows which there are."""
    list: cli.Flag = False
    """Show the experiments and the data sets, and stop."""
    dry_run: cli.Flag = False
    """Show what would be computed, and stop."""
    quick: cli.Flag = False
    """Fewer seeds, epochs and points: seconds; what is judged holds for that budget."""
    seeds: cli.Seeds = None
    """The seeds; --list shows the experiment's own."""
    out: cli.OutFolder = Path("runs")
    """The folder of run directories."""
    data: cli.Word = None
    """The data set; --list shows which there are. By default the experiment's own, which is generated."""
    root: cli.FilePath = None
    """Where the data are: a folder, or a zip file of pictures (default: the variable GRADSPEC_DATA)."""
    download: cli.Flag = False
    """Fetch the data set if it is missing. Nothing is fetched otherwise."""
    workers: cli.Count = None
    """Processes; by default one per processor."""
    dask: cli.Address = None
    """A Dask scheduler, such as tcp://host:8786, whose workers compute the runs; they see the same folders."""
    resume: cli.Flag = False
    """Go on with runs that were started: this is what happens anyway."""
    backend: cli.Word = None
    """ops: this repository's verified ops (default); torch: the same network by torch."""
    device: cli.Word = None
    """Where torch computes: cpu (default) or cuda."""
    listen: cli.Words = ()
    """Trackers that are told of each epoch: wandb (offline), tensorboard."""
    epochs: cli.Count = None
    """Instead of the experiment's own setting."""
    batch_size: cli.Count = None
    """Instead of the experiment's own setting."""
    lr: cli.Number = None
    """Instead of the experiment's own setting."""
    momentum: cli.Number = None
    """Instead of the experiment's own setting."""
    hidden: cli.Count = None
    """Width of the hidden layers of an MLP, instead of the study's 4 x features."""
    dtype: cli.Word = None
    """float64 or float32, instead of the experiment's own setting."""
    train_points: cli.Count = None
    """Instead of all there are, or the experiment's own setting."""
    validation_points: cli.Count = None
    """Instead of a tenth of the training points, or the experiment's own setting."""
    test_points: cli.Count = None
    """Instead of all there are, or the experiment's own setting."""


OVERRIDES = (
    *("backend", "device", "epochs", "batch_size", "lr", "momentum"),
    *("hidden", "dtype", "train_points", "validation_points", "test_points"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return cli.guarded(lambda: _main(cli.parse(Options, PROG, arguments)))


def _main(options: Options) -> int:
    if options.list:
        print(listing())
        return cli.OK
    if options.name is None:
        raise UsageError(f"name an experiment: {', '.join(each.name for each in EXPERIMENTS)}; see {PROG} --help")
    experiment = find(options.name)
    named = options.seeds if options.seeds is not None else experiment.default_seeds(quick=options.quick)
    seeds = cli.checked_seeds(named)
    workers = cli.checked_workers(options.workers)
    listeners = checked_listeners(options.listen, here=options.dask is None)
    place = Place(root=options.root, download=options.download)
    place.data_root()  # a folder that is not there is told, also where the data are generated
    changes = {name: getattr(options, name) for name in OVERRIDES if getattr(options, name) is not None}
    runs = plan(experiment, seeds, place, quick=options.quick, dataset=options.data, changes=changes)
    if options.dry_run:
        print(planned(runs, options.out))
        return cli.OK
    root = writable_folder(options.out)
    done = cli.sweep_and_tell(
        experiment.name, runs, root, workers=workers, place=place, dask=options.dask, listeners=listeners
    )
    records = {label: [one.record for one in group] for label, group in done.runs.items() if group}
    print(outcome(experiment, records))
    return cli.warn(done)


def listing() -> str:
    """The experiments, and the data sets, one paragraph each."""
    paragraphs = []
    for experiment in EXPERIMENTS:
        base, seeds = experiment.base, experiment.seeds
        varied = {name for changes in experiment.variants.values() for name in changes}
        shown = [name for name in ("dataset", "epochs", "optimizer", "dtype") if name not in varied]
        fixed = ", ".join(f"{name} {getattr(base, name)}" for name in shown)
        paragraphs.append(
            f"{experiment.name}  ({experiment.row}, {experiment.figure_words})  {experiment.title}\n"
            f"    {len(experiment.variants)} variants: {'; '.join(experiment.variants)}\n"
            f"    {fixed}, seeds {seeds[0]} to {seeds[-1]}"
        )
    sets = [
        f"{source.name}  {source.title}" + (f"\n    {source.how}" if source.how else "") for source in DATASETS.values()
    ]
    return "\n".join(["Experiments", *paragraphs, "", "Data sets (--data)", *sets])


def planned(runs: Mapping[str, Sequence[Config]], root: Path) -> str:
    """Each run in one line, with how far it is."""
    lines = [
        f"{config.run_id}  {label}, seed {config.seed}: {state_of(config, root)}"
        for label, configs in runs.items()
        for config in configs
    ]
    return "\n".join([*lines, f"{len(lines)} runs in {root}; nothing was computed"])


def outcome(experiment: Experiment, records: Mapping[str, Sequence[RunRecord]]) -> str:
    """Each variant and each claim in one line."""
    lines = []
    width = max(map(len, [*records, "undecided"]))
    for label, runs in records.items():
        loss = summarize([final_loss(run.epochs) for run in runs])
        best = summarize([best_accuracy(run.epochs) for run in runs])
        test = summarize([test_accuracy_at_best(run.epochs) for run in runs])
        lines.append(
            f"{label:>{width}}  n = {loss.n}  last training loss {_told(loss)}  "
            f"best validation accuracy {_told(best)}  test there {_told(test)}"
        )
    curves = {label: {run.config.seed: run.epochs for run in runs} for label, runs in records.items()}
    lines += [f"{'chosen':>{width}}  {label}: {name}" for label, name in experiment.chosen(curves).items()]
    for claim in experiment.claims:
        judgement = judge(claim, experiment.with_chosen(curves))
        whose = "" if claim.of_study else " (our question, not the study's)"
        lines.append(f"{judgement.outcome.value:>{width}}  {claim.text}{whose}")
        lines.append(f"{'':>{width}}  {claim.measured}, {claim.variant} − {claim.against}: {_effect(judgement)}")
        lines += [f"{'':>{width}}    {name}: {_with_interval(part)}" for name, part in judgement.parts.items()]
    return "\n".join([*lines, "(mean ± standard deviation over seeds)"])


def _told(summary: Summary) -> str:
    """Mean and deviation; a single run has none."""
    return f"{summary.mean:.4g}" + (f" ± {summary.std:.2g}" if summary.n > 1 else "")


def _effect(judgement: Judgement) -> str:
    """The mean difference with its interval, and what follows."""
    found = judgement.difference
    if found is None:
        return judgement.reason
    return f"{_with_interval(found)}, n = {found.n}: {judgement.reason}"


def _with_interval(found: Summary) -> str:
    """The mean, with its interval where there is one."""
    if math.isnan(found.mean):
        return "no number"
    return f"{found.mean:+.4g}" + (f", 95 % interval [{found.low:+.4g}, {found.high:+.4g}]" if found.n > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
