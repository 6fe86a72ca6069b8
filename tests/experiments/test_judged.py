"""Sentences: several numbers make one claim, and only what the study says is counted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from experiments.catalogue import EXPERIMENTS, find
from experiments.claims import Judgement, Outcome
from experiments.judged import Sentence, sentences
from experiments.page import Page, render
from experiments.recorded import studies
from experiments.section import make_section
from tests.experiments.made_up import FASHION, recorded_runs
from tests.experiments.reports import words

CLAIM = find("activations").claims[0]
YES, NO, OPEN = Outcome.CONFIRMED, Outcome.REFUTED, Outcome.UNDECIDED


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([YES], YES),
        ([NO], NO),
        ([OPEN], OPEN),
        ([YES, YES], YES),
        ([YES, OPEN], OPEN),
        ([OPEN, YES], OPEN),
        ([YES, NO], NO),
        ([NO, YES], NO),
        ([OPEN, NO], NO),
    ],
)
def test_the_outcome_of_a_sentence(outcomes: list[Outcome], expected: Outcome) -> None:
    """All of its numbers have to confirm it; one is enough to refute it."""
    judgements = tuple(Judgement(CLAIM, outcome, None, "") for outcome in outcomes)

    assert expected is Sentence(text=CLAIM.text, judgements=judgements).outcome


def test_sentences_of_the_study_and_our_own() -> None:
    """Equal texts are one sentence, also with others between them; what we ask is none of the study's."""
    said = [("a", True), ("b", True), ("a", True), ("c", False), ("c", False)]
    claims = [replace(CLAIM, text=text, of_study=of_study) for text, of_study in said]
    found = sentences(Judgement(claim, OPEN, None, "") for claim in claims)

    assert [("a", True, 2), ("b", True, 1), ("c", False, 2)] == [
        (one.text, one.of_study, len(one.judgements)) for one in found
    ]


def test_what_the_page_counts() -> None:
    """Sentences of the study, by the first study of each experiment; the judgements are those of the whole page."""
    sections = []
    for experiment in EXPERIMENTS:
        others = [FASHION, {"lr": 0.1}] if experiment.base.model == "mlp" else []
        runs = [run for changes in ({}, *others) for run in recorded_runs(experiment, (0, 1), **changes)]
        sections.append(make_section(experiment, studies(experiment, runs)))
    page = Page(ops=[], sections=sections, environments={}, quick=False, examples=1, command="c")
    text = words(render(page))

    ours = [[claim.text for claim in experiment.claims if claim.of_study] for experiment in EXPERIMENTS]
    assert sum(len(set(texts)) for texts in ours) == page.claims < page.measures == sum(map(len, ours))
    assert sum(len(part.judgements) for part in page.parts) == page.judgements > page.measures
    assert f"0 of {page.claims} claims confirmed 0 refuted, {page.claims} undecided." in text
    assert f"judged by {page.measures} numbers" in text
    assert f"of the {page.judgements} judgements on this page, at 95 % each, about one in twenty" in text
