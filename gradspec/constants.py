"""The numbers in an op's code: where a formula branches, it is most often at one of them."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterator
from typing import Any

SMALLEST, LARGEST = 1e-3, 1e3  # magnitudes of a number that is taken for a threshold
MOST = 8  # of them


def numbers_in(forward: Callable[..., Any], vjp: Callable[..., Any]) -> tuple[float, ...]:
    """The magnitudes of the floats in the code of both functions and in what they call of their own package.

    The first :data:`MOST` of them, each once, in the order of the code.
    """
    try:
        return _remembered(forward, vjp)
    except TypeError:  # a callable that cannot be hashed
        return _collected(forward, vjp)


def _collected(*functions: Callable[..., Any]) -> tuple[float, ...]:
    seen: set[int] = set()
    found = dict.fromkeys(abs(number) for function in functions for number in _of(function, seen))
    return tuple(number for number in found if SMALLEST <= number <= LARGEST)[:MOST]


_remembered = functools.lru_cache(maxsize=512)(_collected)


def _of(function: Any, seen: set[int]) -> Iterator[float]:
    while isinstance(function, functools.partial):
        function = function.func
    function = getattr(function, "__func__", function)
    if not isinstance(function, types.FunctionType) or id(function) in seen:
        return
    seen.add(id(function))
    package = _package(function)
    names: list[str] = []
    yield from _of_code(function.__code__, names)
    for cell in function.__closure__ or ():
        try:
            value = cell.cell_contents
        except ValueError:  # still empty
            continue
        yield from [value] if isinstance(value, float) else _of(value, seen)
    for name in names:
        value = function.__globals__.get(name)
        if isinstance(value, float):
            yield value
        elif isinstance(value, types.FunctionType) and _package(value) == package:
            yield from _of(value, seen)


def _package(function: types.FunctionType) -> str:
    return (function.__module__ or "").partition(".")[0]  # what exec made has no module


def _of_code(code: types.CodeType, names: list[str]) -> Iterator[float]:
    """The floats of the code and of the functions within it; the names that they look up go into *names*."""
    names += code.co_names
    for constant in code.co_consts:
        if isinstance(constant, float):
            yield constant
        elif isinstance(constant, tuple):
            yield from (item for item in constant if isinstance(item, float))
        elif isinstance(constant, types.CodeType):
            yield from _of_code(constant, names)
