"""The error bars, held against derivatives that are known: a small run of what benchmarks.calibration measures."""

# ruff: noqa: T201  (the numbers are what these tests exist for; shown with -rP)
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks import calibration
from benchmarks.calibration import EXCEEDED, OPEN, RANDOM, line, registry, vector_functions
from gradspec import Op
from ops import OPS, add

Recorder = Callable[[str, object], None]


def test_of_random_vector_functions_the_error_is_within_the_bar(record_property: Recorder) -> None:
    """Smooth functions (4,) -> (3,), composed at random: the true error is known to more digits than a float64 has."""
    count = vector_functions(150)
    record_property(RANDOM, line(RANDOM, count))
    print(line(RANDOM, count))
    assert count.comparisons > 1000
    assert count.open_share < OPEN
    assert count.exceeded_share < EXCEEDED


def test_the_count_sees_an_error_that_there_is() -> None:
    """A vjp that is off in its ninth digit is outside the bar nearly always in float64: half of the points."""
    count = vector_functions(20, wrong_by=1e-8)
    assert count.exceeded_share > 0.4


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_of_the_registry_hardly_a_comparison_is_inconclusive(op: Op, record_property: Recorder) -> None:
    """Each op by itself, with its systematic examples; and no bar is exceeded."""
    with np.errstate(all="ignore"):
        count = registry(op, examples=26)
    record_property(op.name, line(op.name, count))
    print(line(op.name, count))
    assert count.comparisons > 25  # large inputs are compared along one direction per example
    assert count.open_share < OPEN
    assert count.exceeded == 0


def test_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random functions first, then the ops; beside them what is promised."""
    monkeypatch.setattr(calibration, "OPS", (add,))
    path = tmp_path / "calibration.json"
    assert 0 == calibration.main(["--functions", "2", "--examples", "10", "--record", str(path)])
    record = json.loads(path.read_text())
    assert {"open": 0.05, "exceeded": 0.001} == record["promised"]
    assert [RANDOM, "add"] == [*record["counts"]]
    assert {"comparisons": 40, "conclusive": 40, "exceeded": 0} == record["counts"][RANDOM]
