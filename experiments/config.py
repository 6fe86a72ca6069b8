"""What decides the bits of a run: one frozen :class:`Config`, its canonical JSON and its id."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from experiments.data import DATASETS
from experiments.errors import ConfigError
from experiments.files import canonical_json

ACTIVATIONS = ("sigmoid", "relu", "tanh")
DTYPES: Mapping[str, type[np.floating]] = {"float64": np.float64, "float32": np.float32}
RECORD_FORMAT = 1
"""Part of every id: raised when the same fields come to mean another computation."""
ID_LENGTH = 12


@dataclass(frozen=True, kw_only=True)
class Config:
    """One run. The defaults are the study's settings; vugrad computes in float64, so that is the dtype.

    Args:
        experiment: The experiment it belongs to.
        dataset: A name in :data:`experiments.data.DATASETS`.
        train_points: Points learned from.
        held_out_points: Points for validation, and as many for the test.
        seed: Decides the data, the first weights and the order of the points, each by a stream of its own.
        epochs: How often each point is seen.
        batch_size: Points per step; the last batch of an epoch may be smaller.
        lr: Learning rate, for the loss *summed* over the batch.
        momentum: Of SGD.
        hidden: Width of each hidden layer.
        layers: Number of hidden layers.
        activation: ``sigmoid``, ``relu`` or ``tanh``.
        residual: Whether each hidden layer after the first adds its input to its output.
        dtype: ``float64`` or ``float32``.

    Raises:
        ConfigError: A field is wrong; the message names it, what it got and what is allowed.
    """

    experiment: str
    dataset: str = "synth"
    train_points: int = 60_000
    held_out_points: int = 10_000
    seed: int = 0
    epochs: int = 20
    batch_size: int = 128
    lr: float = 0.01
    momentum: float = 0.0
    hidden: int = 8
    layers: int = 1
    activation: str = "sigmoid"
    residual: bool = False
    dtype: str = "float64"

    def __post_init__(self) -> None:
        _text(self, "experiment", allowed=None)
        _text(self, "dataset", allowed=tuple(DATASETS))
        source = DATASETS[self.dataset]
        _whole(self, "train_points", least=1, most=source.most_train_points)
        _whole(self, "held_out_points", least=1, most=source.most_held_out_points)
        _whole(self, "seed", least=0)
        for name in ("epochs", "batch_size", "hidden", "layers"):
            _whole(self, name, least=1)
        _number(self, "lr", "a finite number above 0", lambda value: value > 0)
        _number(self, "momentum", "a number from 0 up to, not including, 1", lambda value: 0 <= value < 1)
        _text(self, "activation", allowed=ACTIVATIONS)
        _text(self, "dtype", allowed=tuple(DTYPES))
        if not isinstance(self.residual, bool):
            raise ConfigError("residual", self.residual, "True or False")
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
