"""What the contract allows passes: no false alarm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradspec import Op, Verdict, array, real, verify
from tests.gradspec.checks.contract_ops import identity, needing, pick, picked
from tests.gradspec.samples import square, square_vjp, times, times_vjp


def _argmax_too(x: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    return (x * x, np.argsort(x), 3 * x), x


def _argmax_too_vjp(saved: np.ndarray, y_bar: Any) -> tuple[np.ndarray]:
    squared, order, tripled = y_bar
    assert order is None
    return (2 * saved * squared + 3 * tripled,)


ALLOWED: dict[str, Callable[[], Op]] = {
    "y_bar itself": identity,
    "y_bar twice": lambda: times(forward=lambda x, w: (x + w, None), vjp=lambda saved, y_bar: (y_bar, y_bar)),
    "a reshaped view of y_bar": lambda: square(
        inputs={"x": real("n d")},
        forward=lambda x: (x.reshape(-1), x.shape),
        vjp=lambda shape, y_bar: (y_bar.reshape(shape),),
    ),
    "a reversed view of y_bar": lambda: identity(
        forward=lambda x: (x[::-1].copy(), None), vjp=lambda s, y_bar: (y_bar[::-1],)
    ),
    "a broadcast view of y_bar": lambda: square(
        inputs={"x": real("n d")},
        forward=lambda x: (x.sum(axis=0), x.shape),
        vjp=lambda shape, y_bar: (np.broadcast_to(y_bar, shape),),
    ),
    "NumPy scalars": lambda: square(
        inputs={"x": real("")}, forward=lambda x: (x[()] * x[()], x[()]), vjp=lambda s, y_bar: (2 * s * y_bar[()],)
    ),
    "forward returns its input": lambda: identity(forward=lambda x: (x, None)),
    "several outputs, one of integers": lambda: square(forward=_argmax_too, vjp=_argmax_too_vjp),
    "saved of any kind": lambda: square(
        forward=lambda x: (x * x, {"x": [x, (1, None)], "note": "text"}),
        vjp=lambda saved, y_bar: (2 * saved["x"][0] * y_bar,),
    ),
    "needs": lambda: times(vjp=needing("")),
    "needs as a keyword only": lambda: times(vjp=lambda s, y_bar, *, needs=None: times_vjp(s, y_bar)),
    "None for an integer input": lambda: pick(lambda s, y_bar: (picked(s, y_bar), None)),
    "None for a constant input": lambda: times(
        inputs={"x": real("n d"), "w": array("n d", differentiable=False)},
        vjp=lambda s, y_bar: (s[1] * y_bar, None),
    ),
    "a cotangent in Fortran order": lambda: times(
        vjp=lambda s, y_bar: tuple(map(np.asfortranarray, times_vjp(s, y_bar)))
    ),
    "a counter that changes nothing": lambda: square(
        vjp=lambda s, y_bar, calls=[]: (calls.append(1), square_vjp(s, y_bar))[1]
    ),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_the_contract_allows_passes(name: str) -> None:
    """No false alarm: contract, algebra and finite differences all pass."""
    report = verify(ALLOWED[name](), examples=20, checks=["contract", "vjp_algebra", "vjp_finite_difference"])
    assert Verdict.PASS is report.verdict, str(report)
