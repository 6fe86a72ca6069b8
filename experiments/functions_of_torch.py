"""What gradspec says of torch's own functions, read from a record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class FunctionsOfTorch:
    """Functions of torch, verified in one place.

    Attributes:
        torch: The version of torch.
        device: The name of the GPU; "" on the host.
        verdicts: Function -> its verdict.
        findings: Function that failed -> what was found by hand.
    """

    torch: str
    device: str
    verdicts: Mapping[str, str]
    findings: Mapping[str, str]

    @property
    def passed(self) -> int:
        """How many functions pass."""
        return sum(verdict == "PASS" for verdict in self.verdicts.values())

    def beyond(self, others: FunctionsOfTorch | None) -> Mapping[str, str]:
        """The findings here that are none of *others*."""
        known = others.findings if others is not None else {}
        return {name: found for name, found in self.findings.items() if name not in known}


def read_functions(record: Mapping[str, Any]) -> FunctionsOfTorch | None:
    """What the record holds; None where it holds no function."""
    rows = record.get("functions", [])
    if not rows:
        return None
    return FunctionsOfTorch(
        torch=str(record.get("torch", "")),
        device=str(record.get("device", "")),
        verdicts={row["op"]: row["verdict"] for row in rows},
        findings={
            row["op"]: row["looked_into"] or f"not looked into yet: {row['why']}"
            for row in rows
            if row["verdict"] == "FAIL"
        },
    )
