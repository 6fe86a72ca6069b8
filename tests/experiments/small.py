"""What the tests of the experiments share: runs that take a fraction of a second, and how to look at their files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.catalogue import EXPERIMENTS
from experiments.config import Config
from experiments.records import Epoch

ROOT = Path(__file__).resolve().parent.parent.parent
BUDGET: Mapping[str, Any] = {
    "epochs": 3,
    "train_points": 600,
    "validation_points": 200,
    "test_points": 200,
    "batch_size": 50,
}
"""Too little to judge a claim, enough for a loss to fall."""
ARGUMENTS = [f"--{name.replace('_', '-')}={value}" for name, value in BUDGET.items()]
"""The same for a command line."""
FAST = ["--quick", "--seeds", "0", "--workers", "1", *ARGUMENTS]
"""One seed of it, in this process."""
MANY = 4
FEW_POINTS: Mapping[str, Mapping[str, int]] = {
    "mlp": {},
    "net": {"train_points": 150, "validation_points": 50, "test_points": 50},
}
"""Beside the budget: a CNN costs far more per point than an MLP, and is as much the same to the bit with fewer."""
VARIANTS = {
    f"{experiment.name} {label}": replace(experiment.base, **{**changes, **BUDGET, **FEW_POINTS[experiment.base.model]})
    for experiment in EXPERIMENTS
    for number, (label, changes) in enumerate(experiment.variants.items())
    if len(experiment.variants) <= MANY or number in (0, len(experiment.variants) - 1)
}
"""Every variant of every experiment of the catalogue, small; of a grid the first and the last."""
ONE_OF_EACH = [
    replace(list(experiment.configs((0,)).values())[-1][0], **{**BUDGET, "train_points": 100, "test_points": 50})
    for experiment in EXPERIMENTS
]
"""One run of each experiment, very small: MLPs, a residual one, CNNs by SGD with momentum and by Adam."""
NOT_BITS = {"env.json", "timing.jsonl"}
"""The files that say where and how fast; all others are equal to the bit when a run is run again."""


def config(**changes: Any) -> Config:
    """A small run."""
    return Config(**({"experiment": "activations", **BUDGET} | changes))


def bits(directory: Path) -> dict[str, bytes]:
    """The contents of the files that a run decides."""
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.name not in NOT_BITS}


def times(root: Path) -> dict[Path, int]:
    """When each file was written."""
    return {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file() and ".locks" not in path.parts}


def epoch(number: int = 1, **changes: float) -> Epoch:
    """A row with plain numbers."""
    values = {
        "loss_epoch_mean": 0.5,
        "loss_running_mean": 0.6,
        "train_accuracy": 0.7,
        "validation_accuracy": 0.8,
        "validation_loss": 0.4,
        "test_accuracy": 0.75,
        "gradient_norm": 1.0,
    }
    return Epoch(epoch=number, **(values | changes))


def command(module: str, *arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run ``python -m module`` as a person does, from the root of the repository."""
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **options,
    )
