"""One experiment's part of the report: its charts, its numbers, its claims and how to get them again."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from experiments.claims import Expect, Judgement, judge
from experiments.config import Config
from experiments.experiment import Experiment
from experiments.figures import Line, chart
from experiments.records import Epoch, RunRecord
from experiments.statistics import Summary, summarize

MEASURES: Mapping[str, str] = {
    "loss_epoch_mean": "training loss, epoch mean",
    "loss_running_mean": "training loss, running mean",
    "validation_accuracy": "validation accuracy",
}
"""What is drawn and tabulated, in words."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One chart.

    Attributes:
        title: What is on the vertical axis.
        svg: The picture.
    """

    title: str
    svg: str


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What one variant came to.

    Attributes:
        label: Its name.
        seeds: The seeds that were run.
        diverged: How many of them diverged.
        curves: Measure -> one summary over seeds per epoch.
        test_accuracy: Over seeds; the test set was read once per run.
    """

    label: str
    seeds: tuple[int, ...]
    diverged: int
    curves: Mapping[str, tuple[Summary, ...]]
    test_accuracy: Summary


@dataclass(frozen=True, kw_only=True)
class Section:
    """One experiment, ready to be shown."""

    experiment: Experiment
    panels: tuple[Panel, ...]
    variants: tuple[Variant, ...]
    judgements: tuple[Judgement, ...]
    settings: Mapping[str, Any]
    command: str

    @property
    def sample(self) -> str:
        """How many seeds there are, in words."""
        sizes = {len(variant.seeds) for variant in self.variants}
        if len(sizes) == 1:
            return _seeds(sizes.pop())
        return ", ".join(f"{_seeds(len(variant.seeds))} ({variant.label})" for variant in self.variants)

    @property
    def epochs(self) -> int:
        """Rows of the table."""
        return max(len(curve) for variant in self.variants for curve in variant.curves.values())


def _seeds(count: int) -> str:
    return f"{count} {'seed' if count == 1 else 'seeds'}"


def make_section(experiment: Experiment, records: Mapping[str, Sequence[RunRecord]], command: str) -> Section:
    """Everything about one experiment.

    Args:
        experiment: The experiment.
        records: Variant -> its runs, at least one each.
        command: What computes these runs again.
    """
    curves = {label: {run.config.seed: run.epochs for run in runs} for label, runs in records.items()}
    return Section(
        experiment=experiment,
        panels=_panels(experiment, records),
        variants=tuple(_variant(label, runs) for label, runs in records.items()),
        judgements=tuple(judge(claim, curves) for claim in experiment.claims),
        settings=_settings(experiment, next(iter(records.values()))[0].config),
        command=command,
    )


def _variant(label: str, runs: Sequence[RunRecord]) -> Variant:
    return Variant(
        label=label,
        seeds=tuple(run.config.seed for run in runs),
        diverged=sum(run.result.status == "diverged" for run in runs),
        curves={measure: tuple(map(summarize, _by_epoch(runs, measure))) for measure in MEASURES},
        test_accuracy=summarize([run.result.test_accuracy for run in runs]),
    )


def _by_epoch(runs: Sequence[RunRecord], measure: str) -> list[list[float]]:
    """The values of each epoch over the runs; NaN for a run that ended before it, so that the mean shows it."""
    get: Callable[[Epoch], float] = lambda row: float(getattr(row, measure))  # noqa: E731 - typed
    longest = max(len(run.epochs) for run in runs)
    return [[get(run.epochs[n]) if n < len(run.epochs) else math.nan for run in runs] for n in range(longest)]


def _settings(experiment: Experiment, config: Config) -> dict[str, Any]:
    """What all variants share, by name."""
    varied = {name for changes in experiment.variants.values() for name in changes} | {"seed", "experiment"}
    return {field.name: getattr(config, field.name) for field in fields(config) if field.name not in varied}


def _panels(experiment: Experiment, records: Mapping[str, Sequence[RunRecord]]) -> tuple[Panel, ...]:
    losses = [
        *_lines(records, "loss_epoch_mean", "{}"),
        *_lines(records, "loss_running_mean", "{}, running mean", dotted=True),
    ]
    accuracies = _lines(records, "validation_accuracy", "{}")
    name = f"figure-{experiment.figure}"
    titles = "Training loss per point (logarithmic)", "Validation accuracy"
    return (
        Panel(title=titles[0], svg=chart(f"{name}a", titles[0], losses, logarithmic=True)),
        Panel(title=titles[1], svg=chart(f"{name}b", titles[1], accuracies, logarithmic=False)),
    )


def _lines(records: Mapping[str, Sequence[RunRecord]], measure: str, label: str, *, dotted: bool = False) -> list[Line]:
    lines = []
    for series, (name, runs) in enumerate(records.items()):
        values = _by_epoch(runs, measure)
        lines.append(
            Line(
                label=label.format(name),
                series=series,
                middle=[summarize(row).mean for row in values],
                low=[min(row) for row in values],
                high=[max(row) for row in values],
                dotted=dotted,
            )
        )
    return lines


@dataclass(frozen=True)
class Ruler:
    """A claim's interval as places on a ruler from 0 to 100, with 0 of the difference at 50.

    Attributes:
        low: Where the interval starts.
        mean: Where the mean is.
        high: Where the interval ends.
        claimed_from: Where the claimed region starts.
        claimed_to: Where it ends.
    """

    low: float
    mean: float
    high: float
    claimed_from: float
    claimed_to: float


def ruler(judgement: Judgement) -> Ruler | None:
    """The interval drawn to scale; None where there is no finite one."""
    difference, claim = judgement.difference, judgement.claim
    if difference is None or not all(map(math.isfinite, (difference.low, difference.mean, difference.high))):
        return None
    reach = max(abs(difference.low), abs(difference.high), claim.margin) or 1.0
    place: Callable[[float], float] = lambda value: round(50 + 45 * value / reach, 2)  # noqa: E731 - typed
    regions = {
        Expect.HIGHER: (50.0, 100.0),
        Expect.LOWER: (0.0, 50.0),
        Expect.SIMILAR: (place(-claim.margin), place(claim.margin)),
    }
    return Ruler(place(difference.low), place(difference.mean), place(difference.high), *regions[claim.expect])
