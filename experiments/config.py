"""What decides the bits of a run: one frozen :class:`Config`, its canonical JSON and its id."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from experiments.data import DATASETS, Sizes
from experiments.errors import ConfigError
from experiments.files import canonical_json

ACTIVATIONS = ("sigmoid", "relu", "tanh")
BACKENDS = ("ops", "torch")
DEVICES = ("cpu", "cuda")
DTYPES: Mapping[str, type[np.floating]] = {"float64": np.float64, "float32": np.float32}
HIDDEN_PER_INPUT = 4
"""The study's width of a hidden layer: 4 x the number of input features."""
MODELS = ("mlp", "net")
NET: Mapping[str, Any] = {"model": "net", "hidden": 0, "layers": 0, "activation": "relu", "residual": False}
"""The study's CNN: its widths are its own, so the fields of an MLP say nothing of it."""
NET_SHAPE = (3, 32, 32)
OPTIMIZERS = ("sgd", "adam")
RECORD_FORMAT = 2
"""Part of every id: raised when the same fields come to mean another computation."""
REDUCTIONS = ("sum", "mean")
ID_LENGTH = 12
_MOST = 10**9


@dataclass(frozen=True, kw_only=True)
class Config:
    """One run. The defaults are the study's MLP; vugrad computes in float64, so that is the dtype.

    Args:
        experiment: The experiment it belongs to.
        dataset: A name in :data:`experiments.data.DATASETS`.
        data: The start of the digest of the data, so that other pictures are another run; "" for a generated set.
        classes: Of the data; 0 is made the number that the set is known to have.
        train_points: Points learned from.
        validation_points: Points that choose what is chosen.
        test_points: Points that choose nothing.
        seed: Decides the data or their split, the first weights and the order of points, each by a stream of its own.
        epochs: How often each point is seen.
        batch_size: Points per step; the last batch of an epoch may be smaller.
        lr: Learning rate, for the loss reduced over the batch as *reduction* says.
        momentum: Of SGD.
        optimizer: ``sgd`` or ``adam``.
        reduction: ``sum`` or ``mean``: what of a batch's losses is descended on.
        model: ``mlp``, or ``net`` for the study's CNN.
        hidden: Width of each hidden layer of an MLP; 0 is made 4 x the number of features, the study's.
        layers: Number of hidden layers of an MLP.
        activation: ``sigmoid``, ``relu`` or ``tanh``.
        residual: Whether each hidden layer after the first adds its input to its output.
        dtype: ``float64`` or ``float32``.
        backend: ``ops``, the verified ones of this repository, or ``torch``, their twin.
        device: Where torch computes: ``cpu`` or ``cuda``.

    Raises:
        ConfigError: A field is wrong; the message names it, what it got and what is allowed.
    """

    experiment: str
    dataset: str = "synth"
    data: str = ""
    classes: int = 0
    train_points: int = 60_000
    validation_points: int = 10_000
    test_points: int = 10_000
    seed: int = 0
    epochs: int = 20
    batch_size: int = 128
    lr: float = 0.01
    momentum: float = 0.0
    optimizer: str = "sgd"
    reduction: str = "sum"
    model: str = "mlp"
    hidden: int = 0
    layers: int = 1
    activation: str = "sigmoid"
    residual: bool = False
    dtype: str = "float64"
    backend: str = "ops"
    device: str = "cpu"

    def __post_init__(self) -> None:
        _text(self, "experiment", allowed=None)
        _text(self, "dataset", allowed=tuple(DATASETS))
        if not isinstance(self.data, str):
            raise ConfigError("data", self.data, "the start of a digest, or nothing")
        _whole(self, "classes", least=0)
        if not self.classes:
            object.__setattr__(self, "classes", DATASETS[self.dataset].classes)
        for name in ("train_points", "validation_points", "test_points"):
            _whole(self, name, least=1, most=_MOST)
        _whole(self, "seed", least=0)
        for name in ("epochs", "batch_size"):
            _whole(self, name, least=1)
        _number(self, "lr", "a finite number above 0", lambda value: value > 0)
        _number(self, "momentum", "a number from 0 up to, not including, 1", lambda value: 0 <= value < 1)
        choices = {"activation": ACTIVATIONS, "dtype": tuple(DTYPES), "backend": BACKENDS, "device": DEVICES}
        choices |= {"optimizer": OPTIMIZERS, "reduction": REDUCTIONS, "model": MODELS}
        for name, allowed in choices.items():
            _text(self, name, allowed=allowed)
        if not isinstance(self.residual, bool):
            raise ConfigError("residual", self.residual, "True or False")
        if self.optimizer == "adam" and self.momentum:
            raise ConfigError("momentum", self.momentum, "0 with optimizer='adam', which has its own")
        if self.backend == "ops" and self.device != "cpu":
            raise ConfigError("device", self.device, "cpu with backend='ops'; cuda needs backend='torch'")
        if self.model == "net":
            self._check_net()
        else:
            self._check_mlp()

    def _check_net(self) -> None:
        for name, fixed in NET.items():
            if getattr(self, name) != fixed:
                raise ConfigError(name, getattr(self, name), f"{fixed!r} with model='net', whose layers are its own")
        shape = DATASETS[self.dataset].shape
        if shape != NET_SHAPE:
            fit = ", ".join(name for name, source in DATASETS.items() if source.shape == NET_SHAPE)
            raise ConfigError("dataset", self.dataset, f"pictures of shape {NET_SHAPE} with model='net': {fit}")

    def _check_mlp(self) -> None:
        _whole(self, "layers", least=1)
        _whole(self, "hidden", least=0)
        if not self.hidden:
            object.__setattr__(self, "hidden", HIDDEN_PER_INPUT * self.features)
        if self.residual and self.layers == 1:
            raise ConfigError("residual", self.residual, "False with layers=1: the connection skips the second layer")

    def to_dict(self) -> dict[str, Any]:
        """What ``config.json`` holds."""
        return {"format": RECORD_FORMAT, **asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Config:
        """Read what :meth:`to_dict` gave.

        Raises:
            ConfigError: A field is missing, unknown or wrong, or the format is another one.
        """
        rest = dict(values)
        written = rest.pop("format", None)
        if written != RECORD_FORMAT:
            raise ConfigError("format", written, f"{RECORD_FORMAT}, the one this version writes")
        names = {field.name for field in fields(cls)}
        for name in sorted(names ^ set(rest)):
            raise ConfigError(name, rest.get(name, "nothing"), f"exactly the fields {', '.join(sorted(names))}")
        return cls(**rest)

    @property
    def run_id(self) -> str:
        """The first 12 hex digits of the SHA-256 of the canonical JSON."""
        return hashlib.sha256(canonical_json(self.to_dict()).encode()).hexdigest()[:ID_LENGTH]

    @property
    def numpy_dtype(self) -> type[np.floating]:
        """The dtype as NumPy's type."""
        return DTYPES[self.dtype]

    @property
    def features(self) -> int:
        """Numbers per point."""
        return math.prod(DATASETS[self.dataset].shape)

    @property
    def sizes(self) -> Sizes:
        """The sizes of the three sets."""
        return Sizes(train=self.train_points, validation=self.validation_points, test=self.test_points)


def _text(config: Config, name: str, *, allowed: tuple[str, ...] | None) -> None:
    value = getattr(config, name)
    if not isinstance(value, str) or not value:
        raise ConfigError(name, value, "a name")
    if allowed is not None and value not in allowed:
        raise ConfigError(name, value, ", ".join(allowed))


def _whole(config: Config, name: str, *, least: int, most: int | None = None) -> None:
    value = getattr(config, name)
    allowed = f"a whole number, at least {least}" + (f" and at most {most}" if most is not None else "")
    if not isinstance(value, int) or isinstance(value, bool) or value < least or (most is not None and value > most):
        raise ConfigError(name, value, allowed)


def _number(config: Config, name: str, allowed: str, is_allowed: Callable[[float], bool]) -> None:
    value = getattr(config, name)
    if not isinstance(value, float | int) or isinstance(value, bool):
        raise ConfigError(name, value, allowed)
    try:
        number = float(value)
    except OverflowError:  # a whole number of hundreds of digits
        number = math.inf
    if not math.isfinite(number) or not is_allowed(number):
        raise ConfigError(name, value, allowed)
    # 1 and 1.0 are one setting; as an int it would be written "1", a second id for the same run.
    object.__setattr__(config, name, number)
