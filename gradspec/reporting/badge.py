"""The badge: shields.io endpoint JSON, and an SVG of our own that a screen reader can read."""

from __future__ import annotations

from html import escape
from typing import Any

LABEL = "gradspec"
COLOURS = {"brightgreen": "#2a7f3e", "red": "#b3261e", "lightgrey": "#5f6368"}  # white text on each: contrast above 4.5
CHARACTER = 6.6  # width in px of a character at 11 px, on average
PADDING = 12.0


def badge_json(passed: int, total: int) -> dict[str, Any]:
    """The shields.io endpoint format: *passed* of *total* ops verified."""
    message, colour = _state(passed, total)
    return {"schemaVersion": 1, "label": LABEL, "message": message, "color": colour}


def badge_svg(passed: int, total: int) -> str:
    """The same as a self-contained SVG."""
    message, colour = _state(passed, total)
    left = len(LABEL) * CHARACTER + PADDING
    right = len(message) * CHARACTER + PADDING
    title = escape(f"{LABEL}: {message}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right:.0f}" height="20" role="img" '
        f'aria-label="{title}"><title>{title}</title>'
        f'<rect width="{left + right:.0f}" height="20" rx="3" fill="#3c4043"/>'
        f'<path d="M{left:.0f} 0h{right - 3:.0f}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-{right - 3:.0f}z" '
        f'fill="{COLOURS[colour]}"/>'
        '<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f'<text x="{left / 2:.1f}" y="14">{LABEL}</text>'
        f'<text x="{left + right / 2:.1f}" y="14">{escape(message)}</text></g></svg>\n'
    )


def _state(passed: int, total: int) -> tuple[str, str]:
    if total == 0:
        return "no ops", "lightgrey"
    return f"{passed} of {total} ops verified", "brightgreen" if passed == total else "red"
