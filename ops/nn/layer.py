"""What layers and models have in common: parameters by name, files, and the two modes of training and evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import PathLike
from typing import Any, Self

import numpy as np

from ops.graph import TensorNode
from ops.state import load_arrays


class Layer:
    """Parameters are the graph's leaves among the attributes, and those of the layers among the attributes.

    A name is the way to a parameter: ``conv1.weight``; in a list of layers with a number from 1: ``hidden1.weight``.
    What changes in training without a gradient (running means) is an array among the attributes that ``buffers`` names.

    Attributes:
        training: Whether the layer is being trained; dropout and batch normalization then behave differently.
    """

    training = True
    buffers: tuple[str, ...] = ()

    def _parts(self) -> Iterator[tuple[str, Any]]:
        """The attributes, those in lists and tuples one by one."""
        for name, value in vars(self).items():
            if isinstance(value, (list, tuple)):
                yield from ((f"{name}{position}", part) for position, part in enumerate(value, start=1))
            else:
                yield name, value

    def layers(self) -> Iterator[tuple[str, Layer]]:
        """The layers within this one, each with its name; not those within them."""
        return ((name, part) for name, part in self._parts() if isinstance(part, Layer))

    def named_parameters(self) -> dict[str, TensorNode]:
        """All parameters by name, in the order in which the attributes were set."""
        found: dict[str, TensorNode] = {}
        for name, part in self._parts():
            if isinstance(part, TensorNode):
                found[name] = part
            elif isinstance(part, Layer):
                found |= {f"{name}.{inner}": parameter for inner, parameter in part.named_parameters().items()}
        return found

    def parameters(self) -> list[TensorNode]:
        """All parameters, each once: what an optimizer is given."""
        return list(dict.fromkeys(self.named_parameters().values()))

    def train(self, mode: bool = True) -> Self:  # noqa: FBT001, FBT002 -- the name that the field knows
        """Switch to training, here and in all layers within; returns the layer."""
        self.training = mode
        for _, layer in self.layers():
            layer.train(mode)
        return self

    def eval(self) -> Self:
        """Switch to evaluation, here and in all layers within; returns the layer."""
        return self.train(False)  # noqa: FBT003 -- as torch has it

    def _arrays(self) -> dict[str, np.ndarray]:
        """All arrays of the state by name, not copied."""
        arrays = {name: parameter.value for name, parameter in self.named_parameters().items()}
        arrays |= {name: getattr(self, name) for name in self.buffers}
        for name, layer in self.layers():
            arrays |= {f"{name}.{inner}": array for inner, array in layer._arrays().items()}
        return arrays

    def state(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and buffers by name."""
        return {name: array.copy() for name, array in self._arrays().items()}

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Copy the arrays of *state* into the parameters and buffers: all of them, or none.

        Raises:
            StateMismatchError: A name is missing or unknown, or an array has another shape or dtype.
        """
        load_arrays(self._arrays(), state)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the state to an .npz file."""
        np.savez(path, **self.state())  # type: ignore[arg-type]  # NumPy types its keyword allow_pickle in the way

    def load_file(self, path: str | PathLike[str]) -> None:
        """Read the state from an .npz file that :meth:`save` wrote; no code in it can run.

        Raises:
            StateMismatchError: The file is of another model.
            OSError: It cannot be read.
            ValueError: It is no .npz file of plain arrays.
            zipfile.BadZipFile: It is a damaged one.
        """
        state = np.load(path, allow_pickle=False)
        if not isinstance(state, np.lib.npyio.NpzFile):
            raise ValueError(  # noqa: TRY004 -- the type is of what the file holds, the mistake is the file
                f"{type(self).__name__}.load_file: {path} holds one array; allowed: an .npz file that save() wrote"
            )
        with state:
            self.load(dict(state))

    def _name_parameters(self) -> None:
        """Let the parameters' own names, which messages show, be the way to them from here."""
        for name, parameter in self.named_parameters().items():
            parameter.name = name


def as_node(x: Any, dtype: Any) -> TensorNode:
    """*x* if it is a node; an array of data becomes one that needs no gradient, cast to *dtype*."""
    return x if isinstance(x, TensorNode) else TensorNode(np.asarray(x, dtype), needs_grad=False)


def whole(layer: str, name: str, value: Any, least: int = 1) -> int:
    """*value* if it is a whole number from *least* on.

    Raises:
        ValueError: It is not.
    """
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
        raise ValueError(f"{layer}: {name} is {value!r}; allowed: whole numbers from {least} on")
    return int(value)
