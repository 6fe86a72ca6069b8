"""How much of an op was seen: a narrow declaration shows."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradspec import Op, array, index, positive, real, verify
from gradspec.reach import Share, cells, shares
from tests.gradspec.samples import square


def root(domain: Any, **fields: Any) -> Op:
    """The square root, on some domain."""

    def vjp(saved: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
        return (y_bar / (2 * saved),)

    def forward(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        y = np.sqrt(x)
        return y, y

    return Op(name="root", forward=forward, vjp=vjp, inputs={"x": domain}, **fields)


def seen(op: Op, examples: int = 60) -> dict[str, Share]:
    """The shares after a short run."""
    return shares(op, verify(op, examples=examples).reach)


def test_cells_tell_signs_and_magnitudes() -> None:
    """Zero is a cell of its own, whatever its sign."""
    assert cells(np.array([[0.0, -0.0], [3.0, -3.0]])) == {(0, 0), (1, 4), (-1, 4)}
    assert cells(np.array([1e-12, 1e300])) == {(1, 0), (1, 8)}
    assert cells(np.zeros(0)) == set()


def test_what_the_reference_does_not_take_is_not_asked_for() -> None:
    """A root has no negative numbers: they are not missing."""
    share = seen(root(positive("n")))["domain"]
    assert share.possible == 1 + 9
    assert share.reached >= 7


def test_a_narrow_domain_shows() -> None:
    """It passes, and its share says what that is worth."""
    wide, narrow = seen(root(positive("n"))), seen(root(array("n", lo=1.0, hi=2.0, typical=(1.0, 2.0))))
    assert narrow["domain"].possible == wide["domain"].possible
    assert narrow["domain"].reached == 1


def test_narrow_sizes_show() -> None:
    """Sizes up to 4 count, declared or not, an empty array among them."""
    assert str(seen(root(positive("n")))["sizes"]) == "5 of 5"
    assert str(seen(root(positive("n"), sizes={"n": (2, 3)}))["sizes"]) == "2 of 5"


def test_params_are_counted() -> None:
    """Every listed value of every param is tried."""

    def forward(x: np.ndarray, p: float, *, flag: bool) -> tuple[np.ndarray, Any]:
        return x * p, p

    op = Op(
        name="scale",
        forward=forward,
        vjp=lambda saved, y_bar: (y_bar * y_bar.dtype.type(saved),),
        inputs={"x": real("n")},
        params={"p": (1.0, 2.0, -3.0), "flag": (False, True)},
    )
    assert str(seen(op)["params"]) == "5 of 5"


def test_integers_have_no_magnitudes() -> None:
    """An index is no number of some size."""
    op = Op(
        name="pick",
        forward=lambda x, k: (x[k], (x.shape, k)),
        vjp=lambda saved, y_bar: (np.bincount(saved[1], y_bar, saved[0][0]).astype(y_bar.dtype), None),
        inputs={"x": real("n"), "k": index("m", "n")},
    )
    report = verify(op, examples=40)
    assert list(report.reach.cells) == ["x"]


def test_the_report_says_it_in_json() -> None:
    """As sorted lists."""
    told = verify(square(), examples=20).to_dict()["reach"]
    assert [0, 0] in told["cells"]["x"]
    assert told["sizes"]["n"] == sorted(told["sizes"]["n"])
