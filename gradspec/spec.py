"""How an op is declared: its forward, its vjp and the domain of each input.

NumPy only: rule files import this module and nothing else of gradspec.
"""

from __future__ import annotations

import contextlib
import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from gradspec.errors import DeclarationError
from gradspec.shapes import Shape, parse_shape

Sizes: TypeAlias = Mapping[str, int]
Bound: TypeAlias = float | Callable[[Sizes], float]

TYPICAL = (-10.0, 10.0)
DEFAULT_SIZES = (0, 4)
FLOAT_DTYPES = ("float64", "float32")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*\Z")


@dataclass(frozen=True, kw_only=True)
class Array:
    """The domain of one input; made by :func:`array` and its shorthands, checked by :class:`Op`."""

    shape: str
    lo: Bound = -math.inf
    hi: Bound = math.inf
    exclude: tuple[float, ...] = ()
    typical: tuple[float, float] = TYPICAL
    integer: bool = False
    differentiable: bool = True
    transform: Callable[[np.ndarray], np.ndarray] | None = None
    broadcastable: bool = False

    @property
    def dims(self) -> Shape:
        """The parsed shape."""
        return parse_shape(self.shape)


def array(
    shape: str,
    *,
    lo: Bound = -math.inf,
    hi: Bound = math.inf,
    exclude: Iterable[float] = (),
    typical: tuple[float, float] = TYPICAL,
    integer: bool = False,
    differentiable: bool | None = None,
    transform: Callable[[np.ndarray], np.ndarray] | None = None,
    broadcastable: bool = False,
) -> Array:
    """Declare where one input of an op lives.

    Args:
        shape: Size symbols separated by spaces (``"n d"``), integers, products such as ``g*i``;
            ``...`` first for 0 to 3 leading axes shared by all inputs that have it; ``""`` is 0-d.
        lo: Smallest value at which the op is defined (inclusive), or a function of the sizes.
        hi: Largest value at which the op is defined (inclusive), or a function of the sizes.
        exclude: Points inside [lo, hi] at which the op is not defined.
        typical: Where ordinary draws fall; it shapes the draws and limits nothing.
        integer: The input holds int64 numbers.
        differentiable: Whether the vjp gives a cotangent for it; by default, not for integers.
        transform: Maps drawn values to a structured set (symmetric, one-hot, ...); the op sees the result. Values
            that are shown, and those of ``examples``, are the drawn ones.
        broadcastable: Sizes may be 1 or missing, as NumPy's broadcasting allows.

    Returns:
        The declaration. Mistakes in it are reported by :class:`Op`, which knows the op's name.
    """
    return Array(
        shape=shape,
        lo=lo,
        hi=hi,
        exclude=tuple(exclude) if isinstance(exclude, Iterable) else exclude,
        typical=typical,
        integer=integer,
        differentiable=(not integer) if differentiable is None else differentiable,
        transform=transform,
        broadcastable=broadcastable,
    )


def real(shape: str, **options: Any) -> Array:
    """Every finite number of the dtype."""
    return array(shape, **options)


def positive(shape: str, **options: Any) -> Array:
    """Numbers above 0; 0 itself is outside."""
    return array(shape, **{"lo": 0.0, "exclude": (0.0,), "typical": (0.1, 10.0), **options})


def nonnegative(shape: str, **options: Any) -> Array:
    """Numbers from 0 on, 0 included."""
    return array(shape, **{"lo": 0.0, "typical": (0.0, 10.0), **options})


def nonzero(shape: str, **options: Any) -> Array:
    """Every finite number but 0."""
    return array(shape, **{"exclude": (0.0,), **options})


def index(shape: str, size: str | int, **options: Any) -> Array:
    """Positions 0 .. size - 1, as int64; *size* is a size symbol or a number."""
    hi: Bound = size - 1 if isinstance(size, int) else _last_position(size)
    return array(shape, **{"lo": 0, "hi": hi, "integer": True, **options})


def _last_position(symbol: str) -> Callable[[Sizes], float]:
    def last(sizes: Sizes) -> float:
        return sizes[symbol] - 1

    last.__qualname__ = f"{symbol} - 1"
    return last


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Op:
    """One op: what it computes, its backward formula, and where both are to be believed.

    Args:
        name: How people and test ids call it: letters, digits, ``_`` and ``.``.
        forward: ``(*arrays, **params) -> (y, saved)``; y is an array, or a tuple for several outputs.
        vjp: ``(saved, y_bar) -> tuple``: one cotangent per input, of the input's shape and dtype;
            None where the input is not differentiable. With an optional keyword, ``needs=None``, it is also told,
            by one bool per input, which cotangents are wanted, and may return None for the others.
        inputs: Name -> :func:`array`, in the order of forward's arguments.
        params: Static keywords: name -> the values to try, the first being that of ordinary cases; the list
            or a value in it may be a function of the sizes. Calling the op uses forward's own defaults.
        torch: An independent reference: a callable of tensors, a dotted name such as
            ``"torch.softmax"``, or None. It is given the same params.
        formula: The forward in LaTeX.
        vjp_formula: The vjp in LaTeX.
        source: Where the formula comes from.
        sizes: Size symbol -> (smallest, largest), inclusive; (0, 4) for symbols not named.
        where: ``(sizes, params) -> bool``; removes combinations without a meaning.
        dtypes: The float dtypes to verify. Differences are taken of a forward that is given float64, whichever are
            listed; with float32 alone it may compute in float32 all the same, and they see four digits.
        linear_in: Names of inputs in which the op is linear, or affine: linear plus what they do not enter.
        kinks: Where the op has kinks, in words.
        examples: Inputs that are always tried: tuples of arrays, or mappings name -> array or param. An input with a
            transform is given as it is before it.
        exceptions: Check -> the reason (with a URL) why it fails; one that fails no more is a FAIL, so that the
            exception goes.

    Raises:
        DeclarationError: A field is wrong; the message names it, what it got and what is allowed.
    """

    name: str
    forward: Callable[..., tuple[Any, Any]]
    vjp: Callable[..., tuple[Any, ...]]
    inputs: Mapping[str, Array]
    params: Mapping[str, Any] = field(default_factory=dict)
    torch: Callable[..., Any] | str | None = None
    formula: str = ""
    vjp_formula: str = ""
    source: str = ""
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    where: Callable[[Sizes, Mapping[str, Any]], bool] | None = None
    dtypes: tuple[str, ...] = FLOAT_DTYPES
    linear_in: frozenset[str] = frozenset()
    kinks: str = ""
    examples: tuple[Any, ...] = ()
    exceptions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        from gradspec.validation import validate

        for name, value in validate(self).items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        inputs = ", ".join(f"{name}: {domain.shape!r}" for name, domain in self.inputs.items())
        params = "".join(f", {name}" for name in self.params)
        return f"<Op {self.name}({inputs}{params})>"

    def __call__(self, *arrays: Any, **params: Any) -> Any:
        """Apply the op and return forward's y.

        An argument with ``__gradspec_apply__(op, arrays, params)`` takes over: this is how the nodes
        of a graph take part.

        Raises:
            TypeError: The number of arrays or a keyword does not fit the declaration.
        """
        if len(arrays) != len(self.inputs):
            raise TypeError(
                f"{self.name}: got {len(arrays)} arrays; it takes {len(self.inputs)}: {', '.join(self.inputs)}"
            )
        for name in params:
            if name not in self.params:
                allowed = ", ".join(self.params) or "none"
                raise TypeError(f"{self.name}: got the keyword {name!r}; its params are: {allowed}")
        for argument in arrays:
            apply = getattr(argument, "__gradspec_apply__", None)
            if apply is not None:
                return apply(self, arrays, params)
        y, _ = self.forward(*arrays, **params)
        return y

    def replace(self, **changes: Any) -> Op:
        """Return a copy with these fields changed, validated anew."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        if "inputs" in changes and "sizes" not in changes:  # sizes of symbols that are gone go with them
            used = {symbol for domain in changes["inputs"].values() for symbol in domain.dims.symbols}
            fields["sizes"] = {symbol: sizes for symbol, sizes in self.sizes.items() if symbol in used}
        return Op(**{**fields, **changes})

    @cached_property
    def takes_needs(self) -> bool:
        """Whether the vjp has the optional keyword ``needs``."""
        try:
            return "needs" in inspect.signature(self.vjp).parameters
        except (TypeError, ValueError):
            return False

    @property
    def location(self) -> str:
        """The file and line of the vjp, as ``path:line``; "" where Python does not know it.

        A rule made from one other function (by a factory, a decorator) is where that function is; one made by an
        adapter is where its ``rule`` is.
        """
        rule = inspect.unwrap(getattr(self.vjp, "rule", self.vjp))
        while len(made_of := [f for f in _closed_over(rule) if inspect.isfunction(f)]) == 1:
            rule = inspect.unwrap(made_of[0])
        code = getattr(rule, "__code__", None)
        return f"{code.co_filename}:{code.co_firstlineno}" if code is not None else ""


def _closed_over(function: Callable[..., Any]) -> list[Any]:
    """What the function uses of the function that made it; a cell that is still empty is left out."""
    found = []
    for cell in getattr(function, "__closure__", None) or ():
        with contextlib.suppress(ValueError):
            found.append(cell.cell_contents)
    return [value for value in found if value is not function]


def frozen(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    """A read-only copy of *mapping*."""
    return MappingProxyType(dict(mapping))


def is_name(name: object) -> bool:
    """Whether *name* can name an op."""
    return isinstance(name, str) and _NAME.match(name) is not None


__all__ = [
    "Array",
    "DeclarationError",
    "Op",
    "array",
    "index",
    "nonnegative",
    "nonzero",
    "positive",
    "real",
]
