"""The report as one self-contained HTML file: plain data in, bytes out; no script, no request, no clock."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from experiments import cost, speed
from experiments.claims import Outcome
from experiments.errors import missing
from experiments.judged import ruler
from experiments.mathml import UnknownLatexError, mathml
from experiments.section import Part, Section
from experiments.speed import Speed
from experiments.trust import Trust
from experiments.verification import ERROR, CheckRow, OpRow, titles

if TYPE_CHECKING:
    from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"
MARKS = {"PASS": "✓", "FAIL": "✗", "INCONCLUSIVE": "?", "SKIPPED": "–", ERROR: "!"}
"""A verdict's sign: it is never told by its colour alone."""
WORDS = {
    "PASS": "passed",
    "FAIL": "failed",
    "INCONCLUSIVE": "inconclusive",
    "SKIPPED": "skipped",
    ERROR: "could not be verified",
}
_SMALL = 1e-3
_MINUTE, _HOUR = 60, 3600


@dataclass(frozen=True, kw_only=True)
class Page:
    """Everything that the report shows.

    Attributes:
        ops: One row per op.
        sections: One per experiment that has runs.
        environments: Where the runs and the verification were computed: name of a fact -> one text per place.
        quick: Whether this is a quick report: few examples, and a small budget for what was computed for it.
        examples: How many examples were drawn per op.
        command: What makes this report again.
        trust: What is known of the verification itself.
        speed: How fast the ops are beside torch, if that was measured.
    """

    ops: Sequence[OpRow]
    sections: Sequence[Section]
    environments: Mapping[str, Sequence[str]]
    quick: bool
    examples: int
    command: str
    trust: Trust = field(default_factory=Trust)
    speed: Speed | None = None

    @property
    def verdict(self) -> str:
        """FAIL if any op failed or broke, PASS if all passed, else INCONCLUSIVE."""
        verdicts = {op.verdict for op in self.ops}
        if verdicts & {"FAIL", ERROR}:
            return "FAIL"
        return "PASS" if verdicts == {"PASS"} else "INCONCLUSIVE"

    @property
    def passed(self) -> int:
        """How many ops passed."""
        return sum(op.verdict == "PASS" for op in self.ops)

    @property
    def other_verdicts(self) -> list[tuple[str, int]]:
        """Verdicts other than PASS and how many ops have them, the worst first."""
        counts = Counter(op.verdict for op in self.ops)
        return [(verdict, counts[verdict]) for verdict in ("FAIL", ERROR, "INCONCLUSIVE") if counts[verdict]]

    @property
    def compared(self) -> int:
        """Entries compared against oracles, over all ops."""
        return sum(op.compared for op in self.ops)

    @property
    def claims(self) -> int:
        """How many sentences of the study are judged, by the first study of each experiment."""
        return sum(count for _, count in self.outcomes)

    @property
    def measures(self) -> int:
        """How many numbers judge them."""
        return sum(len(claim.judgements) for section in self.sections for claim in section.parts[0].claims)

    @property
    def outcomes(self) -> list[tuple[Outcome, int]]:
        """How many of them are confirmed, refuted, undecided."""
        counts = Counter(claim.outcome for section in self.sections for claim in section.parts[0].claims)
        return [(outcome, counts[outcome]) for outcome in Outcome]

    @property
    def parts(self) -> list[Part]:
        """All studies of all experiments."""
        return [part for section in self.sections for part in section.parts]

    @property
    def judgements(self) -> int:
        """How many numbers are judged on the whole page, also those of our own questions and of later studies."""
        return sum(len(part.judgements) for part in self.parts)

    @property
    def small(self) -> list[Part]:
        """The studies whose budget is smaller than the experiment's own."""
        return [part for part in self.parts if part.study.is_small]

    @property
    def check_names(self) -> list[str]:
        """The columns of the table: every check that ran on an op, in the order of running."""
        return list(dict.fromkeys(check.name for op in self.ops for check in op.checks))

    @property
    def remarks(self) -> list[tuple[OpRow, CheckRow]]:
        """The checks that failed or are inconclusive, failures first."""
        pairs = [(op, check) for op in self.ops for check in op.checks if check.verdict in ("FAIL", "INCONCLUSIVE")]
        return sorted(pairs, key=lambda pair: pair[1].verdict != "FAIL")

    @property
    def skipped(self) -> list[tuple[str, str, int]]:
        """Check, reason and how many ops: why checks were skipped."""
        counts = Counter(
            (check.name, check.reason) for op in self.ops for check in op.checks if check.verdict == "SKIPPED"
        )
        return [(name, reason, count) for (name, reason), count in counts.items()]


def render(page: Page) -> str:
    """The HTML of *page*; equal pages give equal text.

    Raises:
        MissingDependencyError: Jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
        from markupsafe import Markup
    except ImportError as error:
        raise missing("jinja2") from error
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters |= {
        "formula": _formula,
        "number": number,
        "signed": signed,
        "count": lambda value: f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}"),
        "resolution": resolution,
        "breakable": lambda name: Markup("_<wbr>").join(name.split("_")),
        "percent": percent,
        "seconds": cost.seconds,
        "size": cost.size,
        "times": cost.times,
        "duration": speed.duration,
        "long": long_duration,
        "ratio": lambda value: f"{value:.2f}×",
        "spread": speed.spread,
        "sentence": lambda text: text[:1].upper() + text[1:],
        "picture": Markup,  # what figures.py made
    }
    style = Markup((TEMPLATES / "report.css").read_text(encoding="utf-8"))  # noqa: S704 - a file of this project
    return templates.get_template("report.html").render(
        page=page,
        style=style,
        marks=MARKS,
        words=WORDS,
        titles=titles(),
        ruler=ruler,
        cost_panels=cost.panels(page.trust.cost) if page.trust.cost else [],
        speed_panels=speed.panels(page.speed) if page.speed else [],
        by_name=lambda checks: {check.name: check for check in checks},
    )


def _formula(latex: str) -> Markup:
    from markupsafe import Markup, escape

    try:
        return Markup(mathml(latex))  # noqa: S704 - every character of the formula is escaped there
    except UnknownLatexError:
        return Markup('<code class="latex">{}</code>').format(escape(latex))


def number(value: float) -> str:
    """A loss, an accuracy or their spread, as short as it can be read."""
    if not math.isfinite(value):
        return "–" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    if value and abs(value) < _SMALL:
        return f"{value:.1e}".replace("-", "−")
    return f"{value:.4f}".replace("-", "−")


def signed(value: float) -> str:
    """A difference, with its sign."""
    return ("+" if value > 0 else "") + number(value)


def long_duration(seconds: float) -> str:
    """Hours and minutes, minutes and seconds, or seconds."""
    whole = round(seconds)
    if whole >= _HOUR:
        hours, minutes = divmod(round(whole / _MINUTE), _MINUTE)
        return f"{hours}\N{NO-BREAK SPACE}h {minutes}\N{NO-BREAK SPACE}min"
    if whole >= _MINUTE:
        return f"{whole // _MINUTE}\N{NO-BREAK SPACE}min {whole % _MINUTE}\N{NO-BREAK SPACE}s"
    return f"{seconds:.1f}\N{NO-BREAK SPACE}s"


def percent(share: float) -> str:
    """A share in percent, with two digits, or three close to all of it, which is not called so."""
    if 0.95 <= share < 1:
        return f"{math.floor(1000 * share) / 10:.1f}\N{NO-BREAK SPACE}%"
    return f"{float(f'{100 * share:.2g}'):g}\N{NO-BREAK SPACE}%"


def resolution(value: float | None) -> str:
    """The smallest relative error that could be seen."""
    return "–" if value is None else f"{value:.0e}".replace("e-0", "e-").replace("-", "−")
