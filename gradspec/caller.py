"""Calling an op's functions at given params, and what they may return: everything else is named."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np

from gradspec import limits
from gradspec.domains import Case
from gradspec.errors import DeclarationError
from gradspec.limits import WATCH, OutOfTimeError
from gradspec.spec import FLOAT_DTYPES, Op

Arrays = tuple[np.ndarray, ...]
FLOATS = frozenset(map(np.dtype, FLOAT_DTYPES))
FLOAT64 = np.dtype(np.float64)


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
        self.shapes: tuple[tuple[int, ...], ...] = ()  # of the outputs, once known
        self.accepted: list[tuple[np.dtype, tuple[int, ...]]] | None = None  # outputs of this form need no second look
        self.plain: tuple[np.dtype, tuple[int, ...]] | None = None  # that form, if y is one array
        self.is_plain = all(domain.transform is None for domain in op.inputs.values())
        self.single = True  # whether y is one array, not a tuple of outputs
        self.is_float32_alone = "float64" not in op.dtypes
        self.narrow: dict[str, bool] = {}  # forward, vjp -> whether float64 is handed to it as float32, once decided
        self.inputs = self.transformed(case.drawn, case.dtype)

    def forward(self, inputs: Sequence[np.ndarray]) -> tuple[Arrays, Any]:
        """Call forward; outputs always as a tuple.

        Raises:
            DeclarationError: It does not return a pair, or does not return.
            CallFailedError: It raised, an output is no array of numbers, or none holds floats.
        """
        returned, rough = self._called("forward", self.op.forward, inputs, self.case.params)
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise DeclarationError(
                self.op.name, "forward", f"returned {_kind(returned)}; allowed: a pair (y, saved)"
            ) from None
        y, saved = returned
        if rough:
            y = tuple(map(_widened, y)) if isinstance(y, tuple) else _widened(y)
        if type(y) is np.ndarray and (y.dtype, y.shape) == self.plain:  # the usual case, thousands of times
            self.single = True
            return (y,), saved
        self.single = not isinstance(y, tuple)
        ys = y if isinstance(y, tuple) else (y,)
        for output in ys:
            if not isinstance(output, (np.ndarray, np.generic)):
                raise CallFailedError("forward", f"returns {_kind(output)} as y; it should be a NumPy array")
        form = [(output.dtype, output.shape) for output in ys]
        if form != self.accepted and not any(x.dtype.kind == "c" for x in inputs):
            self._check_outputs(ys)
            self.accepted = form
            self.plain = form[0] if self.single else None
        return ys, saved

    def _check_outputs(self, ys: Arrays) -> None:
        for output in ys:
            if output.dtype not in FLOATS and output.dtype.kind not in "iub":
                allowed = f"{' or '.join(FLOAT_DTYPES)} (or integers, which have no cotangent)"
                raise CallFailedError("forward", f"returns {_kind(output)} as y; it should hold {allowed}")
        if not any(output.dtype.kind == "f" for output in ys):
            returned = ", ".join(_kind(output) for output in ys) or "no output at all"
            raise CallFailedError("forward", f"returns {returned}; there should be floats to differentiate")
        shapes = tuple(output.shape for output in ys)
        self.shapes = self.shapes or shapes
        if shapes != self.shapes:
            told = " and ".join(", ".join(map(str, each)) for each in (self.shapes, shapes))
            raise CallFailedError("forward", f"returns shapes {told} for inputs of the same shapes")

    def fresh(self, saved: Any) -> Any:
        """A copy of the residuals; those of another forward where they hold what cannot be copied."""
        try:
            return copy.deepcopy(saved)
        except Exception:  # a generator, a lock, a handle: whatever their own copying raises
            return self.forward([x.copy() for x in self.inputs])[1]

    def _hangs(self, what: str) -> DeclarationError:
        given = ", ".join(f"{name} of shape {x.shape}" for name, x in zip(self.op.inputs, self.inputs, strict=True))
        with_params = "".join(f", {name}={value!r}" for name, value in self.case.params.items())
        got = f"did not return within {limits.CALL_SECONDS:g} s for {given}{with_params}"
        return DeclarationError(self.op.name, what, f"{got}; allowed: a function that returns")

    def vjp(self, saved: Any, y_bar: Sequence[np.ndarray | None], **keywords: Any) -> Any:
        """Call the vjp.

        Raises:
            DeclarationError: It does not return.
            CallFailedError: It raised.
        """
        returned, rough = self._called("vjp", partial(self._vjp, saved), y_bar, keywords)
        return tuple(map(_widened, returned)) if rough and isinstance(returned, tuple) else returned

    def _vjp(self, saved: Any, *y_bar: np.ndarray | None, **keywords: Any) -> Any:
        return self.op.vjp(saved, y_bar[0] if self.single else y_bar, **keywords)

    def _called(
        self, what: str, function: Callable[..., Any], given: Sequence[Any], keywords: Mapping[str, Any]
    ) -> tuple[Any, bool]:
        """What a function returns, and whether float64 was handed to it as float32, since it raises for anything else.

        So do kernels that exist in float32 alone; their differences are as rough as what they compute, then. The first
        call that succeeds decides: differences of exact and of rough values would be no derivative.
        """
        wide = self.is_float32_alone and any(map(_is_float64, given))
        rough = wide and self.narrow.get(what, False)
        if rough:
            given = [x.astype(np.float32) if _is_float64(x) else x for x in given]
        self.evaluations += 1
        try:
            WATCH.begin()
            returned = function(*given, **keywords)
        except OutOfTimeError:
            raise self._hangs(what) from None
        except (Exception, SystemExit) as error:
            failure = CallFailedError(what, f"raises {type(error).__name__}: {error}")
            failure.__cause__ = error
        else:
            if wide:
                self.narrow.setdefault(what, False)
            return returned, rough
        finally:
            WATCH.end()
        if not wide or what in self.narrow:
            raise failure
        self.narrow[what] = True
        try:
            return self._called(what, function, given, keywords)
        except CallFailedError:
            del self.narrow[what]
            raise failure from failure.__cause__

    def transformed(self, drawn: Sequence[np.ndarray], dtype: str, *, ours: bool = False) -> Arrays:
        """What the op sees for these drawn values: copies of them, unless they are *ours* to give away."""
        if ours and self.is_plain and dtype == "float64":
            return tuple(drawn)
        seen = []
        for (name, domain), u in zip(self.op.inputs.items(), drawn, strict=True):
            if domain.transform is None and not domain.integer and not ours:
                seen.append(u.astype(dtype, order="C"))
                continue
            x = u if ours else u.copy()
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

    @cached_property
    def cotangent_slices(self) -> dict[str, slice]:
        """Where each input's cotangent lies in a flat one: as the op sees the inputs, after their transforms."""
        slices, start = {}, 0
        for (name, domain), x in zip(self.op.inputs.items(), self.inputs, strict=True):
            if domain.differentiable:
                slices[name] = slice(start, start + x.size)
                start += x.size
        return slices

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
            elif x_bar.dtype.kind != "f":
                raise CallFailedError("vjp", f"returns dtype {x_bar.dtype} for input {name!r}; it should be {x.dtype}")
        return returned


def _is_float64(value: object) -> bool:
    return isinstance(value, np.ndarray) and value.dtype == FLOAT64


def _widened(value: Any) -> Any:
    return value.astype(np.float64) if isinstance(value, np.ndarray) and value.dtype == np.float32 else value


def _kind(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    if value is None:
        return "None"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    return f"{value!r} ({type(value).__name__})"


def flattened(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """The entries of all arrays as one float64 vector; that of a single float64 array shares its memory."""
    if len(arrays) == 1:
        return np.asarray(arrays[0], dtype=np.float64).reshape(-1)
    return np.concatenate([np.asarray(a, dtype=np.float64).reshape(-1) for a in arrays]) if arrays else np.empty(0)


def float_outputs(ys: Sequence[np.ndarray]) -> np.ndarray:
    """(m,) the entries of those outputs that are no integers, in float64."""
    if len(ys) == 1 and ys[0].dtype == FLOAT64:
        return np.asarray(ys[0]).reshape(-1)  # a matrix would stay one
    return flattened([y for y in ys if y.dtype.kind == "f"])
