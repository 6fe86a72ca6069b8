"""What checking one point costs, beside torch's gradcheck on the same op: interleaved in one process, as ratios.

Nothing here asserts a time: machines are noisy. The forwards are exact and are asserted.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import pytest

import gradspec
from ops import normalize

torch = pytest.importorskip("torch")

ROUNDS = 5
SIZES = (10, 100, 1000)  # rows of 10 entries
MAX_FULL = 1000  # entries beyond which the full Jacobian of gradcheck's slow mode takes minutes


def _seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


@pytest.mark.parametrize("rows", SIZES)
def test_one_point(rows: int) -> None:
    """Time check_vjp (12 cotangents, every check) and gradcheck (its one point) in turns, and print the ratios."""
    x = np.random.default_rng(0).uniform(0.5, 2.0, size=(rows, 10))
    tensor = torch.from_numpy(x).requires_grad_()
    sides: dict[str, Callable[[], object]] = {
        "gradspec": lambda: gradspec.check_vjp(normalize.forward, normalize.vjp, x),
        "gradcheck fast": lambda: torch.autograd.gradcheck(normalize.torch, (tensor,), fast_mode=True),
    }
    if x.size <= MAX_FULL:
        sides["gradcheck"] = lambda: torch.autograd.gradcheck(normalize.torch, (tensor,))
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, side in sides.items():
            times[name].append(_seconds(side))

    report = gradspec.check_vjp(normalize.forward, normalize.vjp, x)
    calls = sum(check.evaluations for check in report.checks) / report.examples
    print(f"\n{x.size} entries, {torch.get_num_threads()} thread(s): {calls:.0f} forwards and vjps per cotangent")
    ours = times["gradspec"]
    for name, theirs in times.items():
        ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
        print(
            f"  {name:<15} {1e3 * statistics.median(theirs):9.2f} ms   gradspec is at "
            f"{statistics.median(ratios):.3f} of it ({min(ratios):.3f} to {max(ratios):.3f})"
        )
    assert gradspec.Verdict.PASS is report.verdict
    finite = next(check for check in report.checks if check.name == "vjp_finite_difference")
    assert finite.evaluations <= 40 * report.examples  # 17 forwards, and the rounding of forward and rule: any size
