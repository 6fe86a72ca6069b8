"""verify: what it accepts, how it judges, and that the same seed gives the same report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradspec import DeclarationError, TargetError, Verdict, real, verify
from gradspec.checks import CHECKS, selected
from gradspec.crossed import beside_params
from gradspec.layouts import Space
from gradspec.oracles import torch_autograd
from tests.gradspec.samples import power, square, square_forward, square_vjp, times, wrong_vjp

ROOT = Path(__file__).resolve().parent.parent.parent
TORCH_CHECKS = ("value_torch", "vjp_torch")


def verdicts(report: Any) -> dict[str, Verdict]:
    """Check -> verdict."""
    return {check.name: check.verdict for check in report.checks}


# --- verify: arguments ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"op": square_forward}, "allowed: an Op (for two functions use gradspec.check_vjp)"),
        ({"examples": 0}, "got examples=0; allowed: a whole number from 1 on"),
        ({"examples": 2.5}, "got examples=2.5"),
        ({"seed": -1}, "got seed=-1; allowed: a whole number from 0 on"),
        ({"seed": "0"}, "got seed='0'"),
        ({"checks": ["gradient"]}, "unknown check 'gradient'; the checks are: contract, vjp_algebra"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, Any], words: str) -> None:
    """verify says what it got and what is allowed."""
    with pytest.raises(TargetError) as caught:
        verify(**{"op": square(), **arguments})
    assert words in str(caught.value)


def test_checks_run_in_their_own_order() -> None:
    """Whatever the order of the names, cheap and exact comes first; one name may stand alone."""
    assert ("contract", "vjp_torch") == tuple(check.name for check in selected(["vjp_torch", "contract"]))
    assert ("contract",) == tuple(check.name for check in selected("contract"))
    assert CHECKS == selected(None)


# --- verify: judging --------------------------------------------------------------------------------------------------


def test_a_right_op_passes() -> None:
    """PASS, everything counted, the resolution small, nothing drawn outside."""
    op = square()
    on_top = len([*beside_params(Space(op), 0)])
    report = verify(op, examples=30)
    assert Verdict.PASS is report.verdict
    assert (30 + round(0.3 * on_top), 0, 0) == (report.examples, report.outside, report.seed)
    assert report.resolution < 1e-9
    assert report.compared > 100
    assert () == report.failures
    assert all(check.evaluations > 0 for check in report.checks if check.verdict is not Verdict.SKIPPED)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_dtype_alone_is_verified_as_that_dtype(dtype: str) -> None:
    """Nothing is asked of the other one; differences are still taken of a forward in float64."""
    report = verify(square(dtypes=(dtype,)))
    assert Verdict.PASS is report.verdict, str(report)
    other = {"float32": np.float64, "float64": np.float32}[dtype]
    cast = verify(square(vjp=lambda x, y_bar: ((2.0 * x * y_bar).astype(other),), dtypes=(dtype,)))
    assert f"cotangent for the {dtype} input 'x'" in str(cast)


def test_a_wrong_op_is_a_failure_never_an_exception() -> None:
    """FAIL, with the failures worst first, each with message and counterexample."""
    report = verify(square(vjp=lambda s, y_bar: (np.abs(3 * s * y_bar),)), examples=10)
    assert Verdict.FAIL is report.verdict
    assert {"vjp_algebra", "vjp_finite_difference", "vjp_complex_step"} == {check.name for check in report.failures}
    discrepancies = [check.discrepancy for check in report.failures]
    assert sorted(discrepancies, reverse=True) == discrepancies
    assert all(check.message and check.counterexample is not None for check in report.failures)


def test_points_outside_the_domain_are_counted_not_judged() -> None:
    """Where forward overflows nothing is compared."""
    op = square(forward=lambda x: (np.exp(x), x), vjp=lambda x, y: (np.exp(x) * y,))
    report = verify(op, examples=40)
    assert Verdict.PASS is report.verdict, str(report)
    assert 0 < report.outside < 20


def test_a_param_value_without_a_conclusive_comparison_is_inconclusive() -> None:
    """PASS asks for every param value: the reason names the one that is missing."""

    def forward(x: np.ndarray, *, noisy: bool) -> Any:
        y = x * x
        if noisy:  # digits beyond the fourth are lost: no derivative can be read off
            y = np.round(y, 4)
        return y, x

    report = verify(
        square(forward=forward, inputs={"x": real("n")}, sizes={"n": (1, 3)}, params={"noisy": (False, True)}),
        examples=1,
    )
    result = next(check for check in report.checks if check.name == "vjp_finite_difference")
    assert Verdict.INCONCLUSIVE is result.verdict
    assert Verdict.INCONCLUSIVE is report.verdict
    assert "noisy=True" in result.reason or "sharp enough" in result.reason


def test_an_input_never_compared_is_inconclusive() -> None:
    """Empty arrays alone prove nothing: nothing compared is never PASS."""
    report = verify(square(sizes={"n": 0}), examples=5)
    found = verdicts(report)
    assert Verdict.INCONCLUSIVE is found["vjp_finite_difference"]
    assert Verdict.INCONCLUSIVE is report.verdict
    reason = next(check.reason for check in report.checks if check.name == "vjp_finite_difference")
    assert "nothing was compared" in reason


def test_only_cheap_checks_are_inconclusive() -> None:
    """Without an oracle for the vjp there is no PASS."""
    report = verify(square(), examples=5, checks=["contract", "vjp_algebra"])
    assert {Verdict.PASS} == set(verdicts(report).values())
    assert Verdict.INCONCLUSIVE is report.verdict


def test_no_time_is_inconclusive() -> None:
    """What max_seconds leaves unseen is not passed."""
    report = verify(power(), examples=50, max_seconds=1e-9)
    assert 1 == report.examples
    assert Verdict.INCONCLUSIVE is report.verdict
    reason = next(check.reason for check in report.checks if check.name == "vjp_finite_difference")
    assert "no conclusive comparison for" in reason
    assert "p=3" in reason
    assert "float32" in reason


@pytest.mark.parametrize("check", TORCH_CHECKS)
def test_missing_torch_is_skipped_and_says_so(check: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """SKIPPED with the command that installs it; the rest still passes."""
    monkeypatch.setattr(torch_autograd, "available", lambda: False)
    report = verify(square(torch=lambda x: x * x), examples=10)
    result = next(result for result in report.checks if result.name == check)
    assert Verdict.SKIPPED is result.verdict
    assert "torch is not installed: pip install 'gradspec[torch]'" == result.reason
    assert result.reason in str(report)
    assert Verdict.PASS is report.verdict


def test_no_reference_is_skipped() -> None:
    """An op without a torch reference says so."""
    report = verify(square(), examples=5)
    assert {"the op declares no torch reference"} == {c.reason for c in report.checks if c.name in TORCH_CHECKS}


def test_a_wrong_forward_is_seen_by_the_reference_alone() -> None:
    """Forward and vjp that fit each other, but not the op: only value_torch can tell."""
    pytest.importorskip("torch")
    op = square(forward=lambda x: (x * x + 1, x), torch=lambda x: x * x)
    report = verify(op, examples=10)
    assert ["value_torch"] == [check.name for check in report.failures]
    assert "forward differs from its torch reference" in report.failures[0].message


@pytest.mark.parametrize("vjp", [square_vjp, wrong_vjp])
def test_a_reference_with_a_wrong_gradient_is_a_wrong_declaration(vjp: Any) -> None:
    """Oracles that contradict each other say nothing of the rule, whether it is right or wrong."""
    pytest.importorskip("torch")
    op = square(vjp=vjp, torch=lambda x: x * x + (x - x.detach()) * 0.5)
    with pytest.raises(DeclarationError, match="its gradient for 'x' is not: it says") as caught:
        verify(op, examples=10)
    assert ("square", "torch") == (caught.value.op, caught.value.field)


def test_a_reference_that_is_wrong_here_and_there_does_not_fail_the_op() -> None:
    """torch alone never fails a vjp: what finite differences do not confirm is a note."""
    pytest.importorskip("torch")
    op = square(torch=lambda x: x * x + (x - x.detach()) * 0.5 * (x > 20))
    result = next(check for check in verify(op, examples=60).checks if check.name == "vjp_torch")
    assert Verdict.FAIL is not result.verdict
    assert any("finite differences do not confirm it" in note for note in result.notes)


# --- the report -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", [times(), square(vjp=wrong_vjp), power()], ids=["right", "wrong", "params"])
def test_the_same_seed_gives_the_same_report(op: Any) -> None:
    """Everything but the seconds, counterexamples included; and it is JSON."""
    first, second = (json.loads(json.dumps(verify(op, seed=3, examples=30).to_dict(), allow_nan=False)) for _ in "ab")
    assert first.pop("seconds") >= 0
    assert second.pop("seconds") >= 0
    assert first == second


DRAWS = """
import hashlib
from gradspec import verify
from tests.gradspec.samples import square
seen = hashlib.sha256()
def forward(x):
    seen.update(x.tobytes())
    return x * x, x
for seed in range(6):
    verify(square(forward=forward), seed=seed, checks=["vjp_algebra"])
print(seen.hexdigest())
"""


def test_a_seed_draws_the_same_whatever_is_loaded(tmp_path: Path) -> None:
    """Hypothesis would mix the constants of modules into its draws."""
    (tmp_path / "numbers_of_mine.py").write_text(f"A = {[*range(1_000_003, 4_000_000_000, 70_000_007)]}\n")
    said = []
    for before in ("", "import gradspec.cli, numbers_of_mine\n"):
        path = os.pathsep.join((str(ROOT), str(tmp_path)))
        command = [sys.executable, "-c", before + DRAWS]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}
        )
        said.append(done.stdout)
    assert said[0] == said[1]


def test_zeros_alone_are_no_pass() -> None:
    """sin(1e9 x) has slopes that no step sees; that other entries do not enter an output is all that was compared."""
    blind = square(
        forward=lambda x: (np.sin(1e9 * x), x),
        vjp=lambda x, y_bar: (1e9 * np.cos(1e9 * x) * y_bar,),
        inputs={"x": real("n", lo=1.0, hi=9.0)},
        dtypes=("float64",),
    )
    for seed in range(4):
        report = verify(blind, seed=seed, checks=["vjp_finite_difference"])
        assert Verdict.INCONCLUSIVE is report.verdict
        assert report.checks[0].reason
    floor = square(forward=lambda x: (np.floor(x), x), vjp=lambda x, y_bar: (0.0 * x * y_bar,), inputs={"x": real("n")})
    assert Verdict.PASS is verify(floor).verdict


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize(
    "forward",
    [lambda x: (np.asmatrix(2 * x), None), lambda x: (np.ma.masked_array(2 * x, mask=np.zeros(x.shape)), None)],
)
def test_arrays_of_other_classes_are_arrays(forward: Any) -> None:
    """A matrix keeps two axes when it is made flat; a masked array has methods of its own."""
    op = square(forward=forward, vjp=lambda _, y_bar: (np.asarray(2 * y_bar),), inputs={"x": real("n d")})
    assert Verdict.PASS is verify(op).verdict


def test_another_seed_draws_other_values() -> None:
    """The seed reaches the values."""
    seen: dict[int, list[float]] = {}
    for seed in (1, 2):
        drawn: list[float] = []

        def forward(x: np.ndarray, drawn: list[float] = drawn) -> Any:
            drawn.append(float(x))
            return x * x, x

        verify(square(forward=forward, inputs={"x": real("")}), seed=seed, examples=3, checks=["contract"])
        seen[seed] = drawn
    assert seen[1] != seen[2]


def test_hypothesis_is_told_where_to_climb(monkeypatch: pytest.MonkeyPatch) -> None:
    """The drawn cases report how near they came to a failure, in decades, and nothing infinite."""
    told: list[float] = []
    monkeypatch.setattr("hypothesis.target", lambda value, label: told.append(value))
    monkeypatch.setattr("gradspec.tally.ENOUGH", 1000)  # or the failures would all be over before the first draw
    assert verify(square(), examples=100).verdict is Verdict.PASS
    assert len(told) >= 10
    assert max(told) < 0
    told.clear()
    verify(square(vjp=lambda saved, y_bar: (y_bar * saved * np.nan,)), examples=100)
    assert max(told) == 6
