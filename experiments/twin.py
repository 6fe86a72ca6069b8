"""A study beside the same runs by torch: do both learn the same, and what does each take?

Runs are paired by variant and seed: they have the same data, the same first weights and the same order of points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from experiments.drawn import Panel, line
from experiments.figures import Line, chart
from experiments.measures import final_accuracy
from experiments.recorded import Recorded, Study
from experiments.statistics import Summary, summarize

_CURVES = {"loss_epoch_mean": "Training loss, epoch mean", "validation_accuracy": "Validation accuracy"}
_MOST_DRAWN = 4


@dataclass(frozen=True, kw_only=True)
class Side:
    """Pairs of runs, in a few numbers.

    Attributes:
        label: The variant; "all" for the sum.
        pairs: How many there are.
        difference: Of the last validation accuracy, ours minus torch's, mean by seed, over seeds.
        timed: How many pairs have the time of every epoch on both sides.
        ours: Seconds of those pairs by our ops.
        torch: Seconds of the same pairs by torch.
    """

    label: str
    pairs: int
    difference: Summary
    timed: int
    ours: float
    torch: float

    @property
    def ratio(self) -> float | None:
        """Our time over torch's; None where it is not known."""
        return self.ours / self.torch if self.timed and self.torch > 0 else None


@dataclass(frozen=True, kw_only=True)
class Twin:
    """The comparison with torch on one device.

    Attributes:
        device: Where torch computed.
        version: Of torch.
        total: All pairs together.
        variants: The same, variant by variant.
        panels: Curves of both.
    """

    device: str
    version: str
    total: Side
    variants: tuple[Side, ...]
    panels: tuple[Panel, ...]

    @property
    def is_no_slower(self) -> bool | None:
        """Whether ours take no more time in total; None where that is not known, or torch had another device."""
        ratio = self.total.ratio
        return None if ratio is None or self.device != "cpu" else ratio <= 1


def twins(study: Study, name: str) -> tuple[Twin, ...]:
    """One comparison for each device that has pairs.

    Args:
        study: The runs.
        name: Starts every id in the charts.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    found = []
    for device in study.twins:
        pairs = {label: _pairs(study, device, label) for label in study.runs}
        pairs = {label: group for label, group in pairs.items() if group}
        if pairs:
            theirs = next(iter(pairs.values()))[0][1].record.environment
            found.append(
                Twin(
                    device=device,
                    version=str(theirs.get("packages", {}).get("torch") or "of unknown version"),
                    total=_side("all", [pair for group in pairs.values() for pair in group]),
                    variants=tuple(_side(label, group) for label, group in pairs.items()),
                    panels=_panels(study, pairs, f"{name}-{device}"),
                )
            )
    return tuple(found)


Pair = tuple[Recorded, Recorded]


def _pairs(study: Study, device: str, label: str) -> list[Pair]:
    """Ours and torch's, for each seed that both have."""
    theirs = {run.record.config.seed: run for run in study.twins[device].get(label, ())}
    ours = study.runs[label]
    return [(run, theirs[run.record.config.seed]) for run in ours if run.record.config.seed in theirs]


def _side(label: str, pairs: Sequence[Pair]) -> Side:
    timed = [pair for pair in pairs if all(run.record.seconds for run in pair)]
    ours, torch = (sum(sum(pair[side].record.seconds) for pair in timed) for side in (0, 1))
    by_seed: dict[int, list[float]] = {}
    for one, other in pairs:
        difference = final_accuracy(one.record.epochs) - final_accuracy(other.record.epochs)
        by_seed.setdefault(one.record.config.seed, []).append(difference)
    return Side(
        label=label,
        pairs=len(pairs),
        difference=summarize([fmean(group) for group in by_seed.values()]),  # the runs of a seed are no sample
        timed=len(timed),
        ours=ours,
        torch=torch,
    )


def _panels(study: Study, pairs: dict[str, list[Pair]], name: str) -> tuple[Panel, ...]:
    """Curves of the chosen variants, or of all where nothing is chosen; torch's are broken lines."""
    chosen = list(study.experiment.chosen(study.curves).values()) or list(study.runs)
    drawn = [label for label in chosen if label in pairs][:_MOST_DRAWN]
    panels = []
    for place, (measure, title) in enumerate(_CURVES.items() if drawn else ()):
        lines: list[Line] = []
        for series, label in enumerate(drawn):
            ours, theirs = zip(*pairs[label], strict=True)
            names = ("ours", "torch") if len(drawn) == 1 else (label, f"{label}, torch")
            lines.append(line(ours, measure, names[0], series, each=False))
            lines.append(line(theirs, measure, names[1], series, dashed=True, each=False))
        title = f"{title} ({drawn[0]})" if len(drawn) == 1 else title
        panels.append(
            Panel(title=title, svg=chart(f"{name}{place}", f"{title}, beside torch", lines, logarithmic=False))
        )
    return tuple(panels)
