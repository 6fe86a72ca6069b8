"""The numbers in an op's code: where a formula branches, it is most often at one of them."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterator
from typing import Any, TypeGuard

SMALLEST, LARGEST = 1e-3, 1e3  # magnitudes of a number that is taken for a threshold
MOST = 8  # of them
LEAST_INT = 5  # smaller ones are axes, exponents and counts
SCALES = ((1e-8, 0.1), (float(LEAST_INT), 1e6))  # magnitudes apart from those of ordinary draws
MOST_SCALES = 4
HUGE = (SCALES[-1][1], 1e16)  # magnitudes of a cutoff where an asymptote takes over; -1e9 is what hides an entry
MOST_HUGE = 1


def numbers_in(forward: Callable[..., Any], vjp: Callable[..., Any]) -> tuple[float, ...]:
    """The magnitudes of the numbers in the code of both functions and in what they call of their own package.

    The first :data:`MOST` of them, each once, in the order of the code.
    """
    return tuple(number for number in _all(forward, vjp) if SMALLEST <= number <= LARGEST)[:MOST]


def scales_in(forward: Callable[..., Any], vjp: Callable[..., Any]) -> tuple[float, ...]:
    """Those of the numbers that ordinary draws are far from: an eps of 1e-6, a cutoff at 20."""
    found = _all(forward, vjp)
    return tuple(number for number in found if any(low <= number <= high for low, high in SCALES))[:MOST_SCALES]


def huge_in(forward: Callable[..., Any], vjp: Callable[..., Any]) -> tuple[float, ...]:
    """Those that are far larger than ordinary draws: Poisson's formula for a count above 1e10."""
    return tuple(number for number in _all(forward, vjp) if HUGE[0] < number <= HUGE[1])[:MOST_HUGE]


def _all(forward: Callable[..., Any], vjp: Callable[..., Any]) -> tuple[float, ...]:
    try:
        return _remembered(forward, vjp)
    except TypeError:  # a callable that cannot be hashed
        return _collected(forward, vjp)


def _collected(*functions: Callable[..., Any]) -> tuple[float, ...]:
    seen: set[int] = set()
    return tuple(dict.fromkeys(abs(float(number)) for function in functions for number in _of(function, seen)))


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, float) or (type(value) is int and LEAST_INT <= abs(value) <= HUGE[1])


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
    yield from filter(_is_number, (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()))
    for cell in function.__closure__ or ():
        try:
            value = cell.cell_contents
        except ValueError:  # still empty
            continue
        yield from [value] if _is_number(value) else _of(value, seen)
    for name in names:
        value = function.__globals__.get(name)
        if _is_number(value):
            yield value
        elif isinstance(value, types.FunctionType) and _package(value) == package:
            yield from _of(value, seen)


def _package(function: types.FunctionType) -> str:
    return (function.__module__ or "").partition(".")[0]  # what exec made has no module


def _of_code(code: types.CodeType, names: list[str]) -> Iterator[float]:
    """The numbers of the code and of the functions within it; the names that they look up go into *names*."""
    names += code.co_names
    for constant in code.co_consts:
        if _is_number(constant):
            yield constant
        elif isinstance(constant, tuple):
            yield from filter(_is_number, constant)
        elif isinstance(constant, types.CodeType):
            yield from _of_code(constant, names)
