"""The page on days that are not good: failures, broken ops, one seed, diverged runs, texts full of markup."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.catalogue import EXPERIMENTS
from experiments.figures import Line, chart
from experiments.judged import ruler
from experiments.page import Page, number, render, resolution, signed
from experiments.recorded import Recorded, Study
from experiments.records import Epoch, Result, RunRecord
from experiments.report import places
from experiments.report_json import as_json
from experiments.section import Section, make_section
from experiments.verification import ERROR, CheckRow, OpRow
from tests.experiments.reports import visible_text
from tests.experiments.small import config, epoch

SVG = "{http://www.w3.org/2000/svg}"
EVIL = "<script>alert(\"x\")</script> & 'more'"


def check(verdict: str, **changes: Any) -> CheckRow:
    """A check."""
    values = {"name": "contract", "compared": 7, "resolution": 1e-12, "message": "", "reason": ""} | changes
    return CheckRow(verdict=verdict, **values)


def page(*rows: OpRow, sections: Sequence[Section] = ()) -> Page:
    """A page with these ops."""
    return Page(ops=rows, sections=sections, environments={}, quick=False, examples=3, command="again")


def record(seed: int, epochs: Sequence[Epoch], status: str = "finished") -> RunRecord:
    """A run with these rows."""
    result = Result(
        status=status,
        epochs=len(epochs),
        best_epoch=1,
        best_test_accuracy=0.5,
        test_accuracy=0.5,
        parameters_sha256="",
        metrics_sha256="",
    )
    return RunRecord(config=config(seed=seed), epochs=tuple(epochs), result=result, environment={})


def section(**runs: Sequence[RunRecord]) -> Section:
    """The residual experiment with these runs."""
    kept = {label: tuple(Recorded(record=run, path=Path("r")) for run in group) for label, group in runs.items()}
    return make_section(EXPERIMENTS[1], [Study(experiment=EXPERIMENTS[1], runs=kept, twins={})])


GOOD = OpRow(name="good", verdict="PASS", compared=7, resolution=1e-12, checks=(check("PASS"),))
WRONG = OpRow(name="wrong", verdict="FAIL", checks=(check("FAIL", message="x_bar[0] = 1, but should be 2"),))
OPEN = OpRow(name="open", verdict="INCONCLUSIVE", checks=(check("INCONCLUSIVE", reason="no oracle could see"),))
BROKEN = OpRow(name="broken", verdict=ERROR, error="ValueError: it broke")


@pytest.mark.parametrize(
    ("rows", "verdict", "passed"),
    [
        ((GOOD, GOOD), "PASS", 2),
        ((GOOD, WRONG, OPEN), "FAIL", 1),
        ((GOOD, BROKEN), "FAIL", 1),
        ((GOOD, OPEN), "INCONCLUSIVE", 1),
        ((), "INCONCLUSIVE", 0),
    ],
)
def test_the_verdict_of_all(rows: tuple[OpRow, ...], verdict: str, passed: int) -> None:
    """One failed or broken op fails the page; one that is open leaves it open; nothing at all is not a pass."""
    one = page(*rows)

    assert (verdict, passed) == (one.verdict, one.passed)
    assert f"{passed} of {len(rows)} ops pass" in visible_text(render(one))
    assert f'<section class="verdict {verdict.lower()}"' in render(one)


def test_what_went_wrong_is_shown() -> None:
    """Failure text, reason and error stand below the table, failures first; verdicts are words, not only colours."""
    html = render(page(GOOD, OPEN, WRONG, BROKEN))
    text = visible_text(html)

    for words in ("x_bar[0] = 1, but should be 2", "no oracle could see", "ValueError: it broke"):
        assert words in text
    assert text.index("x_bar[0] = 1") < text.index("no oracle could see")
    for words in ("✗ failed", "? inconclusive", "! could not be verified", "1 failed. 1 could not be verified."):
        assert words in " ".join(text.split())


def test_markup_in_texts_is_text() -> None:
    """Whatever an op says of itself cannot become a part of the page."""
    row = replace(
        WRONG, name="a<b>", source=EVIL, formula=EVIL, error=EVIL, checks=(check("FAIL", message=EVIL, reason=EVIL),)
    )
    html = render(page(row))

    assert "<script" not in html
    assert "<b>" not in html
    assert html.count("&lt;script&gt;") >= 4


def test_skipped_checks_have_a_reason() -> None:
    """Equal reasons are told once, with the number of ops."""
    skipped = check("SKIPPED", reason="torch is not installed")
    html = render(page(replace(GOOD, checks=(skipped,)), replace(GOOD, name="two", checks=(skipped,))))

    assert "2 ops: torch is not installed" in visible_text(html)


def test_one_seed() -> None:
    """With one seed there is a curve and no interval: the claims say what is missing."""
    one = section(plain=[record(0, [epoch(1), epoch(2)])], residual=[record(0, [epoch(1), epoch(2)])])
    text = " ".join(visible_text(render(page(GOOD, sections=[one]))).split())

    assert "Lines are means over 1 seed." in text
    assert "95 % interval [−∞, +∞], std –, n = 1: too few pairs (1)" in text
    assert [None] * len(one.parts[0].judgements) == [ruler(judgement) for judgement in one.parts[0].judgements]


def test_diverged_runs() -> None:
    """A run that stopped early leaves gaps, not numbers; the caption counts it; the JSON stays strict."""
    lost = [epoch(1), epoch(2, loss_epoch_mean=math.nan, loss_running_mean=math.nan, validation_accuracy=0.0)]
    whole = [epoch(1), epoch(2), epoch(3)]
    runs = [record(0, whole), record(1, lost, "diverged")]
    one = section(plain=runs, residual=[record(0, whole), record(1, whole)])
    all_of_them = page(GOOD, sections=[one])
    text = " ".join(visible_text(render(all_of_them)).split())

    assert "1 of the runs “plain” diverged." in text
    assert "1 of 2 pairs have a diverged run" in text
    assert "– ± –" in text
    facts: Any = as_json(all_of_them)
    study = facts["experiments"][0]["studies"][0]
    assert [1, 0] == [variant["diverged"] for variant in study["variants"]]
    assert [0.5, None, None] == [point["mean"] for point in study["curves"]["plain"]["loss_epoch_mean"]]


def test_runs_that_all_diverged_at_once() -> None:
    """Not one finite loss: the charts are empty and the page is made."""
    lost = [epoch(1, loss_epoch_mean=math.nan, loss_running_mean=math.inf, validation_loss=math.nan)]
    one = section(plain=[record(0, lost, "diverged")], residual=[record(0, lost, "diverged")])

    assert "1 of the runs “plain” diverged. 1 of the runs “residual” diverged." in render(page(sections=[one]))


def test_a_chart_is_one_picture() -> None:
    """An SVG that scales, is named for those who cannot see it, and draws with the page's colours only."""
    lines = [
        Line(label="a", series=0, middle=[1.0, 0.1], low=[0.9, 0.05], high=[1.1, 0.2]),
        Line(label="a, dotted", series=0, middle=[1.0, 0.5], dotted=True),
    ]
    svg = chart("name", "Loss <of> all", lines, logarithmic=True)
    root = ET.fromstring(svg)  # noqa: S314 - our own text
    ids = [element.get("id") for element in root.iter() if element.get("id")]

    assert ("img", "Loss <of> all") == (root.get("role"), root.get("aria-label"))
    assert (None, None) == (root.get("width"), root.get("height"))
    assert {"a", "a, dotted", "epoch"} <= {text.text for text in root.iter(f"{SVG}text")}
    assert all(str(name).startswith("name-") for name in ids)
    assert re.findall(r"#[0-9a-f]{6}", svg) == []
    assert "var(--series-1)" in svg
    assert svg == chart("name", "Loss <of> all", lines, logarithmic=True)


def test_a_loss_of_0_has_a_chart() -> None:
    """What a logarithm cannot show is a gap."""
    assert "<svg" in chart("name", "t", [Line(label="a", series=0, middle=[1.0, 0.0])], logarithmic=True)
    assert "<svg" in chart("name", "t", [Line(label="a", series=0, middle=[0.0, 0.0])], logarithmic=True)


def test_the_ruler_is_to_scale() -> None:
    """0 is in the middle; interval and claimed region are drawn on one scale, inside the picture."""
    rows = {"plain": [], "residual": []}
    for seed in range(5):
        rows["plain"].append(record(seed, [epoch(1, validation_accuracy=0.5)]))
        rows["residual"].append(record(seed, [epoch(1, validation_accuracy=0.5 + 0.001 * seed)]))
    similar = section(**rows).parts[0].judgements[-1]
    drawn = ruler(similar)

    assert similar.difference is not None
    assert drawn is not None
    assert (5.0, 95.0) == (drawn.claimed_from, drawn.claimed_to)
    assert 50 + 45 * similar.difference.mean / 0.01 == pytest.approx(drawn.mean, abs=0.01)
    assert 0 <= drawn.low < drawn.mean < drawn.high <= 100


def test_environments_are_grouped() -> None:
    """Runs of one place are one column; another version is another column."""
    env = {
        "python": "3",
        "implementation": "c",
        "system": "s",
        "machine": "m",
        "packages": {"numpy": "2", "torch": None},
        "git": None,
        "threads": [],
    }

    def run(version: str) -> Recorded:
        packages = {"numpy": version, "torch": None}
        return Recorded(record=replace(record(0, [epoch()]), environment={**env, "packages": packages}), path=Path("r"))

    found = places([run("2"), run("2"), run("3")])

    assert ("verification", "2 runs", "1 run") == found["what"]
    assert ("2", "3") == found["numpy"][1:]
    assert ("not installed", "no repository", "unknown") == tuple(
        found[name][1] for name in ("torch", "git", "threads")
    )


def test_numbers() -> None:
    """Four decimals, or two digits where four decimals would be 0; a true minus; unknown is a dash."""
    assert ["0.1235", "−2.0000", "0.0000", "1.2e−05", "–", "∞", "−∞"] == [
        number(value) for value in (0.12346, -2.0, 0.0, 1.23e-5, math.nan, math.inf, -math.inf)
    ]
    assert ["+0.5000", "−0.5000", "0.0000"] == [signed(value) for value in (0.5, -0.5, 0.0)]
    assert ["–", "3e−14", "1e−6"] == [resolution(value) for value in (None, 3.2e-14, 1e-6)]
