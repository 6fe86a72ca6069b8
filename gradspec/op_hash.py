"""A hash of everything that one op is made of: what a record of measurements on that op is about."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import types
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from gradspec.spec import Op

TOLD = ("formula", "vjp_formula", "source", "kinks")  # said to people; decides nothing
PLAIN = (bool, int, float, complex, str, bytes, type(None))


def op_hash(op: Op) -> str:
    """Change with the declaration of *op*, its rule and every function of its package that they lead to.

    Functions enter with their source, so that neither a new op beside this one nor another place in the file matters.
    """
    digest = hashlib.sha256()
    parts = {field.name: getattr(op, field.name) for field in dataclasses.fields(op) if field.name not in TOLD}
    for piece in _pieces(parts, set()):
        digest.update(piece.encode() + b"\0")
    return digest.hexdigest()[:12]


def _pieces(value: Any, seen: set[int]) -> Iterator[str]:
    """Everything that *value* is made of, in words; what was seen before is not gone into again."""
    if isinstance(value, PLAIN):
        yield repr(value)
    elif isinstance(value, np.ndarray):
        yield f"{value.dtype} {value.shape} {value.tobytes().hex()}"
    elif isinstance(value, types.FunctionType):
        yield from _function(value, seen)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _pieces(key, seen)
            yield from _pieces(item, seen)
    elif isinstance(value, (tuple, list, frozenset)):
        yield type(value).__name__
        for item in sorted(value, key=repr) if isinstance(value, frozenset) else value:
            yield from _pieces(item, seen)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield type(value).__name__
        for field in dataclasses.fields(value):
            yield field.name
            yield from _pieces(getattr(value, field.name), seen)
    else:  # a class, a ufunc, a module: its name is enough
        yield getattr(value, "__qualname__", getattr(value, "__name__", type(value).__qualname__))


def _function(function: types.FunctionType, seen: set[int]) -> Iterator[str]:
    yield function.__qualname__
    if id(function) in seen:
        return
    seen.add(id(function))
    try:
        yield inspect.getsource(function)
    except (OSError, TypeError):
        yield function.__code__.co_code.hex()
    yield from _pieces(function.__defaults__, seen)
    yield from _pieces(function.__kwdefaults__, seen)
    for cell in function.__closure__ or ():
        try:
            yield from _pieces(cell.cell_contents, seen)
        except ValueError:  # still empty
            continue
    package = (function.__module__ or "").partition(".")[0]  # what exec made has no module
    for name in sorted(_names(function.__code__)):
        value = function.__globals__.get(name)
        home = getattr(value, "__module__", None) or ""
        if isinstance(value, types.FunctionType) and home.partition(".")[0] == package:
            yield from _function(value, seen)
        elif isinstance(value, (*PLAIN, tuple, Mapping)):
            yield name
            yield from _pieces(value, seen)


def _names(code: types.CodeType) -> set[str]:
    """The names that the code and the functions within it look up."""
    inner = (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    return set(code.co_names).union(*map(_names, inner))
