"""The report: one self-contained page, its facts as JSON and a badge, all saying the same."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from experiments.catalogue import EXPERIMENTS
from experiments.page import number as number_of
from experiments.page import resolution
from experiments.recorded import CIFAR10_JPEG
from gradspec.checks import CHECKS
from gradspec.reporting.words import described
from tests.experiments.reports import RECORDED, SHOWN, Report, visible_text, words
from tests.experiments.small import ROOT

VOID = {"meta", "link", "br", "hr", "img", "input", "wbr", "col"}
LOADS = {"src", "href", "xlink:href", "data", "action", "poster", "srcset"}


class Reader(HTMLParser):
    """Which elements a page has, whether they are closed, and the cells of its first table."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.wrong: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


@pytest.fixture(scope="module")
def page(report: Report) -> Reader:
    """The page, read."""
    return Reader(report.html)


def part_of(html: str, name: str) -> str:
    """The section with this id."""
    part = html[html.index(f'<section id="{name}"') :]
    return part[: part.index("</section>")]


def test_well_formed(page: Reader) -> None:
    """Every element that is opened is closed in its turn, and ids are used once."""
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]

    assert [] == page.wrong == page.open
    assert len(ids) == len(set(ids))


def test_self_contained(page: Reader, report: Report) -> None:
    """Nothing is loaded: no script, no font, no import; pictures are inside, and links lead to the page or a record."""
    links = [(tag, value) for tag, attributes in page.tags for name, value in attributes.items() if name in LOADS]
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    elsewhere = [(tag, link) for tag, link in links if not (link == "data:," or (link[:1] == "#" and link[1:] in ids))]

    assert {"script", "iframe", "object", "embed", "video"}.isdisjoint({tag for tag, _ in page.tags})
    assert {"a", "img"} == {tag for tag, _ in elsewhere}
    assert all(link.startswith("data:image/png;base64,") for tag, link in elsewhere if tag == "img")
    assert all((report.out / link / "result.json").is_file() for tag, link in elsewhere if tag == "a")
    assert len({link for tag, link in elsewhere if tag == "a"}) == 2 * sum(len(one.variants) for one in EXPERIMENTS)
    assert [] == re.findall(r"@import|@font-face|url\((?!#)[^)]*\)", report.html)
    assert {name for _, attributes in page.tags for name in attributes if name.startswith("on")} == set()


def test_everything_has_words(page: Reader) -> None:
    """Each picture has a text, each chart a name, and each table that scrolls is a region with a name."""
    for tag, attributes in page.tags:
        if tag == "img":
            assert re.match(r"Filter \d of the first layer: |Test picture \d: .*, taken for ", attributes["alt"])
        if tag == "svg":
            assert attributes.get("aria-hidden") == "true" or attributes["aria-label"]
        if attributes.get("class") == "scroll" and tag == "div":
            assert attributes.get("aria-label") or attributes["aria-labelledby"]


def test_contents(page: Reader, report: Report) -> None:
    """The table of contents names every section of the page, in its order."""
    nav = report.html[report.html.index("<nav") : report.html.index("</nav>")]
    main = report.html[report.html.index("<main>") :]

    assert re.findall(r'<section id="(.*?)"', main) == re.findall(r'href="#(.*?)"', nav)
    assert {"study", "speed", "trust", "cnn_grid"} <= set(re.findall(r'href="#(.*?)"', nav))


def test_no_place_of_this_machine(report: Report) -> None:
    """Neither the folder of the repository nor that of the report is in any of its files."""
    for path in report.out.iterdir():
        text = path.read_text(encoding="utf-8")
        assert [] == [place for place in (ROOT, report.out, report.runs, Path.home()) if f"{place}/" in text]


def test_every_op_times_every_check(report: Report) -> None:
    """The table has each op's row, with verdict, entries compared and resolution for every check there is."""
    html = report.html
    (table,) = re.findall(r'<table class="matrix">.*?</table>', html, flags=re.DOTALL)
    head, *rows = re.findall(r"<tr>.*?</tr>", table, flags=re.DOTALL)

    assert [check.name for check in CHECKS] == re.findall(r"<code>(.*?)</code>", head.replace("<wbr>", ""))
    assert len(SHOWN) == len(rows)
    for row, facts in zip(rows, report.facts["verification"]["ops"], strict=True):
        cells = [" ".join(visible_text(cell).split()) for cell in re.findall(r"(?s)<t[hd].*?</t[hd]>", row)]
        assert [facts["op"], "✓ passed"] == cells[:2]
        assert re.fullmatch(r"\d+e−\d+", cells[3])
        expected = []
        for check in facts["checks"]:
            seen = "" if check["resolution"] is None else resolution(check["resolution"])
            passed = f"✓passed {check['compared']:,}{seen}".replace(",", " ")
            expected.append(passed if check["verdict"] == "PASS" else "–skipped")
        assert expected == cells[4:]


def test_facts(report: Report) -> None:
    """report.json is strict JSON that agrees with the page: verdicts, claims, commands, settings."""
    facts = report.facts
    json.dumps(facts, allow_nan=False)
    text = " ".join(visible_text(report.html).split())

    assert ("PASS", len(SHOWN), len(SHOWN)) == (facts["verdict"], facts["passed"], facts["total"])
    assert [op.name for op in SHOWN] == [op["op"] for op in facts["verification"]["ops"]]
    assert f"{facts['passed']} of {facts['total']} ops pass" in text
    studies = [study for section in facts["experiments"] for study in section["studies"]]
    claims = [claim for study in studies for claim in study["claims"]]
    sentences = [one for study in studies for one in study["sentences"]]
    of_study = [one["text"] for one in sentences if one["of_study"]]
    assert f"0 of {len(of_study)} claims confirmed 0 refuted, {len(of_study)} undecided." in text
    assert {one["text"]: one["of_study"] for one in sentences} == {one["text"]: one["of_study"] for one in claims}
    assert {False, True} == {one["of_study"] for one in sentences}
    assert sum(len(experiment.claims) for experiment in EXPERIMENTS) == len(claims)
    for claim in claims:
        own = f"{claim['text']} (our question, not the study’s)"
        assert (claim["of_study"], not claim["of_study"]) == (f"“{claim['text']}”" in text, own in text)
        assert f"n = {claim['difference']['n']}: {claim['reason']}." in text


def test_figures_and_how_to_get_them_again(report: Report) -> None:
    """Each experiment has its charts, a table of their numbers, its settings and its command."""
    text = " ".join(visible_text(report.html).split())
    charts = {"activations": 2, "residual": 2, "cnn_grid": 12 + 2, "optimizers": 6}
    for experiment, facts in zip(EXPERIMENTS, report.facts["experiments"], strict=True):
        part = part_of(report.html, experiment.name)
        (study,) = facts["studies"]

        assert charts[experiment.name] == part.count('<svg role="img"')
        assert list(experiment.figures) == facts["figures"]
        for number in experiment.figures:
            assert f"The numbers of figure {number}" in part
        real = "--data image-folder --root PATH " if experiment.name == RECORDED else ""
        rest = " --train-points 45000 --validation-points 5000 --test-points 10000" if real else " --quick"
        assert f"python -m experiments.run {experiment.name} {real}--seeds 0 1{rest}" == study["command"]
        assert f"<code>{study['command']}</code>" in part
        by_torch = [twin["command"] for twin in study["torch"]]
        assert [study["command"].replace("PATH", "PATH --backend torch")] * bool(real) == by_torch
        assert all(f"<code>{command}</code>" in part for command in by_torch)
        assert all(f"<code>{name}</code> {value}" in part for name, value in study["settings"].items())
        assert list(experiment.variants) == [variant["label"] for variant in study["variants"]]
        for label, curves in study["curves"].items():
            assert {picture.measure for picture in experiment.pictures} <= set(curves)
            for picture in experiment.pictures:
                final = curves[picture.measure][-1]
                assert f"{number_of(final['mean'])} ± {number_of(final['std'])}" in part, label
        for variant in study["variants"]:
            assert f"{number_of(variant['test']['mean'])} ± {number_of(variant['test']['std'])}" in part
    assert f"The whole report again: {report.facts['command']}." in text
    assert "python -m experiments.report --seeds 0 1 --quick" == report.facts["command"]


def test_where_runs_come_from(report: Report) -> None:
    """Records are shown as they are, with their data; only what has none is computed, on generated data."""
    text = " ".join(visible_text(report.html).split())
    configs = [json.loads(path.read_text()) for path in report.runs.glob("*/config.json")]
    by_name = {one["name"]: one["studies"][0] for one in report.facts["experiments"]}

    assert {one.name for one in EXPERIMENTS} - {RECORDED} == {config["experiment"] for config in configs}
    assert (CIFAR10_JPEG, False) == (by_name[RECORDED]["data"]["digest"], by_name[RECORDED]["small"])
    assert ("shapes", True) == (by_name["optimizers"]["data"]["name"], by_name["optimizers"]["small"])
    assert "The photographs of CIFAR-10, saved as JPEG of quality 75 (image-folder, digest 35751524d6f6…)" in text
    assert "45 000 points to train on, 5 000 to choose by, 10 000 to test" in text.replace("\u202f", " ")


def test_formulas(report: Report) -> None:
    """Every op's forward and vjp are MathML; no LaTeX is left for a person to read."""
    html = report.html
    for op in SHOWN:
        part = html[html.index(f'<li id="op-{op.name}"') :]
        part = part[: part.index("</li>")]
        assert part.count("<math ") == 2, op.name
        assert op.source.replace("'", "&#39;") in part
        seen, declared = unescape(words(part)), described(op, "PASS")
        for name, domain in declared["domains"].items():
            assert f"{name} {domain}" in seen
        for name, values in declared["params"].items():
            assert (
                f"{name} param, each of {values if isinstance(values, str) else ', '.join(dict.fromkeys(values))}"
                in seen
            )
    text = visible_text(html)
    assert "\\" not in text
    assert 'class="latex"' not in html
    for leftover in ("mathrm", "frac", "odot", "bar y", "sum_", "\\", "^{"):
        assert leftover not in text


def test_checks_in_gradspecs_own_words(report: Report) -> None:
    """The list of checks is generated; no prose names an oracle, but where one is measured: none is made up."""
    html = re.sub(r'(?s)<section id="(trust|formulas)".*?</section>', "", report.html)
    listed = re.findall(r"<dt><code>(vjp.*?|value.*?|contract)</code></dt><dd>(.*?)</dd>", html.replace("<wbr>", ""))
    prose = " ".join(re.findall(r"(?s)<p\b.*?</p>", html)).lower()

    assert [(check.name, check.title[:1].upper() + check.title[1:]) for check in CHECKS] == listed
    for word in ("finite difference", "complex step", "autograd", "layout", "jvp", "hessian", "mutation", "algebra"):
        assert word not in prose


def test_badges(report: Report) -> None:
    """badge.json is a shields endpoint, badge.svg is XML that says the same to eyes and ears."""
    badge = json.loads((report.out / "badge.json").read_text())
    svg = ET.fromstring((report.out / "badge.svg").read_text())  # noqa: S314 - our own file
    said = f"{badge['label']}: {badge['message']}"

    assert {"schemaVersion", "label", "message", "color"} == set(badge)
    assert (1, "gradspec", "brightgreen") == (badge["schemaVersion"], badge["label"], badge["color"])
    assert f"{len(SHOWN)} of {len(SHOWN)} ops verified" == badge["message"]
    assert "{http://www.w3.org/2000/svg}svg" == svg.tag
    assert said == svg.get("aria-label") == svg.findtext("{http://www.w3.org/2000/svg}title")
    assert [badge["label"], badge["message"]] == [text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")]
