"""Where torch's tensors live: in the memory of the host's arrays, or apart from them on a device.

A rule's contract is about memory: who writes into what, who returns whose buffer, which strides it is given. On the
host tensors and arrays are the same memory, so that all of it can be seen. On a device it is made visible: tensors are
laid out like their arrays, and what is written into a tensor is brought back into its array.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from gradspec.errors import DeclarationError

BEFORE, BEHIND = 64, 1024  # elements of filler around a tensor on a device: the rest of a kernel's block, for one
CALLS = 4  # as many calls' arrays are kept level with their tensors: each costs a copy per call
LONGEST = 160  # letters of a reason that torch gives


class Memory(Protocol):
    """How arrays become tensors, and tensors arrays."""

    device: Any

    def tensors(self, arrays: Sequence[Any]) -> list[Any]:
        """Tensors with the numbers and the strides of the arrays that one call is given."""

    def arrays(self, tensors: Sequence[Any]) -> list[np.ndarray]:
        """The numbers of the tensors that one call returns."""

    def level(self) -> None:
        """Bring what was written into tensors into their arrays."""


def memory_of(name: str, device: Any) -> Memory:
    """The memory of a device.

    Raises:
        DeclarationError: torch knows no such device, this machine has none, or it has no float64; the error names the
            op *name*.
    """
    import torch

    try:
        known = torch.device(device)
        torch.empty(1, dtype=torch.float64, device=known).cpu()
    except Exception as error:  # RuntimeError, AssertionError, NotImplementedError: each backend has its own
        reason = (str(error).splitlines() or [type(error).__name__])[0].partition(". ")[0][:LONGEST]
        reason = "no name of one" if isinstance(error, TypeError) and "device()" in reason else reason
        here = "'cpu', 'cuda'" if torch.cuda.is_available() else "'cpu'"
        allowed = f"a device with float64 that torch has here: {here}"
        raise DeclarationError(name, "device", f"got {device!r} ({reason}); allowed: {allowed}") from None
    return Shared(known) if known.type == "cpu" else Apart(known)


class Shared:
    """The host: a tensor is the same memory as its array, so that what is written into one is in the other."""

    def __init__(self, device: Any) -> None:
        self.device = device

    def tensors(self, arrays: Sequence[Any]) -> list[Any]:
        """The same memory as tensors, where torch can."""
        return [_of_host(np.asarray(x)) for x in arrays]

    def arrays(self, tensors: Sequence[Any]) -> list[np.ndarray]:
        """The same memory as arrays."""
        return [tensor.numpy(force=True) for tensor in tensors]

    def level(self) -> None:
        """Nothing: they are level."""


class Apart:
    """A device with a memory of its own.

    Attributes:
        device: The device, as torch knows it.
    """

    def __init__(self, device: Any) -> None:
        self.device = device
        self._pairs: list[_Pair] = []
        self._taken = self._given = 0  # the most arrays and tensors that one call had

    def tensors(self, arrays: Sequence[Any]) -> list[Any]:
        """Tensors with the strides of the arrays, NaN in the gaps and around them.

        An array that is given twice is one memory twice.
        """
        self._taken = max(self._taken, len(arrays))
        made: dict[int, Any] = {}
        for x in arrays:
            if id(x) not in made:
                made[id(x)] = self._tensor(np.asarray(x))
        return [made[id(x)].detach() for x in arrays]

    def _tensor(self, x: np.ndarray) -> Any:
        import torch

        host = _of_host(x)
        strides = host.stride()
        reach = 1 + sum((size - 1) * stride for size, stride in zip(host.shape, strides, strict=True))
        length = BEFORE + (reach if host.numel() else 0) + BEHIND
        filler: Any = torch.nan if host.dtype.is_floating_point or host.dtype.is_complex else 1
        frame = torch.full((length,), filler, dtype=host.dtype)
        once = tuple(slice(0, 1) if stride == 0 else slice(None) for stride in strides)  # one number, repeated
        frame.as_strided(host.shape, strides, BEFORE)[once].copy_(host[once])
        there = frame.to(self.device, copy=True)
        tensor = there.as_strided(host.shape, strides, BEFORE)
        self._remember(_Pair(weakref.ref(x), tensor, there, frame.numpy().tobytes()))
        return tensor

    def arrays(self, tensors: Sequence[Any]) -> list[np.ndarray]:
        """Copies of tensors; or the array that a tensor was made of, where the tensor is that memory."""
        self._given = max(self._given, len(tensors))
        return [self._array(tensor) for tensor in tensors]

    def _array(self, tensor: Any) -> np.ndarray:
        for pair in self._pairs:
            x = pair.array()
            if x is not None and x.shape == tuple(tensor.shape) and _same_memory(pair.tensor, tensor):
                return x
        there = tensor.detach()
        array: np.ndarray = there.to("cpu", copy=True).numpy(force=True)
        self._remember(_Pair(weakref.ref(array), there, there, array.tobytes()))
        return array

    def level(self) -> None:
        """Bring what was written into tensors into their arrays, where those are still in use and can be written to.

        Raises:
            IndexError: Something was written beside a tensor.
        """
        self._forget()
        for pair in self._pairs:
            now = pair.frame.cpu().numpy(force=True)
            if now.tobytes() == pair.numbers:
                continue
            before, pair.numbers = pair.numbers, now.tobytes()
            x = pair.array()
            if pair.frame is not pair.tensor:
                now = _inside(now, pair.tensor)
                if _beside(pair.numbers, pair.tensor) != _beside(before, pair.tensor):
                    raise IndexError("writes outside of a tensor that it is given")
            if x is not None and x.flags.writeable:
                x[...] = now

    def _remember(self, pair: _Pair) -> None:
        self._forget()
        self._pairs = [*self._pairs, pair][-CALLS * (self._taken + max(self._given, 1)) :]

    def _forget(self) -> None:
        self._pairs = [pair for pair in self._pairs if pair.array() is not None]


@dataclass
class _Pair:
    """An array and the tensor that is its twin.

    Attributes:
        array: The array, as long as somebody uses it.
        tensor: The tensor.
        frame: The memory around the tensor (n,); the tensor itself where that is not known.
        numbers: The bytes of the frame when the two were last level.
    """

    array: weakref.ref[np.ndarray]
    tensor: Any
    frame: Any
    numbers: bytes


def _inside(frame: np.ndarray, tensor: Any) -> np.ndarray:
    """The part of a frame that the tensor shows."""
    strides = [stride * frame.itemsize for stride in tensor.stride()]
    return np.lib.stride_tricks.as_strided(frame[BEFORE:], tensor.shape, strides)


def _beside(numbers: bytes, tensor: Any) -> bytes:
    """The bytes of a frame with 0 where the tensor is."""
    frame = np.frombuffer(bytearray(numbers), dtype=f"V{tensor.element_size()}")
    _inside(frame, tensor)[...] = np.zeros((), frame.dtype)
    return frame.tobytes()


def _same_memory(a: Any, b: Any) -> bool:
    """Whether two tensors are the same numbers in the same places."""
    alike = a.dtype == b.dtype and a.is_conj() == b.is_conj() and a.is_neg() == b.is_neg()
    return bool(a.numel() and a.data_ptr() == b.data_ptr() and a.stride() == b.stride() and alike)


def _of_host(x: np.ndarray) -> Any:
    """The memory of *x* as a tensor of the host; a copy where torch has no such strides."""
    import torch

    if any(stride < 0 for stride in x.strides) or any(stride % x.itemsize for stride in x.strides):
        x = x.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of arrays that are read-only
        return torch.from_numpy(x)
