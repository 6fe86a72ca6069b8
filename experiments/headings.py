"""What the studies of an experiment are called, so that no two have one name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.recorded import Study
from experiments.settings import shared

_WORDS: Mapping[str, str] = {
    "data": "digest {}",
    "classes": "{} classes",
    "train_points": "{} training points",
    "validation_points": "{} validation points",
    "test_points": "{} test points",
    "epochs": "{} epochs",
    "batch_size": "batch size {}",
    "reduction": "{} over the batch",
    "dtype": "{}",
}
"""A setting in words; others are their name and value."""
_ONLY_TO_TELL_APART = ("validation_points", "test_points")


def headings(studies: Sequence[Study]) -> list[str]:
    """One for each study: its data, and the settings that are not the experiment's own.

    Those that would have one heading are told apart by all settings in which they differ.
    """
    names = [_named(study, _without(study.changed, _ONLY_TO_TELL_APART)) for study in studies]
    found = []
    for study, name in zip(studies, names, strict=True):
        alike = [other for other, its in zip(studies, names, strict=True) if its == name]
        settings = [shared(other.experiment, other.config) for other in alike]
        apart = [field for field in settings[0] if any(one[field] != settings[0][field] for one in settings)]
        own = shared(study.experiment, study.config)
        found.append(", ".join([name, *(_in_words(field, own[field]) for field in apart)]))
    return found


def _named(study: Study, changes: Mapping[str, Any]) -> str:
    return ", ".join([study.data_name, *(_in_words(field, value) for field, value in changes.items())])


def _without(changes: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {field: value for field, value in changes.items() if field not in names}


def _in_words(field: str, value: Any) -> str:
    is_count = isinstance(value, int) and not isinstance(value, bool)
    text = f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}") if is_count else f"{value}"
    return _WORDS.get(field, f"{field} {{}}").format(text)
