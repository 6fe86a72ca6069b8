"""Ops of torch: a ``torch.autograd.Function``, or any differentiable callable of tensors.

torch is the subject here, never the oracle: such ops are judged by finite differences and the complex step.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from gradspec.adapters.torch_memory import Memory, memory_of
from gradspec.errors import DeclarationError, MissingDependencyError
from gradspec.oracles.torch_autograd import INSTALL, autograd, resolved
from gradspec.spec import Array, Op

Record = Callable[[Sequence[Any], Mapping[str, Any]], Any]  # (tensors, params) -> what the target returns
Gradients = Callable[[Sequence[Any], Sequence[Any], Sequence[Any]], Sequence[Any]]
# (tensors, outputs, cotangents) -> a gradient or None per tensor


def from_torch(
    target: Any,
    *,
    inputs: Mapping[str, Array],
    params: Mapping[str, Any] | None = None,
    name: str = "",
    device: Any = "cpu",
    **fields: Any,
) -> Op:
    """Make an op of a ``torch.autograd.Function`` or of a differentiable callable of tensors.

    Of a Function the raw ``backward`` is called, so that nothing of what torch's engine does with its results (summing
    broadcast axes, casting dtypes, dropping what is not needed) hides a mistake. Of another callable the vjp is torch's
    own: verifying it verifies torch.

    Args:
        target: A subclass of ``torch.autograd.Function``, a callable of tensors, or a dotted name such as
            ``"torch.nn.functional.gelu"``.
        inputs: Name -> :func:`gradspec.array`, in the order in which the target takes its tensors.
        params: Name -> values to try. A callable is given them by name, a Function in the order of its ``forward``.
        name: The op's name; the target's own by default.
        device: Where the target's tensors live: ``"cpu"``, or a GPU such as ``"cuda"`` for a kernel. They get the
            strides of the arrays that are drawn, and what the target writes into them, or beside them, is seen. A
            kernel that adds in any order gives other last digits when called again, which is a breach of the contract:
            ask torch for deterministic algorithms where there are some.
        **fields: Other fields of :class:`gradspec.Op`, such as ``sizes``, ``where`` or ``source``; for a kernel also
            ``torch``, a function of torch's that computes the same, on the host, as one more oracle.

    Raises:
        MissingDependencyError: torch is not installed.
        DeclarationError: The target is none of these, a field is wrong, or this machine has no such device.

    Examples:
        ``gradspec.verify(from_torch(MyFunction, inputs={"x": real("n d")}))``
    """
    if find_spec("torch") is None:
        raise MissingDependencyError(f"from_torch needs torch, which is not installed: {INSTALL}")
    import torch

    name = name or _name(target)
    for field in ("forward", "vjp"):
        if field in fields:
            raise DeclarationError(name, field, f"got {fields[field]!r}; allowed: leave it out, from_torch makes it")
    if fields.get("torch") is not None and fields["torch"] in (target, getattr(target, "apply", None)):
        raise DeclarationError(name, "torch", "got the target itself; allowed: a reference that it can be held against")
    memory = memory_of(name, device)
    function = resolved(name, "target", target) if isinstance(target, str) else target
    if inspect.isclass(function) and issubclass(function, torch.autograd.Function):
        record, gradients = _of_function(name, function, inputs, [*(params or {})])
        rule: Any = function.backward  # type: ignore[attr-defined]
    elif callable(function) and not inspect.isclass(function):
        record, gradients = _of_callable(function)
        rule = function
    else:
        allowed = "a torch.autograd.Function, a callable of tensors, or a dotted name"
        raise DeclarationError(name, "target", f"got {target!r}; allowed: {allowed}")
    forward, vjp = _op_of(record, gradients, inputs, memory)
    vjp.rule = rule
    return Op(name=name, forward=forward, vjp=vjp, inputs=inputs, params=params or {}, **fields)


def _name(target: Any) -> str:
    text = target.rpartition(".")[2] if isinstance(target, str) else getattr(target, "__name__", "")
    return text if text.isidentifier() else "target"


class Tape:
    """The residuals: what torch keeps of one forward. A copy evaluates forward again."""

    def __init__(
        self,
        record: Callable[[Sequence[Any]], Any],
        arrays: Sequence[np.ndarray],
        inputs: Sequence[Array],
        memory: Memory,
    ):
        self._record = record
        self._inputs = inputs
        self._memory = memory
        self.arrays = arrays
        pairs = zip(memory.tensors(arrays), inputs, strict=True)
        self.tensors = [tensor.requires_grad_(domain.differentiable) for tensor, domain in pairs]
        self.returned = record(self.tensors)
        memory.level()

    def __deepcopy__(self, memo: dict[int, Any]) -> Tape:
        return Tape(self._record, [x.copy() for x in self.arrays], self._inputs, self._memory)

    @property
    def outputs(self) -> tuple[Any, ...]:
        """The outputs as a tuple of tensors."""
        return tuple(self.returned) if isinstance(self.returned, (tuple, list)) else (self.returned,)

    @property
    def y(self) -> Any:
        """What forward returns: an array, or a tuple of them."""
        ys = tuple(self._memory.arrays([output.detach() for output in self.outputs]))
        return ys if isinstance(self.returned, (tuple, list)) else ys[0]


def _op_of(record: Record, gradients: Gradients, inputs: Mapping[str, Array], memory: Memory) -> tuple[Any, Any]:
    """Forward and vjp of what *record* computes and *gradients* differentiates."""
    domains = [*inputs.values()]

    def forward(*arrays: np.ndarray, **params: Any) -> tuple[Any, Tape]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tape = Tape(lambda tensors: record(tensors, params), arrays, domains, memory)
        return tape.y, tape

    def vjp(saved: Tape, y_bar: Any) -> tuple[Any, ...]:
        given = y_bar if isinstance(y_bar, tuple) else (y_bar,)
        bars = iter(memory.tensors([bar for bar in given if bar is not None]))
        found = gradients(saved.tensors, saved.outputs, [None if bar is None else next(bars) for bar in given])
        _refuse_strangers(inputs, saved.tensors, found)
        memory.level()
        arrays = iter(memory.arrays([gradient for gradient in found if gradient is not None]))
        # None stays None, since a missing cotangent is the caller's to judge.
        return tuple(None if gradient is None else next(arrays) for gradient in found)

    def of_tensors(tensors: Sequence[Any], params: Mapping[str, Any], y_bar: Sequence[Any]) -> Sequence[Any]:
        there = [tensor.to(memory.device) for tensor in tensors]
        bars = [None if bar is None else bar.to(memory.device) for bar in y_bar]
        returned = record(there, params)
        outputs = tuple(returned) if isinstance(returned, (tuple, list)) else (returned,)
        found = gradients(there, outputs, bars)
        _refuse_strangers(inputs, there, found)
        return [None if gradient is None else gradient.to("cpu") for gradient in found]

    vjp.of_tensors = of_tensors  # type: ignore[attr-defined]  # see oracles/double_backward.py
    return forward, vjp


def _refuse_strangers(inputs: Iterable[str], tensors: Sequence[Any], gradients: Sequence[Any]) -> None:
    """Say what torch's engine would not take, or NumPy would not, in terms of the input.

    Raises:
        TypeError: A gradient is no tensor, is on another device than its input, or has a dtype that NumPy lacks.
    """
    import torch

    for name, tensor, gradient in zip(inputs, tensors, gradients, strict=True):
        if gradient is None:
            continue
        if not isinstance(gradient, torch.Tensor):
            raise TypeError(f"backward returns {type(gradient).__name__} for input {name!r}; it should be a tensor")
        if gradient.device != tensor.device:
            where = f"on {gradient.device} for input {name!r}; it should be on {tensor.device}"
            raise TypeError(f"backward returns a tensor {where}")
        if gradient.dtype is torch.bfloat16:
            raise TypeError(f"backward returns {gradient.dtype} for input {name!r}; it should be {tensor.dtype}")


def _of_callable(function: Callable[..., Any]) -> tuple[Record, Gradients]:
    def record(tensors: Sequence[Any], params: Mapping[str, Any]) -> Any:
        return function(*tensors, **params)

    return record, autograd


def _of_function(name: str, function: Any, inputs: Mapping[str, Array], params: list[str]) -> tuple[Record, Gradients]:
    backward = function.backward
    order = _order(name, function, [*inputs], params)

    def record(tensors: Sequence[Any], chosen: Mapping[str, Any]) -> Any:
        given = {**dict(zip(inputs, tensors, strict=True)), **chosen}
        return function.apply(*(given[argument] for argument in order))

    def gradients(_tensors: Sequence[Any], outputs: Sequence[Any], y_bar: Sequence[Any]) -> Sequence[Any]:
        node = next((output.grad_fn for output in outputs if output.grad_fn is not None), None)
        if node is None:
            raise TypeError("forward's outputs carry no graph: are they marked non-differentiable?")
        returned = backward(node, *y_bar)
        found = returned if isinstance(returned, tuple) else (returned,)
        if len(found) != len(order):
            raise TypeError(f"backward returns {len(found)} gradients; it should be {len(order)}: {', '.join(order)}")
        by_name = dict(zip(order, found, strict=True))
        return [by_name[argument] for argument in inputs]

    return record, gradients


def _order(name: str, function: Any, inputs: list[str], params: list[str]) -> list[str]:
    """The order in which ``apply`` takes inputs and params: that of forward's signature, or inputs first."""
    arguments = [*inspect.signature(function.forward).parameters]
    if function.setup_context is _plain_setup_context():
        arguments = arguments[1:]  # forward(ctx, ...)
    if set(arguments) == {*inputs, *params}:
        return arguments
    variadic = any(p.kind is p.VAR_POSITIONAL for p in inspect.signature(function.forward).parameters.values())
    if variadic or len(arguments) == len(inputs) + len(params):
        return [*inputs, *params]
    given = ", ".join([*inputs, *params])
    raise DeclarationError(
        name, "inputs", f"got {given}; allowed: what {function.__name__}.forward takes: {', '.join(arguments)}"
    )


def _plain_setup_context() -> Any:
    import torch

    return torch.autograd.Function.setup_context
