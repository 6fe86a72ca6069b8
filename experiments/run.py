"""``python -m experiments.run``: compute what is missing of an experiment and say what came out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from experiments import cli
from experiments.catalogue import EXPERIMENTS, find
from experiments.claims import judge
from experiments.data import data_folder
from experiments.errors import UsageError
from experiments.experiment import Experiment, default_seeds, final_accuracy, final_loss
from experiments.files import writable_folder
from experiments.records import RunRecord
from experiments.statistics import summarize

PROG = "python -m experiments.run"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Run an experiment of the study, over several seeds, and say what came out.

    A finished run is read, not run again; a started one goes on from its last epoch. The same options give the same
    bits. Exit codes: 0 all is well; 2 a mistake in the command, or a corrupt run directory was found (it is moved
    aside, nothing in it is lost, its run is computed again and everything else is finished).
    """

    name: cli.Name = None
    """The experiment; --list shows which there are."""
    list: cli.Flag = False
    """Show the experiments and stop."""
    quick: cli.Flag = False
    """Fewer seeds, epochs and points: seconds, and too little to judge a claim."""
    seeds: cli.Seeds = None
    """The seeds; by default 0 to 9, with --quick 0 to 2."""
    out: cli.OutFolder = Path("runs")
    """The folder of run directories."""
    workers: cli.Count = None
    """Processes; by default one per processor."""
    data: cli.Folder = None
    """The folder of local data sets (default: the variable GRADSPEC_DATA); synth needs none."""
    epochs: cli.Count = None
    """Instead of the experiment's own setting."""
    batch_size: cli.Count = None
    """Instead of the experiment's own setting."""
    lr: cli.Number = None
    """Instead of the experiment's own setting; for the loss summed over the batch."""
    momentum: cli.Number = None
    """Instead of the experiment's own setting."""
    train_points: cli.Count = None
    """Instead of the experiment's own setting."""
    held_out_points: cli.Count = None
    """Instead of the experiment's own setting; for validation, and as many for the test."""


OVERRIDES = ("epochs", "batch_size", "lr", "momentum", "train_points", "held_out_points")


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
    seeds = cli.checked_seeds(options.seeds if options.seeds is not None else default_seeds(quick=options.quick))
    variants = experiment.configs(seeds, quick=options.quick)
    changes = {name: getattr(options, name) for name in OVERRIDES if getattr(options, name) is not None}
    runs = {label: [replace(config, **changes) for config in configs] for label, configs in variants.items()}
    workers = cli.checked_workers(options.workers)
    folder = data_folder(cli.named_data_folder(options.data))
    root = writable_folder(options.out)
    done = cli.sweep_and_tell(experiment.name, runs, root, workers=workers, data_folder=folder)
    print(outcome(experiment, {label: [one.record for one in group] for label, group in done.items()}))
    return cli.warn(one.note for group in done.values() for one in group if one.note)


def listing() -> str:
    """The experiments, one paragraph each."""
    paragraphs = []
    for experiment in EXPERIMENTS:
        shared = {field.name: getattr(experiment.base, field.name) for field in fields(experiment.base)}
        fixed = ", ".join(f"{name} {shared[name]}" for name in ("dataset", "epochs", "batch_size", "lr", "hidden"))
        paragraphs.append(
            f"{experiment.name}  ({experiment.row}, figure {experiment.figure})  {experiment.title}\n"
            f"    variants: {', '.join(experiment.variants)}; {fixed}"
        )
    return "\n".join(paragraphs)


def outcome(experiment: Experiment, records: dict[str, list[RunRecord]]) -> str:
    """Each variant and each claim in one line."""
    lines = []
    for label, runs in records.items():
        loss = summarize([final_loss(run.epochs) for run in runs])
        accuracy = summarize([final_accuracy(run.epochs) for run in runs])
        lines.append(
            f"{label:>10}  n = {loss.n}  last training loss {loss.mean:.4f} ± {loss.std:.4f}  "
            f"validation accuracy {accuracy.mean:.4f} ± {accuracy.std:.4f}  (mean ± std)"
        )
    curves = {label: {run.config.seed: run.epochs for run in runs} for label, runs in records.items()}
    for claim in experiment.claims:
        judgement = judge(claim, curves)
        lines.append(f"{judgement.outcome.value:>10}  {claim.text} ({claim.measured}): {judgement.reason}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
