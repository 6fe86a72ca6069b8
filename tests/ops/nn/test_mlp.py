"""Layers and models: their start, their twin in torch, and their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ops
from ops.errors import StateMismatchError
from ops.graph import TensorNode
from ops.nn import MLP, Linear
from ops.optim import SGD, Adam

VARIANTS: dict[str, dict[str, Any]] = {
    "R9 sigmoid": {"activation": "sigmoid"},
    "R9 relu": {"activation": "relu"},
    "R10 plain": {"activation": "sigmoid", "layers": 2},
    "R10 residual": {"activation": "sigmoid", "layers": 2, "residual": True},
    "three layers": {"activation": "tanh", "layers": 3, "residual": True},
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
def test_twin_in_torch(variant: str, optimizer: str, rng: np.random.Generator) -> None:
    """20 training steps in float64 from the same weights end within 1e-12 of torch's."""
    torch = pytest.importorskip("torch")
    options = VARIANTS[variant]
    model = MLP(2, 3, hidden=8, seed=3, dtype=np.float64, **options)
    twin = {name: torch.tensor(value, requires_grad=True) for name, value in model.state().items()}
    mine = SGD(model.parameters(), lr=0.1, momentum=0.9) if optimizer == "SGD" else Adam(model.parameters(), lr=0.01)
    if optimizer == "SGD":
        other = torch.optim.SGD(list(twin.values()), lr=0.1, momentum=0.9)
    else:
        other = torch.optim.Adam(list(twin.values()), lr=0.01)
    for _ in range(20):
        x, labels = rng.standard_normal((16, 2)), rng.integers(0, 3, 16)
        mine.zero_grad()
        ops.cross_entropy(model(x), labels).backward()
        mine.step()
        other.zero_grad()
        h = torch.tensor(x)
        for position in range(1, options.get("layers", 1) + 1):
            z = getattr(torch, options["activation"])(
                h @ twin[f"hidden{position}.weight"] + twin[f"hidden{position}.bias"]
            )
            h = z + h if options.get("residual") and position > 1 else z
        logits = h @ twin["output.weight"] + twin["output.bias"]
        torch.nn.functional.cross_entropy(logits, torch.tensor(labels)).backward()
        other.step()
    for name, value in model.state().items():
        np.testing.assert_allclose(value, twin[name].detach().numpy(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_stays(dtype: Any) -> None:
    """Values, gradients and updated parameters keep the model's dtype, whatever the data's is."""
    model = MLP(2, 2, hidden=4, layers=2, residual=True, dtype=dtype)
    loss = ops.cross_entropy(model(np.ones((3, 2), np.float64)), np.array([0, 1, 1]))
    loss.backward()
    for optimizer in (SGD(model.parameters(), lr=np.float64(0.1), momentum=0.9), Adam(model.parameters(), lr=0.1)):
        optimizer.step()
    assert dtype == loss.dtype
    assert {np.dtype(dtype)} == {p.dtype for p in model.parameters()} | {p.grad.dtype for p in model.parameters()}


def test_glorot_start() -> None:
    """Weights are normal with the standard deviation sqrt(2 / (in + out)), biases are 0."""
    layer = Linear(300, 200, rng=np.random.default_rng(0), name="fc")
    assert layer.weight.value.std() == pytest.approx(np.sqrt(2 / 500), rel=0.02)
    assert layer.weight.value.mean() == pytest.approx(0, abs=0.001)
    assert not layer.bias.value.any()
    assert [p.name for p in layer.parameters()] == ["fc.weight", "fc.bias"]
    assert repr(layer) == "Linear(300, 200)"


def test_seed() -> None:
    """The seed fixes the start, as a number or as a SeedSequence; dtypes share it."""
    start = MLP(2, 2, hidden=3, seed=5).state()["hidden1.weight"]
    np.testing.assert_array_equal(start, MLP(2, 2, hidden=3, seed=np.random.SeedSequence(5)).state()["hidden1.weight"])
    wide = MLP(2, 2, hidden=3, seed=5, dtype=np.float64).state()["hidden1.weight"]
    np.testing.assert_array_equal(start, wide.astype(np.float32))
    assert not np.array_equal(start, MLP(2, 2, hidden=3, seed=6).state()["hidden1.weight"])


def test_parameters_in_fixed_order() -> None:
    """From the first layer to the last, weights before biases."""
    model = MLP(2, 3, hidden=4, layers=2)
    expected = ["hidden1.weight", "hidden1.bias", "hidden2.weight", "hidden2.bias", "output.weight", "output.bias"]
    assert expected == [p.name for p in model.parameters()]
    assert [p.shape for p in model.parameters()] == [(2, 4), (4,), (4, 4), (4,), (4, 3), (3,)]
    assert repr(model) == "MLP(2 → 4 → 4 → 3, sigmoid, float32)"
    assert "residual" in repr(MLP(2, 3, hidden=4, layers=2, residual=True))


def test_array_and_node() -> None:
    """A node of the data gives the same logits as the array, and a gradient to the data if it needs one."""
    model = MLP(2, 2, hidden=3)
    x = TensorNode(np.ones((4, 2), np.float32))
    np.testing.assert_array_equal(model(x.value).value, model(x).value)
    ops.sum(model(x)).backward()
    assert x.grad.shape == (4, 2)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"activation": "gelu"}, "activation is 'gelu'; allowed: 'sigmoid', 'relu', 'tanh'"),
        ({"hidden": 0}, "hidden is 0; allowed: whole numbers from 1 on"),
        ({"hidden": 2.5}, "hidden is 2.5; allowed: whole numbers from 1 on"),
        ({"layers": 0}, "layers is 0"),
        ({"residual": True}, "residual is True with layers=1"),
    ],
)
def test_wrong_options(wrong: dict[str, Any], text: str) -> None:
    """The message names the option, what it got and what is allowed."""
    with pytest.raises(ValueError, match=f"^MLP: {text}"):
        MLP(2, 2, **{"hidden": 3, **wrong})


def test_file_round_trip(tmp_path: Path) -> None:
    """Saved and loaded parameters are equal bit by bit, in the arrays that an optimizer already holds."""
    model, other = MLP(2, 2, hidden=3, seed=1), MLP(2, 2, hidden=3, seed=2)
    arrays = [p.value for p in other.parameters()]
    model.save(tmp_path / "model.npz")
    other.load_file(tmp_path / "model.npz")
    for value, array in zip(model.state().values(), arrays, strict=True):
        np.testing.assert_array_equal(value, array)
        assert not np.shares_memory(value, array)


def test_state_is_a_copy() -> None:
    """Training on does not change a state that was taken."""
    model = MLP(2, 2, hidden=3)
    state = model.state()
    model.parameters()[0].value += 1
    assert not np.array_equal(state["hidden1.weight"], model.state()["hidden1.weight"])


def test_pickles_are_refused(tmp_path: Path) -> None:
    """A file that could run code is a ValueError, and so is a single array."""
    np.savez(tmp_path / "evil.npz", weight=np.array([{}], dtype=object))
    np.save(tmp_path / "one.npy", np.ones(3))
    for name in ("evil.npz", "one.npy"):
        with pytest.raises(ValueError, match=r"pickle|holds one array"):
            MLP(2, 2, hidden=3).load_file(tmp_path / name)


def test_load_all_or_nothing() -> None:
    """Every mistake is listed, and no parameter has changed."""
    model = MLP(2, 2, hidden=3)
    before = model.state()
    wrong = {name: value + 1 for name, value in before.items()}
    del wrong["hidden1.bias"]
    wrong["other"] = np.ones(1)
    wrong["output.bias"] = np.ones(3, np.float32)
    wrong["output.weight"] = np.ones((3, 2))
    with pytest.raises(StateMismatchError) as caught:
        model.load(wrong)
    expected = (
        ("hidden1.bias",),
        ("other",),
        ("output.bias (3,) instead of (2,)",),
        ("output.weight float64 instead of float32",),
    )
    error = caught.value
    assert expected == (error.missing, error.extra, error.misshapen, error.mistyped)
    assert all(name in str(error) for name in ("hidden1.bias", "other", "output.bias", "output.weight"))
    for name, value in model.state().items():
        np.testing.assert_array_equal(before[name], value)
