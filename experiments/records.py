"""What a run leaves behind: the rows of its epochs, its result, the state it can go on from."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from experiments.config import Config

_PARAMETER = "parameter/"
_MEMORY = "memory/"
_DIGEST = "sha256"


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One row of ``metrics.jsonl``.

    Attributes:
        epoch: 1 for the first.
        loss_epoch_mean: Mean loss per point over this epoch, each batch before its step.
        loss_running_mean: The same over all epochs so far: what the study plots as the training loss.
        train_accuracy: On all training points, after the epoch.
        validation_accuracy: On all validation points, after the epoch.
        validation_loss: Mean loss per validation point, after the epoch.
        test_accuracy: On all test points, after the epoch, for the study's figures; nothing is chosen by it.
        gradient_norm: Mean over the steps of the Euclidean norm of the gradient that was descended on.
    """

    epoch: int
    loss_epoch_mean: float
    loss_running_mean: float
    train_accuracy: float
    validation_accuracy: float
    validation_loss: float
    test_accuracy: float
    gradient_norm: float

    @property
    def diverged(self) -> bool:
        """Whether a number of this row is not finite."""
        return not all(math.isfinite(value) for value in asdict(self).values())

    def to_dict(self) -> dict[str, Any]:
        """JSON; what JSON has no number for (a diverged loss) becomes the text "nan", "inf" or "-inf"."""
        return {name: value if math.isfinite(value) else str(value) for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Epoch:
        """Read what :meth:`to_dict` gave.

        Raises:
            KeyError: A field is missing.
            ValueError: A field is not a number, or is unknown.
            TypeError: The same.
        """
        names = [field.name for field in fields(cls)]
        if set(values) - set(names):
            raise ValueError(f"unknown fields {sorted(set(values) - set(names))}")
        return cls(epoch=int(values["epoch"]), **{name: float(values[name]) for name in names[1:]})


@dataclass(frozen=True, kw_only=True)
class Result:
    """What ``result.json`` holds; it exists if and only if the run is finished.

    Attributes:
        status: ``finished``, or ``diverged`` where a loss stopped being finite and the run with it.
        epochs: Rows in ``metrics.jsonl``.
        best_epoch: The epoch with the highest validation accuracy, the first of equals.
        best_test_accuracy: Of the model after the best epoch, which validation has chosen.
        test_accuracy: Of the model after the last epoch.
        parameters_sha256: Of the last parameters: equal digests are equal bits.
        metrics_sha256: Of ``metrics.jsonl``, so that a changed row does not go unnoticed.
    """

    status: str
    epochs: int
    best_epoch: int
    best_test_accuracy: float
    test_accuracy: float
    parameters_sha256: str
    metrics_sha256: str

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Result:
        """Read ``asdict`` of a result.

        Raises:
            TypeError: A field is missing, unknown or of the wrong type.
            ValueError: The status is none that there is.
        """
        result = cls(**values)
        for field in fields(cls):
            value = getattr(result, field.name)
            if type(value).__name__ != field.type:
                raise TypeError(f"{field.name} is {value!r}")
        if result.status not in ("finished", "diverged"):
            raise ValueError(f"status is {result.status!r}")
        return result


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """A finished run, as it was read back.

    Attributes:
        config: What was trained.
        epochs: A row per epoch.
        result: What came out.
        environment: Where it was computed, and the verdicts on the ops that it used.
        seconds: Of each epoch; empty where that is not known.
    """

    config: Config
    epochs: tuple[Epoch, ...]
    result: Result
    environment: Mapping[str, Any]
    seconds: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class State:
    """Everything the next epoch depends on.

    Attributes:
        epoch: Epochs done.
        parameters: Name -> array.
        memory: What the optimizer remembers, name -> array.
        shuffle: The state of the generator that orders the points, as NumPy's own JSON text.
        loss_total: Sum of the losses of all points since the start, for the running mean.
        points_seen: Their number.
    """

    epoch: int
    parameters: Mapping[str, np.ndarray]
    memory: Mapping[str, np.ndarray]
    shuffle: str
    loss_total: float
    points_seen: int

    def to_npz(self) -> bytes:
        """The state as the bytes of an ``.npz`` file; equal states give equal bytes."""
        arrays: dict[str, Any] = {
            "epoch": np.int64(self.epoch),
            "shuffle": np.str_(self.shuffle),
            "loss_total": np.float64(self.loss_total),
            "points_seen": np.int64(self.points_seen),
        }
        arrays |= {_PARAMETER + name: array for name, array in self.parameters.items()}
        arrays |= {_MEMORY + name: array for name, array in self.memory.items()}
        file = io.BytesIO()
        arrays[_DIGEST] = np.str_(digest(arrays))
        np.savez(file, **arrays)
        return file.getvalue()

    @classmethod
    def from_npz(cls, data: bytes) -> State:
        """Read what :meth:`to_npz` gave. Nothing in it is executed.

        Raises:
            ValueError: These bytes are no such file, or a part is missing.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                arrays = dict(file)
            found = str(arrays.pop(_DIGEST))
            state = cls(
                epoch=int(arrays["epoch"]),
                parameters=_starting_with(_PARAMETER, arrays),
                memory=_starting_with(_MEMORY, arrays),
                shuffle=str(arrays["shuffle"]),
                loss_total=float(arrays["loss_total"]),
                points_seen=int(arrays["points_seen"]),
            )
        except Exception as error:  # zipfile and NumPy raise a dozen kinds for damaged bytes
            raise ValueError(f"not a checkpoint ({error})") from error
        if found != digest(arrays):  # the checksums of the zip format do not cover every byte that matters
            raise ValueError("not what was written: its digest is another one")
        return state


def _starting_with(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): arrays[name] for name in arrays if name.startswith(prefix)}


def digest(arrays: Mapping[str, Any]) -> str:
    """SHA-256 over names, dtypes, shapes and bits of arrays or NumPy scalars."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        total.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        total.update(array.tobytes())
    return total.hexdigest()
