"""Tensors apart from their arrays, as on a GPU: layouts arrive there, and what is written there is seen here.

The host stands in for the device: its tensors are copies here, as they are on a GPU.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradspec import DeclarationError, Verdict, real, verify
from gradspec.adapters import from_torch, torch_functions
from gradspec.adapters.torch_memory import Apart, Shared, memory_of
from tests.gradspec.adapters.test_torch_functions import CHECKS, WRONG, Scaled, changed, op

torch = pytest.importorskip("torch")
HOST = torch.device("cpu")


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every device has a memory of its own."""
    monkeypatch.setattr(torch_functions, "memory_of", lambda _name, device: Apart(torch.device(device)))


@pytest.mark.usefixtures("apart")
def test_a_right_function_passes() -> None:
    """First and second order, every layout."""
    report = verify(op(Scaled), examples=20)
    assert Verdict.PASS is report.verdict, str(report)
    assert Verdict.PASS is next(check.verdict for check in report.checks if check.name == "vjp_second_order")


@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize("name", ["writes into the gradient it is given", "its own saved tensor", "a wrong sign"])
def test_a_wrong_function_fails_with_the_same_words(name: str) -> None:
    """Whatever is seen on the host is seen beside it: also writes, and memory that is handed out twice."""
    change, words = WRONG[name]
    report = verify(op(changed(change)), examples=15, checks=CHECKS, explain=False)
    assert Verdict.FAIL is report.verdict
    assert words in str(report), str(report)


class Reused(torch.autograd.Function):  # type: ignore[misc, name-defined]
    """x² in one buffer for all calls."""

    buffers: dict[tuple[Any, ...], Any] = {}  # noqa: RUF012

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        y = Reused.buffers.setdefault((tuple(x.shape), x.dtype), torch.empty_like(x))
        return y.copy_(x * x).detach()

    @staticmethod
    def backward(ctx: Any, y_bar: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 2 * x * y_bar


class WritesInput(torch.autograd.Function):  # type: ignore[misc, name-defined]
    """x² whose backward writes into x, around torch's counting of versions, as a kernel does."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.x = x.data
        return x * x

    @staticmethod
    def backward(ctx: Any, y_bar: Any) -> Any:
        x_bar = 2 * ctx.x * y_bar
        ctx.x.zero_()
        return x_bar


class ScratchesFirst(torch.autograd.Function):  # type: ignore[misc, name-defined]
    """Σ x_i² of eight inputs, whose backward writes into the first of them."""

    @staticmethod
    def forward(ctx: Any, *xs: Any) -> Any:
        ctx.x, ctx.slopes = xs[0].data, [2 * x.data for x in xs]
        return sum(x * x for x in xs)

    @staticmethod
    def backward(ctx: Any, y_bar: Any) -> Any:
        ctx.x.zero_()
        return tuple(slope * y_bar for slope in ctx.slopes)


class KnowsItself(torch.autograd.Function):  # type: ignore[misc, name-defined]
    """x * w, wrong where both are the same memory."""

    @staticmethod
    def forward(ctx: Any, x: Any, w: Any) -> Any:
        ctx.save_for_backward(x, w)
        ctx.same = x.data_ptr() == w.data_ptr()
        return x * w

    @staticmethod
    def backward(ctx: Any, y_bar: Any) -> Any:
        x, w = ctx.saved_tensors
        return (2 if ctx.same else 1) * w * y_bar, x * y_bar


class ReadsInOrder(torch.autograd.Function):  # type: ignore[misc, name-defined]
    """x², read from memory as if it were contiguous, as many kernels do."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return torch.as_strided(x, x.shape, torch.empty(x.shape).stride()) ** 2 if x.numel() else x**2

    @staticmethod
    def backward(ctx: Any, y_bar: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 2 * x * y_bar


@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize(
    ("function", "names", "words"),
    [
        (Reused, "x", "forward returns a buffer that its next call overwrites"),
        (WritesInput, "x", "vjp writes into the input 'x'"),
        (ScratchesFirst, "abcdefgh", "vjp writes into the input 'a'"),
        (KnowsItself, "xw", "another result when 'x' and 'w' are the same array"),
        (ReadsInOrder, "x", "forward gives other values for inputs with gaps between the elements"),
    ],
)
def test_what_a_kernel_does_to_memory_is_seen(function: Any, names: str, words: str) -> None:
    """None of it shows in the numbers of a first call."""
    inputs = {name: real("n d") for name in names}
    report = verify(from_torch(function, inputs=inputs), examples=20, checks=["contract", "vjp_layouts"])
    assert Verdict.FAIL is report.verdict
    assert words in str(report), str(report)


@pytest.mark.parametrize(
    ("target", "shape"),
    [
        (lambda x: x.std(), "n"),
        ("torch.sin", ""),
        (lambda x: torch.view_as_complex(x.contiguous()).conj().imag, "n 2"),
    ],
    ids=["a scalar output", "a scalar input", "negative by a bit"],
)
def test_nothing_is_lost_beside_the_host(monkeypatch: pytest.MonkeyPatch, target: Any, shape: str) -> None:
    """As many comparisons count as on the host."""
    fields: dict[str, Any] = {"inputs": {"x": real(shape)}, "name": "f", "sizes": {"n": (2, 4)} if "n" in shape else {}}
    here = verify(from_torch(target, **fields), examples=20)
    monkeypatch.setattr(torch_functions, "memory_of", lambda _name, device: Apart(torch.device(device)))
    there = verify(from_torch(target, **fields), examples=20)
    counted = [[(c.name, c.verdict, c.comparisons, c.conclusive) for c in report.checks] for report in (here, there)]
    assert counted[0] == counted[1]
    assert Verdict.PASS is there.verdict, str(there)


LAYOUTS = {
    "plain": lambda x: x,
    "transposed": lambda x: x.T,
    "gaps": lambda x: np.stack([x, x], axis=-1)[..., 0],
    "one number": lambda x: np.broadcast_to(x[:1], x.shape),
    "empty": lambda x: x[:0],
    "a scalar": lambda x: x[0, 0],
    "whole numbers": lambda x: x.astype(np.int64).T,
    "truth": lambda x: x > 3,
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_tensor_is_laid_out_like_its_array(name: str) -> None:
    """The same numbers and strides; and back."""
    x = np.asarray(LAYOUTS[name](np.arange(12.0).reshape(3, 4)))
    memory = Apart(HOST)
    (tensor,) = memory.tensors([x])
    np.testing.assert_array_equal(tensor.numpy(), x)
    if x.size:
        assert x.strides == tensor.numpy().strides
    (back,) = memory.arrays([tensor.clone()])
    assert x.dtype == back.dtype
    np.testing.assert_array_equal(back, x)


def test_gaps_and_surroundings_hold_nan() -> None:
    """What reads over the gaps, or past an end, is not given a number that looks right."""
    (tensor,) = Apart(HOST).tensors([np.arange(6.0)[::2]])
    first = tensor.storage_offset()
    for stray in (first - 1, first + 1, first + 3, first + 5, first + 6):
        assert torch.isnan(torch.as_strided(tensor, (1,), (1,), stray)).all()


@pytest.mark.parametrize("stray", [-1, 1, 5, 500])
def test_what_is_written_beside_a_tensor_is_told(stray: int) -> None:
    """Before it, in a gap, behind it: on the host such a write would be somebody else's number."""
    memory, x = Apart(HOST), np.arange(6.0)[::2]
    (tensor,) = memory.tensors([x])
    torch.as_strided(tensor, (1,), (1,), tensor.storage_offset() + stray)[...] = 0.0
    with pytest.raises(IndexError, match="writes outside of a tensor"):
        memory.level()


def test_one_array_given_twice_is_one_memory() -> None:
    """As op(x, x) is on the host."""
    x = np.arange(3.0)
    one, same, other = Apart(HOST).tensors([x, x, x.copy()])
    assert one.data_ptr() == same.data_ptr() != other.data_ptr()


def test_numbers_that_are_no_arrays() -> None:
    """Arithmetic on arrays of no axes gives NumPy's scalars; a person gives lists."""
    sine = from_torch("torch.sin", inputs={"x": real("...")})
    memory = Apart(HOST)
    tensors = memory.tensors([np.float64(2.0), 2.0, [1.0, 2.0]])
    assert [2.0, 2.0, [1.0, 2.0]] == [tensor.tolist() for tensor in tensors]
    assert np.sin(2.0) == sine(np.float64(2.0))


def test_a_conjugate_is_not_its_original() -> None:
    """torch conjugates and negates by a bit, in the same memory."""
    z = np.array([1 + 2j])
    memory = Apart(HOST)
    (tensor,) = memory.tensors([z])
    np.testing.assert_array_equal(memory.arrays([tensor.conj()])[0], [1 - 2j])
    np.testing.assert_array_equal(memory.arrays([tensor.conj().imag, tensor.imag]), [[-2.0], [2.0]])
    memory.level()


def test_only_what_a_tensor_was_given_comes_back() -> None:
    """An array that is written to by its owner stays as the owner left it."""
    memory, x = Apart(HOST), np.arange(3.0)
    (tensor,) = memory.tensors([x])
    x[0] = 7
    memory.level()
    np.testing.assert_array_equal(x, [7, 1, 2])
    tensor[1] = 5
    memory.level()
    np.testing.assert_array_equal(x, [0, 5, 2])


def test_arrays_out_of_use_are_forgotten() -> None:
    """A long run holds no memory of what is over."""
    memory = Apart(HOST)
    for _ in range(200):
        memory.tensors([np.zeros(3)])
    memory.level()
    assert not memory._pairs


def test_the_host_shares_its_memory() -> None:
    """No copy, and no pairs to look after."""
    memory, x = memory_of("f", "cpu"), np.zeros(3)
    memory.tensors([x])[0][0] = 1
    assert isinstance(memory, Shared)
    assert 1 == x[0]


@pytest.mark.parametrize("device", ["cuda:99", "abacus", 1.5, "meta", torch.device("cuda", 99)])
def test_a_device_that_is_not_there_is_named(device: Any) -> None:
    """A DeclarationError with torch's reason, when the op is made."""
    with pytest.raises(
        DeclarationError, match=r"sin: device: got .* allowed: a device with float64 that torch has here: 'cpu'"
    ):
        from_torch("torch.sin", inputs={"x": real("n")}, device=device)


def test_a_device_without_float64_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forward is evaluated in it: better told when the op is made than as a failure of every case."""
    empty = torch.empty

    def without_float64(*sizes: Any, **given: Any) -> Any:
        if given.get("dtype") is torch.float64:
            raise TypeError("it has no float64. A long explanation follows.")
        return empty(*sizes, **given)

    monkeypatch.setattr(torch, "empty", without_float64)
    with pytest.raises(DeclarationError, match=r"got 'cpu' \(it has no float64\); allowed: a device with float64"):
        memory_of("f", "cpu")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("name", ["right", *WRONG])
def test_the_same_on_a_gpu(name: str) -> None:
    """Where there is one."""
    change, words = WRONG.get(name, (lambda _c, _y, *found: found, "PASS"))
    assert words in str(verify(op(changed(change), device="cuda"), examples=30))
