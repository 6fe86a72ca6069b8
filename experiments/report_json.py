"""The facts of the report as strict JSON: what the page says in words and pictures, for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from experiments.drawn import NUMBERS, summaries
from experiments.page import Page
from experiments.section import Part, Section
from experiments.verification import OpRow

REPORT_FORMAT = 3


def as_json(page: Page) -> dict[str, Any]:
    """Everything on the page as strict JSON; a number that JSON cannot say becomes null."""
    value = {
        "format": REPORT_FORMAT,
        "quick": page.quick,
        "verdict": page.verdict,
        "passed": page.passed,
        "total": len(page.ops),
        "command": page.command,
        "verification": {"examples": page.examples, "ops": [_op_json(op) for op in page.ops]},
        "experiments": [_section_json(section) for section in page.sections],
        "trust": asdict(page.trust),
        "speed": asdict(page.speed) if page.speed else None,
        "environment": {name: list(values) for name, values in page.environments.items()},
    }
    strict = _strict(value)
    if not isinstance(strict, dict):
        raise TypeError("a report is a JSON object")
    return strict


def _op_json(op: OpRow) -> dict[str, Any]:
    return dict(op.report) if op.report is not None else {"op": op.name, "verdict": op.verdict, "error": op.error}


def _section_json(section: Section) -> dict[str, Any]:
    experiment = section.experiment
    return {
        "name": experiment.name,
        "row": experiment.row,
        "figures": list(experiment.figures),
        "studies": [_part_json(part) for part in section.parts],
    }


def _part_json(part: Part) -> dict[str, Any]:
    study = part.study
    return {
        "heading": part.heading,
        "data": {"name": study.config.dataset, "title": study.data_title, "digest": study.config.data},
        "small": study.is_small,
        "settings": dict(part.settings),
        "command": part.command,
        "variants": [asdict(variant) for variant in part.variants],
        "curves": {
            label: {name: [asdict(point) for point in curve] for name, curve in curves.items()}
            for label, curves in _curves(part).items()
        },
        "chosen": [asdict(chosen) for chosen in part.chosen],
        "best_on_test": asdict(part.on_test),
        "reported": [asdict(one) for one in part.reported],
        "sentences": [
            {"text": sentence.text, "of_study": sentence.of_study, "outcome": sentence.outcome.value}
            for sentence in part.sentences
        ],
        "claims": [
            {
                "text": judgement.claim.text,
                "of_study": judgement.claim.of_study,
                "measured": judgement.claim.measured,
                "variant": judgement.claim.variant,
                "against": judgement.claim.against,
                "expect": judgement.claim.expect.value,
                "margin": judgement.claim.margin,
                "outcome": judgement.outcome.value,
                "difference": asdict(judgement.difference) if judgement.difference else None,
                "reason": judgement.reason,
                "parts": {name: asdict(part) for name, part in judgement.parts.items()},
            }
            for judgement in part.judgements
        ],
        "torch": [
            {
                "device": twin.device,
                "version": twin.version,
                "no_slower": twin.is_no_slower,
                "command": part.torch_commands[twin.device],
                **{side.label: {**asdict(side), "ratio": side.ratio} for side in (twin.total, *twin.variants)},
            }
            for twin in part.twins
        ],
        "runs": {label: [list(run) for run in runs] for label, runs in part.links.items()},
    }


def _curves(part: Part) -> dict[str, dict[str, Any]]:
    """Variant -> measure -> a summary per epoch, of all that the figures show."""
    pictures = part.study.experiment.pictures
    shown = (name for picture in pictures for name in (picture.measure, picture.dotted) if name)
    by_measure = {name: summaries(part.study.runs, name) for name in dict.fromkeys([*NUMBERS, *shown])}
    return {label: {name: rows[label] for name, rows in by_measure.items()} for label in part.study.runs}


def _strict(value: Any) -> Any:
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, Mapping):
        return {str(key): _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    return value
