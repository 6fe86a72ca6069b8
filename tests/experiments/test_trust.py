"""What the page says of the verification itself comes from the records, and from nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiments.page import Page, render
from experiments.trust import RECORDS, Broken, Detection, Trust, trust

SEEDS = {
    "ops": {
        "add": {"seeds": 20, "fail": [], "inconclusive": [], "earlier": {"runs": 70, "fail": 3, "inconclusive": 4}},
        "exp": {"seeds": 10, "fail": [{"seed": 3}], "inconclusive": [{"seed": 4}, {"seed": 5}]},
    }
}
BUGS = {
    "classes": {
        "small": {"bugs": 2, "wrong": {"runs": 6, "fail": 5}, "right": {"runs": 6, "fail": 1, "error": 0}},
        "dtype": {"bugs": 1, "wrong": {"runs": 3, "fail": 3}, "right": {"runs": 3, "fail": 0, "error": 1}},
    }
}
TORCH = {
    "torch": "9.9",
    "functions": [
        {"op": "sin", "verdict": "PASS", "why": "", "looked_into": "", "counterexample": ""},
        {"op": "bad", "verdict": "FAIL", "why": "w", "looked_into": "it <drops> a term", "counterexample": "x = 1"},
    ],
}


MUTANTS = {
    "ops": {
        "add": {
            "mutants": 9,
            "killed": 8,
            "nameable": 5,
            "named": 4,
            "not_killed": [{"mutant": "1 → 2", "outcome": "no difference", "why": "there is one axis"}],
        },
        "exp": {"mutants": 4, "killed": 4, "nameable": 2, "named": 2, "not_killed": []},
    }
}


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """A folder with the records."""
    for name, record in (("seeds", SEEDS), ("known_bugs", BUGS), ("torch_functions", TORCH), ("mutants", MUTANTS)):
        (tmp_path / f"{name}.json").write_text(json.dumps(record))
    return tmp_path


def page(found: Trust) -> str:
    """The HTML of a page with nothing else."""
    return render(Page(ops=[], sections=[], environments={}, quick=False, examples=1, command="c", trust=found))


def test_the_figures_are_those_of_the_records(records: Path) -> None:
    """Sums over ops and classes; accused counts refusals, too."""
    found = trust(records)
    assert (30, 1, 2, 10) == (found.runs, found.fails, found.unsure, found.seeds)
    assert (70, 3) == (found.earlier, found.earlier_fails)
    assert [
        Detection(name="small", bugs=2, caught=5, wrong=6, accused=1, right=6),
        Detection(name="dtype", bugs=1, caught=3, wrong=3, accused=1, right=3),
        Detection(name="all", bugs=3, caught=8, wrong=9, accused=2, right=9),
    ] == found.detections
    assert [
        Broken(name="add", mutants=9, killed=8, nameable=5, named=4, left=[("1 → 2", "there is one axis")]),
        Broken(name="exp", mutants=4, killed=4, nameable=2, named=2, left=[]),
        Broken(name="all", mutants=13, killed=12, nameable=7, named=6),
    ] == found.broken
    assert (2, 1, "9.9") == (found.functions, found.passed, found.torch)
    assert [("bad", "it <drops> a term", "x = 1")] == found.findings


def test_the_page_shows_them(records: Path) -> None:
    """In words and in a table, escaped."""
    html = page(trust(records))
    assert "30 runs on the ops above, at least 10 seeds each, gave 1 failures and 2 inconclusive verdicts" in html
    assert "70 more of earlier versions of the code: 3 failures" in html
    assert '<td class="amount">8 of 9</td><td class="amount">2 of 9</td>' in html
    assert '<td class="amount">12 of 13</td><td class="amount">6 of 7</td>' in html
    assert "add: 1 → 2" in html
    assert "There is one axis" in html
    assert "1 of 2 functions pass" in html
    assert "It &lt;drops&gt; a term" in html
    assert 'href="#trust"' in html


@pytest.mark.parametrize("content", [None, "{", "[1]", "3", '{"ops": 3}', '{"ops": {"add": {}}}'])
def test_a_record_that_is_not_there_is_left_out(tmp_path: Path, content: str | None) -> None:
    """No section at all if none is; never an error."""
    if content is not None:
        (tmp_path / "seeds.json").write_text(content)
    found = trust(tmp_path)
    assert (0, 0, []) == (found.runs, found.functions, [*found.detections, *found.findings])
    assert "How far to trust a verdict" not in page(found)


def test_the_records_of_this_repository_are_read() -> None:
    """The page of the project shows them."""
    found = trust(RECORDS)
    assert found.runs >= found.seeds >= 0  # of the code as it stands; 0 after a change of what judges
    assert found.runs + found.earlier > 0
    assert found.broken
    assert found.detections
    assert found.functions >= 60
    assert all(text for _, text, _ in found.findings)
