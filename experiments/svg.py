"""What matplotlib draws as a part of a page: its colours, its font, any width, and no more bytes than are seen."""

from __future__ import annotations

import re
from html import escape

# Colours that matplotlib writes and the page replaces; no other part of a chart uses them.
INK, MUTED = "#010101", "#020202"
SERIES = ("#030303", "#040404", "#050505", "#060606")
VARIABLES = {INK: "currentColor", MUTED: "var(--muted)"} | {
    colour: f"var(--series-{number})" for number, colour in enumerate(SERIES, start=1)
}
_PARTS = ("patch_2", "legend_1")
"""The axes and the legend."""
_PLACE = re.compile(r' (?:d|x|y|transform|width|height|viewBox)="[^"]*"')
_DIGITS = re.compile(r"(\d+\.\d\d)\d+")
"""Hundredths of a point are enough."""


def adapt(svg: str, name: str, title: str) -> str:
    """Make matplotlib's file a part of a page: its own ids, the page's font and colours, any width.

    Args:
        svg: The file.
        name: Starts every id, so that two charts of a page do not share one.
        title: Read aloud as the name of the picture.
    """
    svg = svg[svg.index("<svg") :].strip()
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"\s*<style.*?</style>", "", svg, flags=re.DOTALL)  # it would apply to the whole page
    svg = _without_idle_ids(svg)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r"url\(#", f"url(#{name}-", svg)
    svg = re.sub(r'href="#', f'href="#{name}-', svg)
    svg = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font: \1px var(--sans)", svg)
    svg = re.sub(r"font-family: [^;\"]*", "font-family: var(--sans)", svg)
    svg = re.sub(r' transform="rotate\(-?0 [^"]*"', "", svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, variable)
    svg = _PLACE.sub(lambda found: _DIGITS.sub(r"\1", found[0]), svg)
    svg = re.sub(r">\s+<", "><", svg)
    svg = re.sub(r"\s*\n\s*", " ", svg)
    svg = re.sub(r'<svg ([^>]*?)width="[^"]*"', r"<svg \1", svg, count=1)
    svg = re.sub(r'<svg ([^>]*?)height="[^"]*"', r"<svg \1", svg, count=1)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(title)}" ', 1)


def _without_idle_ids(svg: str) -> str:
    """Only those ids that something refers to, and those of the parts that a test looks for."""
    used = {*re.findall(r'(?:url\(|href=")#([^")]+)', svg), *_PARTS}
    return re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", svg)
