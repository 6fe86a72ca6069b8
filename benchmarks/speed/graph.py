"""What a node of the graph costs, and whether a long chain of them can be built and swept."""

from __future__ import annotations

import operator
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from benchmarks.speed import vugrad
from benchmarks.speed.networks import mygrad, without_mygrad
from benchmarks.speed.turns import MYGRAD, OURS, TORCH, VUGRAD, in_turns, measured, spread, threads, told
from ops.graph import TensorNode

NODES, DEEP = 1_000, 100_000
ROUNDS, DEEP_ROUNDS = 60, 5
FRAMES = 2  # of Python's stack that one node takes in an engine that recurses, its tensor's and its op's
ONE = np.ones(1, np.float32)
OPERATIONS: Mapping[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "add": (operator.add, vugrad.Add.apply),
    "mul": (operator.mul, vugrad.Multiply.apply),
}
"""Each as an operator of tensors, and for the engine that has none."""

Chain = Callable[[int], tuple[Any, Any]]
"""From the number of nodes to the first and the last tensor."""


def _chain(start: Callable[[], Any], other: Any, apply: Callable[[Any, Any], Any]) -> Chain:
    def build(nodes: int) -> tuple[Any, Any]:
        first = last = start()
        for _ in range(nodes):
            last = apply(last, other)
        return first, last

    return build


def chains(operation: str) -> dict[str, Chain]:
    """For each side a chain of operations with a constant, on one number in float32."""
    apply, vugrad_apply = OPERATIONS[operation]
    found = {
        OURS: _chain(lambda: TensorNode(ONE), TensorNode(ONE, needs_grad=False), apply),
        TORCH: _chain(lambda: torch.ones(1, requires_grad=True), torch.ones(1), apply),
        VUGRAD: _chain(lambda: vugrad.Tensor(ONE), vugrad.Tensor(ONE), vugrad_apply),
    }
    if not without_mygrad():
        found[MYGRAD] = _chain(lambda: mygrad.tensor(ONE), mygrad.tensor(ONE, constant=True), apply)
    return found


def per_node(operation: str, nodes: int = NODES, rounds: int = ROUNDS) -> dict[str, Any]:
    """Seconds per node, to build it, to sweep it and to free it."""

    def sweep(build: Chain) -> Callable[[], None]:
        def run() -> None:
            first, last = build(nodes)
            last.backward()
            if first.grad[0] != 1:
                raise RuntimeError(f"a chain of {operation}: the gradient is {first.grad}, not 1")

        return run

    calls = {side: sweep(build) for side, build in chains(operation).items()}
    with threads(1), _deep_enough(nodes):
        seconds = in_turns(calls, rounds)
    each = {side: [one / nodes for one in took] for side, took in seconds.items()}
    return {"op": operation, "nodes": nodes, "rounds": rounds, "sides": measured(each)}


@contextmanager
def _deep_enough(nodes: int) -> Iterator[None]:
    """Let engines that recurse go this deep: Python's default stops them at a chain of some 500 nodes."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(before + FRAMES * nodes)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def deep(nodes: int = DEEP, rounds: int = DEEP_ROUNDS) -> dict[str, Any]:
    """Seconds to build and to sweep a long chain of additions with Python as it is, or why that fails; in turns."""
    taken: dict[str, list[tuple[float, float]]] = {}
    failed: dict[str, str] = {}
    with threads(1):
        for _ in range(rounds):
            for side, build in chains("add").items():
                if side in failed:
                    continue
                try:
                    taken.setdefault(side, []).append(_build_and_sweep(build, nodes))
                except RecursionError as error:
                    failed[side] = f"RecursionError: {error}"
    sides: dict[str, Any] = {}
    for side in chains("add"):
        if side in failed:
            sides[side] = {"error": failed[side]}
        else:
            build, sweep = zip(*taken[side], strict=True)
            sides[side] = {"build": spread(build), "sweep": spread(sweep)}
    return {"nodes": nodes, "rounds": rounds, "sides": sides}


def _build_and_sweep(build: Chain, nodes: int) -> tuple[float, float]:
    start = time.perf_counter()
    _, last = build(nodes)
    built = time.perf_counter()
    last.backward()
    return built - start, time.perf_counter() - built


def lines(row: Mapping[str, Any]) -> Iterator[str]:
    """What a row of :func:`per_node` or :func:`deep` says."""
    if "op" in row:
        yield from told(f"chain of {row['nodes']} × {row['op']}, per node", row["sides"], 1e6, "µs")
        return
    for side, took in row["sides"].items():
        said = took.get("error") or f"built in {took['build'][1]:.2f} s, swept in {took['sweep'][1]:.2f} s"
        yield f"chain of {row['nodes']:,} nodes  {side:<13} {said}"
