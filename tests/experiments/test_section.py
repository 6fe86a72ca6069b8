"""An experiment on the page: what validation chose, claims, several studies, links, and its weight."""

from __future__ import annotations

import re
from statistics import fmean

import pytest

from experiments.catalogue import EXPERIMENTS, find
from experiments.measures import best_accuracy, restlessness
from experiments.page import Page, render
from experiments.recorded import Study, studies
from experiments.section import Section, make_section
from experiments.statistics import summarize
from tests.experiments.made_up import REAL, recorded_runs, study_of
from tests.experiments.reports import words

GRID, OPTIMIZERS = find("cnn_grid"), find("optimizers")
WEIGHT = 1_500_000
"""Bytes that all experiments with all their seeds may have on the page; the ops have half a million."""


def page(*sections: Section) -> str:
    """The HTML of a page with nothing else."""
    return render(Page(ops=[], sections=sections, environments={}, quick=False, examples=1, command="c"))


def test_the_best_is_chosen_by_validation(grid: Study) -> None:
    """Its test accuracy is at the epochs that validation chose, with n and interval, beside what the study reports."""
    section = make_section(GRID, [grid])
    (part,) = section.parts
    (chosen,) = part.chosen
    text = words(page(section))
    tests = [run.record.result.best_test_accuracy for run in grid.runs[chosen.variant.label]]
    on_test = [
        max(row.test_accuracy for run in grid.all_runs if run.record.config.seed == seed for row in run.record.epochs)
        for seed in (0, 1, 2)
    ]

    assert GRID.chosen(grid.curves) == {chosen.label: chosen.variant.label}
    assert summarize(tests) == chosen.variant.test
    best = [best_accuracy(run.record.epochs) for run in grid.runs[chosen.variant.label]]
    assert summarize(best) == chosen.variant.validation
    assert (fmean(on_test), 3) == (pytest.approx(part.on_test.mean), part.on_test.n)
    assert f"{chosen.variant.test.mean:.4f} ± {chosen.variant.test.std:.4f}" in text
    assert f"[{chosen.variant.test.low:.4f}, {chosen.variant.test.high:.4f}]" in text
    assert "what the study reports lr 0.001, momentum 0.95 1 8 – 0.6391" in text
    assert "torch 2.13, the network of its tutorial lr 0.001, momentum 0.95, batch 8 1 7 – 0.6190" in text
    assert "What the study reports: on CIFAR-10 as it is published, not as JPEG; torch 2.13" in text
    shapes = words(page(make_section(GRID, [study_of(GRID, *recorded_runs(GRID, (0,)))])))
    assert "0.6391" not in shapes
    assert "The study used CIFAR-10: what it says is about other pictures." in shapes


def test_claims_are_grouped(optimizers: Study) -> None:
    """A sentence of the study stands once, with each number that can contradict it, of the chosen variants."""
    section = make_section(OPTIMIZERS, [optimizers])
    html = page(section)
    sgd, adam = (optimizers.curves[name] for name in OPTIMIZERS.chosen(optimizers.curves).values())
    moves = [restlessness(adam[seed]) - restlessness(sgd[seed]) for seed in (0, 1, 2)]

    assert summarize(moves) == section.parts[0].judgements[0].difference
    assert 1 == html.count("“Adam is less stable on the test set.”")
    assert 3 == html.count('<div class="judgement')
    assert 2 == html.count('<p class="said">')


def test_several_studies_of_one_experiment(grid: Study) -> None:
    """All are shown, the one that counts first; a small one says so; ids are used once."""
    small = study_of(GRID, *recorded_runs(GRID, (0,), epochs=2))
    section = make_section(GRID, [grid, small])
    one = Page(ops=[], sections=[section], environments={}, quick=False, examples=1, command="c")
    html = render(one)
    ids = re.findall(r'\bid="([^"]*)"', html)

    assert len(ids) == len(set(ids))
    assert len({claim.text for claim in GRID.claims}) == one.claims
    assert "counted is the first study of each experiment" in html
    names = ["CIFAR-10 as JPEG", "shapes, 2 epochs"]
    assert names == re.findall(r'<h3 id=".*?-data">On (.*?)</h3>', html)
    # above the studies, and in the overview
    for number, name in zip(("", "-2"), names, strict=True):
        assert 2 == html.count(f'<a href="#cnn_grid{number}-study">{name}</a>')
    assert 1 == html.count("<strong>Small budget</strong>")


def test_a_small_budget_is_judged_and_says_so() -> None:
    """Five seeds are judged, also with few epochs: the page says for what it holds, and not that it is undecided."""
    experiment = find("activations")
    small = studies(experiment, recorded_runs(experiment, range(5), **experiment.quick))
    whole = studies(experiment, recorded_runs(experiment, range(5)))
    texts = []
    for quick, sections in ((True, (small, whole)), (True, (whole,)), (False, (small,))):
        shown = [make_section(experiment, each) for each in sections]
        one = Page(ops=[], sections=shown, environments={}, quick=quick, examples=1, command="c")
        texts.append(words(render(one)))

    assert "per op, and a small budget in 1 of 2 studies, whose judgements hold for that budget." in texts[0]
    assert "few examples per op. For the full report" in texts[1]
    for text, is_small in zip(texts, (True, False, True), strict=True):
        assert is_small == ("Small budget: fewer epochs or points" in text)
        assert is_small == ("What is judged here holds for this budget." in text)
        assert "stay undecided" not in text
    assert "confirmed The whole" in texts[0] or "the whole interval lies" in texts[0]


def test_links_to_records(grid: Study) -> None:
    """Every run is a link, where its directory can be reached from the page, and its id where it cannot."""
    linked = page(make_section(GRID, [grid], link=lambda run: f"../{run.path.name}/"))
    plain = page(make_section(GRID, [grid]))

    for run in grid.all_runs:
        name = run.record.config.run_id
        assert f'<a href="../{name}/">{run.record.config.seed}: <code>{name}</code></a>' in linked
        assert f"<code>{name}</code>" in plain
    assert "<a href" not in re.sub(r'<a [^>]*href="#.*?</a>|<a class="skip".*?</a>', "", plain)


def test_the_page_stays_light() -> None:
    """All experiments with all seeds on both backends, and the MLPs twice."""
    sections = []
    for experiment in EXPERIMENTS:
        real = REAL if experiment.base.model == "net" else {}
        runs = recorded_runs(experiment, experiment.seeds, **real)
        runs += recorded_runs(experiment, experiment.seeds, **real, backend="torch")
        sections.append(make_section(experiment, studies(experiment, runs)))
    html = page(*sections)

    assert sum(len(section.parts[0].study.all_runs) for section in sections) == 90 + 40 + 20 + 20
    assert len(html.encode()) < WEIGHT
