"""The figures, the grid and the comparison with torch: what they show is what the runs say, and can be told apart."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from statistics import fmean, stdev

import pytest

from experiments import drawn
from experiments.catalogue import find
from experiments.experiment import Picture
from experiments.figures import MOST_POINTS, Line, chart, common_limits, key
from experiments.grid import STEPS, heat_maps
from experiments.measures import best_accuracy
from experiments.recorded import Study
from tests.experiments.made_up import recorded, recorded_runs, study_of
from tests.experiments.small import epoch

GRID, OPTIMIZERS = find("cnn_grid"), find("optimizers")


def lines_of(study: Study, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Line]]:
    """The lines of each chart of the figures of *study*, by its title."""
    found = {}

    def keep(name: str, title: str, lines: list[Line], **_: object) -> str:
        found[title] = lines
        return "<svg/>"

    monkeypatch.setattr(drawn, "chart", keep)
    drawn.figures(study, "n")
    return found


def test_few_variants_in_one_chart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Means with a band, every run behind them, and a second measure dotted."""
    experiment = find("activations")
    study = study_of(experiment, *recorded_runs(experiment, (0, 1, 2)))
    charts = lines_of(study, monkeypatch)
    loss = charts["Training loss per point (logarithmic)"]

    assert ["Training loss per point (logarithmic)", "Validation accuracy"] == list(charts)
    assert ["sigmoid", "ReLU", "sigmoid, running mean", "ReLU, running mean"] == [line.label for line in loss]
    assert [False, False, True, True] == [line.dotted for line in loss]
    runs = [[row.loss_epoch_mean for row in run.record.epochs] for run in study.runs["sigmoid"]]
    assert runs == loss[0].runs
    assert [fmean(values) for values in zip(*runs, strict=True)] == pytest.approx(loss[0].middle)
    assert [min(values) for values in zip(*runs, strict=True)] == loss[0].low
    assert [max(values) for values in zip(*runs, strict=True)] == loss[0].high


def test_one_run_is_its_own_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one seed there is neither a band nor a second line behind the first."""
    experiment = find("residual")
    charts = lines_of(study_of(experiment, *recorded_runs(experiment, (0,))), monkeypatch)

    assert all(() == line.runs == line.low for lines in charts.values() for line in lines)


def test_trials_of_what_is_tuned(optimizers: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """The chosen ones in one chart, the trials of each in another, never more than four lines; one axis for all."""
    charts = lines_of(optimizers, monkeypatch)
    chosen = OPTIMIZERS.chosen(optimizers.curves)

    assert ["Test accuracy, as chosen", "Test accuracy, trials of SGD", "Test accuracy, trials of Adam"] == list(
        charts
    )[:3]
    assert [*chosen.values()] == [line.label for line in charts["Test accuracy, as chosen"]]
    for label, name in (("SGD, tuned", "SGD"), ("Adam, tuned", "Adam")):
        trials = charts[f"Test accuracy, trials of {name}"]
        assert [f"{chosen[label]} (chosen)"] == [line.label for line in trials if not line.faint]
        assert 4 == len({line.series for line in trials}) == len(trials)
    assert max(map(len, charts.values())) <= drawn.MOST_LINES


def test_small_multiples(grid: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chart per batch size and measure: a colour per step size, broken lines for the lower momentum."""
    charts = lines_of(grid, monkeypatch)

    assert 12 == len(charts)
    assert [f"Training loss, running mean, batch size {size}" for size in (8, 32, 64)] == list(charts)[-3:]
    lines = charts["Test accuracy, batch size 32"]
    assert [
        *("lr 0.0005, momentum 0.9", "lr 0.0005, momentum 0.95", "lr 0.001, momentum 0.9"),
        *("lr 0.001, momentum 0.95", "lr 0.01, momentum 0.9", "lr 0.01, momentum 0.95"),
    ] == [line.label for line in lines]
    assert [(0, True), (0, False), (1, True), (1, False), (2, True), (2, False)] == [
        (line.series, line.dashed) for line in lines
    ]
    runs = grid.runs["lr 0.01, momentum 0.95, batch 32"]
    assert [[row.test_accuracy for row in run.record.epochs] for run in runs] == lines[-1].runs


def test_many_variants_without_a_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight variants of which none is tuned make two charts."""
    plain = replace(OPTIMIZERS, tuned={}, pictures=(Picture(figure=6, title="T", measure="test_accuracy"),))
    charts = lines_of(study_of(plain, *recorded_runs(OPTIMIZERS, (0,))), monkeypatch)

    assert {"T, part 1": 4, "T, part 2": 4} == {title: len(lines) for title, lines in charts.items()}


def test_the_numbers_behind_the_charts(grid: Study) -> None:
    """Each figure has a table per measure, with every variant and epoch."""
    figures = drawn.figures(grid, "n")

    assert [3, 4, 5] == [figure.number for figure in figures]
    assert [1, 1, 2] == [len(figure.tables) for figure in figures]
    assert all(6 == len(figure.keys) for figure in figures)
    label = "lr 0.001, momentum 0.9, batch 64"
    values = [run.record.epochs[4].test_accuracy for run in grid.runs[label]]
    point = figures[1].tables[0].rows[label][4]
    assert (3, fmean(values), stdev(values)) == (point.n, pytest.approx(point.mean), pytest.approx(point.std))
    assert list(grid.runs) == list(figures[1].tables[0].rows)
    ids = re.findall(r'id="([^"]*)"', "".join(panel.svg for figure in figures for panel in figure.panels))
    assert len(ids) == len(set(ids))


def test_heat_maps(grid: Study) -> None:
    """A table per batch size, rows lr, columns momentum; the best cell is marked and has the strongest colour."""
    maps = heat_maps(grid)
    (best,) = GRID.chosen(grid.curves).values()
    cells = [cell for one in maps for _, row in one.rows for cell in row if cell is not None]

    assert ["batch size 8", "batch size 32", "batch size 64"] == [one.title for one in maps]
    assert all(("momentum 0.9", "momentum 0.95") == one.columns for one in maps)
    assert all(["lr 0.0005", "lr 0.001", "lr 0.01"] == [name for name, _ in one.rows] for one in maps)
    assert sorted(GRID.variants) == sorted(cell.label for cell in cells)
    for number, size in enumerate((8, 32, 64)):
        for lr, row in maps[number].rows:
            assert [f"{lr}, momentum 0.9, batch {size}", f"{lr}, momentum 0.95, batch {size}"] == [
                cell.label for cell in row if cell is not None
            ]
    for cell in cells:
        values = [best_accuracy(run.record.epochs) for run in grid.runs[cell.label]]
        assert fmean(values) == pytest.approx(cell.accuracy.mean)
    assert [(best, STEPS)] == [(cell.label, cell.step) for cell in cells if cell.is_chosen]
    assert 0 == min(cells, key=lambda cell: cell.accuracy.mean).step
    assert () == heat_maps(study_of(OPTIMIZERS, *recorded_runs(OPTIMIZERS, (0,))))


def test_a_grid_of_equals_and_of_lost_runs() -> None:
    """Equal cells have one colour; a diverged one, whose accuracy is no number, the weakest."""
    runs = [recorded(run.record.config, [epoch(validation_accuracy=0.5)]) for run in recorded_runs(GRID, (0,))]
    lost = recorded(runs[0].record.config, [epoch(validation_accuracy=math.nan, loss_epoch_mean=math.nan)])
    cells = [
        [cell for one in heat_maps(study_of(GRID, *group)) for _, row in one.rows for cell in row if cell is not None]
        for group in (runs, [lost, *runs[1:]])
    ]

    assert {STEPS} == {cell.step for cell in cells[0]}
    assert [0] + [STEPS] * 17 == sorted(cell.step for cell in cells[1])


def test_a_chart_has_few_points_and_digits() -> None:
    """A line of a thousand epochs is thinned, with its first and last; numbers have two decimals, words keep theirs."""
    values = [1 / (n + 1) for n in range(1000)]
    line = Line(label="lr 0.0005", series=0, middle=values, runs=[values, values[:500]], low=values, high=values)
    svg = chart("n", "t", [line], logarithmic=False)

    assert "lr 0.0005" in svg
    assert [] == re.findall(r'\bd="[^"]*\d\.\d{3}', svg)
    points = max(len(re.findall("[ML] ", path)) for path in re.findall(r'\bd="([^"]*)"', svg))
    assert points <= 3 * MOST_POINTS
    assert "1000" in svg
    assert "DejaVu" not in svg
    used = {f"n-{name}" for name in ("patch_2", "legend_1")} | {*re.findall(r'(?:url\(|href=")#([^")]+)', svg)}
    assert used == set(re.findall(r'id="([^"]*)"', svg))


def test_common_limits() -> None:
    """All values of all charts are inside, with room; a logarithm knows no 0; nothing finite, no limits."""
    one, other = Line(label="", series=0, middle=[1.0, 2.0]), Line(label="", series=0, middle=[math.nan], runs=[[4.0]])
    low, high = common_limits([[one], [other]], logarithmic=False) or (0, 0)
    nothing = Line(label="", series=0, middle=[0.0, math.inf])
    least, most = common_limits([[one, nothing]], logarithmic=True) or (0, 0)

    assert 0.8 < low < 1.0
    assert 4.0 < high < 4.2
    assert 0.9 < least < 1.0
    assert 2.0 < most < 2.2
    assert common_limits([[nothing]], logarithmic=True) is None


def test_keys_are_as_the_lines() -> None:
    """A legend beside small multiples shows colour, marker and whether the line is broken."""
    whole, broken = key(Line(label="", series=1, middle=[])), key(Line(label="", series=1, middle=[], dashed=True))

    assert "var(--series-2)" in whole
    assert "stroke-dasharray" in broken
    assert "stroke-dasharray" not in whole
