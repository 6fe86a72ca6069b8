"""Each op of the registry beside the function of torch that does the same: forward, and the backward alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from benchmarks.speed.op_work import NONE_OF_TORCH, Work, arrays_of, params_of, torch_of, work_of
from benchmarks.speed.reasons import REASONS
from benchmarks.speed.turns import OURS, TORCH, in_turns, measured, threads, told
from gradspec import Op

ROUNDS, LEAST = 15, 2e-3  # seconds that a turn lasts at least
SLOW = 2.0  # times torch's: from here on a reason is due
SAME = 1e-3  # how far results may be apart in float32, relative to the largest
WAYS = ("forward", "vjp")


def of_op(op: Op, rounds: int = ROUNDS, work: Work | None = None, least: float = LEAST) -> dict[str, Any]:
    """Forward and vjp of one op in float32 on one thread, ours and torch's in turns.

    Raises:
        RuntimeError: The results differ: it is not the same work.
    """
    if op.name in NONE_OF_TORCH:
        return {"op": op.name, "skipped": NONE_OF_TORCH[op.name]}
    work = work or work_of(op)
    params, arrays = params_of(op, work), arrays_of(op, work)
    with threads(1), np.errstate(all="ignore"):
        calls = _calls(op, arrays, params, torch_of(op, work))
        ways = {way: measured(in_turns(calls[way], rounds, least)) for way in WAYS}
    shapes = {name: list(array.shape) for name, array in zip(op.inputs, arrays, strict=True)}
    why = {way: REASONS[op.name, way] for way in WAYS if (op.name, way) in REASONS}
    return {
        "op": op.name,
        "shapes": shapes,
        "params": {name: repr(value) for name, value in params.items()},
        "rounds": rounds,
        **ways,
        "why": why,
    }


def _calls(
    op: Op, arrays: Sequence[np.ndarray], params: Mapping[str, Any], reference: Callable[..., Any]
) -> dict[str, dict[str, Callable[[], Any]]]:
    tensors = [torch.from_numpy(array) for array in arrays]
    leaves = [
        tensor.detach().requires_grad_(domain.differentiable)
        for tensor, domain in zip(tensors, op.inputs.values(), strict=True)
    ]
    wanted = [leaf for leaf in leaves if leaf.requires_grad]
    y, saved = op.forward(*arrays, **params)
    y_torch = reference(*leaves, **params)
    _same(op, "forward", _many(y), [one.detach().numpy() for one in _many(y_torch)])
    y_bars = [_cotangent(one) for one in _many(y)]
    y_bar = tuple(y_bars) if isinstance(y, tuple) else y_bars[0]
    pairs = zip(_many(y_torch), y_bars, strict=True)
    outputs, bars = zip(
        *[(one, torch.from_numpy(np.asarray(bar))) for one, bar in pairs if one.requires_grad], strict=True
    )

    def torch_forward() -> Any:
        with torch.no_grad():
            return reference(*tensors, **params)

    def torch_vjp() -> Any:
        return torch.autograd.grad(outputs, wanted, bars, retain_graph=True)

    found = [bar for bar in op.vjp(saved, y_bar) if bar is not None]
    _same(op, "vjp", found, [bar.numpy() for bar in torch_vjp()])
    return {
        "forward": {OURS: lambda: op.forward(*arrays, **params), TORCH: torch_forward},
        "vjp": {OURS: lambda: op.vjp(saved, y_bar), TORCH: torch_vjp},
    }


def _many(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def _cotangent(y: Any) -> Any:
    """Of *y*'s shape and dtype, in the usual order in memory."""
    return np.asarray(np.random.default_rng(1).standard_normal(np.shape(y)), np.asarray(y).dtype)


def _same(op: Op, way: str, ours: Sequence[Any], theirs: Sequence[Any]) -> None:
    for mine, other in zip(ours, theirs, strict=True):
        largest = np.abs(other).max(initial=0)
        if np.shape(mine) != np.shape(other) or not np.abs(np.asarray(mine) - other).max(initial=0) <= SAME * largest:
            raise RuntimeError(f"{op.name}, {way}: another result than torch's; it is not the same work")


def worst(rows: Sequence[Mapping[str, Any]], count: int = 10) -> list[tuple[float, str, str]]:
    """Ratio, op and way of the slowest."""
    ratios = [(row[way][OURS]["ratio"][1], row["op"], way) for row in rows if "skipped" not in row for way in WAYS]
    return sorted(ratios, reverse=True)[:count]


def lines(row: Mapping[str, Any]) -> Iterator[str]:
    """What a row says, a line for each way."""
    if "skipped" in row:
        yield f"{row['op']}: {row['skipped']}"
        return
    for way in WAYS:
        yield from told(f"{row['op']}, {way}", row[way])
