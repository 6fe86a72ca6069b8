"""The variants of a grid as tables, one per panel, coloured by validation accuracy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from experiments.experiment import Grid
from experiments.measures import best_accuracy
from experiments.recorded import Study
from experiments.statistics import Summary, summarize

STEPS = 8
"""How many colours there are above the lowest one."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One variant.

    Attributes:
        label: The variant.
        accuracy: Its best validation accuracy, over seeds.
        step: Its colour, by rank from 0 for the lowest cell to STEPS for the highest one.
        is_chosen: Whether validation chose it.
    """

    label: str
    accuracy: Summary
    step: int
    is_chosen: bool


@dataclass(frozen=True, kw_only=True)
class HeatMap:
    """One table.

    Attributes:
        title: Which part of the grid it is.
        columns: What its columns are.
        rows: What its rows are, each with a cell per column; None where the grid has none.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell | None, ...]], ...]


def heat_maps(study: Study) -> tuple[HeatMap, ...]:
    """The study's grid, panel by panel; () where the experiment has none."""
    grid = study.experiment.grid
    if grid is None:
        return ()
    variants = study.experiment.variants
    found = {
        label: summarize([best_accuracy(run.record.epochs) for run in group]) for label, group in study.runs.items()
    }
    chosen = set(study.experiment.chosen(study.curves).values())
    means = [summary.mean for summary in found.values() if math.isfinite(summary.mean)]
    cells = {
        label: Cell(label=label, accuracy=summary, step=_step(summary.mean, means), is_chosen=label in chosen)
        for label, summary in found.items()
    }
    panels: list[float | None] = [None]
    if grid.panels:
        panels = list(dict.fromkeys(changes[grid.panels] for changes in variants.values()))
    return tuple(_panel(study, grid, panel, cells) for panel in panels)


def _panel(study: Study, grid: Grid, panel: float | None, cells: dict[str, Cell]) -> HeatMap:
    inside = {
        label: changes
        for label, changes in study.experiment.variants.items()
        if panel is None or changes[grid.panels] == panel
    }
    rows = sorted({changes[grid.rows] for changes in inside.values()})
    columns = sorted({changes[grid.columns] for changes in inside.values()})
    at = {(changes[grid.rows], changes[grid.columns]): cells[label] for label, changes in inside.items()}
    return HeatMap(
        title=f"{grid.panels.replace('_', ' ')} {panel:g}" if panel is not None else "",
        columns=tuple(f"{grid.columns} {column:g}" for column in columns),
        rows=tuple((f"{grid.rows} {row:g}", tuple(at.get((row, column)) for column in columns)) for row in rows),
    )


def _step(mean: float, means: Sequence[float]) -> int:
    """By rank: one cell that learned nothing would leave a single colour to all others."""
    ranks = sorted(set(means))
    if not math.isfinite(mean):
        return 0
    return round(STEPS * ranks.index(mean) / (len(ranks) - 1)) if len(ranks) > 1 else STEPS
