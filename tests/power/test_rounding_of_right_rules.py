"""What float32, or an order of summation, costs right ops where no move of their inputs by ulps shows it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradspec import Op, real
from gradspec.checks import CHECKS
from gradspec.domains import Case
from gradspec.layouts import Space
from gradspec.shrink import failure
from tests.right_ops.geometry import alignment
from tests.right_ops.layers import standardize
from tests.right_ops.linear_algebra import ridge

CASES: dict[str, tuple[Op, str, dict[str, Any], dict[str, int], list[Any], Any, str]] = {
    "a mean of -1000, -1000 and -999.6": (
        standardize,
        "value_torch",
        {"eps": 1e-5},
        {"n": 1, "c": 1, "t": 3},
        [[[[-9.9964343e02, -1.0e03, -1.0e03]]]],
        [[[1.0, 0.0, 0.0]]],
        "float32",
    ),
    "one of 100² + 1 and 100², beside a large output that loses nothing": (
        ridge,
        "vjp_finite_difference",
        {"lam": 1.0},
        {"n": 2, "d": 3},
        [[[99.99999, -4.4121585, 99.983284], [100.0, -8.561424, 99.88968]], [9.764228, 0.46417665]],
        [1.0, 0.0, 0.0],
        "float32",
    ),
    "a mean of five equal numbers in Fortran order": (
        alignment,
        "vjp_layouts",
        {},
        {"n": 5},
        [
            [[7.0357672965972675, -7.0357672965972675]] * 5,
            [
                [8.296419090403589, -6.35495760041626],
                [3.178041348402324, 0.2816984496317172],
                [-1.2030040048966395, -3.293384282152216],
                [-0.16947900012269024, 7.382637840667972],
                [3.2697140413124153, 3.5874676369058367],
            ],
        ],
        1.0,
        "float64",
    ),
}


def accuses(op: Op, check: str, case: Case) -> bool:
    """Whether *check* accuses *op* of this case."""
    return failure(Space(op), case, next(each for each in CHECKS if each.name == check)) is not None


@pytest.mark.parametrize("name", CASES)
def test_it_accuses_nobody(name: str) -> None:
    """Each of these cases was a FAIL, met once in 20 seeds."""
    op, check, params, sizes, drawn, y_bar, dtype = CASES[name]
    case = Case(
        sizes=sizes,
        lead=(),
        params=params,
        keys={},
        drawn=tuple(np.array(x, dtype=dtype) for x in drawn),
        dtype=dtype,
        seed=0,
        y_bar=(np.array(y_bar, dtype=dtype),),
    )
    assert not accuses(op, check, case)


@pytest.mark.parametrize(("factor", "wrong"), [(1.0, False), (1.1, True)])
def test_equal_numbers_excuse_nobody_else(factor: float, wrong: bool) -> None:
    """Of a row of equal numbers float32 may leave 1e-7 where 0 is right, an ulp away: that is no share of anything."""
    xs = np.random.default_rng(0).uniform(-3.0, 3.0, size=(12, 3, 5)).astype(np.float32)
    xs[:, 1] = xs[:, 1, :1]
    exact = [x for x in xs if not (x[1] - x[1].mean()).any()]
    op = Op(
        name="centred",
        forward=lambda x: (x - x.mean(axis=1, keepdims=True), None),
        vjp=lambda _, y_bar: ((y_bar - y_bar.mean(axis=1, keepdims=True)) * y_bar.dtype.type(factor),),
        inputs={"x": real("n d")},
    )
    sizes = {"n": 3, "d": 5}
    cases = [Case(sizes=sizes, lead=(), params={}, keys={}, drawn=(x,), dtype="float32", seed=0) for x in exact]
    assert [accuses(op, "vjp_finite_difference", case) for case in cases] == [wrong] * 11
