"""Where torch's tensors live: in the memory of the host's arrays, or apart from them on a device.

A rule's contract is about memory: who writes into what, who returns whose buffer, which strides it is given. On the
host tensors and arrays are the same memory, so that all of it can be seen. On a device it is made visible: tensors are
laid out like their arrays, and what is written into a tensor is brought back into its array.
"""

from __future__ import annotations

import warnings
import weakref
from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from gradspec.errors import DeclarationError

REMEMBERED = 16  # pairs of an array and its tensor that are kept level: those of two calls; each costs a copy per call
ALIGNMENT = 16  # bytes: what kernels that load several numbers at once rely on


class Memory(Protocol):
    """How arrays become tensors, and tensors arrays."""

    device: Any

    def tensor(self, x: np.ndarray) -> Any:
        """A tensor with the numbers and the strides of *x*."""

    def array(self, tensor: Any) -> np.ndarray:
        """The numbers of a tensor."""

    def level(self) -> None:
        """Bring what was written into tensors into their arrays."""


def memory_of(name: str, device: Any) -> Memory:
    """The memory of a device.

    Raises:
        DeclarationError: torch knows no such device, or this machine has none; the error names the op *name*.
    """
    import torch

    try:
        known = torch.device(device)
        torch.empty(1, device=known).cpu()
    except Exception as error:  # RuntimeError, AssertionError, NotImplementedError: each backend has its own
        reason = (str(error).splitlines() or [type(error).__name__])[0] if isinstance(device, str) else "no name of one"
        here = ["cpu", *(["cuda"] if torch.cuda.is_available() else []), *(["mps"] if _has_mps() else [])]
        allowed = f"a device that torch has here: {', '.join(map(repr, here))}"
        raise DeclarationError(name, "device", f"got {device!r} ({reason}); allowed: {allowed}") from None
    return Shared(known) if known.type == "cpu" else Apart(known)


def _has_mps() -> bool:
    import torch

    return bool(torch.backends.mps.is_available())


class Shared:
    """The host: a tensor is the same memory as its array, so that what is written into one is in the other."""

    def __init__(self, device: Any) -> None:
        self.device = device

    def tensor(self, x: np.ndarray) -> Any:
        """The same memory as a tensor, where torch can."""
        return _of_host(x)

    def array(self, tensor: Any) -> np.ndarray:
        """The same memory as an array."""
        array: np.ndarray = tensor.numpy(force=True)
        return array

    def level(self) -> None:
        """Nothing: they are level."""


class Apart:
    """A device with a memory of its own.

    Attributes:
        device: The device, as torch knows it.
    """

    def __init__(self, device: Any) -> None:
        self.device = device
        self._pairs: deque[_Pair] = deque(maxlen=REMEMBERED)

    def tensor(self, x: np.ndarray) -> Any:
        """A tensor with the strides of *x*, NaN in its gaps, and as far from an aligned address as *x* is."""
        import torch

        host = _of_host(x)
        strides = host.stride()
        lead = (host.data_ptr() % ALIGNMENT) // host.element_size() if host.numel() else 0
        reach = 1 + sum((size - 1) * stride for size, stride in zip(host.shape, strides, strict=True))
        filler: Any = torch.nan if host.dtype.is_floating_point or host.dtype.is_complex else 1
        flat = torch.full((lead + (reach if host.numel() else 0),), filler, dtype=host.dtype, device=self.device)
        tensor = flat.as_strided(host.shape, strides, lead)
        once = tuple(slice(0, 1) if stride == 0 else slice(None) for stride in strides)  # one number, repeated
        tensor[once].copy_(host[once])
        self._remember(x, tensor)
        return tensor

    def array(self, tensor: Any) -> np.ndarray:
        """A copy of a tensor; or the array that a tensor was made of, where the tensor is that memory."""
        import torch

        for pair in self._pairs:
            x = pair.array()
            if x is not None and x.shape == tuple(tensor.shape) and _same_memory(pair.tensor, tensor):
                return x
        array: np.ndarray = tensor.to("cpu", copy=True, memory_format=torch.preserve_format).numpy(force=True)
        self._remember(array, tensor)
        return array

    def level(self) -> None:
        """Bring what was written into tensors into their arrays, where those are still in use and can be written to."""
        self._pairs = deque((pair for pair in self._pairs if pair.array() is not None), maxlen=REMEMBERED)
        for pair in self._pairs:
            now = pair.tensor.cpu().numpy()
            x = pair.array()
            if x is not None and x.flags.writeable and now.tobytes() != pair.numbers:
                pair.numbers = now.tobytes()
                x[...] = now

    def _remember(self, x: np.ndarray, tensor: Any) -> None:
        self._pairs.append(_Pair(weakref.ref(x), tensor.detach(), x.tobytes()))


@dataclass
class _Pair:
    """An array, the tensor that is its twin, and the bytes of the tensor's numbers when they were last the same."""

    array: weakref.ref[np.ndarray]
    tensor: Any
    numbers: bytes


def _same_memory(a: Any, b: Any) -> bool:
    return bool(a.numel() and a.data_ptr() == b.data_ptr() and a.stride() == b.stride() and a.dtype == b.dtype)


def _of_host(x: np.ndarray) -> Any:
    """The memory of *x* as a tensor of the host; a copy where torch has no such strides."""
    import torch

    x = np.asarray(x)
    if any(stride < 0 for stride in x.strides) or any(stride % x.itemsize for stride in x.strides):
        x = x.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of arrays that are read-only
        return torch.from_numpy(x)
