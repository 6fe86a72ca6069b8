"""Wrong ops of kinds that the checks once missed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradspec import Op, Verdict, real, verify


def _norm(x: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    y = np.sqrt((x * x).sum(axis=-1) + x.dtype.type(1e-24))
    return y, (x, np.sqrt((x * x).sum(axis=-1)))


def _norm_vjp(saved: tuple[np.ndarray, np.ndarray], y_bar: np.ndarray) -> tuple[np.ndarray]:
    x, length = saved
    return (x / length[:, None] * y_bar[:, None],)  # 0 / 0 at a row of zeros


def test_nan_where_the_reference_has_a_number() -> None:
    """Finite differences see a kink there and say nothing; torch's gradient is 0."""
    pytest.importorskip("torch")
    op = Op(
        name="norm",
        forward=_norm,
        vjp=_norm_vjp,
        inputs={"x": real("n d")},
        sizes={"n": (1, 4), "d": (1, 4)},
        torch=lambda x: (x * x).sum(-1).add(1e-24).sqrt(),
    )
    result = verify(op, checks=["contract"]).checks[0]
    assert result.verdict is Verdict.FAIL
    assert "is not" in result.message


def _trusting(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray]:
    """Take the rows of y_bar for dense, as a kernel does that looks at the last stride only."""
    y_bar = y_bar if y_bar.strides[-1] == y_bar.itemsize else np.ascontiguousarray(y_bar)
    if y_bar.size:
        y_bar = np.lib.stride_tricks.as_strided(y_bar, strides=(y_bar.shape[1] * y_bar.itemsize, y_bar.itemsize))
    return (2 * y_bar,)


def test_rows_of_a_wider_array() -> None:
    """Their last stride is that of a dense array; the first is not."""
    op = Op(name="twice", forward=lambda x: (2 * x, None), vjp=_trusting, inputs={"x": real("n d")})
    result = verify(op, checks=["vjp_layouts"]).checks[0]
    assert result.verdict is Verdict.FAIL
    assert "cut out of a wider array" in result.message


def test_zeros_in_all_inputs_come_early() -> None:
    """A short run already has hypot's singular point."""

    def forward(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, Any]:
        y = np.hypot(a, b)
        return y, (a, b, y)

    def vjp(saved: Any, y_bar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        a, b, y = saved
        return y_bar * a / y, y_bar * b / y

    op = Op(name="hypot", forward=forward, vjp=vjp, inputs={"a": real("n"), "b": real("n")})
    assert verify(op, examples=40).verdict is Verdict.FAIL
