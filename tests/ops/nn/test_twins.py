"""Layers and models beside their twins in torch: same weights, same batches, same losses for 50 steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

import ops
from ops.nn import (
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Embedding,
    GroupNorm,
    Layer,
    LayerNorm,
    Linear,
    MaxPool2d,
    Net,
    Residual,
    RMSNorm,
    Sequential,
)
from ops.optim import SGD

torch = pytest.importorskip("torch")
nn = torch.nn

STEPS = 50
RNG: dict[str, Any] = {"dtype": np.float64}


def flat(x: Any) -> Any:
    """(n, ...) as (n, features)."""
    return ops.reshape(x, shape=(len(x.value), -1))


def twin_of_net() -> Any:
    """The study's CNN in torch, as its tutorial has it."""
    return nn.Sequential(
        nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


class TorchResidual(nn.Module):  # type: ignore[misc, name-defined]  # torch is imported by importorskip
    """inner(x) + x."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Any) -> Any:
        """Apply the block."""
        return self.inner(x) + x


def convolutional(rng: np.random.Generator) -> tuple[Layer, Any]:
    """Convolutions with every option, residual, pools, all norms of channels."""
    mine = Sequential(
        Conv2d(3, 8, 3, stride=(2, 1), padding=1, rng=rng, **RNG),
        BatchNorm(8, **RNG),
        ops.relu,
        Residual(Sequential(Conv2d(8, 8, 3, padding=1, groups=2, bias=False, rng=rng, **RNG), GroupNorm(4, 8, **RNG))),
        ops.gelu,
        AvgPool2d(2),
        Conv2d(8, 4, (1, 2), dilation=2, init="glorot", rng=rng, **RNG),
        MaxPool2d(2, ceil_mode=True),
        flat,
        Linear(16, 3, rng=rng, **RNG),
    )
    theirs = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=(2, 1), padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        TorchResidual(nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=2, bias=False), nn.GroupNorm(4, 8))),
        nn.GELU(),
        nn.AvgPool2d(2),
        nn.Conv2d(8, 4, (1, 2), dilation=2),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.Flatten(),
        nn.Linear(16, 3),
    )
    return mine, theirs


def of_features(rng: np.random.Generator) -> tuple[Layer, Any]:
    """Embedding, norms of features, affine layers without a bias."""
    mine = Sequential(
        Embedding(7, 6, padding_idx=2, rng=rng, **RNG),
        LayerNorm(6, **RNG),
        Linear(6, 5, bias=False, rng=rng, **RNG),
        ops.silu,
        RMSNorm((4, 5), **RNG),
        flat,
        Linear(20, 3, rng=rng, **RNG),
    )
    theirs = nn.Sequential(
        nn.Embedding(7, 6, padding_idx=2),
        nn.LayerNorm(6),
        nn.Linear(6, 5, bias=False),
        nn.SiLU(),
        nn.RMSNorm((4, 5), eps=1e-5),
        nn.Flatten(),
        nn.Linear(20, 3),
    )
    return mine, theirs


def study(_: np.random.Generator) -> tuple[Layer, Any]:
    """Row R11."""
    return Net(seed=4, dtype=np.float64), twin_of_net()


MODELS: Mapping[str, tuple[Callable[[np.random.Generator], tuple[Layer, Any]], tuple[int, ...]]] = {
    "study": (study, (4, 3, 32, 32)),
    "convolutional": (convolutional, (5, 3, 12, 10)),
    "of features": (of_features, (6, 4)),
}


def take_over(mine: Layer, theirs: Any) -> None:
    """Give the twin the same parameters; torch has the weights of affine layers the other way round."""
    theirs.double()
    others = list(theirs.parameters())
    assert len(others) == len(mine.parameters())
    affine = {id(layer.weight) for layer in theirs.modules() if isinstance(layer, nn.Linear)}
    with torch.no_grad():
        for parameter, other in zip(mine.parameters(), others, strict=True):
            value = parameter.value.T if id(other) in affine else parameter.value
            other.copy_(torch.tensor(value.copy()))


@pytest.mark.parametrize("name", MODELS)
def test_same_losses_as_torch(name: str, rng: np.random.Generator) -> None:
    """SGD with momentum in float64: each of 50 losses to 1e-10, and the same logits in evaluation."""
    make, shape = MODELS[name]
    mine, theirs = make(rng)
    take_over(mine, theirs)
    classes = 10 if name == "study" else 3
    optimizer = SGD(mine.parameters(), lr=0.02, momentum=0.9)
    other = torch.optim.SGD(theirs.parameters(), lr=0.02, momentum=0.9)
    for _ in range(STEPS):
        x = rng.integers(0, 7, shape) if name == "of features" else rng.standard_normal(shape)
        labels = rng.integers(0, classes, shape[0])
        optimizer.zero_grad()
        loss = ops.cross_entropy(mine(x), labels)
        loss.backward()
        optimizer.step()
        other.zero_grad()
        expected = nn.functional.cross_entropy(theirs(torch.tensor(x)), torch.tensor(labels))
        expected.backward()
        other.step()
        assert expected.item() == pytest.approx(float(loss.value), rel=1e-10)
    mine.eval()
    theirs.eval()
    np.testing.assert_allclose(mine(x).value, theirs(torch.tensor(x)).detach().numpy(), rtol=1e-9, atol=1e-12)


def test_net_in_float32(rng: np.random.Generator) -> None:
    """The first losses stay within 1e-4 of torch's, and nothing is widened on the way."""
    mine, theirs = Net(seed=4), twin_of_net()
    take_over(mine, theirs)
    theirs.float()
    optimizer = SGD(mine.parameters(), lr=0.01, momentum=0.9)
    other = torch.optim.SGD(theirs.parameters(), lr=0.01, momentum=0.9)
    for _ in range(10):
        x, labels = rng.standard_normal((8, 3, 32, 32)).astype(np.float32), rng.integers(0, 10, 8)
        optimizer.zero_grad()
        other.zero_grad()
        loss = ops.cross_entropy(mine(x), labels)
        loss.backward()
        expected = nn.functional.cross_entropy(theirs(torch.tensor(x)), torch.tensor(labels))
        expected.backward()
        assert {np.dtype(np.float32)} == {loss.dtype} | {p.grad.dtype for p in mine.parameters()}
        assert expected.item() == pytest.approx(float(loss.value), rel=1e-4)
        optimizer.step()
        other.step()
