"""Four ways to check one rule at one point, each telling how many forwards and vjps it takes.

All of them call the same NumPy functions: for gradcheck they are wrapped as a ``torch.autograd.Function``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

import gradspec
from gradspec import Op
from gradspec.domains import Case
from gradspec.evidence import Evidence
from gradspec.trial import Trial

WIDTH = 10  # entries per row
NEAR, FAR = 0.5, 2.0  # |x|: no stencil of any side meets the kink of relu
RTOL = 1e-3  # gradcheck's own default
POSITIVE = frozenset({"normalize"})


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What one check came to.

    Attributes:
        passed: Whether it found nothing wrong.
        forwards: Calls of forward.
        vjps: Calls of the vjp.
        rounding: How many more of each, for measuring what rounding may cost.
        resolution: The smallest relative error that it was able to see.
    """

    passed: bool
    forwards: int
    vjps: int
    rounding: tuple[int, int] = (0, 0)
    resolution: float


class Counter:
    """An op whose calls are counted.

    Attributes:
        op: The op to call.
        calls: Of forward and of the vjp, since the last look.
    """

    def __init__(self, op: Op) -> None:
        self.calls = [0, 0]
        self.op = op.replace(forward=self._counted(op.forward, 0), vjp=self._counted(op.vjp, 1))

    def _counted(self, function: Callable[..., Any], which: int) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            self.calls[which] += 1
            return function(*arguments, **keywords)

        return call

    def look(self) -> tuple[int, int]:
        """The calls since the last look."""
        forwards, vjps = self.calls
        self.calls = [0, 0]
        return forwards, vjps


def point(op: Op, entries: int) -> np.ndarray:
    """Rows of :data:`WIDTH` entries; away from 0, and of both signs where the op takes them."""
    rng = np.random.default_rng(0)
    shape = (entries // WIDTH, WIDTH)
    x = rng.uniform(NEAR, FAR, size=shape)
    return x if op.name in POSITIVE else x * rng.choice((-1.0, 1.0), size=shape)


def projection(op: Op, x: np.ndarray) -> Checked:
    """The rule held against finite differences along one direction that moves every entry."""
    counter = Counter(op)
    sizes = dict(zip(op.sizes, x.shape, strict=False))
    trial = Trial(counter.op, Case(sizes=sizes, lead=(), params={}, keys={}, drawn=(x,), dtype="float64", seed=0))
    evidence = Evidence(trial)
    cotangent = trial.flat_cotangents(trial.x_bar)
    _ = trial.y64
    first = counter.look()
    _ = trial.exact_rule, trial.jittered, evidence.elsewhere  # the same, moved by ulps, and at other magnitudes
    rounding = counter.look()
    judgement = evidence.judge(cotangent, second_look=False)
    then = counter.look()
    passed = bool(judgement.conclusive.all() and not judgement.wrong.any())
    return Checked(
        passed=passed,
        forwards=first[0] + then[0],
        vjps=first[1] + then[1],
        rounding=rounding,
        resolution=float((judgement.bar / judgement.terms).max()),
    )


def every_check(op: Op, x: np.ndarray) -> Checked:
    """``gradspec.check_vjp``: every check, with 12 upstream gradients."""
    counter = Counter(op)
    report = gradspec.check_vjp(counter.op.forward, counter.op.vjp, x)
    forwards, vjps = counter.look()
    passed = report.verdict is gradspec.Verdict.PASS
    return Checked(passed=passed, forwards=forwards, vjps=vjps, resolution=float(report.resolution))


def gradcheck_fast(op: Op, x: np.ndarray) -> Checked:
    """The gradcheck of torch along one direction, with the tolerances that it has by default."""
    return _gradcheck(op, x, fast_mode=True)


def gradcheck_full(op: Op, x: np.ndarray) -> Checked:
    """The gradcheck of torch of the whole Jacobian, with the tolerances that it has by default."""
    return _gradcheck(op, x, fast_mode=False)


SIDES: Mapping[str, Callable[[Op, np.ndarray], Checked]] = {
    "one projection": projection,
    "check_vjp": every_check,
    "gradcheck, fast": gradcheck_fast,
    "gradcheck": gradcheck_full,
}
PROJECTION, FAST, FULL = "one projection", "gradcheck, fast", "gradcheck"


def _gradcheck(op: Op, x: np.ndarray, *, fast_mode: bool) -> Checked:
    counter = Counter(op)
    function = _as_torch(counter.op)
    tensor = torch.from_numpy(x).requires_grad_()
    passed = torch.autograd.gradcheck(function, (tensor,), rtol=RTOL, fast_mode=fast_mode, raise_exception=False)
    forwards, vjps = counter.look()
    return Checked(passed=bool(passed), forwards=forwards, vjps=vjps, resolution=RTOL)


def _as_torch(op: Op) -> Callable[[torch.Tensor], Any]:
    class Wrapped(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            y, ctx.saved_arrays = op.forward(x.detach().numpy())
            return torch.from_numpy(y)

        @staticmethod
        def backward(ctx: Any, y_bar: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
            (x_bar,) = op.vjp(ctx.saved_arrays, y_bar.detach().numpy())
            return torch.from_numpy(x_bar)

    return Wrapped.apply


def of_full_gradcheck(entries: int, outputs: int) -> dict[str, int]:
    """What the full gradcheck would take: twice each column, twice each row, and a dense Jacobian.

    The rows are computed a second time, to see whether backward is deterministic; each function is called twice more.
    """
    return {"forwards": 2 * entries + 2, "vjps": 2 * outputs + 2, "jacobian_bytes": 8 * entries * outputs}
