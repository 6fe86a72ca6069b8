"""The learner's twin in torch: its ops, its autograd and its optimizers, with our first weights and their names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.config import Config
from experiments.data import Split
from experiments.errors import ConfigError, missing
from experiments.learner import EVALUATION_BATCH, Arrays, as_input, make_model

try:
    import torch
    from torch.nn import functional
except ImportError as error:
    raise missing("torch") from error

_SGD: Mapping[str, str] = {"velocity": "momentum_buffer"}
_ADAM: Mapping[str, str] = {"m": "exp_avg", "v": "exp_avg_sq", "t": "step"}
"""What this repository's optimizers call their memory -> what torch calls it."""


class TorchLearner:
    """Everything by torch, eagerly. An affine layer keeps its weight (features in, features out), as ours does."""

    def __init__(self, config: Config) -> None:
        if config.device == "cuda" and not torch.cuda.is_available():
            raise ConfigError("device", config.device, "cpu: this torch finds no GPU")
        self.config = config
        self.device = torch.device(config.device)
        # On a GPU torch multiplies in TF32, and takes whatever algorithm is fastest, unless it is told not to.
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.deterministic = True
        first = make_model(config).state()
        self.weights = {name: torch.tensor(array, device=self.device).requires_grad_() for name, array in first.items()}
        leaves = list(self.weights.values())
        self.optimizer: torch.optim.Optimizer
        if config.optimizer == "adam":
            self.optimizer, self._names = torch.optim.Adam(leaves, lr=config.lr), _ADAM
        else:
            self.optimizer, self._names = torch.optim.SGD(leaves, lr=config.lr, momentum=config.momentum), _SGD

    def step(self, x: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
        """Learn from one batch; see :class:`experiments.learner.Learner`."""
        self.optimizer.zero_grad()
        loss = functional.cross_entropy(self._forward(x), self._tensor(labels), reduction=self.config.reduction)
        loss.backward()
        total = loss.item() * (len(labels) if self.config.reduction == "mean" else 1)
        gradients = [weight.grad for weight in self.weights.values() if weight.grad is not None]
        norm = float(torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients])))
        if math.isfinite(total):
            self.optimizer.step()
        return total, norm

    def evaluate(self, points: Split) -> tuple[float, float]:
        """Mean loss and accuracy; see :class:`experiments.learner.Learner`."""
        with torch.no_grad():
            return self._evaluate(points)

    def _evaluate(self, points: Split) -> tuple[float, float]:
        loss, right = 0.0, 0
        for first in range(0, len(points), EVALUATION_BATCH):
            part = slice(first, first + EVALUATION_BATCH)
            logits, labels = self._forward(points.x[part]), self._tensor(points.labels[part])
            loss += float(functional.cross_entropy(logits, labels, reduction="sum"))
            finite = torch.isfinite(logits).all(dim=1)
            right += int((finite & (logits.argmax(dim=1) == labels)).sum())
        return loss / len(points), right / len(points)

    def logits(self, x: np.ndarray) -> np.ndarray:
        """The logits (n, classes); see :class:`experiments.learner.Learner`."""
        starts = range(0, len(x), EVALUATION_BATCH)
        with torch.no_grad():
            parts = [self._forward(x[start : start + EVALUATION_BATCH]).cpu().numpy() for start in starts]
        return np.concatenate(parts)

    def parameters(self) -> dict[str, np.ndarray]:
        """Copies of the weights."""
        return {name: weight.detach().cpu().numpy().copy() for name, weight in self.weights.items()}

    def memory(self) -> dict[str, np.ndarray]:
        """Copies of what the optimizer remembers, as this repository's optimizers call it."""
        return {
            f"{i}.{ours}": _kept(ours, state[theirs])
            for i, state in self.optimizer.state_dict()["state"].items()
            for ours, theirs in self._names.items()
            if state.get(theirs) is not None
        }

    def load(self, parameters: Arrays, memory: Arrays) -> None:
        """Go on from these; see :class:`experiments.learner.Learner`."""
        # Ours know what fits, and say what does not.
        from experiments.learner_ops import OpsLearner

        OpsLearner(self.config).load(parameters, memory)
        with torch.no_grad():
            for name, weight in self.weights.items():
                weight.copy_(torch.from_numpy(parameters[name]))
        state: dict[int, dict[str, Any]] = {}
        for key, array in memory.items():
            number, ours = key.split(".")
            # torch counts steps in a float32 tensor that stays on the CPU
            kept = torch.tensor(float(array)) if ours == "t" else torch.tensor(array, device=self.device)
            state.setdefault(int(number), {})[self._names[ours]] = kept
        whole = self.optimizer.state_dict()
        self.optimizer.load_state_dict({"state": state, "param_groups": whole["param_groups"]})

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        if not array.flags.writeable:  # torch warns of arrays that it could write to and must not
            array = array.copy()
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

    def _forward(self, x: np.ndarray) -> torch.Tensor:
        points = self._tensor(as_input(self.config, x))
        return self._net(points) if self.config.model == "net" else self._mlp(points)

    def _affine(self, name: str, h: torch.Tensor) -> torch.Tensor:
        return torch.addmm(self.weights[f"{name}.bias"], h, self.weights[f"{name}.weight"])

    def _mlp(self, x: torch.Tensor) -> torch.Tensor:
        activate = {"sigmoid": torch.sigmoid, "relu": torch.relu, "tanh": torch.tanh}[self.config.activation]
        h = activate(self._affine("hidden1", x))
        for number in range(2, self.config.layers + 1):
            z = activate(self._affine(f"hidden{number}", h))
            h = z + h if self.config.residual else z
        return self._affine("output", h)

    def _net(self, x: torch.Tensor) -> torch.Tensor:
        for name in ("conv1", "conv2"):
            x = functional.conv2d(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])
            x = functional.max_pool2d(functional.relu(x), 2)
        x = torch.flatten(x, 1)
        for name in ("fc1", "fc2"):
            x = functional.relu(self._affine(name, x))
        return self._affine("fc3", x)


def _kept(name: str, tensor: torch.Tensor) -> np.ndarray:
    """A copy, as this repository's optimizers keep it: they count steps in whole numbers, torch does in float32."""
    array: np.ndarray = tensor.detach().cpu().numpy().copy()
    return array.astype(np.int64) if name == "t" else array
