"""Kernels on a GPU, right and wrong in the ways of kernels.

Skipped where there is neither a GPU nor, with Triton installed and ``TRITON_INTERPRET=1`` set, its interpreter.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import pytest

from gradspec import Verdict, real, verify
from gradspec.adapters import from_torch, torch_functions
from gradspec.adapters.torch_memory import Apart

torch = pytest.importorskip("torch")
triton = pytest.importorskip("triton")
tl = pytest.importorskip("triton.language")

once_differentiable = torch.autograd.function.once_differentiable
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICE = "cpu" if INTERPRETED else "cuda"
EXAMPLES = 12 if INTERPRETED else 100  # its calls take milliseconds
pytestmark = pytest.mark.skipif(not INTERPRETED and not torch.cuda.is_available(), reason="no GPU here")


@triton.jit
def _softmax(x, y, row_stride, col_stride, d, block: tl.constexpr, stable: tl.constexpr):  # type: ignore[no-untyped-def]
    row, cols = tl.program_id(0), tl.arange(0, block)
    inside = cols < d
    z = tl.load(x + row * row_stride + cols * col_stride, mask=inside, other=-float("inf"))
    e = tl.exp(z - tl.max(z, 0)) if stable else tl.exp(z)
    tl.store(y + row * d + cols, e / tl.sum(e, 0), mask=inside)


@triton.jit
def _softmax_vjp(y, y_bar, x_bar, row_stride, col_stride, d, block: tl.constexpr, masked: tl.constexpr):  # type: ignore[no-untyped-def]
    row, cols = tl.program_id(0), tl.arange(0, block)
    inside = cols < d
    seen = inside if masked else cols < block
    s = tl.load(y + row * d + cols, mask=seen, other=0.0)
    bar = tl.load(y_bar + row * row_stride + cols * col_stride, mask=seen, other=0.0)
    tl.store(x_bar + row * d + cols, s * (bar - tl.sum(s * bar, 0)), mask=inside)


def softmax(flaw: str) -> Any:
    """Softmax over rows by two kernels; the flaw is one that kernels really have."""

    class Softmax(torch.autograd.Function):  # type: ignore[misc, name-defined]
        buffer: Any = None

        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            n, d = x.shape
            y = torch.empty((n, d), dtype=x.dtype, device=x.device)
            if flaw == "one buffer for all calls":
                y = Softmax.buffer if Softmax.buffer is not None and Softmax.buffer.shape == x.shape else y
                y = y if y.dtype == x.dtype else torch.empty_like(y, dtype=x.dtype)
                Softmax.buffer = y
                y = y.view(n, d)
            if y.numel():
                _softmax[(n,)](x, y, *x.stride(), d, triton.next_power_of_2(d), flaw != "the maximum is not taken off")
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx: Any, y_bar: Any) -> Any:
            (y,) = ctx.saved_tensors
            n, d = y.shape
            x_bar = torch.empty_like(y)
            strides = (d, 1) if flaw == "y_bar is taken for contiguous" else y_bar.stride()
            if y.numel():
                masked = flaw != "the rest of a block is not masked"
                _softmax_vjp[(n,)](y, y_bar, x_bar, *strides, d, triton.next_power_of_2(d), masked)
            return -x_bar if flaw == "sign" else x_bar

    if flaw != "torch may differentiate it":  # it sees nothing of a kernel: its double backward is silently 0
        Softmax.backward = once_differentiable(Softmax.backward)  # type: ignore[method-assign]
    return Softmax


FLAWS = {
    "y_bar is taken for contiguous": ("FAIL vjp_layouts",),
    "the rest of a block is not masked": ("FAIL vjp_layouts", "FAIL vjp_finite_difference", "FAIL vjp_torch"),
    "the maximum is not taken off": ("FAIL value_torch",),
    "one buffer for all calls": ("FAIL contract", "forward returns a buffer that its next call overwrites"),
    "sign": ("FAIL vjp_finite_difference", "FAIL vjp_torch"),
    "torch may differentiate it": ("FAIL vjp_second_order", "double backward is wrong for input 'x'"),
}


@pytest.fixture(autouse=True)
def _apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Interpreted kernels have tensors of their own, too, as on a GPU."""
    if INTERPRETED:
        monkeypatch.setattr(torch_functions, "memory_of", lambda _name, device: Apart(torch.device(device)))


def test_a_right_kernel_passes() -> None:
    """Every layout, both dtypes; torch's own softmax on the host is its reference for values."""
    report = verify(_op(""), examples=EXAMPLES)
    assert Verdict.PASS is report.verdict, str(report)


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_wrong_kernel_fails(flaw: str) -> None:
    """And the report says how."""
    report = verify(_op(flaw), examples=EXAMPLES)
    assert Verdict.FAIL is report.verdict, str(report)
    assert not [words for words in FLAWS[flaw] if words not in str(report)], str(report)


def _op(flaw: str) -> Any:
    reference = partial(torch.softmax, dim=-1)
    return from_torch(softmax(flaw), inputs={"x": real("n d")}, device=DEVICE, torch=reference)
