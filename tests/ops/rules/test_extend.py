"""Arrays made larger: by a constant around them, by copies, by broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ops.errors import ParamError, ShapeMismatchError
from ops.rules.extend import broadcast_to, pad, tile


@pytest.mark.parametrize(
    ("shape", "pads"),
    [
        ((2, 3), 2),
        ((2, 3), 0),
        ((2, 3), ((1, 2), (0, 3))),
        ((3,), ((0, 2),)),
        ((2, 3, 4), ((1, 0), (0, 0), (2, 1))),
        ((0, 3), ((1, 1), (0, 0))),
        ((), ()),
        ((), 3),
    ],
    ids=str,
)
def test_pad_as_torch(shape: tuple[int, ...], pads: Any, rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangent equal torch's for one number and for pairs."""
    for value in (0.0, -1.5, 2):
        matches_torch(pad, np.asarray(rng.standard_normal(shape)), pads=pads, value=value)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [-np.inf, np.nan, 1e300, np.float64(7), np.int64(2)])
def test_pad_with_any_number(value: Any) -> None:
    """Infinity is a number to pad with (before a maximum), and float32 stays float32."""
    y = pad(np.ones(1, np.float32), pads=1, value=value)
    assert np.float32 == y.dtype
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(y, np.array([value, 1, value]).astype(np.float32))


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 3), (2, 1, 3)], ids=str)
@pytest.mark.parametrize("reps", [1, 3, 0, (2,), (2, 3), (1, 2, 3), (2, 1, 1, 2), (0, 2), ()], ids=str)
def test_tile_as_torch(shape: tuple[int, ...], reps: Any, rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangent equal torch's, whichever of shape and reps is longer."""
    matches_torch(tile, np.asarray(rng.standard_normal(shape)), reps=reps)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((), ()),
        ((), (2, 3)),
        ((1,), (5,)),
        ((3,), (2, 3)),
        ((2, 1), (2, 3)),
        ((2, 1, 3), (4, 2, 5, 3)),
        ((1, 1), (0, 3)),
        ((0, 1), (2, 0, 3)),
        ((2, 3), None),
    ],
    ids=str,
)
def test_broadcast_to_as_torch(before: Any, after: Any, rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangent equal torch's, for 0-d arrays, new axes and sizes of 0, too."""
    matches_torch(broadcast_to, np.asarray(rng.standard_normal(before)), shape=after)


X = np.ones((2, 3))


@pytest.mark.parametrize("pads", [-1, 1.0, "1", None, ((1, 1),), ((1, 1), (1, -1)), ((1, 1), (1,)), (1, 1), (1, 2, 3)])
def test_pads_that_are_none(pads: Any) -> None:
    """Pads are whole numbers from 0 on, a pair for each axis."""
    with pytest.raises(ParamError) as caught:
        pad(X, pads=pads)
    allowed = "a whole number from 0 on, or 2 pairs (before, after) of them, one for each axis"
    assert ("pad", "pads", allowed) == (caught.value.op, caught.value.argument, caught.value.allowed)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: pad(X, value="0"), ParamError, "pad: value is '0'; allowed: a number"),
        (
            lambda: tile(X, reps=(2, -1)),
            ParamError,
            "tile: reps is (2, -1); allowed: a whole number from 0 on, or a tuple of them",
        ),
        (
            lambda: tile(X, reps=1.5),
            ParamError,
            "tile: reps is 1.5; allowed: a whole number from 0 on, or a tuple of them",
        ),
        (
            lambda: broadcast_to(X, shape=(3, 2)),
            ShapeMismatchError,
            "broadcast_to: shape is (3, 2); allowed: a shape that ends with (2, 3), where a 1 may be any size",
        ),
        (
            lambda: broadcast_to(X, shape=(3,)),
            ShapeMismatchError,
            "broadcast_to: shape is (3,); allowed: a shape that ends with (2, 3), where a 1 may be any size",
        ),
        (
            lambda: broadcast_to(X, shape=(-1, 3)),
            ParamError,
            "broadcast_to: shape is (-1, 3); allowed: a tuple of whole numbers from 0 on",
        ),
    ],
)
def test_refused(call: Any, error: type[Exception], message: str) -> None:
    """What has no meaning is refused with a message that says what fits."""
    with pytest.raises(error) as caught:
        call()
    assert message == str(caught.value)
