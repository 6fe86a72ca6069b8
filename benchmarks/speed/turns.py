"""Sides that take turns in one process, and what their times come to: medians and quartiles, also of ratios."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
import torch
from threadpoolctl import threadpool_limits

import ops

Call: TypeAlias = Callable[[], Any]
Spread: TypeAlias = list[float]
"""The lower quartile, the median and the upper quartile."""
OURS, TORCH, VUGRAD, MYGRAD = "ours", "torch", "vugrad-style", "MyGrad"
AGREE = 1e-4  # how far the losses of two sides may be apart, relative to the loss or to 1


@contextmanager
def threads(count: int, *, of_blas: bool = False) -> Iterator[None]:
    """Give every side *count* threads: torch its own; NumPy those of the ops, or with *of_blas* those of BLAS.

    The two kinds of NumPy's threads would fight for the cores: where matrix products are all of the work BLAS has
    them, where convolutions are the ops have them.
    """
    before = torch.get_num_threads()
    with threadpool_limits(count if of_blas else 1, user_api="blas"):  # first: set_threads limits it for good
        torch.set_num_threads(count)
        ops.set_threads(1 if of_blas else count)
        try:
            yield
        finally:
            ops.set_threads(1)
            torch.set_num_threads(before)


def in_turns(sides: Mapping[str, Call], rounds: int, least: float = 0.0) -> dict[str, list[float]]:
    """Seconds of one call of each side, round by round.

    A turn begins with a call that is not timed: whatever the side before left in caches and spinning threads is gone
    then, as it is in a loop of steps. Every other round goes the other way round.

    Args:
        sides: What is called, by name.
        rounds: How often each has its turn.
        least: Seconds that a turn lasts at least: short calls are repeated, and the time divided.
    """
    repeats = {}
    for name, call in sides.items():
        call()  # what is set up at the first use
        repeats[name] = max(1, math.ceil(least / max(_timed(call, 1), 1e-9)))
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    order = [*sides]
    for _ in range(rounds):
        for name in order:
            sides[name]()
            seconds[name].append(_timed(sides[name], repeats[name]))
        order.reverse()
    return seconds


def _timed(call: Call, repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def spread(values: Sequence[float]) -> Spread:
    """The quartiles of *values*, with four digits."""
    return [float(f"{value:.4g}") for value in np.quantile(values, (0.25, 0.5, 0.75))]


def measured(seconds: Mapping[str, Sequence[float]], unit: str = TORCH) -> dict[str, dict[str, Spread]]:
    """Per side the spread of its seconds and, round by round, of its time over that of *unit*."""
    return {
        name: {
            "seconds": spread(took),
            "ratio": spread([mine / theirs for mine, theirs in zip(took, seconds[unit], strict=True)]),
        }
        for name, took in seconds.items()
    }


def apart(losses: Mapping[str, Sequence[float]], work: str) -> float:
    """How far the losses of the sides are apart at most, relative to torch's or to 1.

    Raises:
        RuntimeError: That is too far: they did not do the same work.
    """
    furthest = 0.0
    for name, found in losses.items():
        for step, (mine, theirs) in enumerate(zip(found, losses[TORCH], strict=True)):
            distance = abs(mine - theirs) / max(1.0, abs(theirs))
            if not distance <= AGREE:
                raise RuntimeError(f"{work}: in step {step} the loss of {name} is {mine}, that of torch {theirs}")
            furthest = max(furthest, distance)
    return float(f"{furthest:.1e}")


def told(name: str, sides: Mapping[str, Mapping[str, Spread]], scale: float = 1e3, unit: str = "ms") -> Iterator[str]:
    """A line for each side but torch: its time and torch's, and the ratio with its quartiles."""
    for side, row in sides.items():
        if side != TORCH:
            mine, theirs = (scale * sides[one]["seconds"][1] for one in (side, TORCH))
            low, middle, high = row["ratio"]
            ratio = f"{middle:6.2f} × ({low:.2f} to {high:.2f})"
            yield f"{name:<40} {side:<13} {mine:9.3f}  torch {theirs:9.3f} {unit}  {ratio}"
