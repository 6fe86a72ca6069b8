"""What gradspec says of torch's own gradients: functions of ``torch`` and ``torch.nn.functional``, put to the test.

    python -m benchmarks.torch_functions [--only NAME] [--device cuda] [--workers N]

Forward is torch's, the vjp is its autograd's; finite differences and the complex step judge. What is found on a GPU has
a record of its own.
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

import gradspec
from gradspec import Op, array, index, nonnegative, nonzero, positive, real
from gradspec.adapters import from_torch
from gradspec.judging import judging_hash

RECORDS = Path(__file__).resolve().parent.parent / "docs" / "records"
F = "torch.nn.functional."
ROWS = (-1, 0)
UNIT = {"lo": -1.0, "hi": 1.0, "exclude": (-1.0, 1.0), "typical": (-0.9, 0.9)}
PROBABILITY = {"lo": 0.0, "hi": 1.0, "exclude": (0.0, 1.0), "typical": (0.1, 0.9)}

ONE_REAL = [  # functions of one array of real numbers, element by element
    *(
        [
            "torch.sin",
            "torch.cos",
            "torch.tanh",
            "torch.atan",
            "torch.asinh",
            "torch.exp",
            "torch.expm1",
            "torch.sigmoid",
            "torch.abs",
        ]
    ),
    *(
        [
            "torch.square",
            "torch.erf",
            "torch.erfc",
            "torch.sinc",
            "torch.sinh",
            "torch.cosh",
            "torch.exp2",
            "torch.relu",
            "torch.neg",
        ]
    ),
    *(
        f"{F}{name}"
        for name in [
            "silu",
            "mish",
            "softsign",
            "hardswish",
            "hardsigmoid",
            "relu6",
            "selu",
            "logsigmoid",
            "tanhshrink",
        ]
    ),
]
ONE_POSITIVE = [
    "torch.log",
    "torch.log2",
    "torch.log10",
    "torch.rsqrt",
    "torch.lgamma",
    "torch.digamma",
    "torch.reciprocal",
]
ONE_NONNEGATIVE = ["torch.sqrt", "torch.log1p"]
ONE_UNIT = ["torch.asin", "torch.acos", "torch.atanh", "torch.erfinv"]
WITH_PARAMS: list[tuple[str, dict[str, Any]]] = [
    (f"{F}elu", {"alpha": (1.0, 0.5, 2.0)}),
    (f"{F}celu", {"alpha": (1.0, 0.5)}),
    (f"{F}leaky_relu", {"negative_slope": (0.01, 0.0, 0.5)}),
    (f"{F}gelu", {"approximate": ("none", "tanh")}),
    (f"{F}softplus", {"beta": (1.0, 2.0), "threshold": (20.0, 5.0)}),
    (f"{F}hardtanh", {"min_val": (-1.0, -3.0), "max_val": (1.0, 0.5)}),
    (f"{F}softshrink", {"lambd": (0.5, 2.0)}),
    (f"{F}hardshrink", {"lambd": (0.5, 2.0)}),
    (f"{F}threshold", {"threshold": (0.1, -1.0), "value": (0.0, 20.0)}),
    ("torch.clamp", {"min": (-0.5, -3.0), "max": (0.5, 3.0)}),
    ("torch.pow", {"exponent": (2, 3, 1, 0)}),
]
REDUCTIONS: list[tuple[str, dict[str, Any]]] = [
    ("torch.softmax", {"dim": ROWS}),
    ("torch.log_softmax", {"dim": ROWS}),
    ("torch.logsumexp", {"dim": ROWS}),
    ("torch.sum", {"dim": ROWS, "keepdim": (False, True)}),
    ("torch.mean", {"dim": ROWS, "keepdim": (False, True)}),
    ("torch.prod", {"dim": ROWS, "keepdim": (False, True)}),
    ("torch.var", {"dim": ROWS, "correction": (1, 0)}),
    ("torch.std", {"dim": ROWS, "correction": (1, 0)}),
    ("torch.amax", {"dim": ROWS}),
    ("torch.amin", {"dim": ROWS}),
    ("torch.cumsum", {"dim": ROWS}),
    ("torch.cumprod", {"dim": ROWS}),
    ("torch.logcumsumexp", {"dim": ROWS}),
    ("torch.linalg.vector_norm", {"ord": (2, 1, 3), "dim": ROWS}),
    (f"{F}normalize", {"p": (2.0, 1.0), "dim": ROWS}),
    ("torch.flip", {"dims": ((0,), (1,), (0, 1))}),
    ("torch.tril", {"diagonal": (0, 1, -1)}),
    ("torch.roll", {"shifts": (1, -2), "dims": ROWS}),
]
TWO = ["torch.add", "torch.sub", "torch.mul", "torch.maximum", "torch.minimum", "torch.logaddexp", "torch.hypot"]
LOSSES = [f"{F}{name}" for name in ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "soft_margin_loss"]]
MATRICES = [  # name, shapes
    ("torch.matmul", ("n f", "f m")),
    ("torch.bmm", ("b n f", "b f m")),
    ("torch.outer", ("n", "m")),
    ("torch.dot", ("n", "n")),
    ("torch.kron", ("n m", "a b")),
    (f"{F}cosine_similarity", ("n d", "n d")),
    ("torch.cdist", ("n d", "m d")),
    (f"{F}linear", ("n f", "m f")),
]

FINDINGS = {  # each failure looked into by hand
    "sinc": "its gradient (cos πx - sinc x) / x cancels near 0: 1e-5 relative at x = 1e-6, without a series; its "
    "double backward is NaN at 0, where it should be -π²/3",
    "mish": "its double backward is NaN from about 710 on, where exp overflows; it should be 0",
    "gelu": "with approximate='tanh' its gradient is NaN at 3e19 in float32, where squares overflow and y is exactly x",
    "logaddexp": "its double backward is NaN where the inputs are 740 or more apart; it should be 0",
    "hardsigmoid": "1/6 is rounded to float32 before it multiplies a float64 gradient: 3e-8 relative everywhere",
    "hardswish": "on a GPU forward multiplies by 1/6 rounded to float32, in float64, too, and its gradient does not: "
    "they are 3e-8 apart",
    "digamma": "polygamma(1, x) in float64 is good to 5e-10 only: at x = 1 it should be π²/6",
    "logcumsumexp": "goes through log of the upstream gradient and back: not exactly linear, 4e-11 relative",
    "hypot": "the gradient at (0, 0) is NaN, where 0 is a subgradient",
    "kron": "forward raises for inputs in Fortran order: a view where it needs a reshape",
    "det": "the gradient at a singular matrix (the adjugate, which is not 0) comes out as 0, its derivative as NaN",
}


SIZES = {"n": (1, 4), "d": (1, 4)}


def declared(device: str = "cpu") -> Iterator[Op]:
    """The ops, made on demand."""
    made = partial(from_torch, device=device)
    yield from _elementwise(made)
    yield from _reductions(made)
    yield from _of_two_inputs(made)
    yield from _losses(made)
    layer_norm = {"normalized_shape": [lambda sizes: (sizes["d"],)], "eps": (1e-5, 1e-2)}
    yield made(f"{F}layer_norm", inputs={"x": real("n d")}, sizes=SIZES, params=layer_norm)
    yield made("torch.linalg.det", inputs={"x": real("n n")}, sizes={"n": (1, 3)})
    yield made("torch.diagonal", inputs={"x": real("n d")}, params={"offset": (0, 1, -1)})


def _elementwise(made: Callable[..., Op]) -> Iterator[Op]:
    domains = {
        real("..."): ONE_REAL,
        positive("..."): ONE_POSITIVE,
        nonnegative("..."): ONE_NONNEGATIVE,
        array("...", **UNIT): ONE_UNIT,
        array("...", **PROBABILITY): ["torch.logit"],
    }
    for domain, targets in domains.items():
        for target in targets:
            yield made(target, inputs={"x": domain})
    for target, params in WITH_PARAMS:
        yield made(target, inputs={"x": real("...")}, params=params)


def _reductions(made: Callable[..., Op]) -> Iterator[Op]:
    for target, params in REDUCTIONS:
        where = {"where": _enough_numbers} if "correction" in params else {}
        yield made(target, inputs={"x": real("n d")}, params=params, sizes=SIZES, **where)


def _of_two_inputs(made: Callable[..., Op]) -> Iterator[Op]:
    for target in TWO:
        yield made(target, inputs={name: real("... n", broadcastable=True) for name in "ab"})
    yield made("torch.div", inputs={"a": real("... n", broadcastable=True), "b": nonzero("... n", broadcastable=True)})
    yield made("torch.atan2", inputs={"a": nonzero("n"), "b": nonzero("n")})
    yield made("torch.xlogy", inputs={"a": real("n"), "b": positive("n")})
    for target, (a, b) in MATRICES:
        yield made(target, inputs={"a": real(a), "b": real(b)})


def _losses(made: Callable[..., Op]) -> Iterator[Op]:
    for target in LOSSES:
        inputs = {"x": real("n d"), "y": real("n d", differentiable=not target.endswith("soft_margin_loss"))}
        yield made(target, inputs=inputs, params={"reduction": ("mean", "sum", "none")}, sizes=SIZES)
    for target in (f"{F}cross_entropy", f"{F}nll_loss", f"{F}multi_margin_loss"):
        inputs = {"x": real("n c"), "k": index("n", "c")}
        sizes = {"n": (1, 4), "c": (1, 4)}
        yield made(target, inputs=inputs, params={"reduction": ("mean", "sum")}, sizes=sizes)


def _enough_numbers(sizes: Any, params: Any) -> bool:
    return bool(sizes["d" if params["dim"] == -1 else "n"] - params["correction"] > 0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify them all, print a line each, keep the record."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.torch_functions", description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="only the function with this name")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="where torch computes, such as cuda (default cpu)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default 1)")
    parser.add_argument("--record", type=Path, help="the record (default docs/records/torch_functions[-DEVICE].json)")
    options = parser.parse_args(arguments)
    if options.workers < 1 or options.seed < 0:
        parser.error("--workers: allowed: a whole number from 1 on; --seed: from 0 on")
    try:
        names = [op.name for op in declared(options.device)]
    except gradspec.DeclarationError as error:
        print(error, file=sys.stderr)
        return 2
    chosen = [position for position, name in enumerate(names) if options.only in (None, name)]
    if not chosen:
        print(f"--only: got {options.only!r}; allowed: {', '.join(names)}", file=sys.stderr)
        return 2
    verified = partial(_verified, options.device, options.seed)
    rows = []
    # Spawned, not forked: a GPU cannot be used on both sides of a fork.
    try:
        with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
            for row, resolution, text in pool.map(verified, chosen):
                rows.append(row)
                print(
                    f"{row['op']:<20} {row['verdict']:<13} {row['compared']:>6,}  {resolution:.0e}  {row['why']}",
                    flush=True,
                )
                if options.only:
                    print(text)
    except gradspec.DeclarationError as error:
        print(error, file=sys.stderr)
        return 2
    counts = {str(v): sum(row["verdict"] == v for row in rows) for v in ("PASS", "FAIL", "INCONCLUSIVE")}
    print(f"{len(rows)} functions: {counts}")
    if not options.only:
        record = {
            "judging": judging_hash(),
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            **({} if options.device == "cpu" else {"device": _hardware(options.device)}),
            "seed": options.seed,
            "functions": rows,
        }
        suffix = "" if options.device == "cpu" else f"-{options.device.replace(':', '-')}"
        path = options.record or RECORDS / f"torch_functions{suffix}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 0


def _hardware(device: str) -> str:
    return torch.cuda.get_device_name(device) if torch.device(device).type == "cuda" else device


def _verified(device: str, seed: int, position: int) -> tuple[dict[str, Any], float, str]:
    op = next(itertools.islice(declared(device), position, None))
    report = gradspec.verify(op, seed=seed)
    return _row(report), report.resolution, str(report)


def _row(report: gradspec.Report) -> dict[str, Any]:
    told = [check.message.splitlines()[0] for check in report.failures]
    told += [f"{check.name}: {check.reason}" for check in report.checks if check.verdict == "INCONCLUSIVE"]
    return {
        "op": report.op,
        "verdict": str(report.verdict),
        "compared": report.compared,
        "resolution": float(report.resolution) if np.isfinite(report.resolution) else None,
        "seconds": round(report.seconds, 2),
        "why": " ".join(told[0].split()) if told else "",
        "looked_into": FINDINGS.get(report.op, "") if report.failures else "",
        "counterexample": next((str(c.counterexample) for c in report.failures if c.counterexample), ""),
    }


if __name__ == "__main__":
    sys.exit(main())
