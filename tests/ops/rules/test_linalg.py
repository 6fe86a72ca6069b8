"""Products of matrices, with the shapes that the declaration of matmul cannot say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradspec
import ops
from gradspec.spec import real

MATMUL = [
    ((2, 3), (3, 4)),
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((5, 2, 3), (3,)),
    ((3,), (3, 4)),
    ((3,), (5, 3, 4)),
    ((5, 2, 3), (3, 4)),
    ((6, 5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (6, 3, 4)),
    ((1, 2, 3), (5, 3, 4)),
    ((0, 3), (3, 4)),
    ((2, 0), (0, 4)),
    ((0,), (0,)),
    ((5, 2, 0), (0, 4)),
    ((0, 2, 3), (1, 3, 4)),
    ((1, 1), (1, 1)),
]


@pytest.mark.parametrize(("x", "w"), MATMUL, ids=str)
def test_matmul_as_torch(x: tuple[int, ...], w: tuple[int, ...], rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangents equal torch's for vectors, batches, broadcast batches and empty ones."""
    matches_torch(ops.matmul, rng.standard_normal(x), rng.standard_normal(w))


@pytest.mark.parametrize(("x", "w"), MATMUL, ids=str)
@pytest.mark.parametrize("needs", [(True, False), (False, True), (False, False)])
def test_matmul_needs(
    x: tuple[int, ...], w: tuple[int, ...], needs: tuple[bool, bool], rng: np.random.Generator
) -> None:
    """A mask leaves out what is not needed and changes nothing else."""
    y, saved = ops.matmul.forward(rng.standard_normal(x), rng.standard_normal(w))
    y_bar = np.asarray(rng.standard_normal(np.shape(y)))
    for wanted, full, masked in zip(
        needs, ops.matmul.vjp(saved, y_bar), ops.matmul.vjp(saved, y_bar, needs), strict=True
    ):
        if wanted:
            np.testing.assert_array_equal(full, masked)
        else:
            assert masked is None


@pytest.mark.parametrize(
    ("x", "w"),
    [((2, 3), (3, 4)), ((3,), (3, 4)), ((5, 6, 2, 3), (3, 4)), ((0, 3), (3, 4)), ((2, 0), (0, 4)), ((1, 1), (1, 1))],
)
def test_linear_as_torch(x: tuple[int, ...], w: tuple[int, ...], rng: np.random.Generator, matches_torch: Any) -> None:
    """Value and cotangents equal torch's."""
    matches_torch(ops.linear, rng.standard_normal(x), rng.standard_normal(w), rng.standard_normal(w[1:]))


@pytest.mark.parametrize("needs", [(True, False, False), (False, True, False), (False, False, True)])
def test_linear_needs(needs: tuple[bool, ...], rng: np.random.Generator) -> None:
    """A mask leaves out what is not needed."""
    _, saved = ops.linear.forward(rng.standard_normal((2, 3)), rng.standard_normal((3, 4)), rng.standard_normal(4))
    assert needs == tuple(c is not None for c in ops.linear.vjp(saved, np.ones((2, 4)), needs=needs))


@pytest.mark.parametrize(
    ("x", "w"),
    [
        ("f", "f"),
        ("n f", "f"),
        ("b n f", "f"),
        ("f", "f m"),
        ("b n f", "f m"),
        ("f", "b f m"),
        ("n f", "b f m"),
        ("b n f", "1 f m"),
        ("1 n f", "b f m"),
    ],
)
def test_matmul_is_verified_with_its_other_shapes(x: str, w: str) -> None:
    """The rule passes gradspec's own checks with vectors and with leading axes that broadcast."""
    report = gradspec.verify(ops.matmul.replace(inputs={"x": real(x), "w": real(w)}, sizes={}), examples=30)
    assert gradspec.Verdict.PASS == report.verdict, str(report)


def test_study_row_r3() -> None:
    """X̄ = Ȳ Wᵀ and W̄ = Xᵀ Ȳ (R3)."""
    x, w, y_bar = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0, 5.0], [6.0, 7.0, 8.0]]), np.array([[1.0, 0.0, -1.0]])
    y, saved = ops.matmul.forward(x, w)
    x_bar, w_bar = ops.matmul.vjp(saved, y_bar)
    assert y.tolist() == [[15.0, 18.0, 21.0]]
    assert x_bar.tolist() == [[-2.0, -2.0]]
    assert w_bar.tolist() == [[1.0, 0.0, -1.0], [2.0, 0.0, -2.0]]
