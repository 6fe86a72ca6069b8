"""Ops of torch: a ``torch.autograd.Function``, or any differentiable callable of tensors.

torch is the subject here, never the oracle: such ops are judged by finite differences and the complex step.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from gradspec.errors import DeclarationError, MissingDependencyError
from gradspec.oracles.torch_autograd import INSTALL, autograd, resolved
from gradspec.spec import Array, Op

Record = Callable[[Sequence[Any], Mapping[str, Any]], Any]  # (tensors, params) -> what the target returns
Gradients = Callable[[Sequence[Any], Sequence[Any], Sequence[Any]], Sequence[Any]]
# (tensors, outputs, cotangents) -> a gradient or None per tensor


def from_torch(
    target: Any, *, inputs: Mapping[str, Array], params: Mapping[str, Any] | None = None, name: str = "", **fields: Any
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
        **fields: Other fields of :class:`gradspec.Op`, such as ``sizes``, ``where`` or ``source``.

    Raises:
        MissingDependencyError: torch is not installed.
        DeclarationError: The target is none of these, or a field is wrong.

    Examples:
        ``gradspec.verify(from_torch(MyFunction, inputs={"x": real("n d")}))``
    """
    if find_spec("torch") is None:
        raise MissingDependencyError(f"from_torch needs torch, which is not installed: {INSTALL}")
    import torch

    name = name or _name(target)
    for field in ("forward", "vjp", "torch"):
        if field in fields:
            raise DeclarationError(name, field, f"got {fields[field]!r}; allowed: leave it out, from_torch makes it")
    function = resolved(name, "target", target) if isinstance(target, str) else target
    if inspect.isclass(function) and issubclass(function, torch.autograd.Function):
        record, gradients = _of_function(name, function, inputs, [*(params or {})])
    elif callable(function) and not inspect.isclass(function):
        record, gradients = _of_callable(function)
    else:
        allowed = "a torch.autograd.Function, a callable of tensors, or a dotted name"
        raise DeclarationError(name, "target", f"got {target!r}; allowed: {allowed}")
    forward, vjp = _op_of(record, gradients, inputs)
    return Op(name=name, forward=forward, vjp=vjp, inputs=inputs, params=params or {}, **fields)


def _name(target: Any) -> str:
    text = target.rpartition(".")[2] if isinstance(target, str) else getattr(target, "__name__", "")
    return text if text.isidentifier() else "target"


class Tape:
    """The residuals: what torch keeps of one forward. A copy evaluates forward again."""

    def __init__(self, record: Callable[[Sequence[Any]], Any], arrays: Sequence[np.ndarray], inputs: Sequence[Array]):
        self._record = record
        self._inputs = inputs
        self.arrays = arrays
        self.tensors = [_tensor(x, domain) for x, domain in zip(arrays, inputs, strict=True)]
        self.returned = record(self.tensors)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tape:
        return Tape(self._record, [x.copy() for x in self.arrays], self._inputs)

    @property
    def outputs(self) -> tuple[Any, ...]:
        """The outputs as a tuple of tensors."""
        return tuple(self.returned) if isinstance(self.returned, (tuple, list)) else (self.returned,)

    @property
    def y(self) -> Any:
        """What forward returns: an array, or a tuple of them."""
        ys = tuple(output.detach().numpy() for output in self.outputs)
        return ys if isinstance(self.returned, (tuple, list)) else ys[0]


def _tensor(x: np.ndarray, domain: Array) -> Any:
    """The same memory as a tensor, where torch can: then a backward that writes into its input is seen."""
    import torch

    x = np.asarray(x)
    if any(stride < 0 for stride in x.strides) or any(stride % x.itemsize for stride in x.strides):
        x = x.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of arrays that are read-only
        tensor = torch.from_numpy(x)
    return tensor.requires_grad_(domain.differentiable)


def _cotangents(y_bar: Any) -> list[Any]:
    bars = y_bar if isinstance(y_bar, tuple) else (y_bar,)
    return [None if bar is None else _tensor(bar, Array(shape="", differentiable=False)) for bar in bars]


def _array(gradient: Any) -> Any:
    """What the vjp returns for one input: None stays None, since a missing cotangent is the caller's to judge."""
    return None if gradient is None else gradient.numpy(force=True)


def _op_of(record: Record, gradients: Gradients, inputs: Mapping[str, Array]) -> tuple[Any, Any]:
    """Forward and vjp of what *record* computes and *gradients* differentiates."""
    domains = [*inputs.values()]

    def forward(*arrays: np.ndarray, **params: Any) -> tuple[Any, Tape]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tape = Tape(lambda tensors: record(tensors, params), arrays, domains)
        return tape.y, tape

    def vjp(saved: Tape, y_bar: Any) -> tuple[Any, ...]:
        return tuple(_array(gradient) for gradient in gradients(saved.tensors, saved.outputs, _cotangents(y_bar)))

    def of_tensors(tensors: Sequence[Any], params: Mapping[str, Any], y_bar: Sequence[Any]) -> Sequence[Any]:
        returned = record(tensors, params)
        outputs = tuple(returned) if isinstance(returned, (tuple, list)) else (returned,)
        return gradients(tensors, outputs, y_bar)

    vjp.of_tensors = of_tensors  # type: ignore[attr-defined]  # see oracles/double_backward.py
    return forward, vjp


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
    if len(arguments) == len(inputs) + len(params):
        return [*inputs, *params]
    given = ", ".join([*inputs, *params])
    raise DeclarationError(
        name, "inputs", f"got {given}; allowed: what {function.__name__}.forward takes: {', '.join(arguments)}"
    )


def _plain_setup_context() -> Any:
    import torch

    return torch.autograd.Function.setup_context
