"""What a check says of one trial."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from gradspec.evidence import Evidence
from gradspec.spec import FLOAT_DTYPES, Op
from gradspec.trial import Trial

GROSS = 1e-3  # of an entry
SHOWN = 8  # entries above which an array is described, not printed


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """A failure at one trial, in the words and numbers of the failure text.

    Attributes:
        headline: What is wrong, to follow the op's name: "vjp is wrong for input 'x'".
        kind: Short name of the way in which it is wrong; shrinking keeps it.
        input: The input concerned; "" if none in particular.
        lines: Sentences with the numbers.
        discrepancy: Difference over bar.
        got: The rule's cotangent for that input, where the failure is numeric.
        want: What it should be.
        wrong: Which entries differ.
        along: What the rule, and what the oracle says of several directions, where it is not known of entries.
    """

    headline: str
    kind: str
    input: str = ""
    lines: tuple[str, ...] = ()
    discrepancy: float = math.inf
    got: np.ndarray | None = field(default=None, compare=False)
    want: np.ndarray | None = field(default=None, compare=False)
    wrong: np.ndarray | None = field(default=None, compare=False)
    along: tuple[np.ndarray, np.ndarray] | None = field(default=None, compare=False)

    @property
    def is_gross(self) -> bool:
        """Whether some entry is off by more than anybody would take for rounding."""
        if self.got is None or self.want is None or self.wrong is None:
            return True
        with np.errstate(all="ignore"):
            relative = np.abs(self.got - self.want)[self.wrong] / np.abs(self.want)[self.wrong]
        return not bool((relative <= GROSS).all())


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One check on one trial, for one input of the op (or for all, where ``input`` is "").

    Attributes:
        input: The input concerned.
        size: Its entries.
        entries: Distinct entries compared conclusively.
        comparisons: Comparisons made.
        conclusive: How many of them had a bar small enough.
        resolution: Smallest relative error that could be seen.
        discrepancy: Largest difference over bar.
        stated: Whether the rule or the oracle gives a derivative other than 0 here.
        mismatch: The failure, if it is one; or a function that words it, since that takes evaluations of its own.
        note: A remark that changes no verdict.
        dispute: The evidence that the oracles contradict each other here, whatever the rule says.
        alone: Relative differences of the comparisons in which torch's word stands alone against the rule.
        refuted: Whether differences show that it is torch's gradient that is off, in one of the comparisons.
        doubted: Whether torch's gradient is not finite, or differs clearly in one and nothing tells whose fault it is.
    """

    input: str = ""
    size: int = 0
    entries: int = 0
    comparisons: int = 0
    conclusive: int = 0
    resolution: float = math.inf
    discrepancy: float = 0.0
    stated: bool = False
    mismatch: Mismatch | Callable[[], Mismatch] | None = None
    note: str = ""
    dispute: str = ""
    alone: tuple[float, ...] = ()
    refuted: bool = False
    doubted: bool = False

    @property
    def is_sighted(self) -> bool:
        """Whether a derivative other than 0 was compared conclusively."""
        return bool(self.conclusive and math.isfinite(self.resolution))

    @property
    def told(self) -> Mismatch | None:
        """The failure in words; None if it is none."""
        return self.mismatch() if callable(self.mismatch) else self.mismatch


@dataclass(frozen=True)
class Check:
    """One property that every op must have.

    Attributes:
        name: As in test ids and reports.
        function: Examines one trial.
        title: What it makes sure of, in a phrase.
        skip: Says why it does not apply to an op; "" if it does.
        oracle: Whether it holds the vjp against an independent oracle.
        estimates: Whether its oracle is blurred where forward is, so that another one may answer in its place.
        partial: Whether it may apply to part of an op's domain only: what it then lacks is no question left open.
        dtypes: The dtypes it looks at.
        everywhere: Whether it has something to say where forward is not finite, too.
        blind: Why it may find nothing to compare, in words.
    """

    name: str
    function: Callable[[Trial, Evidence], list[Outcome]]
    title: str
    skip: Callable[[Op], str] = lambda _op: ""
    oracle: bool = False
    estimates: bool = False
    partial: bool = False
    dtypes: tuple[str, ...] = FLOAT_DTYPES
    everywhere: bool = False
    blind: str = ""


def number(value: float, other: float | None = None) -> str:
    """A number as the failure text writes it: short, but with digits enough to tell it from *other*."""
    value = float(value)
    digits = 6
    if other is not None and math.isfinite(value) and math.isfinite(other) and value != other and value:
        digits = max(digits, 2 - math.floor(math.log10(min(abs(value - other) / abs(value), 1.0))))
    text = f"{value:.{min(digits, 17)}g}"
    return text if any(mark in text for mark in ".en") else f"{text}.0"


def entry(name: str, position: tuple[int, ...], suffix: str = "_bar") -> str:
    """``x_bar[0, 1]``, or ``x_bar`` for 0-d."""
    return f"{name}{suffix}[{', '.join(map(str, position))}]" if position else f"{name}{suffix}"


def show(array: np.ndarray) -> str:
    """A small array in full, a large one by its shape."""
    if array.size > SHOWN:
        return f"an array of shape {array.shape}"
    text = np.array2string(array, separator=", ", precision=6, suppress_small=False, floatmode="unique")
    return " ".join(text.split()).replace("[ ", "[").replace(" ]", "]").replace(" ,", ",")
