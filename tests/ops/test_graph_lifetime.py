"""What a graph keeps alive, and how it ends."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest

import ops
from tests.ops.leaf import leaf


def test_chain_of_100_000() -> None:
    """A chain of 100 000 nodes has torch's gradient."""
    torch = pytest.importorskip("torch")
    x, t = leaf(1.5), torch.tensor([1.5], dtype=torch.float64, requires_grad=True)
    y, u = x, t
    for _ in range(50_000):
        y, u = y * 1.00001 + 1e-6, u * 1.00001 + 1e-6
    y.backward()
    u.backward()
    np.testing.assert_allclose(x.grad, t.grad.numpy(), rtol=1e-14)


@pytest.mark.parametrize("sweep", ["never", "once"])
def test_long_chain_dies_quietly(sweep: str) -> None:
    """Dropping a chain of 300 000 nodes does not overflow the interpreter's stack, swept or not."""
    code = f"""
import numpy as np, ops
x = y = ops.graph.TensorNode(np.ones(1))
for _ in range(300_000):
    y = -y
if {sweep!r} != "never":
    y.backward()
del y
print("alive", x.grad)
"""
    root = Path(ops.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=root)
    assert (0, "alive None" if sweep == "never" else "alive [1.]") == (done.returncode, done.stdout.strip())


def test_memory_is_freed_while_the_sweep_passes() -> None:
    """After backward the loss holds no saved arrays and no interior tensors; without one, refcounts free the graph."""
    gc.disable()
    try:
        x = leaf(*range(10))
        hidden = ops.exp(x)
        alive = weakref.ref(hidden)
        loss = ops.sum(hidden * hidden)
        source = hidden.source
        del hidden
        assert alive() is not None
        loss.backward()
        assert (alive(), source.saved) == (None, None)
        unswept = ops.exp(x)
        alive = weakref.ref(unswept)
        end = ops.sum(unswept)
        del unswept, end
        assert alive() is None
    finally:
        gc.enable()
