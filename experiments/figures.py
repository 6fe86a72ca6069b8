"""Charts as inline SVG: text stays text, colours are the page's own variables, equal data give equal bytes."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Any

from experiments.errors import missing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 4.6, 3.1  # inches: at phone width the text of 10.5 points stays above 8
FONT_SIZE = 10.5
MARGIN = 1.6
ASIDE = 0.18  # between dots that belong to the same place
# Colours that matplotlib writes and the page replaces; no other part of a chart uses them.
INK, MUTED = "#010101", "#020202"
SERIES = ("#030303", "#040404", "#050505", "#060606")
_VARIABLES = {INK: "currentColor", MUTED: "var(--muted)"} | {
    colour: f"var(--series-{number})" for number, colour in enumerate(SERIES, start=1)
}
UNTOLD = "_"  # matplotlib leaves such a label out of the legend
_MARKERS = ("o", "s", "^", "D")
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
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
    """One variant over the epochs, or over something else.

    Attributes:
        label: What the legend says; :data:`UNTOLD` for nothing.
        series: Which colour and marker, from 0.
        middle: One value per epoch.
        low: The lower edge of the band; () for none.
        high: Its upper edge.
        dotted: Whether this is a second measure of the same variant.
        at: Where the values are on the horizontal axis; () for the epochs 1, 2, ...
        bars: Whether values stand for themselves, each with a bar between its edges.
    """

    label: str
    series: int
    middle: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    dotted: bool = False
    at: Sequence[float] = ()
    bars: bool = False


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

    def scales(axes: Axes) -> None:
        from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

        if logarithmic and any(value > 0 for line in lines for value in line.middle if math.isfinite(value)):
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axes.yaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        axes.set_xlabel("epoch")

    return _picture(name, title, lines, scales)


def chart_over_sizes(name: str, title: str, across: str, lines: Sequence[Line]) -> str:
    """The ``<svg>`` element of a chart over sizes, both axes logarithmic.

    Args:
        name: Starts every id in the SVG.
        title: What is on the vertical axis; read aloud as the name of the picture.
        across: What is on the horizontal axis.
        lines: What is drawn, the first below; each has ``at``.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """

    def scales(axes: Axes) -> None:
        from matplotlib.ticker import LogLocator, NullFormatter

        for axis, scale in ((axes.xaxis, axes.set_xscale), (axes.yaxis, axes.set_yscale)):
            scale("log")
            axis.set_major_locator(LogLocator(numticks=8))
            axis.set_major_formatter(lambda value, _: power_of_ten(value))
            axis.set_minor_formatter(NullFormatter())
        sizes = [size for line in lines for size in line.at]
        axes.set_xlim(min(sizes) / MARGIN, max(sizes) * MARGIN)  # also where nothing was measured
        axes.set_xlabel(across)

    return _picture(name, title, lines, scales)


def chart_of_ratios(name: str, title: str, across: str, places: Sequence[str], lines: Sequence[Line]) -> str:
    """The ``<svg>`` element of a chart of dots with bars beside each other, and a line where the ratio is 1.

    Args:
        name: Starts every id in the SVG.
        title: What is on the vertical axis; read aloud as the name of the picture.
        across: What is on the horizontal axis.
        places: The words below it, for 0, 1, ...
        lines: What is drawn; each has ``at`` and ``bars``.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    shifts = [ASIDE * (number - (len(lines) - 1) / 2) for number in range(len(lines))]
    moved = [replace(line, at=[at + shift for at in line.at]) for line, shift in zip(lines, shifts, strict=True)]

    def scales(axes: Axes) -> None:
        axes.axhline(1, color=MUTED, linewidth=1.2)
        axes.set_xticks(range(len(places)), places)
        axes.set_xlim(-0.5, len(places) - 0.5)
        axes.set_ylim(0, 1.1 * max(1.0, *[high for line in lines for high in line.high]))
        axes.set_xlabel(across)

    return _picture(name, title, moved, scales)


def power_of_ten(value: float) -> str:
    """1000 as 10³; 1 and 10 as they are."""
    exponent = round(math.log10(value))
    return f"{value:g}" if exponent in (0, 1) else "10" + str(exponent).translate(_RAISED)


def _picture(name: str, title: str, lines: Sequence[Line], scales: Callable[[Axes], None]) -> str:
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise missing("matplotlib") from error
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained", facecolor="none")
        axes = figure.add_subplot(facecolor="none")
        for line in lines:
            _draw(axes, line)
        scales(axes)
        axes.grid(visible=True, axis="y", color=MUTED, alpha=0.25, linewidth=0.6)
        # above the axes, where no line can run through it
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, handlelength=2.2, borderaxespad=0.2)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return _adapt(file.getvalue(), name, title)


def _draw(axes: Axes, line: Line) -> None:
    colour = SERIES[line.series % len(SERIES)]
    at = line.at or range(1, len(line.middle) + 1)
    if line.dotted:
        axes.plot(at, line.middle, color=colour, linestyle=":", linewidth=1.6, label=line.label)
        return
    marker = _MARKERS[line.series % len(_MARKERS)]
    if line.bars:
        edges = [
            [abs(middle - edge) for middle, edge in zip(line.middle, side, strict=True)]
            for side in (line.low, line.high)
        ]
        axes.errorbar(at, line.middle, yerr=edges, color=colour, fmt=marker, markersize=5, capsize=3, label=line.label)
        return
    if line.low:
        axes.fill_between(at, line.low, line.high, color=colour, alpha=0.18, linewidth=0)
    axes.plot(at, line.middle, color=colour, linewidth=1.8, marker=marker, markersize=4, label=line.label)


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
