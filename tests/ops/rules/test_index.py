"""Picking by position, one of each row or every so many along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ops
from ops.errors import OutOfRangeError, ParamError
from ops.rules.index import slice as slice_op


@pytest.mark.parametrize("shape", [(4, 3), (1, 1), (0, 3)], ids=str)
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8])
def test_select_as_torch(shape: tuple[int, ...], dtype: Any, rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangent equal torch's; the positions have none."""
    k = rng.integers(0, shape[1], shape[0])
    x = rng.standard_normal(shape)
    matches_torch(ops.select, x, k)
    np.testing.assert_array_equal(ops.select(x, k), ops.select(x, k.astype(dtype)))


@pytest.mark.parametrize("shape", [(5,), (2, 5), (5, 0, 2), (0, 3), (1, 1)], ids=str)
def test_slice_as_torch(shape: tuple[int, ...], rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangent equal torch's for every start, stop and step, backwards and past the ends, too."""
    x = rng.standard_normal(shape)
    for axis in range(-len(shape), len(shape)):
        for start, stop in ((None, None), (1, None), (None, -1), (-3, 4), (4, 1), (9, -9), (0, 0)):
            for step in (None, 1, 2, 7, -1, -2):
                matches_torch(slice_op, x, start=start, stop=stop, step=step, axis=axis)


def test_slice_backwards() -> None:
    """What was not picked has a cotangent of 0."""
    y, saved = slice_op.forward(np.arange(6.0), start=-1, step=-2)
    assert [5.0, 3.0, 1.0] == y.tolist()
    assert [0.0, 1.0, 0.0, 3.0, 0.0, 5.0] == slice_op.vjp(saved, y)[0].tolist()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: slice_op(np.ones(3), step=0),
            ParamError,
            "slice: step is 0; allowed: None or a whole number other than 0",
        ),
        (lambda: slice_op(np.ones(3), start=0.5), ParamError, "slice: start is 0.5; allowed: None or a whole number"),
        (lambda: slice_op(np.ones(3), stop="3"), ParamError, "slice: stop is '3'; allowed: None or a whole number"),
        (lambda: slice_op(np.ones(3), axis=1), OutOfRangeError, "slice: axis is 1; allowed: -1 to 0"),
        (
            lambda: slice_op(np.float64(1)),
            OutOfRangeError,
            "slice: axis is 0; allowed: none: a 0-d array has no axis",
        ),
    ],
)
def test_slice_refused(call: Any, error: type[Exception], message: str) -> None:
    """What has no meaning is refused with a message that says what fits."""
    with pytest.raises(error) as caught:
        call()
    assert message == str(caught.value)
