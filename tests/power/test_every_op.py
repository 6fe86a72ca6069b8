"""Every op of the registry, with its rule broken on purpose: the generated tests must notice, for every input."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from gradspec import Op, Report, Verdict, verify
from gradspec.drawing import DEFAULT_EXAMPLES
from ops import OPS
from tests.power.wrong import scaled

EXAMPLES = 20  # a short run has to be enough for these
FEW = 4  # are enough for most
MUTANTS: dict[str, tuple[Callable[[np.ndarray], Any], str]] = {
    "sign": (np.negative, "vjp_finite_difference"),
    "factor": (scaled(1.000001), "vjp_finite_difference"),
    "zero": (np.zeros_like, "vjp_finite_difference"),
    "float64": (np.float64, "contract"),
}


def _mutants() -> Iterator[Any]:
    """One input of each op with one mutant, by turns; `sh .ci/tox mutants` tries all, and many more, on every input."""
    for turn, (op, mutant) in enumerate(zip(OPS, itertools.cycle(MUTANTS))):
        positions = [position for position, domain in enumerate(op.inputs.values()) if domain.differentiable]
        position = positions[turn // len(MUTANTS) % len(positions)]
        yield pytest.param(op, position, mutant, id=f"{op.name}-{[*op.inputs][position]}-{mutant}")


def _mutated(op: Op, position: int, change: Callable[[np.ndarray], Any]) -> Op:
    def wrong_vjp(saved: Any, y_bar: Any) -> tuple[Any, ...]:
        cotangents = list(op.vjp(saved, y_bar))
        cotangents[position] = change(np.asarray(cotangents[position]))
        return tuple(cotangents)

    return op.replace(vjp=wrong_vjp)


def _report(op: Op, checks: Sequence[str], most: int = EXAMPLES) -> Report:
    """The first report that accuses *op*, as more and more examples are drawn; that of the most if none does."""
    for examples in sorted({FEW, EXAMPLES, most}):
        report = verify(op, examples=examples, checks=checks, explain=False)
        if report.failures:
            break
    return report


@pytest.mark.parametrize(("op", "position", "mutant"), [*_mutants()])
def test_a_mutant_is_killed(op: Op, position: int, mutant: str) -> None:
    """A mutant of one input's cotangent fails the check that should see it, within a short run."""
    change, check = MUTANTS[mutant]

    report = _report(_mutated(op, position, change), [check])

    assert Verdict.FAIL is report.verdict, str(report)


def _every_input() -> Iterator[Any]:
    for op in OPS:
        for position, (name, domain) in enumerate(op.inputs.items()):
            if domain.differentiable:
                yield pytest.param(op.replace(dtypes=("float64",)), position, id=f"{op.name}-{name}")


@pytest.mark.parametrize(("op", "position"), [*_every_input()])
def test_an_error_in_the_ninth_digit_is_seen_by_finite_differences_alone(op: Op, position: int) -> None:
    """No other oracle is asked."""
    report = _report(_mutated(op, position, scaled(1 + 1e-9)), ["vjp_finite_difference"])
    assert Verdict.FAIL is report.verdict, str(report)


@pytest.mark.parametrize(("op", "position"), [*_every_input()])
def test_an_error_in_the_twelfth_digit_is_seen_by_an_exact_oracle(op: Op, position: int) -> None:
    """The complex step, or torch; with the default examples, where twenty are too few to see so far."""
    pytest.importorskip("torch")
    wrong = _mutated(op, position, scaled(1 + 1e-12))
    report = _report(wrong, ["vjp_complex_step", "vjp_torch"], most=DEFAULT_EXAMPLES)
    assert Verdict.FAIL is report.verdict, str(report)
