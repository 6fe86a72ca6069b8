"""Mistakes that can be made around any rule: a sign, a factor, a lost entry, an overwritten argument."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gradspec.mutation.mutant import Mutant, Vjp, copied, mutated
from gradspec.spec import Op

Change = Callable[[np.ndarray], Any]


def _times(factor: float) -> Change:
    return lambda x_bar: np.asarray(x_bar * x_bar.dtype.type(factor))


def _transposed(x_bar: np.ndarray) -> np.ndarray:
    """The entries in the order of the transposed matrix, in the right shape."""
    return x_bar.swapaxes(-1, -2).copy().reshape(x_bar.shape) if x_bar.ndim > 1 else x_bar


def _first_zeroed(x_bar: np.ndarray) -> np.ndarray:
    wrong = x_bar.copy()
    wrong.reshape(-1)[:1] = 0
    return wrong


def _less_its_mean(x_bar: np.ndarray) -> np.ndarray:
    return x_bar - x_bar.mean(axis=-1, keepdims=True) if x_bar.ndim and x_bar.shape[-1] else x_bar


# name -> what becomes of one input's cotangent, and words of the diagnosis that names it
OF_COTANGENT: dict[str, tuple[Change, str]] = {
    "wrong sign": (np.negative, "the wrong sign"),
    "twice": (_times(2.0), "a factor 2"),
    "half": (_times(0.5), "a factor 1/2"),
    "times 1 + 1e-8": (_times(1 + 1e-8), "slightly off"),
    "nothing propagated": (np.zeros_like, "nothing is propagated"),
    "transposed": (_transposed, ""),
    "last axis reversed": (lambda x_bar: x_bar[..., ::-1].copy() if x_bar.ndim else x_bar, "in reverse order"),
    "first entry zeroed": (_first_zeroed, ""),
    "its mean subtracted": (_less_its_mean, "a missing term"),
    "its absolute value": (np.abs, "wrong signs"),
    "float64 for float32": (lambda x_bar: np.asarray(x_bar, np.float64), "has dtype float64"),
    "size 1 doubled": (lambda x_bar: x_bar * x_bar.dtype.type(2) if x_bar.size == 1 else x_bar, ""),
}

# name -> what becomes of y_bar before the rule sees it
OF_Y_BAR: dict[str, tuple[Change, str]] = {
    "absolute value of y_bar": (np.abs, "B(-y_bar)"),
    "y_bar clipped to 1": (lambda v: np.clip(v, -1, 1), "B("),
    "negative y_bar dropped": (lambda v: np.maximum(v, v * 0), "B("),
    "y_bar taken for 1": (np.ones_like, "B("),
    "y_bar averaged": (lambda v: np.full_like(v, v.mean()) if v.size else v, ""),
}


def wrappers(op: Op) -> Iterator[Mutant]:
    """The op with each of these mistakes made to each of its cotangents."""
    for position, (name, domain) in enumerate(op.inputs.items()):
        if domain.differentiable:
            for title, (change, guess) in OF_COTANGENT.items():
                yield mutated(op, _on_cotangent(op.vjp, position, change), f"{name}_bar: {title}", guess=guess)
            yield from _at_zero(op, position, name)
            yield from _last_values(op, position, name)
    for title, (change, guess) in OF_Y_BAR.items():
        yield mutated(op, _on_y_bar(op.vjp, change), title, guess=guess)
    yield mutated(op, _stale(op.vjp), "residuals of the first call of that shape")
    yield mutated(op, _writes_y_bar(op.vjp), "writes into y_bar", guess="writes into y_bar", effects=True)
    yield mutated(op, _one_buffer(op.vjp), "one buffer for all calls", guess="a buffer that", effects=True)
    yield mutated(op, lambda saved, y_bar: list(op.vjp(saved, y_bar)), "a list", guess="a tuple", effects=True)


def _on_cotangent(vjp: Vjp, position: int, change: Change) -> Vjp:
    def wrong(saved: Any, y_bar: Any) -> tuple[Any, ...]:
        cotangents = list(vjp(saved, y_bar))
        cotangents[position] = change(np.asarray(cotangents[position]))
        return tuple(cotangents)

    return wrong


def _on_y_bar(vjp: Vjp, change: Change) -> Vjp:
    def changed(bar: Any) -> Any:
        return None if bar is None else np.asarray(change(np.asarray(bar)))

    return lambda saved, y_bar: vjp(saved, tuple(map(changed, y_bar)) if isinstance(y_bar, tuple) else changed(y_bar))


def _at_zero(op: Op, position: int, name: str) -> Iterator[Mutant]:
    """Wrong only in the entries where the input is exactly 0; the inputs have to come along."""
    domain = op.inputs[name]
    if domain.transform is not None or 0.0 in domain.exclude:
        return

    def wrong(saved: Any, y_bar: Any) -> tuple[Any, ...]:
        (inputs, _), mine = saved
        cotangents = list(op.vjp(mine, y_bar))
        x_bar = np.array(cotangents[position])
        if x_bar.shape == inputs[position].shape:
            x_bar[inputs[position] == 0] *= 2
        cotangents[position] = x_bar
        return tuple(cotangents)

    yield mutated(_remembering(op), wrong, f"{name}_bar: doubled where {name} is 0")


def _last_values(op: Op, position: int, name: str) -> Iterator[Mutant]:
    """Wrong only for the last value of each param; one that is computed from the sizes cannot be told from others."""
    for param, values in op.params.items():
        fixed = [] if callable(values) else [value for value in values if not callable(value)]
        if not fixed or len(values) < 2:
            continue

        def wrong(saved: Any, y_bar: Any, param: str = param, last: Any = fixed[-1]) -> tuple[Any, ...]:
            (_, params), mine = saved
            cotangents = list(op.vjp(mine, y_bar))
            if repr(params.get(param)) == repr(last):
                cotangents[position] = -np.asarray(cotangents[position])
            return tuple(cotangents)

        title = f"{name}_bar: wrong sign for the last {param}"
        yield mutated(_remembering(op), wrong, title, guess="the wrong sign")


def _remembering(op: Op) -> Op:
    """The op, its residuals being ((inputs, params), its own)."""

    def forward(*inputs: Any, **params: Any) -> tuple[Any, Any]:
        y, saved = op.forward(*inputs, **params)
        return y, (([x.copy() for x in inputs], params), saved)

    return op.replace(forward=forward, vjp=lambda saved, y_bar: op.vjp(saved[1], y_bar))


def _stale(vjp: Vjp) -> Vjp:
    first: dict[Any, Any] = {}

    def wrong(saved: Any, y_bar: Any) -> Any:
        bars = y_bar if isinstance(y_bar, tuple) else (y_bar,)
        key = tuple((np.shape(bar), str(getattr(bar, "dtype", ""))) for bar in bars)
        return vjp(copied(first.setdefault(key, copied(saved))), y_bar)

    return wrong


def _writes_y_bar(vjp: Vjp) -> Vjp:
    def wrong(saved: Any, y_bar: Any) -> Any:
        answer = tuple(None if x_bar is None else np.array(x_bar) for x_bar in vjp(saved, y_bar))
        for bar in y_bar if isinstance(y_bar, tuple) else (y_bar,):
            if isinstance(bar, np.ndarray):
                bar *= 2
        return answer

    return wrong


def _one_buffer(vjp: Vjp) -> Vjp:
    buffers: dict[Any, np.ndarray] = {}

    def wrong(saved: Any, y_bar: Any) -> Any:
        answer: list[Any] = []
        for position, x_bar in enumerate(vjp(saved, y_bar)):
            if x_bar is None:
                answer.append(None)
                continue
            x_bar = np.asarray(x_bar)
            buffer = buffers.setdefault((position, x_bar.shape, x_bar.dtype), np.empty_like(x_bar))
            buffer[...] = x_bar
            answer.append(buffer)
        return tuple(answer)

    return wrong
