"""For each op of the registry about a million numbers to work on, and the function of torch that does the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradspec import Op
from gradspec.spec import Array

Sizes = Mapping[str, int]
LEAD = (1000, 1000)  # of ops that take arrays of any shape
MATRIX = dict.fromkeys(("n", "m", "d", "c", "k", "p", "q"), 1000)
CUBE = dict.fromkeys(("n", "m", "d"), 100)
IMAGES = {"n": 32, "c": 16, "h": 32, "w": 32}
KERNELS = {"n": 32, "g": 1, "i": 16, "o": 16, "h": 32, "w": 32, "k": 3, "l": 3}


@dataclass(frozen=True, kw_only=True)
class Work:
    """What an op is given.

    Attributes:
        sizes: Of its symbols.
        lead: The leading axes, for "...".
        params: Those that are not the first of the declaration.
        between: Where the numbers of an input are drawn, if not in what is typical of it.
        torch: What torch has for it, as code, where the declared reference is none of torch's own functions.
    """

    sizes: Sizes = field(default_factory=lambda: MATRIX)
    lead: tuple[int, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    between: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    torch: str = ""


NONE_OF_TORCH = {
    "normalize": "torch has no such function; its reference is two of them",
    "dropout": "torch's own draws its mask; the reference is written out",
    "hinge": "torch has no such function; its reference is written out",
    "batch_norm_inference": "torch's own gives no gradient for mean and var; the reference is written out",
}
"""Ops that are not measured, and why."""

_SOME = (-1.0, 1.0)
_NEAR_1 = (0.99, 1.01)  # products of many such numbers stay finite
WORK: Mapping[str, Work] = {
    "hardsigmoid": Work(lead=LEAD, torch="F.hardsigmoid"),
    "softplus": Work(lead=LEAD, torch="lambda x, beta: F.softplus(x, beta)"),
    "linear": Work(sizes=dict.fromkeys("nfm", 512), torch="lambda x, w, b: torch.addmm(b, x, w)"),
    "matmul": Work(sizes=dict.fromkeys("nfm", 512)),
    "outer": Work(torch="torch.outer"),
    "trace": Work(torch="lambda x, offset: torch.trace(x)"),
    "einsum": Work(sizes={"b": 16, "i": 128, "j": 128, "k": 128}),
    "solve": Work(lead=(4,), sizes={"n": 128, "m": 128}),
    "inv": Work(lead=(4,), sizes={"n": 128}),
    "det": Work(lead=(1000,), sizes={"n": 16}, between={"x": _SOME}),
    "slogdet": Work(lead=(4,), sizes={"n": 128}),
    "cholesky": Work(lead=(4,), sizes={"n": 128}),
    "row_max": Work(lead=(1000,)),
    "prod": Work(sizes=CUBE, params={"axis": -1}),
    "cumprod": Work(between={"x": _NEAR_1}),
    "expand": Work(sizes={"n": 250, "d": 250}, params={"axis": -1, "count": 16}),
    "squeeze": Work(params={"axis": (1, 3)}),
    "tile": Work(sizes={"n": 500, "d": 500}, params={"reps": (2, 2)}),
    "broadcast_to": Work(sizes={"n": 100, "d": 100}, params={"shape": (100, 100, 100)}),
    "split": Work(params={"sizes": 250}),
    "slice": Work(params={"start": 100, "stop": 900}, torch="lambda x, start, stop, step, axis: x[start:stop]"),
    "concat": Work(sizes=dict.fromkeys("nmdk", 700)),
    "stack": Work(sizes=dict.fromkeys("nd", 700)),
    "select": Work(sizes={"n": 10_000, "c": 100}),
    "embedding": Work(sizes={"c": 10_000, "d": 100, "n": 100, "t": 100}),
    "take": Work(sizes={"n": 1000, "m": 1000, "p": 10, "q": 100}),
    "conv1d": Work(sizes={"n": 32, "g": 1, "i": 16, "o": 16, "w": 1024, "l": 3}, params={"padding": 1}),
    "conv2d": Work(sizes=KERNELS, params={"padding": 1}),
    "conv_transpose2d": Work(sizes=KERNELS, params={"padding": 1}),
    "max_pool2d": Work(sizes=IMAGES),
    "avg_pool2d": Work(sizes=IMAGES),
    "layer_norm": Work(lead=(1000,), sizes={"m": 1, "d": 1000}),
    "rms_norm": Work(lead=(1000,), sizes={"m": 1, "d": 1000}),
    "group_norm": Work(sizes={"n": 32, "g": 4, "k": 4, "h": 32, "w": 32}),
    "batch_norm": Work(sizes=IMAGES),
    **dict.fromkeys(("nll", "cross_entropy", "multi_margin", "kl_div"), Work(sizes={"n": 10_000, "c": 100})),
}
"""What is not given as below: pictures, matrices of 512 x 512, smaller ones where they are taken apart."""


def work_of(op: Op) -> Work:
    """From the table, or else by the shape of the first input."""
    if op.name in WORK:
        return WORK[op.name]
    shape = next(iter(op.inputs.values())).shape
    if shape.startswith("..."):
        return Work(lead=LEAD if shape == "..." else ())
    return Work(sizes=CUBE if shape == "n m d" else MATRIX)


def params_of(op: Op, work: Work) -> dict[str, Any]:
    """The params by name: those of the work, or else the first of the declaration."""
    found = {}
    for name, values in op.params.items():
        listed = values(work.sizes) if callable(values) else values
        first = listed[0]
        found[name] = work.params.get(name, first(work.sizes) if callable(first) else first)
    return found


def arrays_of(op: Op, work: Work) -> list[np.ndarray]:
    """An array for each input, in float32 or of positions, drawn from what the declaration calls typical."""
    rng = np.random.default_rng(0)
    return [_drawn(rng, domain, work, work.between.get(name)) for name, domain in op.inputs.items()]


def _drawn(rng: np.random.Generator, domain: Array, work: Work, between: tuple[float, float] | None) -> np.ndarray:
    shape = domain.dims.sizes(work.sizes, work.lead)
    if domain.integer:
        low, high = (edge(work.sizes) if callable(edge) else edge for edge in (domain.lo, domain.hi))
        return rng.integers(int(low), int(high) + 1, shape)
    drawn = rng.uniform(*(between or domain.typical), shape)
    return np.asarray(drawn if domain.transform is None else domain.transform(drawn), np.float32)


def torch_of(op: Op, work: Work) -> Callable[..., Any]:
    """What torch has for the op, taking its params as keywords."""
    import torch
    from torch.nn import functional

    if work.torch:
        function: Callable[..., Any] = eval(work.torch, {"torch": torch, "F": functional})  # noqa: S307 -- the table above
        return function
    if isinstance(op.torch, str):
        module, _, name = op.torch.rpartition(".")
        return getattr(torch.linalg if module == "torch.linalg" else torch, name)
    assert op.torch is not None
    return op.torch
