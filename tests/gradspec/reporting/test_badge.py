"""The badge: an SVG of our own, and the JSON that shields.io asks for."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from gradspec.reporting.badge import COLOURS, badge_json, badge_svg

STATES = [(23, 23, "23 of 23 ops verified", "brightgreen"), (22, 23, "22 of 23 ops verified", "red")]
STATES += [(0, 0, "no ops", "lightgrey")]


@pytest.mark.parametrize(("passed", "total", "message", "colour"), STATES)
def test_the_json_is_what_shields_reads(passed: int, total: int, message: str, colour: str) -> None:
    """Exactly its four keys; green only if every op passed."""
    expected = {"schemaVersion": 1, "label": "gradspec", "message": message, "color": colour}
    assert expected == badge_json(passed, total)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.attributes: dict[str, dict[str, str | None]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.attributes[tag] = dict(attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes[tag] = dict(attrs)

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text += [data.strip()] if data.strip() else []


@pytest.mark.parametrize(("passed", "total", "message", "colour"), STATES)
def test_the_svg_says_the_same(passed: int, total: int, message: str, colour: str) -> None:
    """Every element is closed, label and message are there to see and to hear, the colour is that of the state."""
    reader = _Reader()
    reader.feed(badge_svg(passed, total))
    assert [] == reader.open
    assert [f"gradspec: {message}", "gradspec", message] == reader.text
    assert f"gradspec: {message}" == reader.attributes["svg"]["aria-label"]
    assert COLOURS[colour] == reader.attributes["path"]["fill"]


@pytest.mark.parametrize("colour", COLOURS.values())
def test_white_text_can_be_read_on_every_colour(colour: str) -> None:
    """WCAG contrast of at least 4.5."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    assert 1.05 / (luminance + 0.05) >= 4.5
