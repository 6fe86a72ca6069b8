"""Are the error bars right? Rules known to be exact against finite differences: how often they are outside the bar.

Over smooth vector functions composed at random, whose derivatives are known in extended precision, and over every op
of the registry. Random functions count at the first look: what the engine looks at twice before it says FAIL counts
here at once.

    python -m benchmarks.calibration --functions 2000 --examples 60
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.record import ROOT, fingerprint, save
from benchmarks.vector_functions import INPUTS, Function, exact, random_function
from gradspec import Op, real
from gradspec.caller import CallFailedError
from gradspec.domains import Case, make_case, systematic
from gradspec.evidence import Evidence
from gradspec.layouts import Space
from gradspec.spec import FLOAT_DTYPES
from gradspec.trial import Trial
from ops import OPS

RECORD = ROOT / "docs" / "records" / "calibration.json"
POINTS = 2  # at which each random function is looked at, in each dtype
OPEN, EXCEEDED = 0.05, 0.001  # what is promised of the shares
RANDOM = "random vector functions"


@dataclass(kw_only=True)
class Count:
    """Comparisons of rules that are right.

    Attributes:
        comparisons: All of them.
        conclusive: Those with a bar small enough to count.
        exceeded: Those of them whose true error is above the bar.
    """

    comparisons: int = 0
    conclusive: int = 0
    exceeded: int = 0

    @property
    def open_share(self) -> float:
        """Share of the comparisons that say nothing."""
        return 1 - self.conclusive / self.comparisons if self.comparisons else 0.0

    @property
    def exceeded_share(self) -> float:
        """Share of the conclusive comparisons that are off by more than they say."""
        return self.exceeded / self.conclusive if self.conclusive else 0.0

    def __add__(self, other: Count) -> Count:
        return Count(
            comparisons=self.comparisons + other.comparisons,
            conclusive=self.conclusive + other.conclusive,
            exceeded=self.exceeded + other.exceeded,
        )


def vector_functions(count: int, seed: int = 0, wrong_by: float = 0.0) -> Count:
    """Random functions (4,) -> (3,) with their exact vjp, at a few points in float64 and float32 each.

    A rule that is *wrong_by* a relative error on purpose shows that the count can see one.
    """
    rng = np.random.default_rng(seed)
    return sum((counted(_op(random_function(rng), 1 + wrong_by), _points(rng)) for _ in range(count)), Count())


def registry(op: Op, examples: int, seed: int = 0) -> Count:
    """The first examples of *op* with its own rule, as verify draws and judges them, but for what Hypothesis adds."""
    space = Space(op)
    cases = (make_case(space, recipe) for recipe in islice(systematic(space, seed), examples))
    return counted(op, cases, second_look=True)


def counted(op: Op, cases: Iterable[Case], *, second_look: bool = False) -> Count:
    """Hold a rule that is right against finite differences."""
    total = Count()
    for case in cases:
        trial = Trial(op, case)
        try:
            if not trial.is_inside:
                continue
            cotangent = trial.flat_cotangents(trial.x_bar)
        except CallFailedError:
            continue
        found = Evidence(trial).judge(cotangent, second_look=second_look)
        total += Count(
            comparisons=int(found.judged.sum()),
            conclusive=int((found.judged & found.conclusive).sum()),
            exceeded=int(found.wrong.sum()),
        )
    return total


def _op(function: Function, factor: float) -> Op:
    def forward(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return function(x).astype(x.dtype), x

    def vjp(x: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        point = x.astype(np.float64)
        columns = [y_bar.astype(np.float64) @ exact(function, point, direction) for direction in np.eye(INPUTS)]
        return (factor * np.array(columns, dtype=x.dtype),)

    return Op(name="random", forward=forward, vjp=vjp, inputs={"x": real(f"{INPUTS}")})


def _points(rng: np.random.Generator) -> Iterator[Case]:
    for dtype in FLOAT_DTYPES:
        for _ in range(POINTS):
            x = rng.uniform(-2, 2, size=INPUTS).astype(dtype)
            seed = int(rng.integers(2**31))
            yield Case(sizes={}, lead=(), params={}, keys={}, drawn=(x,), dtype=dtype, seed=seed)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, keep the record, print the table; returns 1 if a share is above what is promised."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__.splitlines()[0])
    parser.add_argument("--functions", type=int, default=2000, help="random vector functions (default 2000)")
    parser.add_argument("--examples", type=int, default=60, help="examples per op of the registry (default 60)")
    parser.add_argument("--record", type=Path, default=RECORD, help="the record to keep")
    options = parser.parse_args(arguments)
    rows = {RANDOM: vector_functions(options.functions)}
    print(line(RANDOM, rows[RANDOM]), flush=True)
    for op in OPS:
        rows[op.name] = registry(op, options.examples)
        print(line(op.name, rows[op.name]), flush=True)
    print(line("all", sum(rows.values(), Count())))
    record = {
        "code": fingerprint(),
        "functions": options.functions,
        "examples": options.examples,
        "promised": {"open": OPEN, "exceeded": EXCEEDED},
    }
    save({**record, "counts": {name: asdict(count) for name, count in rows.items()}}, options.record)
    return 1 if any(count.open_share >= OPEN or count.exceeded_share >= EXCEEDED for count in rows.values()) else 0


def line(name: str, count: Count) -> str:
    """One row of the table."""
    return (
        f"{name:24} {count.comparisons:7} comparisons, {count.open_share:6.2%} inconclusive, "
        f"{count.exceeded} outside their bar ({count.exceeded_share:.3%})"
    )


if __name__ == "__main__":
    sys.exit(main())
