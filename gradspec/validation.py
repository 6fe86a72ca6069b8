"""Every mistake that a declaration can make without drawing an input, worded for its author."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from gradspec.errors import DeclarationError
from gradspec.shapes import GRAMMAR, ShapeError, parse_shape

if TYPE_CHECKING:
    from gradspec.spec import Array, Op


def validate(op: Op) -> dict[str, Any]:
    """Check every field of *op* and return the fields in their frozen form.

    Raises:
        DeclarationError: Names the op, the field, what it got and what is allowed.
    """
    from gradspec.spec import is_name

    if not is_name(op.name):
        _refuse("", "Op.name", op.name, "letters, digits, '_' and '.', not beginning with a digit")
    _texts(op)
    inputs = _inputs(op)
    params = _params(op)
    for name in inputs:
        if name in params:
            _refuse(op.name, f"params[{name!r}]", name, "a name that no input has")
    symbols = tuple(dict.fromkeys(symbol for domain in inputs.values() for symbol in domain.dims.symbols))
    fields = {
        "inputs": _freeze(inputs),
        "params": _freeze(params),
        "sizes": _freeze(_sizes(op, symbols)),
        "dtypes": _dtypes(op),
        "linear_in": _linear_in(op, inputs),
        "examples": _examples(op, inputs, params),
        "exceptions": _freeze(_exceptions(op)),
    }
    _callable(op, "forward", op.forward, [*inputs], [*params])
    _callable(
        op, "vjp", op.vjp, ["saved", "y_bar"], [], ", and needs=None if it is to be told which cotangents are wanted"
    )
    if op.where is not None:
        _callable(op, "where", op.where, ["sizes", "params"], [])
    if not (op.torch is None or callable(op.torch) or (isinstance(op.torch, str) and "." in op.torch)):
        _refuse(op.name, "torch", op.torch, "a callable, a dotted name such as 'torch.softmax', or None")
    return fields


def _refuse(op: str, field: str, got: object, allowed: str) -> NoReturn:
    raise DeclarationError(op, field, f"got {got!r}; allowed: {allowed}")


def _freeze(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    from gradspec.spec import frozen

    return frozen(mapping)


def _texts(op: Op) -> None:
    for name in ("formula", "vjp_formula", "source", "kinks"):
        if not isinstance(getattr(op, name), str):
            _refuse(op.name, name, getattr(op, name), "a string")


def _inputs(op: Op) -> dict[str, Array]:
    from gradspec.spec import Array

    if not isinstance(op.inputs, Mapping) or not op.inputs:
        _refuse(op.name, "inputs", op.inputs, "a mapping with at least one input, such as {'x': real('n d')}")
    for name, domain in op.inputs.items():
        where = f"inputs[{name!r}]"
        if not isinstance(name, str) or not name.isidentifier():
            _refuse(op.name, where, name, "a Python identifier as the input's name")
        if not isinstance(domain, Array):
            _refuse(op.name, where, domain, "array(...), real(...), positive(...), nonzero(...), index(...)")
        _domain(op.name, where, domain)
    if not any(domain.differentiable for domain in op.inputs.values()):
        _refuse(op.name, "inputs", sorted(op.inputs), "at least one differentiable input")
    return dict(op.inputs)


def _domain(op: str, where: str, domain: Array) -> None:
    try:
        parse_shape(domain.shape)
    except (ShapeError, AttributeError, TypeError) as error:
        detail = f" ({error})" if isinstance(error, ShapeError) else ""
        raise DeclarationError(op, f"{where}.shape", f"got {domain.shape!r}{detail}; allowed: {GRAMMAR}") from None
    _bounds(op, where, domain)
    _exclude(op, where, domain)
    _typical(op, where, domain)
    for name in ("integer", "differentiable", "broadcastable"):
        if not isinstance(getattr(domain, name), bool):
            _refuse(op, f"{where}.{name}", getattr(domain, name), "True or False")
    if domain.integer and domain.differentiable:
        _refuse(op, f"{where}.differentiable", got=True, allowed="False, because the input is declared integer=True")
    if domain.transform is not None and not callable(domain.transform):
        _refuse(op, f"{where}.transform", domain.transform, "a function of an array, or None")


def _bounds(op: str, where: str, domain: Array) -> None:
    for name in ("lo", "hi"):
        bound = getattr(domain, name)
        if callable(bound):
            continue
        if not _is_number(bound) or math.isnan(bound):
            _refuse(op, f"{where}.{name}", bound, "a number, ±inf, or a function of the sizes")
        if bound == (math.inf if name == "lo" else -math.inf):
            _refuse(op, f"{where}.{name}", bound, "a bound that leaves finite numbers inside")
        if domain.integer and math.isfinite(bound) and bound != int(bound):
            _refuse(op, f"{where}.{name}", bound, "a whole number, because the input is declared integer=True")
    lo, hi = domain.lo, domain.hi
    if not callable(lo) and not callable(hi) and lo > hi:
        _refuse(op, f"{where}.lo", lo, f"at most hi, which is {hi!r}")


def _exclude(op: str, where: str, domain: Array) -> None:
    if not isinstance(domain.exclude, tuple):
        _refuse(op, f"{where}.exclude", domain.exclude, "a tuple of finite numbers")
    for point in domain.exclude:
        if not _is_number(point) or not math.isfinite(point):
            _refuse(op, f"{where}.exclude", domain.exclude, "finite numbers")
    if not callable(domain.lo) and domain.lo == domain.hi and domain.lo in domain.exclude:
        _refuse(op, f"{where}.exclude", domain.exclude, "points that leave something of the domain")


def _typical(op: str, where: str, domain: Array) -> None:
    from gradspec.spec import TYPICAL

    typical = domain.typical
    good = isinstance(typical, tuple) and len(typical) == 2 and all(_is_number(bound) for bound in typical)
    if not good or not all(math.isfinite(bound) for bound in typical) or typical[0] > typical[1]:
        _refuse(op, f"{where}.typical", typical, "a pair of finite numbers (low, high) with low <= high")
    if typical == TYPICAL:  # the default gives way to any domain
        return
    if not callable(domain.lo) and typical[1] < domain.lo:
        _refuse(op, f"{where}.typical", typical, f"a range that meets the domain, whose lo is {domain.lo!r}")
    if not callable(domain.hi) and typical[0] > domain.hi:
        _refuse(op, f"{where}.typical", typical, f"a range that meets the domain, whose hi is {domain.hi!r}")


def _params(op: Op) -> dict[str, Any]:
    if not isinstance(op.params, Mapping):
        _refuse(op.name, "params", op.params, "a mapping from a name to the values to try")
    params: dict[str, Any] = {}
    for name, values in op.params.items():
        where = f"params[{name!r}]"
        if not isinstance(name, str) or not name.isidentifier():
            _refuse(op.name, where, name, "a Python identifier as the param's name")
        if callable(values):
            params[name] = values
            continue
        if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
            _refuse(op.name, where, values, "a list of values to try, the first being the default")
        params[name] = tuple(values)
        if not params[name]:
            _refuse(op.name, where, values, "at least one value")
    return params


def _sizes(op: Op, symbols: tuple[str, ...]) -> dict[str, tuple[int, int]]:
    from gradspec.spec import DEFAULT_SIZES

    if not isinstance(op.sizes, Mapping):
        _refuse(op.name, "sizes", op.sizes, "a mapping from a size symbol to (smallest, largest)")
    sizes = dict.fromkeys(symbols, DEFAULT_SIZES)
    for symbol, bounds in op.sizes.items():
        where = f"sizes[{symbol!r}]"
        pair = (bounds, bounds) if isinstance(bounds, int) else bounds
        if symbol not in sizes:
            _refuse(op.name, where, symbol, f"a symbol that a shape uses: {', '.join(symbols) or 'none'}")
        if not (isinstance(pair, (tuple, list)) and len(pair) == 2 and all(isinstance(size, int) for size in pair)):
            _refuse(op.name, where, bounds, "(smallest, largest), both whole numbers")
        if not 0 <= pair[0] <= pair[1]:
            _refuse(op.name, where, bounds, "(smallest, largest) with 0 <= smallest <= largest")
        sizes[symbol] = (pair[0], pair[1])
    return sizes


def _dtypes(op: Op) -> tuple[str, ...]:
    from gradspec.spec import FLOAT_DTYPES

    dtypes = op.dtypes
    if isinstance(dtypes, str) or not isinstance(dtypes, Iterable):
        _refuse(op.name, "dtypes", dtypes, f"a tuple of some of {FLOAT_DTYPES}")
    dtypes = tuple(dtypes)
    if not dtypes or any(dtype not in FLOAT_DTYPES for dtype in dtypes) or len(set(dtypes)) != len(dtypes):
        _refuse(op.name, "dtypes", dtypes, f"a tuple of some of {FLOAT_DTYPES}, each once")
    return dtypes


def _linear_in(op: Op, inputs: Mapping[str, Array]) -> frozenset[str]:
    if isinstance(op.linear_in, str) or not isinstance(op.linear_in, Iterable):
        _refuse(op.name, "linear_in", op.linear_in, "a set of names of inputs")
    names = frozenset(op.linear_in)
    for name in sorted(names, key=str):
        if name not in inputs or not inputs[name].differentiable:
            allowed = ", ".join(known for known, domain in inputs.items() if domain.differentiable)
            _refuse(op.name, "linear_in", name, f"names of differentiable inputs: {allowed}")
    return names


def _examples(op: Op, inputs: Mapping[str, Array], params: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    if isinstance(op.examples, (str, Mapping)) or not isinstance(op.examples, Iterable):
        _refuse(op.name, "examples", op.examples, "a tuple of examples, each a tuple of arrays or a mapping")
    examples = []
    for position, example in enumerate(op.examples):
        where = f"examples[{position}]"
        if isinstance(example, Mapping):
            unknown = [name for name in example if name not in inputs and name not in params]
            missing = [name for name in inputs if name not in example]
            if unknown or missing:
                _refuse(op.name, where, sorted(map(str, example)), f"the inputs {', '.join(inputs)}, and params")
            examples.append(dict(example))
        elif isinstance(example, (tuple, list)) and len(example) == len(inputs):
            examples.append(dict(zip(inputs, example, strict=True)))
        else:
            _refuse(op.name, where, example, f"{len(inputs)} arrays, for {', '.join(inputs)}, or a mapping by name")
    return tuple(examples)


def _exceptions(op: Op) -> dict[str, str]:
    if not isinstance(op.exceptions, Mapping):
        _refuse(op.name, "exceptions", op.exceptions, "a mapping from a check's name to the reason and a URL")
    for check, reason in op.exceptions.items():
        if not isinstance(reason, str) or not reason.strip():
            _refuse(op.name, f"exceptions[{check!r}]", reason, "the reason, with a URL")
    return dict(op.exceptions)


def _callable(
    op: Op, name: str, function: Callable[..., Any], arguments: list[str], keywords: list[str], optional: str = ""
) -> None:
    if not callable(function):
        _refuse(op.name, name, function, f"a function of ({', '.join(arguments + keywords)})")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some builtins have none; the first call will tell
        return
    try:
        signature.bind(*arguments, **dict.fromkeys(keywords))
    except TypeError as error:
        wanted = ", ".join(arguments + [f"{keyword}=..." for keyword in keywords])
        told = f"got a function {signature} ({error}); allowed: ({wanted}){optional}"
        raise DeclarationError(op.name, name, told) from None


def _is_number(value: object) -> bool:
    import numpy as np

    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
