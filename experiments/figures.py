"""Charts as inline SVG: text stays text, colours are the page's own variables, equal data give equal bytes."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from experiments.errors import missing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 4.6, 3.1  # inches: at phone width the text of 10.5 points stays above 8
FONT_SIZE = 10.5
# Colours that matplotlib writes and the page replaces; no other part of a chart uses them.
INK, MUTED = "#010101", "#020202"
SERIES = ("#030303", "#040404", "#050505", "#060606")
_VARIABLES = {INK: "currentColor", MUTED: "var(--muted)"} | {
    colour: f"var(--series-{number})" for number, colour in enumerate(SERIES, start=1)
}
_MARKERS = ("o", "s", "^", "D")
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "gradspec",
    "font.size": FONT_SIZE,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": FONT_SIZE - 1,
}


@dataclass(frozen=True, kw_only=True)
class Line:
    """One variant over the epochs.

    Attributes:
        label: What the legend says.
        series: Which colour and marker, from 0.
        middle: One value per epoch.
        low: The lower edge of the band; () for none.
        high: Its upper edge.
        dotted: Whether this is a second measure of the same variant.
    """

    label: str
    series: int
    middle: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    dotted: bool = False


def chart(name: str, title: str, lines: Sequence[Line], *, logarithmic: bool) -> str:
    """The ``<svg>`` element of a chart over epochs.

    Args:
        name: Starts every id in the SVG, so that two charts of a page do not share one.
        title: What is on the vertical axis; read aloud as the name of the picture.
        lines: What is drawn, the first below.
        logarithmic: Whether the vertical axis is.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
        from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
    except ImportError as error:
        raise missing("matplotlib") from error
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained", facecolor="none")
        axes = figure.add_subplot(facecolor="none")
        for line in lines:
            _draw(axes, line)
        if logarithmic and any(value > 0 for line in lines for value in line.middle if math.isfinite(value)):
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axes.yaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        axes.set_xlabel("epoch")
        axes.grid(visible=True, axis="y", color=MUTED, alpha=0.25, linewidth=0.6)
        # above the axes, where no line can run through it
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, handlelength=2.2, borderaxespad=0.2)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return _adapt(file.getvalue(), name, title)


def _draw(axes: Axes, line: Line) -> None:
    colour = SERIES[line.series % len(SERIES)]
    epochs = range(1, len(line.middle) + 1)
    if line.dotted:
        axes.plot(epochs, line.middle, color=colour, linestyle=":", linewidth=1.6, label=line.label)
        return
    if line.low:
        axes.fill_between(epochs, line.low, line.high, color=colour, alpha=0.18, linewidth=0)
    marker = _MARKERS[line.series % len(_MARKERS)]
    axes.plot(epochs, line.middle, color=colour, linewidth=1.8, marker=marker, markersize=4, label=line.label)


def _adapt(svg: str, name: str, title: str) -> str:
    """Make matplotlib's file a part of a page: its own ids, the page's font and colours, any width."""
    svg = svg[svg.index("<svg") :].strip()
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"\s*<style.*?</style>", "", svg, flags=re.DOTALL)  # it would apply to the whole page
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r"url\(#", f"url(#{name}-", svg)
    svg = re.sub(r'href="#', f'href="#{name}-', svg)
    svg = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font: \1px var(--sans)", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, variable)
    svg = re.sub(r'<svg ([^>]*?)width="[^"]*"', r"<svg \1", svg, count=1)
    svg = re.sub(r'<svg ([^>]*?)height="[^"]*"', r"<svg \1", svg, count=1)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(title)}" ', 1)
