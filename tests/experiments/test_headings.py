"""What studies are called: two never have one name, and one with the experiment's own settings is just its data."""

from __future__ import annotations

from typing import Any

import pytest

from experiments.catalogue import find
from experiments.headings import headings
from experiments.recorded import studies
from tests.experiments.made_up import FASHION, REAL, recorded_runs


@pytest.mark.parametrize(
    ("experiment", "changes", "expected"),
    [
        ("activations", [{}, {"lr": 0.001}, FASHION], ["synth", "synth, lr 0.001", "fashion-mnist"]),
        (
            "activations",
            [FASHION | {"hidden": 256, "dtype": "float32"}, FASHION | {"hidden": 256, "lr": 0.001}],
            ["fashion-mnist, hidden 256, float32", "fashion-mnist, lr 0.001, hidden 256"],
        ),
        ("activations", [find("activations").quick], ["synth, 12 800 training points, 6 epochs"]),
        (
            "activations",
            [{}, {"test_points": 5}],
            ["synth, 10 000 test points", "synth, 5 test points"],
        ),
        (
            "cnn_grid",
            [REAL, REAL | {"train_points": 5_000}, REAL | {"train_points": 5_000, "epochs": 2}, {}],
            [
                *("CIFAR-10 as JPEG, 45 000 training points", "CIFAR-10 as JPEG, 5 000 training points"),
                *("CIFAR-10 as JPEG, 2 epochs", "shapes"),
            ],
        ),
        (
            "cnn_grid",
            [REAL | {"data": "0123456789ab"}, REAL | {"data": "123456789abc", "classes": 12}],
            ["image-folder, digest 0123456789ab, 10 classes", "image-folder, digest 123456789abc, 12 classes"],
        ),
    ],
)
def test_headings(experiment: str, changes: list[dict[str, Any]], expected: list[str]) -> None:
    """The data, what is not the experiment's own, and what else is needed to tell two apart."""
    one = find(experiment)
    found = studies(one, [run for each in changes for run in recorded_runs(one, (0,), **each)])
    named = headings(found)

    assert sorted(expected) == sorted(name.replace("\N{NARROW NO-BREAK SPACE}", " ") for name in named)
    assert len(changes) == len(set(named))
