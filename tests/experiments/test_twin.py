"""A study beside torch: pairs, differences and times, and what the page says of them."""

from __future__ import annotations

from statistics import fmean

import pytest

from experiments.catalogue import find
from experiments.experiment import Experiment
from experiments.measures import final_accuracy
from experiments.page import Page, render
from experiments.recorded import Recorded, Study, studies
from experiments.section import Section, make_section
from experiments.statistics import summarize
from experiments.twin import Twin, twins
from tests.experiments.made_up import REAL, recorded, recorded_runs
from tests.experiments.reports import words

GRID = find("cnn_grid")


def study_of(experiment: Experiment, *runs: Recorded) -> Study:
    """The study of these runs."""
    (study,) = studies(experiment, runs)
    return study


@pytest.fixture(scope="module")
def grid() -> Study:
    """The grid on CIFAR-10, three seeds, and two of them by torch."""
    theirs = recorded_runs(GRID, (0, 1), **REAL, backend="torch")
    return study_of(GRID, *recorded_runs(GRID, (0, 1, 2), **REAL), *theirs)


def page(*sections: Section) -> str:
    """The HTML of a page with nothing else."""
    return render(Page(ops=[], sections=sections, environments={}, quick=False, examples=1, command="c"))


def only(found: tuple[Twin, ...]) -> Twin:
    """The one comparison."""
    (twin,) = found
    return twin


def test_beside_torch(grid: Study) -> None:
    """Pairs of a variant and a seed: the mean difference with its interval, and the sum of the seconds."""
    twin = only(twins(grid, "n"))
    pairs = [
        (run, other)
        for label, group in grid.twins["cpu"].items()
        for run, other in zip(grid.runs[label][:2], group, strict=True)
    ]
    differences: dict[int, list[float]] = {0: [], 1: []}
    for one, two in pairs:
        ours, theirs = (final_accuracy(run.record.epochs) for run in (one, two))
        differences[one.record.config.seed].append(ours - theirs)

    assert ("cpu", "2.13.0", 36, 36) == (twin.device, twin.version, twin.total.pairs, twin.total.timed)
    assert summarize([fmean(group) for group in differences.values()]) == twin.total.difference
    assert (720.0, 720.0, 1.0, True) == (twin.total.ours, twin.total.torch, twin.total.ratio, twin.is_no_slower)
    assert list(GRID.variants) == [side.label for side in twin.variants]
    assert {2} == {side.difference.n for side in twin.variants}
    assert 2 == len(twin.panels)


@pytest.mark.parametrize(("ours", "torch", "kept"), [(2.0, 2.1, True), (2.1, 2.0, False)])
def test_no_slower_than_torch(ours: float, torch: float, kept: bool) -> None:
    """The promise is on the total; the page says whether it is kept."""
    experiment = find("activations")
    runs = [
        recorded(run.record.config, seconds=seconds)
        for backend, seconds in (("ops", ours), ("torch", torch))
        for run in recorded_runs(experiment, (0,), backend=backend)
    ]
    study = study_of(experiment, *runs)
    twin = only(twins(study, "n"))
    text = words(page(make_section(experiment, [study])))

    assert (ours / torch, kept) == (pytest.approx(twin.total.ratio), twin.is_no_slower)
    assert f"same harness {'✓ kept' if kept else '✗ not kept'}" in text
    assert f"{ours / torch:.2f}× the time" in text


def test_time_that_is_not_known(grid: Study) -> None:
    """A pair without the time of every epoch is compared, but not timed."""
    first = grid.all_runs[0].record.config
    ours = [run for run in grid.all_runs if run.record.config != first]
    theirs = [run for group in grid.twins["cpu"].values() for run in group]
    twin = only(twins(study_of(GRID, recorded(first, seconds=0), *ours, *theirs), "n"))
    nothing = [recorded(run.record.config, seconds=0) for run in theirs]
    untimed = only(twins(study_of(GRID, *grid.all_runs, *nothing), "n"))

    assert (36, 35, 700.0) == (twin.total.pairs, twin.total.timed, twin.total.ours)
    assert (0, None, None) == (untimed.total.timed, untimed.total.ratio, untimed.is_no_slower)
    assert "time unknown" in page(make_section(GRID, [study_of(GRID, *grid.all_runs, *nothing)]))


def test_torch_on_a_gpu_is_another_race() -> None:
    """The accuracies are compared; that our processor is slower breaks no promise. No pair: no comparison."""
    experiment = find("activations")
    ours = recorded_runs(experiment, (0, 1))
    on_gpu = [
        recorded(one.record.config, seconds=0.1)
        for one in recorded_runs(experiment, (0,), backend="torch", device="cuda")
    ]
    twin = only(twins(study_of(experiment, *ours, *on_gpu), "n"))

    assert ("cuda", None, 2) == (twin.device, twin.is_no_slower, twin.total.pairs)
    other_seed = recorded_runs(experiment, (7,), backend="torch")
    assert () == twins(study_of(experiment, *ours, *other_seed), "n")
