"""Every op of this repository held against every check, over several processes; what came out as plain data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from experiments.environment import one_thread
from experiments.progress import Tell, silent
from gradspec.processes import process_pool

FULL_EXAMPLES = 100
QUICK_EXAMPLES = 20
SEED = 0
ERROR = "ERROR"
"""The verdict of an op on which the verification itself broke: neither passed nor failed."""


@dataclass(frozen=True, kw_only=True)
class CheckRow:
    """One check on one op.

    Attributes:
        name: The check.
        verdict: PASS, FAIL, INCONCLUSIVE or SKIPPED.
        compared: Entries compared.
        resolution: Smallest relative error it could see; None where it saw none.
        message: The failure text.
        reason: Why it is skipped or inconclusive.
    """

    name: str
    verdict: str
    compared: int
    resolution: float | None
    message: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class OpRow:
    """One op and all its checks.

    Attributes:
        name: The op.
        verdict: PASS, FAIL, INCONCLUSIVE or ERROR.
        compared: Entries compared against an oracle of the vjp.
        resolution: Smallest relative error that the best oracle could see; None where it saw none.
        checks: In the order they ran.
        error: What broke, where the verdict is ERROR.
        formula: The forward in LaTeX.
        vjp_formula: The vjp in LaTeX.
        source: Where the formula comes from.
        inputs: Each input with its domain, in words.
        params: Each param with the values that are tried, in words.
        kinks: Where the forward has no derivative, in words.
        reach: Of the magnitudes ("domain"), sizes and params that the reference takes: (reached, possible).
        report: The whole report, JSON-ready and without what differs from run to run.
    """

    name: str
    verdict: str
    compared: int = 0
    resolution: float | None = None
    checks: tuple[CheckRow, ...] = ()
    error: str = ""
    formula: str = ""
    vjp_formula: str = ""
    source: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    kinks: str = ""
    reach: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    report: Mapping[str, Any] | None = None


def verify_all(names: Sequence[str], *, examples: int, workers: int, tell: Tell = silent) -> list[OpRow]:
    """Verify the ops of these names.

    Args:
        names: Of ops in ``ops.OPS``.
        examples: Drawn per op.
        workers: How many processes; 1 is this one.
        tell: Told of each op.

    Returns:
        One row per name, in their order; an op on which something broke has the verdict ERROR.
    """
    rows: dict[str, OpRow] = {}
    done = _here(names, examples) if min(workers, len(names)) <= 1 else _in_processes(names, examples, workers)
    for row in done:
        rows[row.name] = row
        tell(1, f"{row.name}: {row.verdict}")
    return [rows[name] for name in names]


def _here(names: Sequence[str], examples: int) -> Iterator[OpRow]:
    for name in names:
        yield verify_one(name, examples)


def _in_processes(names: Sequence[str], examples: int, workers: int) -> Iterator[OpRow]:
    with process_pool(min(workers, len(names))) as pool:
        futures: dict[Future[OpRow], str] = {}
        try:
            with suppress(BrokenProcessPool):  # a worker died while the last ops were handed in
                for name in names:
                    futures[pool.submit(verify_one, name, examples)] = name
            for future in as_completed(futures):
                try:
                    yield future.result()
                except BrokenProcessPool:
                    yield _lost(futures[future])
            for name in names:
                if name not in futures.values():
                    yield _lost(name)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _lost(name: str) -> OpRow:
    died = "a worker process died (killed, or out of memory) before this op was done"
    return OpRow(name=name, verdict=ERROR, error=died)


def op_names() -> list[str]:
    """The names in ``ops.OPS``, in its order."""
    import ops

    return [op.name for op in ops.OPS]


def titles() -> dict[str, str]:
    """Check -> what it makes sure of, in gradspec's own words: the page claims no check that there is not."""
    from gradspec.checks import CHECKS

    return {check.name: check.title for check in CHECKS}


def verify_one(name: str, examples: int) -> OpRow:
    """Verify one op, on one thread; an exception becomes a row, so that the other rows are not lost."""
    import gradspec
    import ops
    from gradspec.reach import shares
    from gradspec.reporting.words import described

    op = next(op for op in ops.OPS if op.name == name)
    words = described(op, ERROR)
    row = OpRow(
        name=name,
        verdict=ERROR,
        formula=op.formula,
        vjp_formula=op.vjp_formula,
        source=op.source,
        inputs=words["domains"],
        params={
            param: values if isinstance(values, str) else ", ".join(dict.fromkeys(values))
            for param, values in words["params"].items()
        },
        kinks=op.kinks,
    )
    try:
        with suppress(ImportError):
            import torch  # noqa: F401 - loaded later, it would start threads of its own
        with one_thread():
            report = gradspec.verify(op, seed=SEED, examples=examples)
            reach = {title: (share.reached, share.possible) for title, share in shares(op, report.reach).items()}
    except Exception as error:
        problem = " ".join(f"{type(error).__name__}: {error}".split())
        return replace(row, error=problem)
    plain = {key: value for key, value in report.to_dict().items() if key != "seconds"}
    checks = tuple(
        CheckRow(
            name=check.name,
            verdict=check.verdict.name,
            compared=check.compared,
            resolution=_seen(check.resolution),
            message=check.message,
            reason=check.reason,
        )
        for check in report.checks
    )
    return replace(
        row,
        verdict=report.verdict.name,
        compared=report.compared,
        resolution=_seen(report.resolution),
        checks=checks,
        reach=reach,
        report=plain,
    )


def _seen(resolution: float) -> float | None:
    return resolution if math.isfinite(resolution) else None
