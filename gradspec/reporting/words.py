"""``gradspec explain``: what is declared, what was checked, and how far the run could see, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from gradspec.checks import CHECKS
from gradspec.reporting.text import MARKS, outside, relative
from gradspec.results import CheckResult, Report, Verdict
from gradspec.spec import Array, Op

VERDICTS = {
    Verdict.PASS: "Every check passed, and at least one oracle compared every input, param value and dtype.",
    Verdict.FAIL: "At least one check failed: run `gradspec check` for the failure and a counterexample.",
    Verdict.INCONCLUSIVE: "Nothing is known to be wrong, but no oracle could see far enough to say that all is right.",
}


def explanation(op: Op, report: Report) -> str:
    """The declaration, the checks and their sight, as a page of text."""
    lines = [f"{op.name}", ""]
    lines += _declared(op)
    lines += ["", f"Checked with {report.examples} cases, seed {report.seed}, in {report.seconds:.1f} s"]
    if report.outside:
        lines.append(f"  {outside(report)}")
    titles = {check.name: check.title for check in CHECKS}
    for result in report.checks:
        lines += _checked(result, titles[result.name])
    lines += ["", f"{report.verdict}: {VERDICTS[report.verdict]}", *_sight(report)]
    return "\n".join(lines)


def _declared(op: Op) -> Iterator[str]:
    yield "Declared"
    for name, domain in op.inputs.items():
        yield f"  {name:<12}{_domain(domain)}"
    for name, values in op.params.items():
        listed = "a function of the sizes" if callable(values) else ", ".join(dict.fromkeys(map(_value, values)))
        yield f"  {name:<12}param, each of: {listed}"
    for symbol, (low, high) in op.sizes.items():
        yield f"  {symbol:<12}size from {low} to {high}"
    rows = {
        "formula": op.formula,
        "vjp": op.vjp_formula,
        "source": op.source,
        "kinks": op.kinks,
        "linear in": ", ".join(sorted(op.linear_in)),
        "reference": "" if op.torch is None else op.torch if isinstance(op.torch, str) else "a torch callable",
        "where": relative(op.location),
    }
    yield from (f"  {name:<12}{text}" for name, text in rows.items() if text)
    yield from (f"  exception   {check}: {reason}" for check, reason in op.exceptions.items())


def _domain(domain: Array) -> str:
    shape = f"shape ({domain.shape})" if domain.shape else "0-d"
    kind = "whole numbers" if domain.integer else "real numbers"
    bounds = []
    for word, bound in (("from", domain.lo), ("to", domain.hi)):
        if callable(bound):
            bounds.append(f"{word} {getattr(bound, '__qualname__', 'a function of the sizes').rpartition('.')[2]}")
        elif math.isfinite(bound):
            bounds.append(f"{word} {bound:g}")
    parts = [f"{shape} of {kind}{''.join(' ' + bound for bound in bounds)}"]
    if domain.exclude:
        parts.append(f"without {', '.join(f'{point:g}' for point in domain.exclude)}")
    if domain.broadcastable:
        parts.append("broadcasting")
    if domain.transform is not None:
        parts.append("transformed into a structured set")
    if not domain.differentiable:
        parts.append("no cotangent")
    return ", ".join(parts)


def briefly(op: Op) -> str:
    """The inputs with their domains, and the params, on one line: `x (n d) > 0; axis`."""
    inputs = ", ".join(f"{name} ({domain.shape}){_set(domain)}" for name, domain in op.inputs.items())
    return inputs + "".join(f"; {name}" for name in op.params)


def described(op: Op, verdict: str) -> dict[str, Any]:
    """The declaration and the last verdict, ready for JSON."""
    return {
        "name": op.name,
        "verdict": verdict,
        "inputs": {name: domain.shape for name, domain in op.inputs.items()},
        "domains": {name: _domain(domain) for name, domain in op.inputs.items()},
        "params": {
            name: "a function of the sizes" if callable(values) else [_value(value) for value in values]
            for name, values in op.params.items()
        },
        "dtypes": list(op.dtypes),
        "formula": op.formula,
        "vjp_formula": op.vjp_formula,
        "source": op.source,
    }


def _set(domain: Array) -> str:
    """A domain as mathematics has it; nothing where it is every number."""
    if callable(domain.lo) or callable(domain.hi):
        return " in a range by the sizes"
    if domain.transform is not None:
        return " in a structured set"
    excluded = set(domain.exclude)
    low, high = domain.lo, domain.hi
    open_low, open_high = low in excluded, high in excluded
    holes = ", ".join(f"{point:g}" for point in sorted(excluded - {low, high}))
    if high == math.inf and low != -math.inf:
        told = f" {'>' if open_low else '>='} {low:g}"
    elif low == -math.inf and high != math.inf:
        told = f" {'<' if open_high else '<='} {high:g}"
    elif math.isfinite(low):
        told = f" in {'(' if open_low else '['}{low:g}, {high:g}{')' if open_high else ']'}"
    else:
        told = ""
    return told + (f" without {holes}" if holes else "")


def _value(value: Any) -> str:
    return "a function of the sizes" if callable(value) else repr(value)


def _checked(result: CheckResult, title: str) -> Iterator[str]:
    yield f"  {MARKS[result.verdict]:<5}{result.name:<23}{title}"
    if result.verdict is Verdict.FAIL:
        yield f"       {result.message.splitlines()[0].partition('  ')[0]}"
    elif result.reason:
        yield f"       {result.reason}"
    else:
        seen = f"{result.compared:,} entries, {result.conclusive} of {result.comparisons} comparisons conclusive"
        if math.isfinite(result.resolution):
            seen += f", worst difference {result.discrepancy:.2g} of its bar"
        yield f"       {seen}"
    yield from (f"       note: {note}" for note in result.notes)


def _sight(report: Report) -> Iterator[str]:
    """What an error of the rule would have to be to stay unseen."""
    for result in report.checks:
        if result.name in report.oracles and math.isfinite(result.resolution):
            yield f"  {result.name} would have seen a relative error of {result.resolution:.0e} where it sees best"
