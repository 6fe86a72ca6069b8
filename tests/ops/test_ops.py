"""The list of ops, and what holds for each of them."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ops
from gradspec.spec import Op

NAMES = [op.name for op in ops.OPS]
each_op = pytest.mark.parametrize("op", ops.OPS, ids=NAMES)


def arguments(op: Op, dtype: type = np.float64) -> list[np.ndarray]:
    """Arrays of size 3 along every axis that has a symbol, all inside the domain of every op."""
    rng = np.random.default_rng(1)
    arrays = []
    for domain in op.inputs.values():
        shape = domain.dims.sizes(dict.fromkeys(domain.dims.symbols, 3), (3,))
        arrays.append(rng.integers(0, 3, shape) if domain.integer else rng.uniform(0.5, 2, shape).astype(dtype))
    return arrays


def test_reading_order() -> None:
    """Every op of the study's list is there, under its own name."""
    expected = (
        "add sub mul div neg exp log sigmoid tanh relu matmul linear expand reshape sum mean row_max normalize "
        "softmax logsoftmax select nll cross_entropy"
    )
    assert expected.split() == NAMES
    assert all(op is getattr(ops, op.name) for op in ops.OPS)


def test_import_is_light() -> None:
    """Importing the ops loads neither torch nor hypothesis nor matplotlib."""
    code = "import sys, ops; print([m for m in ('torch', 'hypothesis', 'matplotlib', 'pytest') if m in sys.modules])"
    root = Path(ops.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"


@each_op
def test_declared_in_full(op: Op) -> None:
    """Each op has both formulas, a reference and a source."""
    assert all([op.formula, op.vjp_formula, op.source, op.torch])


@each_op
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_stays(op: Op, dtype: type) -> None:
    """The value and every cotangent have the dtype of the inputs."""
    arrays = arguments(op, dtype)
    y, saved = op.forward(*arrays)
    cotangents = op.vjp(saved, np.ones(y.shape, dtype))
    assert dtype == y.dtype
    assert [x.dtype for x in arrays if x.dtype.kind == "f"] == [c.dtype for c in cotangents if c is not None]


@each_op
@pytest.mark.filterwarnings("error")
def test_nan_goes_through(op: Op) -> None:
    """A NaN in any float input shows in the value."""
    for position, x in enumerate(arguments(op)):
        if x.dtype.kind == "f":
            arrays = arguments(op)
            arrays[position] = np.full_like(x, np.nan)
            y, saved = op.forward(*arrays)
            op.vjp(saved, np.ones(y.shape))
            assert np.isnan(y).any(), list(op.inputs)[position]


@each_op
def test_read_only_inputs_and_no_shared_memory(op: Op) -> None:
    """Inputs, saved values and y_bar may be read-only, stay as they were, and share no memory with a cotangent."""
    arrays = arguments(op)
    before = copy.deepcopy(arrays)
    for x in arrays:
        x.flags.writeable = False
    y, saved = op.forward(*arrays)
    kept = [part for part in (saved if isinstance(saved, tuple) else (saved,)) if isinstance(part, np.ndarray)]
    y_bar = np.broadcast_to(0.5, y.shape)
    for cotangent in op.vjp(saved, y_bar):
        if cotangent is not None:
            assert not any(np.shares_memory(cotangent, other) for other in arrays + kept)
    for x, unchanged in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(unchanged, x)


@each_op
def test_vjp_is_repeatable_odd_and_homogeneous(op: Op) -> None:
    """B(v) twice is the same also after another forward, B(0) = 0, B(-v) = -B(v) and B(4v) = 4 B(v) bitwise."""
    y, saved = op.forward(*arguments(op))
    y_bar = np.random.default_rng(2).standard_normal(np.shape(y))
    first = op.vjp(saved, np.asarray(y_bar))
    op.vjp(op.forward(*[x[::-1].copy() if x.ndim else x for x in arguments(op)])[1], np.ones(np.shape(y)))
    for factor in (1.0, 0.0, -1.0, 4.0):
        for cotangent, scaled in zip(first, op.vjp(saved, np.asarray(factor * y_bar)), strict=True):
            if cotangent is not None:
                np.testing.assert_array_equal(factor * cotangent, scaled)


@each_op
def test_linear_inputs_are_linear(op: Op) -> None:
    """The op is affine in each input that it calls linear, and in no other one."""
    arrays = arguments(op)
    for position, (name, domain) in enumerate(op.inputs.items()):
        if domain.integer:
            continue
        steps = []
        for factor in (0.5, 1.0, 1.5):
            moved = list(arrays)
            moved[position] = arrays[position] * np.where(
                np.arange(arrays[position].size) % 2, factor, 2 - factor
            ).reshape(arrays[position].shape)
            steps.append(op(*moved))
        curvature = np.max(np.abs(steps[0] - 2 * steps[1] + steps[2]))
        assert (name in op.linear_in) == (curvature < 1e-12) or op.kinks, (name, curvature)


@each_op
@pytest.mark.parametrize("wrong", [[1.0, 2.0], 1.5, np.arange(3), np.array([True]), np.array(["a"])], ids=repr)
def test_wrong_type_is_refused(op: Op, wrong: object) -> None:
    """What is not an array of floats gets a TypeError that names the op and the input."""
    name = next(iter(op.inputs))
    with pytest.raises(TypeError, match=f"^{op.name}: {name} (is a Python|has dtype)"):
        op(wrong, *arguments(op)[1:])
