"""The same networks on every side: one call is one training step, which returns the loss."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import ops
from benchmarks.speed import vugrad
from benchmarks.speed.turns import MYGRAD, OURS, TORCH, VUGRAD
from ops.nn import MLP, Net
from ops.optim import SGD

LR, MOMENTUM = 1e-3, 0.9
PIXELS, FEATURES, CLASSES = (3, 32, 32), 784, 10

try:
    import mygrad
except ImportError:
    mygrad = None


def without_mygrad() -> str:
    """Why MyGrad is not measured; "" if it is."""
    return "" if mygrad else "MyGrad is not installed: pip install mygrad"


class TorchNet(nn.Module):
    """The study's CNN in torch, with the weights of *net*."""

    def __init__(self, net: Net) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, CLASSES)
        self.load_state_dict(_for_torch(net.state()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The logits."""
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        x = functional.relu(self.fc1(torch.flatten(x, 1)))
        return self.fc3(functional.relu(self.fc2(x)))


def _for_torch(state: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Weights as torch keeps them: those of affine layers transposed."""
    return {name: torch.from_numpy(array.T.copy() if array.ndim == 2 else array) for name, array in state.items()}


def images(batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise of the shape of CIFAR-10, with labels."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((batch, *PIXELS), np.float32), rng.integers(0, CLASSES, batch)


def digits(batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise of the shape of MNIST, with labels."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((batch, FEATURES), np.float32), rng.integers(0, CLASSES, batch)


def net_step(side: str, batch: int) -> Callable[[], float]:
    """A step of the CNN with momentum, ours or torch's."""
    x, labels = images(batch)
    if side == OURS:
        return _our_step(Net(), x, labels, LR, MOMENTUM)
    return _torch_step(TorchNet(Net()), x, labels, LR, MOMENTUM)


def mlp_step(side: str, hidden: int, batch: int, lr: float) -> Callable[[], float]:
    """A step of an MLP with one hidden layer and ReLU, plain SGD."""
    x, labels = digits(batch)
    mlp = MLP(FEATURES, CLASSES, hidden=hidden, activation="relu")
    state = mlp.state()
    if side == OURS:
        return _our_step(mlp, x, labels, lr, 0.0)
    if side == TORCH:
        names = dict(zip(state, ("0.weight", "0.bias", "2.weight", "2.bias"), strict=True))
        twin = nn.Sequential(nn.Linear(FEATURES, hidden), nn.ReLU(), nn.Linear(hidden, CLASSES))
        twin.load_state_dict({names[name]: tensor for name, tensor in _for_torch(state).items()})
        return _torch_step(twin, x, labels, lr, 0.0)
    step = {VUGRAD: vugrad.mlp_step, MYGRAD: _mygrad_step}[side]
    return step([*state.values()], x, labels, lr)


def _our_step(net: Any, x: np.ndarray, labels: np.ndarray, lr: float, momentum: float) -> Callable[[], float]:
    optimizer = SGD(net.parameters(), lr=lr, momentum=momentum)

    def step() -> float:
        optimizer.zero_grad()
        loss = ops.cross_entropy(net(x), labels)
        loss.backward()
        optimizer.step()
        return float(loss.value)

    return step


def _torch_step(net: nn.Module, x: np.ndarray, labels: np.ndarray, lr: float, momentum: float) -> Callable[[], float]:
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=momentum)
    inputs, targets = torch.from_numpy(x), torch.from_numpy(labels)

    def step() -> float:
        optimizer.zero_grad()
        loss = functional.cross_entropy(net(inputs), targets)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def _mygrad_step(arrays: list[np.ndarray], x: np.ndarray, labels: np.ndarray, lr: float) -> Callable[[], float]:
    library: ModuleType = mygrad
    from mygrad.nnet.activations import relu
    from mygrad.nnet.losses import softmax_crossentropy

    w1, b1, w2, b2 = parameters = [library.tensor(array) for array in arrays]

    def step() -> float:
        hidden = relu(library.matmul(x, w1) + b1)
        loss = softmax_crossentropy(library.matmul(hidden, w2) + b2, labels)
        loss.backward()
        for parameter in parameters:
            parameter.data -= lr * parameter.grad
            parameter.null_grad()
        return float(loss.data)

    return step
