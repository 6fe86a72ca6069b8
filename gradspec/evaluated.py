"""One case of one op, evaluated: outputs, cotangents and what the rule makes of them, each computed once."""

from __future__ import annotations

import contextlib
from functools import cached_property
from typing import Any

import numpy as np

from gradspec.caller import Arrays, Caller, CallFailedError
from gradspec.cotangents import drawn_cotangents
from gradspec.domains import Case
from gradspec.intervals import Interval, interval
from gradspec.spec import Op


class Evaluated(Caller):
    """One case of one op, in the dtype of the case.

    Attributes:
        domains: Where each input may lie, for the sizes of the case.
    """

    def __init__(self, op: Op, case: Case) -> None:
        super().__init__(op, case)
        self.domains: tuple[Interval, ...] = tuple(interval(op, name, case.sizes) for name in op.inputs)

    @cached_property
    def _result(self) -> tuple[Arrays, Any]:
        ys, saved = self.forward(self.copies())
        return tuple(y.copy() for y in ys), saved  # a forward that reuses its buffer is the contract check's business

    @property
    def ys(self) -> Arrays:
        """The outputs."""
        return self._result[0]

    @property
    def saved(self) -> Any:
        """The residuals."""
        return self._result[1]

    def copies(self) -> list[np.ndarray]:
        """Fresh copies of the inputs."""
        return [x.copy() for x in self.inputs]

    @cached_property
    def is_inside(self) -> bool:
        """Whether forward is finite here: elsewhere nothing is judged."""
        try:
            return all(bool(np.isfinite(y).all()) for y in self.ys)
        except CallFailedError as error:
            transformed = any(domain.transform is not None for domain in self.op.inputs.values())
            singular = self.case.dtype == "float32" and isinstance(error.__cause__, np.linalg.LinAlgError)
            if singular and transformed and self._is_finite_in_float64():
                return False  # I + a @ a.T is positive definite, but not always in float32: no fault of forward's
            raise

    def _is_finite_in_float64(self) -> bool:
        try:
            ys, _ = self.forward(self.transformed(self.drawn64, "float64"))
        except CallFailedError:
            return False
        return all(bool(np.isfinite(y).all()) for y in ys)

    @cached_property
    def y_bar(self) -> tuple[np.ndarray | None, ...]:
        """One signed, non-uniform cotangent per output, in the output's dtype; None for integer outputs."""
        if self.case.y_bar is not None:
            pairs = zip(self.ys, self.case.y_bar, strict=True)
            if any(bar is not None and bar.shape != y.shape for y, bar in pairs):
                raise CallFailedError("forward", "returns another shape than y_bar was made for")
            return self.case.y_bar
        rng = np.random.default_rng((self.case.seed, 1))
        return drawn_cotangents(self.ys, self.case.cotangent, rng)

    @cached_property
    def x_bar(self) -> tuple[np.ndarray | None, ...]:
        """The rule's answer.

        Raises:
            CallFailedError: It is not one array per differentiable input, of the input's shape.
        """
        return self.owned(self.vjp(self.fresh(self.saved), self.cotangent_copies()))

    @property
    def is_flat(self) -> bool:
        """Whether the rule says 0 of every entry, of which there are some."""
        with contextlib.suppress(CallFailedError):  # the contract check's business
            return {bar.any() for bar in self.x_bar if bar is not None and bar.size} == {np.False_}
        return False

    def owned(self, returned: Any) -> tuple[np.ndarray | None, ...]:
        """Copies of the cotangents: a rule that reuses its buffer is the contract check's business alone."""
        return tuple(None if x_bar is None else x_bar.copy() for x_bar in self.checked(returned))

    def cotangent_copies(self) -> list[np.ndarray | None]:
        """Fresh copies of y_bar."""
        return [None if bar is None else bar.copy() for bar in self.y_bar]

    @cached_property
    def drawn64(self) -> Arrays:
        """The drawn values in float64."""
        return tuple(u if u.dtype.kind == "i" else u.astype(np.float64) for u in self.case.drawn)

    @cached_property
    def is_rough(self) -> bool:
        """Whether forward, given float64, takes or returns nothing but float32: known of what is declared so alone."""
        if not self.is_float32_alone:
            return False
        try:
            ys, _ = self.forward(self.transformed(self.drawn64, "float64"))
        except CallFailedError:
            return False
        return self.narrow.get("forward", False) or not any(y.dtype == np.float64 for y in ys)
