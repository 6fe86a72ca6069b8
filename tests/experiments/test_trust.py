"""What the page says of the verification itself comes from the records, and from nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from experiments.alarms import Alarms
from experiments.page import Page, render
from experiments.trust import RECORDS, Broken, Detection, Trust, trust
from gradspec.judging import judging_hash
from tests.experiments.reports import visible_text, words

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
        "abs": {"mutants": 4, "killed": 4, "nameable": 2, "named": 2, "not_killed": []},
        "exp": {"mutants": 4, "killed": 4, "nameable": 2, "named": 1, "not_killed": []},
    }
}
CALIBRATION = {
    "functions": 2000,
    "examples": 60,
    "promised": {"open": 0.05, "exceeded": 0.001},
    "counts": {
        "random functions": {"comparisons": 4000, "conclusive": 3990, "exceeded": 1},
        "add": {"comparisons": 100, "conclusive": 100, "exceeded": 0},
        "exp": {"comparisons": 300, "conclusive": 240, "exceeded": 0},
        "log": {"comparisons": 100, "conclusive": 99, "exceeded": 3},
    },
}


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """A folder with the records."""
    found = {
        "seeds": SEEDS,
        "known_bugs": BUGS,
        "torch_functions": TORCH,
        "mutants": MUTANTS,
        "calibration": CALIBRATION,
    }
    for name, record in found.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(record))
    return tmp_path


def page(found: Trust) -> str:
    """The HTML of a page with nothing else."""
    return render(Page(ops=[], sections=[], environments={}, quick=False, examples=1, command="c", trust=found))


def test_the_figures_are_those_of_the_records(records: Path) -> None:
    """Sums over ops and classes; accused counts refusals, too."""
    found = trust(records)
    assert found.seeds == Alarms(
        ops=2, runs=30, fails=1, unsure=2, seeds=10, earlier=70, earlier_fails=3, doubtful={"exp": (1, 2)}
    )
    assert [
        Detection(name="dtype", bugs=1, caught=3, wrong=3, accused=1, right=3),
        Detection(name="small", bugs=2, caught=5, wrong=6, accused=1, right=6),
        Detection(name="all", bugs=3, caught=8, wrong=9, accused=2, right=9),
    ] == found.detections
    assert [
        Broken(name="add", mutants=9, killed=8, nameable=5, named=4, left=[("1 → 2", "there is one axis")]),
        Broken(name="exp", mutants=4, killed=4, nameable=2, named=1, left=[]),
        Broken(name="abs", mutants=4, killed=4, nameable=2, named=2, left=[]),
        Broken(name="all", mutants=17, killed=16, nameable=9, named=7),
    ] == found.broken
    assert [("add", "1 → 2", "there is one axis")] == found.survivors
    assert found.functions is not None
    assert (2, 1, "9.9") == (len(found.functions.verdicts), found.functions.passed, found.functions.torch)
    assert {"bad": "it <drops> a term"} == found.functions.findings


def test_a_repaired_op_that_classes_share_ran_once(records: Path) -> None:
    """Their sum would count its runs twice; seeds beyond those that are wanted are not counted."""
    runs = {
        "one": {"0": ["PASS", 1.0], "1": ["FAIL", 1.0]},
        "two": {"0": ["ERROR", 1.0], "1": ["PASS", 1], "2": ["FAIL", 1]},
    }
    (records / "known_bugs.json").write_text(json.dumps({**BUGS, "seeds": 2, "right": runs}))
    assert (2, 4) == (trust(records).detections[-1].accused, trust(records).detections[-1].right)


def test_a_record_of_other_code_says_so(records: Path) -> None:
    """Each for itself; one that does not tell is of other code."""
    said = "Measured with an earlier version of the code that judges."
    parts = len(list(records.iterdir()))
    assert parts == page(trust(records)).count(said)
    for name, record in (("seeds", SEEDS), ("mutants", MUTANTS)):
        (records / f"{name}.json").write_text(json.dumps({**record, "judging": judging_hash()}))
    (records / "known_bugs.json").write_text(json.dumps({**BUGS, "judging": "0123456789ab"}))
    html = page(trust(records))
    assert parts - 2 == html.count(said)
    assert f"accused. <em>{said}" in html


def test_the_page_shows_them(records: Path) -> None:
    """In words and in a table, escaped."""
    html = page(trust(records))
    assert "30 runs on the ops above, at least 10 seeds each, gave 1 failure and 2 inconclusive verdicts" in html
    assert "70 more of earlier versions of the code: 3 failures" in html
    assert '<td class="amount">8 of 9</td><td class="amount">2 of 9</td>' in html
    assert '<td class="amount">16 of 17</td><td class="amount">7 of 9</td>' in html
    assert "add: 1 → 2" in html
    assert "There is one axis" in html
    assert "1 of 2 functions pass" in html
    assert "It &lt;drops&gt; a term" in html
    assert 'href="#trust"' in html


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        ("right_ops", "outside the registry"),
        ("float32", "declared for float32 alone and without a reference"),
        ("kernels", "as kernels, which raise for all floats but float32, without a torch reference and beside one"),
    ],
)
def test_right_ops_are_told_apart(records: Path, record: str, kind: str) -> None:
    """Beside the registry's, with their names where they did not pass."""
    html = page(trust(records))
    assert kind not in html
    assert "Right ops in doubt" not in html
    (records / f"{record}.json").write_text(json.dumps(SEEDS))
    html = page(trust(records))
    assert f"30 runs on 2 right ops {kind}, at least 10 seeds each, gave 1 failure" in html
    assert "<summary>1 of these ops did not pass at every seed</summary>" in html
    assert "exp 1 2" in words(html)
    (records / "seeds.json").unlink()
    assert 1 == page(trust(records)).count("<h3>False alarms</h3>")


def test_error_bars_are_those_of_the_record(records: Path) -> None:
    """Random functions, all ops together, and each op: those outside their bar first, then the inconclusive ones."""
    found = trust(records).calibration
    assert found is not None
    assert (2000, 60, 0.05, 0.001) == (
        found.functions,
        found.examples,
        found.open_promised,
        found.exceeded_promised,
    )
    assert (4000, pytest.approx(0.0025), 1) == (found.random.comparisons, found.random.open, found.random.exceeded)
    assert (500, pytest.approx(61 / 500), 3, pytest.approx(3 / 439)) == (
        found.registry.comparisons,
        found.registry.open,
        found.registry.exceeded,
        found.registry.exceeded_share,
    )
    assert ["log", "exp", "add"] == [row.name for row in found.ops]
    assert [False, False, True] == [found.is_kept_by(row) for row in found.ops]
    assert not found.is_kept


def test_the_page_says_which_ops_keep_the_promise(records: Path) -> None:
    """One word at each op that does not, and one at the promise."""
    text = words(page(trust(records)))
    assert "less than 5 % inconclusive, less than 0.1 % of the others outside" in text
    assert "random functions 4 000 0.25 % 1 (0.025 %)" in text
    assert "log ✗ not kept 100 1 % 3 (3 %)" in text
    assert "exp ✗ not kept 300 20 % 0" in text
    assert "add 100 0 % 0" in text
    assert 5 == text.count("✗ not kept")  # the promise, all ops, the worst op, and both of them in the table
    assert 0 == text.count("✓ kept")


def test_a_promise_that_is_kept_says_so(tmp_path: Path) -> None:
    """Equal to it is not below it."""
    counts = {"random functions": {"comparisons": 100, "conclusive": 96, "exceeded": 0}}
    for conclusive, word in ((96, "✓ kept"), (95, "✗ not kept")):
        counts["add"] = {"comparisons": 100, "conclusive": conclusive, "exceeded": 0}
        (tmp_path / "calibration.json").write_text(json.dumps({**CALIBRATION, "counts": counts}))
        assert f"outside {word}." in words(page(trust(tmp_path)))


def test_tables_of_ops_are_folded(records: Path) -> None:
    """With a hundred ops the section can still be read: rows are inside <details>, below a line that counts them."""
    html = page(trust(records))
    folded = "".join(re.findall(r"<details>.*?</details>", html, flags=re.DOTALL))
    for summary in (
        "The 2 classes of bugs, the least caught first",
        "The 3 ops, those with most survivors first",
        "The 1 that do not fail, and why",
        "The 3 ops, the worst first",
    ):
        assert f"<summary>{summary}</summary>" in folded
    outside = re.sub(r"<details>.*?</details>", "", html, flags=re.DOTALL)
    assert ["random functions", "all ops", "worst op: log"] == [
        visible_text(row).split(" ✗")[0] for row in re.findall(r'<th scope="row">(.*?)</th>', outside)
    ]


@pytest.mark.parametrize("content", [None, "{", "[1]", "3", '{"ops": 3}', '{"ops": {"add": {}}}'])
def test_a_record_that_is_not_there_is_left_out(tmp_path: Path, content: str | None) -> None:
    """No section at all if none is; never an error."""
    if content is not None:
        (tmp_path / "seeds.json").write_text(content)
    found = trust(tmp_path)
    assert (None, None, None, []) == (found.seeds, found.functions, found.on_gpu, [*found.detections])
    assert "How far to trust a verdict" not in page(found)


def test_a_gpu_is_told_apart(records: Path) -> None:
    """What fails there alone; not the same list again."""
    rows = [
        {"op": "sin", "verdict": "FAIL", "why": "w", "looked_into": "it is rounded"},
        {"op": "bad", "verdict": "FAIL", "why": "w", "looked_into": "it drops a term"},
    ]
    gpu = {"torch": "9.8", "device": "Abacus 3000", "functions": rows}
    (records / "torch_functions-cuda.json").write_text(json.dumps(gpu))
    words = " ".join(page(trust(records)).split())
    assert "With torch 9.8 on an Abacus 3000, 0 of 2 pass." in words
    assert 1 == words.count("<dt><code>bad</code></dt>")
    assert 'What fails here alone:</p> <dl class="checks"> <dt><code>sin</code></dt><dd>It is rounded' in words
    rows[0]["verdict"] = "PASS"
    (records / "torch_functions-cuda.json").write_text(json.dumps(gpu))
    assert "What fails here alone" not in page(trust(records))


@pytest.mark.parametrize(
    "name",
    [
        *("seeds", "right_ops", "float32", "kernels", "known_bugs", "mutants", "calibration", "cost"),
        *("torch_functions", "torch_functions-cuda"),
    ],
)
@pytest.mark.parametrize(
    "content", ["{", "[1]", '{"ops": 3}', '{"counts": {}, "points": 1, "classes": [], "functions": [1]}']
)
def test_a_spoilt_record_takes_no_other_with_it(records: Path, name: str, content: str) -> None:
    """What the others say stays on the page."""
    (records / "torch_functions-cuda.json").write_text(json.dumps(TORCH))
    for other in ("right_ops", "float32", "kernels"):
        (records / f"{other}.json").write_text(json.dumps(SEEDS))
    (records / f"{name}.json").write_text(content)
    found = trust(records)
    known = {
        "seeds": found.seeds,
        "right_ops": found.right_ops,
        "float32": found.float32,
        "kernels": found.kernels,
        "known_bugs": found.detections,
        "torch_functions": found.functions,
        "torch_functions-cuda": found.on_gpu,
        "mutants": found.broken,
        "calibration": found.calibration,
    }
    assert {other: other != name for other in known} == {other: bool(value) for other, value in known.items()}
    assert "How far to trust a verdict" in page(found)


def test_the_records_of_this_repository_are_read() -> None:
    """The page of the project shows them."""
    found = trust(RECORDS)
    assert found.seeds is not None  # of the code as it stands; no runs after a change of what judges
    assert found.seeds.runs >= found.seeds.seeds * found.seeds.ops
    assert found.right_ops is not None
    assert found.right_ops.ops >= 80
    assert found.float32 is not None
    assert found.float32.ops >= 300
    assert found.kernels is not None
    assert found.kernels.ops >= 300
    assert found.broken
    assert found.detections
    assert found.functions is not None
    assert len(found.functions.verdicts) >= 60
    assert not [text for text in found.functions.findings.values() if "not looked into" in text]
