"""Ops as pytest tests: what the plugin and :func:`pytest_tests` share. Needs pytest."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from gradspec.checks import CHECKS, ORACLES
from gradspec.drawing import DEFAULT_EXAMPLES
from gradspec.engine import verify
from gradspec.errors import GradspecError
from gradspec.reporting.text import replay_line
from gradspec.results import CheckResult, Report, Verdict
from gradspec.spec import Op
from gradspec.targets import as_ops

FAILURES = Path(".gradspec") / "failures"  # below pytest's rootdir


class VerificationError(AssertionError, GradspecError):
    """A check failed; carries the result.

    Attributes:
        report: The whole report.
        result: The check's result, with message and counterexample.
    """

    def __init__(self, report: Report, result: CheckResult, message: str) -> None:
        self.report = report
        self.result = result
        super().__init__(message)


@dataclass
class Session:
    """Reports of one pytest run: each op is verified once, whichever of its checks are asked for."""

    seed: int = 0
    examples: int = DEFAULT_EXAMPLES
    inconclusive: str = "fail"
    wanted: dict[str, set[str]] = field(default_factory=dict)
    reports: dict[str, Report] = field(default_factory=dict)

    def report(self, op: Op, key: str) -> Report:
        """The report of *op*, verified on first use for all checks that this run selected."""
        if key not in self.reports:
            self.reports[key] = verify(op, seed=self.seed, examples=self.examples, checks=self.wanted.get(key))
        return self.reports[key]


SESSION = pytest.StashKey[Session]()


def run_check(op: Op, check: str, session: Session, key: str, target: str) -> dict[str, Any]:
    """Verify *op* (once per run), hold up the result of one check, and return what reports should know of it.

    Raises:
        VerificationError: The check failed, or is inconclusive where that counts as a failure.
        pytest.skip.Exception: It does not apply, or is inconclusive where that is allowed.
    """
    report = session.report(op, key)
    result = next(result for result in report.checks if result.name == check)
    record = summary(op, result, target)
    if result.verdict is Verdict.FAIL:
        message = result.message
        if result.counterexample is not None:
            message = replay_line(message, (FAILURES / file_name(op, check)).as_posix())
        raise VerificationError(report, result, message)
    if result.verdict is Verdict.INCONCLUSIVE:
        message = f"{op.name}: {check} is inconclusive: {result.reason}"
        if session.inconclusive == "fail":
            raise VerificationError(report, result, message)
        pytest.skip(message)
    if result.verdict is Verdict.SKIPPED:
        pytest.skip(f"{op.name}: {check}: {result.reason}")
    return record


def summary(op: Op, result: CheckResult, target: str) -> dict[str, Any]:
    """What travels from a worker to the terminal: plain values, the counterexample as text."""
    record: dict[str, Any] = {
        "op": op.name,
        "check": result.name,
        "verdict": str(result.verdict),
        "oracle": result.name in ORACLES,
        "compared": result.compared,
        "resolution": float(result.resolution),
        "discrepancy": float(result.discrepancy),
        "reason": result.reason,
    }
    if result.counterexample is not None:
        kept = replace(result.counterexample, target=target)
        record["file"] = file_name(op, result.name)
        record["bytes"] = base64.b64encode(kept.to_bytes()).decode("ascii")
    return record


def file_name(op: Op, check: str) -> str:
    """The file that a counterexample is kept in."""
    return f"{op.name}-{check}.npz"


def pytest_tests(ops: Op | Iterable[Op]) -> Callable[..., None]:
    """Make one test per (op, check), for a test module of your own.

    ``--gradspec-op``, ``--gradspec-check``, ``--gradspec-seed`` and ``--gradspec-examples`` hold for them, too.

    Examples:
        ``test_gradients = gradspec.pytest_tests(OPS)``

    Args:
        ops: An op or several.

    Returns:
        A parametrized test function; assign it to a name that begins with ``test``.

    Raises:
        TargetError: *ops* holds something that is no Op.
    """
    pairs = [(op, check.name) for op in as_ops(ops, "pytest_tests") for check in CHECKS]

    @pytest.mark.parametrize(("op", "check"), pairs, ids=[f"{op.name}-{check}" for op, check in pairs])
    def test(op: Op, check: str, request: pytest.FixtureRequest) -> None:
        __tracebackhide__ = True
        session = request.config.stash.setdefault(SESSION, Session())  # the plugin made it, unless it is switched off
        target = Path(request.node.path).relative_to(request.config.rootpath).as_posix()
        key = f"{request.node.path}::{op.name}"
        request.node.stash[RECORD] = None
        try:
            run_check(op, check, session, key, target)
        finally:
            if key in session.reports:
                result = next(r for r in session.reports[key].checks if r.name == check)
                request.node.stash[RECORD] = summary(op, result, target)

    test.made_by_gradspec = True  # type: ignore[attr-defined]  # by this the plugin knows them
    return test


RECORD = pytest.StashKey[Any]()
