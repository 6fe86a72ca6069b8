"""The report in a real browser: nothing is loaded, nothing complains, everything can be seen, in every light."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from experiments.catalogue import EXPERIMENTS
from experiments.speed import speed
from experiments.trust import trust
from tests.experiments.reports import SHOWN, Report

CONTRAST = 4.5
"""WCAG 2.2, success criterion 1.4.3, level AA."""
PHONE = 390
SMALL_MULTIPLES = 12
"""Of the grid: three measures and a running mean, for each of three batch sizes; one legend for each figure."""
CHARTS = 2 + 2 + 6 + 2 + 3 * (trust().cost is not None) + (speed() is not None)
"""Those with a legend: of activations, residual and optimizers, beside torch, of the costs and of the speed."""

COLOURS = """
function ground(element) {
  for (let e = element; e; e = e.parentElement) {
    const colour = getComputedStyle(e).backgroundColor;
    if (!/^rgba\\(.*, 0\\)$|^transparent$/.test(colour)) return colour;
  }
  const dark = getComputedStyle(document.documentElement).colorScheme.startsWith('dark');
  return dark ? 'rgb(0, 0, 0)' : 'rgb(255, 255, 255)';
}
const named = 'body, h1, h2, h3, h4, p, a, th, td, li, code, small, summary, figcaption, dt, dd, .chip';
return [...document.querySelectorAll(named)]
  .filter(e => e.getClientRects().length && e.textContent.trim() && !e.closest('.skip'))
  .map(e => [e.tagName + '.' + e.className, getComputedStyle(e).color, ground(e)]);
"""
SVG_COLOURS = """
return [...document.querySelectorAll('.panel svg text, .panel svg path')].flatMap(e => {
  const style = getComputedStyle(e);
  return e.tagName === 'text' ? [style.fill] : [];
});
"""
SIZES = """
return [...document.querySelectorAll(arguments[0])].map(e => {
  const box = e.getBoundingClientRect();
  return [box.width, box.height];
});
"""


@dataclass(frozen=True)
class Screen:
    """What is looked at, and through what."""

    name: str
    width: int
    scheme: str


SCREENS = (
    Screen("light", 1280, "light"),
    Screen("dark", 1280, "dark"),
    Screen("phone", PHONE, "light"),
    Screen("dark phone", PHONE, "dark"),
)


@dataclass(frozen=True)
class Tab:
    """The page as it was opened on one screen, and what the browser said meanwhile."""

    handle: str
    complaints: list[Any]
    messages: list[Any]


@pytest.fixture(scope="session")
def tabs() -> dict[Screen, Tab]:
    """The screens on which the page is open already."""
    return {}


@pytest.fixture(params=SCREENS, ids=lambda screen: screen.name)
def screen(request: pytest.FixtureRequest, driver: Any, report: Report, tabs: dict[Screen, Tab]) -> Screen:
    """The page, opened from its file on this screen, once for all tests, with everything unfolded."""
    this: Screen = request.param
    if this in tabs:
        driver.switch_to.window(tabs[this].handle)
        return this
    driver.switch_to.new_window("tab")
    size = {"width": this.width, "height": 900, "deviceScaleFactor": 1, "mobile": this.width == PHONE}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = {"features": [{"name": "prefers-color-scheme", "value": this.scheme}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    driver.get_log("browser")
    driver.get_log("performance")
    driver.get((report.out / "index.html").as_uri())
    tabs[this] = Tab(driver.current_window_handle, driver.get_log("browser"), driver.get_log("performance"))
    driver.execute_script("document.querySelectorAll('details').forEach(e => { e.open = true; })")
    return this


def luminance(colour: str) -> float:
    """The relative luminance of "rgb(1, 2, 3)", as WCAG defines it."""
    parts = [float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_nothing_complains_and_nothing_is_loaded(
    screen: Screen, driver: Any, report: Report, tabs: dict[Screen, Tab]
) -> None:
    """The console is empty, and the only request is for the file itself."""
    later = [*driver.get_log("performance"), *tabs[screen].messages]
    messages = [json.loads(entry["message"])["message"] for entry in later]
    urls = {
        message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"
    }

    assert [] == [*tabs[screen].complaints, *driver.get_log("browser")]
    assert {(report.out / "index.html").as_uri()} == {url for url in urls if not url.startswith(("data:", "about:"))}
    assert [] == driver.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")


def test_everything_can_be_seen(screen: Screen, driver: Any) -> None:
    """Tables, charts, formulas and claims have a size."""
    claims = sum(len(experiment.claims) for experiment in EXPERIMENTS)
    counts = {
        ".matrix tbody tr": len(SHOWN),
        "table.numbers": 3 + 3 + 4 + 2,  # one for each measure of a figure
        ".panel svg": CHARTS + SMALL_MULTIPLES,
        ".keys .key": 6 * 3,
        ".heat td.chosen": 1,
        ".filters img": 6,
        ".judgement": claims,
        "dd math": 2 * len(SHOWN),
    }
    for selector, count in counts.items():
        sizes = driver.execute_script(SIZES, selector)
        assert count == len(sizes), selector
        assert all(width > 8 and height > 8 for width, height in sizes), selector
    assert all(width > 250 for width, _ in driver.execute_script(SIZES, ".panel svg"))


def test_the_page_is_as_wide_as_the_screen(screen: Screen, driver: Any) -> None:
    """Nothing sticks out to the right: wide tables scroll inside a region that the keyboard reaches, too."""
    inner, client, scroll = driver.execute_script(
        "const root = document.documentElement; return [window.innerWidth, root.clientWidth, root.scrollWidth]"
    )
    assert (screen.width, client) == (inner, scroll)  # client: without the bar that scrolls up and down
    stick_out = """
        return [...document.querySelectorAll('main *, header *')]
          .filter(e => !e.closest('.scroll, pre, svg, .hidden, .skip') || e.matches('.scroll'))
          .filter(e => e.getBoundingClientRect().right > window.innerWidth + 1)
          .map(e => e.tagName + '.' + e.className);
    """
    assert [] == driver.execute_script(stick_out)
    assert [] == driver.execute_script(
        "return [...document.querySelectorAll('.scroll')].filter(e => e.tabIndex != 0).map(e => e.outerHTML)"
    )


def test_text_can_be_read(screen: Screen, driver: Any) -> None:
    """The contrast of every text with what lies behind it is at least 4.5."""
    colours = driver.execute_script(COLOURS)
    (body_ink, body_ground) = next((ink, ground) for name, ink, ground in colours if name.startswith("BODY"))

    assert (luminance(body_ground) < 0.1) == (screen.scheme == "dark")
    assert len(colours) > 200
    assert [] == [
        (name, ink, ground, round(contrast(ink, ground), 2))
        for name, ink, ground in colours
        if contrast(ink, ground) < CONTRAST
    ]
    inks = driver.execute_script(SVG_COLOURS)
    assert len(inks) > 20
    assert all(contrast(ink, body_ground) >= CONTRAST for ink in [body_ink, *inks])


def test_bars_are_clear_of_their_letters(screen: Screen, driver: Any) -> None:
    """The bar of a cotangent is the most important stroke of the page: it lies above its letter."""
    boxes = driver.execute_script("""
        return [...document.querySelectorAll('dd mover')].map(e => {
          const letter = e.children[0].getBoundingClientRect(), bar = e.children[1].getBoundingClientRect();
          return [letter.left, letter.right, letter.bottom, bar.left, bar.right, bar.top];
        });
    """)

    assert len(boxes) > len(SHOWN)
    for left, right, bottom, bar_left, bar_right, bar_top in boxes:
        assert bar_top < bottom
        assert left - 3 <= bar_left < bar_right <= right + 3


def test_legends_cover_no_line(screen: Screen, driver: Any) -> None:
    """The legend of a chart stands above its axes."""
    places = driver.execute_script("""
        const charts = [...document.querySelectorAll('.panel svg')];
        return charts.filter(svg => svg.querySelector('[id$=legend_1]')).map(svg => {
          const legend = svg.querySelector('[id$=legend_1]').getBoundingClientRect();
          const axes = svg.querySelector('[id$=patch_2]').getBoundingClientRect();
          return [legend.bottom, axes.top, legend.right, svg.getBoundingClientRect().right];
        });
    """)

    assert len(places) == CHARTS
    for legend_bottom, axes_top, legend_right, right in places:
        assert legend_bottom <= axes_top + 1
        assert legend_right <= right + 1
