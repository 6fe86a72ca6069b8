"""A study's figures: which lines stand in which chart, and the numbers behind them.

Never more lines in a chart than can be told apart. A few variants stand in one chart. Of variants that are tuned, the
chosen ones stand in one, and the trials of each in one of their own. A grid is small multiples: one chart per panel,
colours for the rows, broken lines for the columns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experiments.experiment import Grid, Picture
from experiments.figures import Line, chart, common_limits, key
from experiments.recorded import Recorded, Runs, Study
from experiments.statistics import Summary, summarize

MEASURES: Mapping[str, str] = {
    "loss_epoch_mean": "training loss, epoch mean",
    "loss_running_mean": "training loss, running mean since the start",
    "train_accuracy": "training accuracy",
    "validation_accuracy": "validation accuracy",
    "test_accuracy": "test accuracy",
}
"""What is drawn and tabulated, in words."""
NUMBERS = ("loss_epoch_mean", "validation_accuracy")
"""What report.json holds of every study, whatever its figures show."""
MOST_LINES = 4


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One chart.

    Attributes:
        title: What is on the vertical axis, and which variants it shows where there are several such charts.
        svg: The picture.
    """

    title: str
    svg: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """The numbers behind charts.

    Attributes:
        title: The measure in words.
        rows: Variant -> one summary over seeds per epoch.
    """

    title: str
    rows: Mapping[str, tuple[Summary, ...]]

    @property
    def epochs(self) -> int:
        """Columns of the table."""
        return max(len(row) for row in self.rows.values())


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure of the study, made again.

    Attributes:
        number: The study's.
        panels: Its charts.
        tables: Its numbers.
        has_dotted: Whether some lines are dotted.
        keys: A legend for all its charts: how a line is drawn, and its name; () where each chart has its own.
    """

    number: int
    panels: tuple[Panel, ...]
    tables: tuple[Table, ...]
    has_dotted: bool
    keys: tuple[tuple[str, str], ...] = ()


def figures(study: Study, name: str) -> tuple[Figure, ...]:
    """The figures of *study*.

    Args:
        study: The runs.
        name: Starts every id in their charts.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    made = []
    for number in study.experiment.figures:
        pictures = [picture for picture in study.experiment.pictures if picture.figure == number]
        panels = [
            panel
            for place, picture in enumerate(pictures)
            for panel in _panels(study, picture, f"{name}-{number}{place}")
        ]
        measures = dict.fromkeys(name for picture in pictures for name in (picture.measure, picture.dotted) if name)
        made.append(
            Figure(
                number=number,
                panels=tuple(panels),
                tables=tuple(Table(title=MEASURES[one], rows=summaries(study.runs, one)) for one in measures),
                keys=_keys(study, pictures[0]),
                has_dotted=study.experiment.grid is None and any(picture.dotted for picture in pictures),
            )
        )
    return tuple(made)


def _keys(study: Study, picture: Picture) -> tuple[tuple[str, str], ...]:
    if study.experiment.grid is None:
        return ()
    lines = next(iter(_grid(study, study.experiment.grid, picture).values()))
    return tuple((key(one), one.label) for one in lines)


def summaries(runs: Runs, measure: str) -> dict[str, tuple[Summary, ...]]:
    """Variant -> a summary over its runs for each epoch."""
    return {label: tuple(map(summarize, zip(*_values(group, measure), strict=True))) for label, group in runs.items()}


def _values(runs: Sequence[Recorded], measure: str) -> list[list[float]]:
    """A row per run; NaN where it ended before the longest one did, so that the mean shows it."""
    rows = [[float(getattr(row, measure)) for row in run.record.epochs] for run in runs]
    longest = max(map(len, rows))
    return [row + [math.nan] * (longest - len(row)) for row in rows]


def line(
    runs: Sequence[Recorded],
    measure: str,
    label: str,
    series: int,
    *,
    dashed: bool = False,
    dotted: bool = False,
    faint: bool = False,
    band: bool = False,
    each: bool = True,
) -> Line:
    """The mean of *runs*; behind it each of them, and the *band* from the lowest to the highest."""
    rows = _values(runs, measure)
    several = len(rows) > 1 and each and not dotted
    by_epoch = list(zip(*rows, strict=True))
    return Line(
        label=label,
        series=series,
        middle=[summarize(values).mean for values in by_epoch],
        low=[min(values) for values in by_epoch] if several and band else (),
        high=[max(values) for values in by_epoch] if several and band else (),
        runs=rows if several else (),
        dashed=dashed,
        dotted=dotted,
        faint=faint,
    )


def _panels(study: Study, picture: Picture, name: str) -> list[Panel]:
    if study.experiment.grid is not None:
        charts = _grid(study, study.experiment.grid, picture)
    elif study.experiment.tuned:
        charts = _tuned(study, picture)
    else:
        charts = _few(study, picture)
    limits = common_limits(charts.values(), logarithmic=picture.logarithmic) if len(charts) > 1 else None
    return [
        Panel(
            title=title,
            svg=chart(
                f"{name}{place}",
                title,
                lines,
                logarithmic=picture.logarithmic,
                limits=limits,
                small=study.experiment.grid is not None,
            ),
        )
        for place, (title, lines) in enumerate(charts.items())
    ]


def _few(study: Study, picture: Picture) -> dict[str, list[Line]]:
    """All variants beside each other, as long as they can be told apart."""
    labels = list(study.runs)
    parts = [labels[start : start + MOST_LINES] for start in range(0, len(labels), MOST_LINES)]
    found = {}
    for number, part in enumerate(parts, start=1):
        title = picture.title if len(parts) == 1 else f"{picture.title}, part {number}"
        found[title] = [
            *(line(study.runs[one], picture.measure, one, series, band=True) for series, one in enumerate(part)),
            *(
                line(study.runs[one], picture.dotted, f"{one}, running mean", series, dotted=True)
                for series, one in enumerate(part if picture.dotted else ())
            ),
        ]
    return found


def _tuned(study: Study, picture: Picture) -> dict[str, list[Line]]:
    """The chosen ones, then the trials of each with the chosen one in front."""
    experiment = study.experiment
    chosen = experiment.chosen(study.curves)
    found = {
        f"{picture.title}, as chosen": [
            line(study.runs[one], picture.measure, one, series, band=True) for series, one in enumerate(chosen.values())
        ]
    }
    for place, (label, candidates) in enumerate(experiment.tuned.items()):
        best = chosen.get(label)
        others = [series for series in range(len(candidates)) if series != place]  # the chosen one has one colour
        found[f"{picture.title}, trials of {label.removesuffix(', tuned')}"] = [
            line(study.runs[one], picture.measure, f"{one} (chosen)", place)
            if one == best
            else line(study.runs[one], picture.measure, one, others.pop(0), faint=True)
            for one in candidates
            if one in study.runs
        ]
    return found


def _grid(study: Study, grid: Grid, picture: Picture) -> dict[str, list[Line]]:
    """A chart per panel and measure; a second measure has charts of its own."""
    variants = study.experiment.variants
    rows = list(dict.fromkeys(changes[grid.rows] for changes in variants.values()))
    columns = list(dict.fromkeys(changes[grid.columns] for changes in variants.values()))
    found: dict[str, list[Line]] = {}
    for measure in (picture.measure, picture.dotted) if picture.dotted else (picture.measure,):
        what = picture.title if measure == picture.measure else f"{picture.title}, running mean"
        for label, changes in variants.items():
            where = f", {grid.panels.replace('_', ' ')} {changes[grid.panels]:g}" if grid.panels else ""
            row, column = rows.index(changes[grid.rows]), columns.index(changes[grid.columns])
            told = f"{grid.rows} {changes[grid.rows]:g}, {grid.columns} {changes[grid.columns]:g}"
            found.setdefault(what + where, []).append(
                line(study.runs[label], measure, told, row, dashed=column < len(columns) - 1)
            )
    return found
