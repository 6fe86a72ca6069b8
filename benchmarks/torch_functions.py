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
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

import gradspec
from benchmarks.torch_ops import declared
from gradspec.judging import judging_hash

RECORDS = Path(__file__).resolve().parent.parent / "docs" / "records"
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
    "log_ndtr": "its gradient is the exponential of a difference of two numbers of size x²/2: 8e-3 relative in float32 "
    "at -774, 1e-2 in float64 at -1e7, where gradspec takes it for rounding",
    "prelu": "at x = 0 its backward gives weight times y_bar for x, its double backward 0 for the weight",
    "binary_cross_entropy": "its backward divides by max(x (1 - x), 1e-12), its double backward by x (1 - x) + 1e-12: "
    "3e-8 relative at x = 3e-5",
    "gaussian_nll_loss": "variances below eps are clamped, and the gradient is that without the clamp: documented",
    "soft_margin_loss": "its gradient -y z / (1 + z), z = exp(-x y), is inf in float32 where y z overflows",
    "pixel_shuffle": "backward raises for a batch of size 0: the gradient has the shape of y, not of x",
    "matrix_exp": "backward takes the exponential of a block matrix that holds y_bar, too: it loses digits as y_bar "
    "grows, 1e-11 relative at 1e6, 2e-7 at 1e9, and is not exactly linear",
    "det": "the gradient at a singular matrix (the adjugate, which is not 0) comes out as 0, its derivative as NaN",
}


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
