"""The list of ops, and what holds for each of them beyond what their verification says."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ops
from experiments.mathml import mathml
from gradspec import Op
from gradspec.domains import make_case, required
from gradspec.layouts import Space
from gradspec.trial import Trial
from ops.graph import TensorNode

each_op = pytest.mark.parametrize("op", ops.OPS, ids=lambda op: op.name)
STUDY = (  # what rows R1 to R12 are made of
    "add sub mul div exp log sigmoid tanh relu matmul linear expand reshape sum normalize logsoftmax nll cross_entropy "
    "conv2d max_pool2d"
)


@functools.cache
def ordinary(op: Op) -> tuple[tuple[np.ndarray, ...], Mapping[str, Any]]:
    """Arrays and params of the first case of the op's verification: generic sizes, ordinary values."""
    space = Space(op)
    trial = Trial(op, make_case(space, required(space, 0)[0]))
    return trial.inputs, trial.case.params


def several(y: Any) -> tuple[Any, ...]:
    """The outputs, as a tuple."""
    return y if isinstance(y, tuple) else (y,)


def test_the_list() -> None:
    """Every op is there under its own name, once; the study's among them."""
    names = [op.name for op in ops.OPS]
    assert len(set(names)) == len(names) >= 80
    assert all(op is getattr(ops, op.name) for op in ops.OPS)
    assert set(STUDY.split()) <= set(names)
    assert set(names) <= set(ops.__all__)


def test_import_is_light() -> None:
    """Importing the ops loads neither torch nor hypothesis nor matplotlib."""
    code = "import sys, ops; print([m for m in ('torch', 'hypothesis', 'matplotlib', 'pytest') if m in sys.modules])"
    root = Path(ops.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"


@each_op
def test_declared_in_full(op: Op) -> None:
    """Each op has both formulas, which can be shown, a reference and a source."""
    assert all([op.formula, op.vjp_formula, op.source, op.torch])
    assert mathml(op.formula)
    assert mathml(op.vjp_formula)


@each_op
def test_trains_inside_a_graph(op: Op) -> None:
    """A loss on all outputs gives every input the gradient that the rule gives."""
    arrays, params = ordinary(op)
    y, saved = op.forward(*[x.copy() for x in arrays], **params)
    weights = [np.cos(np.arange(np.size(one), dtype=float)).reshape(np.shape(one)) for one in several(y)]
    domains = op.inputs.values()
    nodes = [TensorNode(x.copy(), needs_grad=d.differentiable) for x, d in zip(arrays, domains, strict=True)]
    loss: Any = 0.0
    for output, weight in zip(several(op(*nodes, **params)), weights, strict=True):
        loss = loss + ops.sum(output * weight)
    loss.backward()
    expected = op.vjp(saved, tuple(weights) if isinstance(y, tuple) else weights[0])
    assert any(x_bar is not None for x_bar in expected)
    for node, x_bar in zip(nodes, expected, strict=True):
        if x_bar is None:
            assert node.grad is None
        else:
            np.testing.assert_allclose(node.grad, x_bar, rtol=1e-12, atol=1e-12)


@each_op
@pytest.mark.filterwarnings("error")
def test_nan_goes_through(op: Op) -> None:
    """A NaN in all of a float input shows in the value, and nothing is raised: a diverged run must not look healthy."""
    drawn, params = ordinary(op)
    for position, x in enumerate(drawn):
        if x.dtype.kind == "f":
            shown = []
            for integers in (None, 0):  # as drawn, and 0: either value of where's condition lets one input through
                arrays = [
                    np.zeros_like(one) if domain.integer and domain.lo == integers else one.copy()
                    for one, domain in zip(drawn, op.inputs.values(), strict=True)
                ]
                arrays[position] = np.full_like(x, np.nan)
                y, saved = op.forward(*arrays, **params)
                bars = tuple(np.ones_like(one) for one in several(y))
                op.vjp(saved, bars if isinstance(y, tuple) else bars[0])
                shown += [np.isnan(one).any() for one in several(y)]
            assert any(shown), list(op.inputs)[position]


@each_op
@pytest.mark.parametrize("wrong", [[1.0, 2.0], 1.5, np.arange(3), np.array([True]), np.array(["a"])], ids=repr)
def test_wrong_type_is_refused(op: Op, wrong: object) -> None:
    """What is not an array of floats gets a TypeError that names the op and the input."""
    drawn, params = ordinary(op)
    name = next(name for name, domain in op.inputs.items() if not domain.integer)
    arrays = [wrong if one == name else x for one, x in zip(op.inputs, drawn, strict=True)]
    with pytest.raises(TypeError, match=f"^{op.name}: (an argument|{name}|arrays?.*) (is a Python|has dtype)"):
        op(*arrays, **params)
