"""Charts as inline SVG: text stays text, colours are the page's own variables, equal data give equal bytes."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from experiments.errors import missing
from experiments.svg import INK, MUTED, SERIES, VARIABLES, adapt

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 4.6, 3.1  # inches: at phone width the text of 10.5 points stays above 8
SMALL = (3.5, 2.3)
FONT_SIZE = 10.5
_WIDE = 24  # letters of a label that leave room for a second one beside it
MARGIN = 1.6
_ROOM = 0.04
ASIDE = 0.18  # between dots that belong to the same place
UNTOLD = "_"  # matplotlib leaves such a label out of the legend
MOST_POINTS = 60
"""Of a line: a chart is too narrow to show more."""
_MARKED_POINTS = 25
_MARKERS = ("o", "s", "^", "D")
_KEYS = (
    '<circle cx="15" cy="6" r="3"/>',
    '<path d="M12 3h6v6h-6z"/>',
    '<path d="M15 2.5l3.5 6.5h-7z"/>',
    '<path d="M15 2l4 4-4 4-4-4z"/>',
)
"""The same markers in a legend of the page."""
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
        dashed: Whether it is another kind of the same series.
        faint: Whether it stands behind the others.
        runs: What it is the mean of: drawn thin, one value per epoch each.
        at: Where the values are on the horizontal axis; () for the epochs 1, 2, ...
        bars: Whether values stand for themselves, each with a bar between its edges.
    """

    label: str
    series: int
    middle: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    dotted: bool = False
    dashed: bool = False
    faint: bool = False
    runs: Sequence[Sequence[float]] = ()
    at: Sequence[float] = ()
    bars: bool = False


def chart(
    name: str,
    title: str,
    lines: Sequence[Line],
    *,
    logarithmic: bool,
    limits: tuple[float, float] | None = None,
    small: bool = False,
) -> str:
    """The ``<svg>`` element of a chart over epochs.

    Args:
        name: Starts every id in the SVG, so that two charts of a page do not share one.
        title: What is on the vertical axis; read aloud as the name of the picture.
        lines: What is drawn, the first below.
        logarithmic: Whether the vertical axis is.
        limits: Where the vertical axis begins and ends, so that charts beside each other can be compared.
        small: Whether it is one of many, which have one legend beside them.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    lines = [_thinned(line) for line in lines]

    def scales(axes: Axes) -> None:
        from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

        if logarithmic and any(value > 0 for line in lines for value in line.middle if math.isfinite(value)):
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axes.yaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        axes.set_xlabel("epoch")
        if limits is not None:
            axes.set_ylim(*limits)

    return _picture(name, title, lines, scales, small=small)


def common_limits(charts: Iterable[Sequence[Line]], *, logarithmic: bool) -> tuple[float, float] | None:
    """From where to where all lines of several charts reach, with a little room; None where there is no finite value.

    Args:
        charts: The lines of each chart.
        logarithmic: Whether their vertical axis is.
    """
    values = [
        value
        for lines in charts
        for line in lines
        for row in (line.middle, line.low, line.high, *line.runs)
        for value in row
        if math.isfinite(value) and (value > 0 or not logarithmic)
    ]
    if not values:
        return None
    low, high = min(values), max(values)
    if logarithmic:
        room = max((high / low) ** _ROOM, 1 + _ROOM)
        return low / room, high * room
    room = max((high - low) * _ROOM, _ROOM * abs(high), _ROOM * _ROOM)
    return low - room, high + room


def _thinned(line: Line) -> Line:
    """At most MOST_POINTS of its epochs, the first and the last among them."""
    count = len(line.middle)
    if count <= MOST_POINTS or line.at:
        return line
    kept = [round(number * (count - 1) / (MOST_POINTS - 1)) for number in range(MOST_POINTS)]

    def some(values: Sequence[float]) -> Sequence[float]:
        return [values[place] for place in kept if place < len(values)]

    return replace(
        line,
        middle=some(line.middle),
        low=some(line.low),
        high=some(line.high),
        runs=[some(run) for run in line.runs],
        at=[place + 1 for place in kept],
    )


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


def key(line: Line) -> str:
    """The ``<svg>`` element that shows in a legend how *line* is drawn."""
    colour = VARIABLES[SERIES[line.series % len(SERIES)]]
    dash = ' stroke-dasharray="5 3"' if line.dashed else ""
    inside = "var(--ground)" if line.dashed else colour
    marker = _KEYS[line.series % len(_KEYS)]
    return (
        f'<svg class="key" viewBox="0 0 30 12" aria-hidden="true" stroke="{colour}" stroke-width="2" fill="{inside}">'
        f'<path d="M0 6h30"{dash}/>{marker}</svg>'
    )


def power_of_ten(value: float) -> str:
    """1000 as 10³; 1 and 10 as they are."""
    exponent = round(math.log10(value))
    return f"{value:g}" if exponent in (0, 1) else "10" + str(exponent).translate(_RAISED)


def _picture(
    name: str, title: str, lines: Sequence[Line], scales: Callable[[Axes], None], *, small: bool = False
) -> str:
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise missing("matplotlib") from error
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=SMALL if small else (WIDTH, HEIGHT), layout="constrained", facecolor="none")
        axes = figure.add_subplot(facecolor="none")
        for line in lines:
            _draw(axes, line)
        scales(axes)
        axes.grid(visible=True, axis="y", color=MUTED, alpha=0.25, linewidth=0.6)
        if not small:
            # above the axes, where no line can run through it
            columns = 2 if max((len(line.label) for line in lines), default=0) <= _WIDE else 1
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, handlelength=2.2, borderaxespad=0.2)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return adapt(file.getvalue(), name, title)


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
        axes.fill_between(at, line.low, line.high, color=colour, alpha=0.12, linewidth=0)
    if line.runs:
        # one path for all of them: between two runs the line is broken
        x = [place for run in line.runs for place in (*at[: len(run)], math.nan)]
        y = [value for run in line.runs for value in (*run, math.nan)]
        axes.plot(x, y, color=colour, linewidth=0.7, alpha=0.4, linestyle="--" if line.dashed else "-")
    axes.plot(
        at,
        line.middle,
        color=colour,
        linewidth=1.1 if line.faint else 1.8,
        alpha=0.6 if line.faint else None,
        linestyle="--" if line.dashed else "-",
        marker=marker if len(at) <= _MARKED_POINTS else None,
        markersize=3 if line.faint else 4,
        markerfacecolor="none" if line.dashed else colour,
        label=line.label,
    )
