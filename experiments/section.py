"""One experiment's part of the report: every study of it, with its figures, numbers, claims and runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.again import command
from experiments.claims import Judgement, Outcome, judge
from experiments.drawn import Figure, Panel, figures
from experiments.experiment import Experiment
from experiments.gallery import Gallery
from experiments.grid import HeatMap, heat_maps
from experiments.headings import headings
from experiments.judged import Sentence, sentences
from experiments.measures import best_accuracy, test_accuracy_at_best
from experiments.recorded import Recorded, Study
from experiments.settings import shared
from experiments.statistics import Summary, summarize
from experiments.twin import Twin, twins

__all__ = ["Chosen", "Panel", "Part", "Reported", "Section", "Variant", "make_part", "make_section"]

MODEL_FIELDS = ("hidden", "layers", "activation", "residual")


@dataclass(frozen=True, kw_only=True)
class Reported:
    """The best that others report for an experiment on CIFAR-10, of one run.

    Attributes:
        who: They, in words.
        how: What is different from our runs, in words.
        variant: The settings.
        epoch: The epoch.
        accuracy: The test accuracy, by which it was chosen.
    """

    who: str
    how: str
    variant: str
    epoch: int
    accuracy: float


REPORTED: Mapping[str, tuple[Reported, ...]] = {
    "cnn_grid": (
        Reported(
            who="what the study reports",
            how="on CIFAR-10 as it is published, not as JPEG",
            variant="lr 0.001, momentum 0.95",
            epoch=8,
            accuracy=0.6391,
        ),
        Reported(
            who="torch 2.13, the network of its tutorial",
            how="on the same JPEG pictures, none held out for validation",
            variant="lr 0.001, momentum 0.95, batch 8",
            epoch=7,
            accuracy=0.619,
        ),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What one variant came to.

    Attributes:
        label: Its name.
        seeds: The seeds that were run.
        diverged: How many of them diverged.
        validation: The best validation accuracy of any epoch, over seeds.
        test: The test accuracy at that epoch.
    """

    label: str
    seeds: tuple[int, ...]
    diverged: int
    validation: Summary
    test: Summary


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What validation chose.

    Attributes:
        label: Among what.
        variant: The chosen one.
        epochs: The epochs that validation chose, lowest and highest.
    """

    label: str
    variant: Variant
    epochs: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One study of an experiment, ready to be shown.

    Attributes:
        name: Its id on the page.
        heading: Its data and what else tells it from other studies.
        study: The runs.
        figures: The study's figures, made again.
        variants: One row per variant.
        chosen: What validation chose, where variants are tuned.
        on_test: The best test accuracy of any variant and epoch, over seeds: what choosing on the test set would give.
        reported: What others report; () where nothing is known for such data.
        heat_maps: The grid.
        judgements: The claims, number by number.
        twins: The comparison with torch.
        gallery: Filters and mistakes of the best run, where there are any.
        settings: What all runs share.
        command: What computes these runs again; "" where no command does.
        torch_commands: Device -> the same for the runs by torch.
        links: Variant -> one (seed, id, link) per run; no link where the run is too far from the page.
    """

    name: str
    heading: str
    study: Study
    figures: tuple[Figure, ...]
    variants: tuple[Variant, ...]
    chosen: tuple[Chosen, ...]
    on_test: Summary
    reported: tuple[Reported, ...]
    heat_maps: tuple[HeatMap, ...]
    judgements: tuple[Judgement, ...]
    twins: tuple[Twin, ...]
    gallery: Gallery | None
    settings: Mapping[str, Any]
    command: str
    torch_commands: Mapping[str, str]
    links: Mapping[str, tuple[tuple[int, str, str], ...]]

    @property
    def sample(self) -> str:
        """How many seeds there are, in words."""
        sizes = [len(variant.seeds) for variant in self.variants]
        if min(sizes) == max(sizes):
            return _seeds(sizes[0])
        return f"{min(sizes)} to {_seeds(max(sizes))}"

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        """The judgements by what is said."""
        return sentences(self.judgements)

    @property
    def claims(self) -> tuple[Sentence, ...]:
        """The sentences of the study."""
        return tuple(sentence for sentence in self.sentences if sentence.of_study)

    @property
    def outcomes(self) -> dict[Outcome, int]:
        """How many sentences of the study are confirmed, refuted, undecided."""
        counts = Counter(sentence.outcome for sentence in self.claims)
        return {outcome: counts[outcome] for outcome in Outcome}


@dataclass(frozen=True, kw_only=True)
class Section:
    """One experiment, ready to be shown; its first part is the one that counts."""

    experiment: Experiment
    parts: tuple[Part, ...]


def _seeds(count: int) -> str:
    return f"{count} {'seed' if count == 1 else 'seeds'}"


def make_section(
    experiment: Experiment,
    studies: Sequence[Study],
    *,
    link: Callable[[Recorded], str] = lambda _: "",
    gallery: Callable[[Study], Gallery | None] = lambda _: None,
) -> Section:
    """Everything about one experiment.

    Args:
        experiment: The experiment.
        studies: Its studies, the one that counts first.
        link: Where a run is, seen from the page; "" for no link.
        gallery: What there is to see of a study.
    """
    parts = []
    for number, (study, heading) in enumerate(zip(studies, headings(studies), strict=True), start=1):
        name = experiment.name if number == 1 else f"{experiment.name}-{number}"
        parts.append(make_part(study, name, heading, link=link, gallery=gallery))
    return Section(experiment=experiment, parts=tuple(parts))


def make_part(
    study: Study,
    name: str,
    heading: str,
    *,
    link: Callable[[Recorded], str],
    gallery: Callable[[Study], Gallery | None],
) -> Part:
    """Everything about one study; *name* is its id on the page, *heading* what it is called there."""
    experiment = study.experiment
    variants = {label: _variant(label, group) for label, group in study.runs.items()}
    curves = experiment.with_chosen(study.curves)
    return Part(
        name=name,
        heading=heading,
        study=study,
        figures=figures(study, f"{name}-figure"),
        variants=tuple(variants.values()),
        chosen=tuple(
            Chosen(label=label, variant=variants[one], epochs=_epochs(study.runs[one]))
            for label, one in experiment.chosen(study.curves).items()
        ),
        on_test=_on_test(study),
        reported=REPORTED.get(experiment.name, ()) if study.is_cifar10 else (),
        heat_maps=heat_maps(study),
        judgements=tuple(judge(claim, curves) for claim in experiment.claims),
        twins=twins(study, f"{name}-twin"),
        gallery=gallery(study),
        settings=_settings(study),
        command=command(study),
        torch_commands={device: command(study, device) for device in study.twins},
        links={
            label: tuple((run.record.config.seed, run.record.config.run_id, link(run)) for run in group)
            for label, group in study.runs.items()
        },
    )


def _variant(label: str, runs: Sequence[Recorded]) -> Variant:
    curves = [run.record.epochs for run in runs]
    return Variant(
        label=label,
        seeds=tuple(run.record.config.seed for run in runs),
        diverged=sum(run.record.result.status == "diverged" for run in runs),
        validation=summarize([best_accuracy(curve) for curve in curves]),
        test=summarize([test_accuracy_at_best(curve) for curve in curves]),
    )


def _epochs(runs: Sequence[Recorded]) -> tuple[int, int]:
    epochs = [run.record.result.best_epoch for run in runs]
    return min(epochs), max(epochs)


def _on_test(study: Study) -> Summary:
    """Over the seeds that all variants have."""
    curves = study.curves
    seeds = set.intersection(*(set(by_seed) for by_seed in curves.values())) or {study.seeds[0]}
    best = [
        max(row.test_accuracy for by_seed in curves.values() for row in by_seed.get(seed, ())) for seed in sorted(seeds)
    ]
    return summarize(best)


def _settings(study: Study) -> dict[str, Any]:
    """What all runs share, by name; what says nothing of this model is left out."""
    rest = shared(study.experiment, study.config)
    unsaid = [*(MODEL_FIELDS if study.config.model == "net" else ()), *(() if study.config.data else ("data",))]
    return {name: value for name, value in rest.items() if name not in unsaid}
