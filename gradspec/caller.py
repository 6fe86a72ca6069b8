"""Calling an op's functions at given params, and what they may return: everything else is named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradspec.domains import Case
from gradspec.errors import DeclarationError
from gradspec.spec import Op

Arrays = tuple[np.ndarray, ...]


class CallFailedError(Exception):
    """forward or vjp raised, or returned something that no check can work with."""

    def __init__(self, what: str, problem: str) -> None:
        self.what = what
        self.problem = problem
        super().__init__(f"{what} {problem}")


class Caller:
    """Calls the forward and the vjp of one op for one case.

    Attributes:
        op: The op.
        case: The case.
        inputs: What forward is given; never handed out without a copy.
        evaluations: Calls of forward and vjp so far.
    """

    def __init__(self, op: Op, case: Case) -> None:
        self.op = op
        self.case = case
        self.evaluations = 0
        self.single = True  # whether y is one array, not a tuple of outputs
        self.inputs = self.transformed(case.drawn, case.dtype)

    def forward(self, inputs: Sequence[np.ndarray]) -> tuple[Arrays, Any]:
        """Call forward; outputs always as a tuple.

        Raises:
            DeclarationError: It does not return a pair.
            CallFailedError: It raised, or an output is no array.
        """
        self.evaluations += 1
        try:
            returned = self.op.forward(*inputs, **self.case.params)
        except Exception as error:
            raise CallFailedError("forward", f"raises {type(error).__name__}: {error}") from error
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise DeclarationError(
                self.op.name, "forward", f"returned {_kind(returned)}; allowed: a pair (y, saved)"
            ) from None
        y, saved = returned
        self.single = not isinstance(y, tuple)
        ys = y if isinstance(y, tuple) else (y,)
        for output in ys:
            if not isinstance(output, (np.ndarray, np.generic)):
                raise CallFailedError("forward", f"returns {_kind(output)} as y; it should be a NumPy array")
        return ys, saved

    def vjp(self, saved: Any, y_bar: Sequence[np.ndarray | None], **keywords: Any) -> Any:
        """Call the vjp.

        Raises:
            CallFailedError: It raised.
        """
        self.evaluations += 1
        try:
            return self.op.vjp(saved, y_bar[0] if self.single else tuple(y_bar), **keywords)
        except Exception as error:
            raise CallFailedError("vjp", f"raises {type(error).__name__}: {error}") from error

    def transformed(self, drawn: Sequence[np.ndarray], dtype: str) -> Arrays:
        """What the op sees for these drawn values."""
        seen = []
        for (name, domain), u in zip(self.op.inputs.items(), drawn, strict=True):
            x = u.copy()
            if domain.transform is not None:
                try:
                    x = np.asarray(domain.transform(x))
                except Exception as error:
                    field = f"inputs[{name!r}].transform"
                    raise DeclarationError(
                        self.op.name, field, f"raised {type(error).__name__}: {error} for an array of shape {u.shape}"
                    ) from error
            seen.append(x if domain.integer else x.astype(dtype, copy=False))
        return tuple(seen)

    def checked(self, returned: Any) -> tuple[np.ndarray | None, ...]:
        """*returned* if it has the form that the contract asks for.

        Raises:
            CallFailedError: It has not; the message says how.
        """
        names = [*self.op.inputs]
        if not isinstance(returned, tuple):
            raise CallFailedError("vjp", f"returns {_kind(returned)}; it should be a tuple, one cotangent per input")
        if len(returned) != len(names):
            given = f"{len(returned)} cotangent{'s' * (len(returned) != 1)}"
            raise CallFailedError("vjp", f"returns {given}; it should be {len(names)}, for {', '.join(names)}")
        for (name, domain), x, x_bar in zip(self.op.inputs.items(), self.inputs, returned, strict=True):
            if not domain.differentiable:
                if x_bar is not None:
                    raise CallFailedError("vjp", f"returns {_kind(x_bar)} for input {name!r}; it should be None")
            elif not isinstance(x_bar, (np.ndarray, np.generic)):
                raise CallFailedError("vjp", f"returns {_kind(x_bar)} for input {name!r}; it should be an array")
            elif x_bar.shape != x.shape:
                raise CallFailedError("vjp", f"has shape {x_bar.shape} for input {name!r}; it should be {x.shape}")
        return returned


def _kind(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    if value is None:
        return "None"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    return f"{value!r} ({type(value).__name__})"
