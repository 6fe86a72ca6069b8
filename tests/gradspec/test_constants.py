"""The numbers in an op's code."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

from gradspec import real, verify
from gradspec.constants import numbers_in
from tests.gradspec.samples import square

BEND = 1.345
WHOLE = 3


def _helper(x: Any) -> Any:
    return x * 0.25


def _by_names(x: Any) -> Any:
    return np.where(np.abs(x) < BEND, _helper(x), WHOLE * x)


def _of_itself(x: Any) -> Any:
    return _of_itself(x - 0.125) if x > 7 else x


class _Callable:
    __hash__ = None  # type: ignore[assignment]

    def __call__(self, x: Any) -> Any:
        return x * 0.75


def _closure() -> Any:
    bend, inner = 0.3, _helper
    return lambda x: inner(x) if x < bend else x


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: x * -0.7 + 0.7, (0.7,)),
        (_by_names, (1.345, 0.25)),
        (functools.partial(_by_names), (1.345, 0.25)),
        (_of_itself, (0.125, 7.0)),
        (_closure(), (0.3, 0.25)),
        (lambda x: [y * 0.6 for y in x if y in (0.4, 0.9)], (0.6, 0.4, 0.9)),
        (lambda x: x * 1e-9 + 1e9 + 4, ()),
        (np.tanh, ()),
        (_Callable(), ()),
    ],
    ids=[
        "magnitudes",
        "by name",
        "partial",
        "recursive",
        "closure",
        "inner",
        "neither tiny, huge nor whole",
        "C",
        "object",
    ],
)
def test_the_numbers_of_a_function_and_of_what_it_calls(function: Any, expected: tuple[float, ...]) -> None:
    """Constants, globals and closed-over numbers, each once; those of other packages are theirs."""
    found = numbers_in(function, lambda x: x)
    assert sorted(expected) == sorted(found)


def test_functions_of_no_module() -> None:
    """As exec makes them from a text that names none."""
    names: dict[str, Any] = {}
    exec("def inner(x): return x * 0.3\ndef outer(x): return inner(x) + 0.2", names)  # noqa: S102
    names["outer"].__module__ = names["inner"].__module__ = None
    assert {0.3, 0.2} == {*numbers_in(names["outer"], names["outer"])}


def test_not_more_than_a_few() -> None:
    """A table of coefficients is no list of thresholds."""

    def series(x: Any) -> Any:
        return (0.11, 0.12, 0.13, 0.14, 0.15, 0.16, 0.17, 0.18, 0.19, 0.21), x

    assert (0.11, 0.12, 0.13, 0.14, 0.15, 0.16, 0.17, 0.18) == numbers_in(series, series)


def test_an_op_that_cannot_be_hashed_is_verified() -> None:
    """A callable object without a hash has no numbers, and that is all."""

    class Forward:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return x * x, x

    op = square(forward=Forward(), inputs={"x": real("n")})
    assert verify(op, examples=5).compared > 0
