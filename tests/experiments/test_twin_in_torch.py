"""The same networks in torch: its autograd and its loss, our data, our first weights and our order of points."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest

from experiments.config import Config
from experiments.data import Dataset
from experiments.execute import load
from experiments.randomness import streams
from experiments.train import make_model, train
from tests.experiments.small import VARIANTS, config

torch = pytest.importorskip("torch", reason="the twin is written in torch")

CLOSE = 1e-12
STEPS = 20
SHORT: Mapping[str, Any] = {"train_points": 4 * 32 + 7, "held_out_points": 50, "batch_size": 32, "epochs": 4}
"""Four epochs of five steps, the last of them with fewer points."""
TWINS = {
    **{name: {"experiment": "x", "activation": c.activation, "layers": c.layers, "residual": c.residual}
       for name, c in VARIANTS.items()},
    "tanh": {"activation": "tanh"},
    "ReLU residual": {"activation": "relu", "layers": 2, "residual": True},
    "three layers, residual, tanh": {"activation": "tanh", "layers": 3, "residual": True},
    "momentum": {"momentum": 0.9},
}  # fmt: skip


class After(NamedTuple):
    """What the twin knows after an epoch."""

    loss: float
    norm: float
    validation_loss: float
    validation_accuracy: float
    parameters: dict[str, np.ndarray]


def logits(config: Config, weights: Mapping[str, Any], x: Any) -> Any:
    """The network as torch has it."""
    activate = {"sigmoid": torch.sigmoid, "relu": torch.relu, "tanh": torch.tanh}[config.activation]
    h = activate(torch.nn.functional.linear(x, weights["hidden1.weight"].T, weights["hidden1.bias"]))
    for number in range(2, config.layers + 1):
        z = torch.nn.functional.linear(h, weights[f"hidden{number}.weight"].T, weights[f"hidden{number}.bias"])
        h = activate(z) + h if config.residual else activate(z)
    return torch.nn.functional.linear(h, weights["output.weight"].T, weights["output.bias"])


def twin(config: Config, data: Dataset) -> Iterator[After]:
    """Train in torch as the config says."""
    weights = {name: torch.tensor(value, requires_grad=True) for name, value in make_model(config).state().items()}
    optimizer = torch.optim.SGD(list(weights.values()), lr=config.lr, momentum=config.momentum)
    x, labels = torch.tensor(data.train.x.copy()), torch.tensor(data.train.labels.copy())
    held_out = torch.tensor(data.validation.x.copy()), torch.tensor(data.validation.labels.copy())
    shuffle = np.random.default_rng(streams(config.seed).shuffle)
    for _ in range(config.epochs):
        losses, norms = [], []
        for batch in torch.tensor(shuffle.permutation(len(labels))).split(config.batch_size):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(logits(config, weights, x[batch]), labels[batch], reduction="sum")
            loss.backward()
            losses.append(loss.item())
            norms.append(math.sqrt(sum(float((w.grad**2).sum()) for w in weights.values())))
            optimizer.step()
        with torch.no_grad():
            seen = logits(config, weights, held_out[0])
            validation_loss = torch.nn.functional.cross_entropy(seen, held_out[1]).item()
            right = (seen.argmax(1) == held_out[1]).double().mean().item()
        after = {name: weight.detach().numpy().copy() for name, weight in weights.items()}
        yield After(sum(losses) / len(labels), sum(norms) / len(norms), validation_loss, right, after)


@pytest.mark.parametrize("name", TWINS)
def test_twenty_steps_are_torchs(name: str) -> None:
    """Losses, norms of gradients, validation and every parameter agree to 1e-12, epoch by epoch over 20 steps."""
    mine = config(**{**SHORT, **TWINS[name]})
    data = load(mine)
    epochs = list(zip(train(mine, data), twin(mine, data), strict=True))

    assert mine.epochs * math.ceil(mine.train_points / mine.batch_size) == STEPS
    for (row, state), theirs in epochs:
        assert row.loss_epoch_mean == pytest.approx(theirs.loss, rel=CLOSE)
        assert row.gradient_norm == pytest.approx(theirs.norm, rel=CLOSE)
        assert row.validation_loss == pytest.approx(theirs.validation_loss, rel=CLOSE)
        assert row.validation_accuracy == pytest.approx(theirs.validation_accuracy, rel=CLOSE)
        assert state.parameters.keys() == theirs.parameters.keys()
        for key, value in state.parameters.items():
            scale = np.abs(theirs.parameters[key]).max()
            np.testing.assert_allclose(value, theirs.parameters[key], rtol=CLOSE, atol=CLOSE * scale, err_msg=key)


@pytest.mark.parametrize("name", TWINS)
def test_each_step_is_torchs(name: str) -> None:
    """With one batch per epoch, each of 20 single steps has torch's loss and leaves torch's parameters."""
    mine = config(**{**SHORT, **TWINS[name], "train_points": 32, "epochs": STEPS})
    data = load(mine)
    for (row, state), theirs in zip(train(mine, data), twin(mine, data), strict=True):
        assert row.loss_epoch_mean == pytest.approx(theirs.loss, rel=CLOSE)
        for key, value in state.parameters.items():
            scale = np.abs(theirs.parameters[key]).max()
            np.testing.assert_allclose(value, theirs.parameters[key], rtol=CLOSE, atol=CLOSE * scale, err_msg=key)
