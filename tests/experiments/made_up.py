"""Finished runs that were never computed: records with plausible numbers, for everything that only reads them."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.config import Config
from experiments.directory import RunDirectory
from experiments.experiment import Experiment
from experiments.files import canonical_json, write_atomic
from experiments.recorded import CIFAR10_JPEG, Recorded, Study, studies
from experiments.records import Epoch, Result, RunRecord

ENVIRONMENT: dict[str, Any] = {
    "python": "3.11.2",
    "implementation": "cpython",
    "system": "Linux",
    "machine": "x86_64",
    "packages": {"numpy": "2.4.6", "torch": "2.13.0", "hypothesis": None},
    "git": None,
    "threads": [{"library": "openblas", "version": "0.3", "threads": 1}],
    "verified": {},
}
REAL: dict[str, Any] = {
    "dataset": "image-folder",
    "data": CIFAR10_JPEG,
    "classes": 10,
    "train_points": 45_000,
    "validation_points": 5_000,
    "test_points": 10_000,
}
"""The fields of a run on CIFAR-10 as JPEG."""
FASHION: dict[str, Any] = {
    "dataset": "fashion-mnist",
    "data": "f32968c6ab6a",
    "classes": 10,
    "hidden": 0,
    "train_points": 54_000,
    "validation_points": 6_000,
    "test_points": 10_000,
}
"""The fields of a run of an MLP on Fashion-MNIST."""


def rows(config: Config) -> list[Epoch]:
    """A curve: it depends on everything but the backend, which adds a little noise."""
    same = random.Random(f"{replace(config, backend='ops', device='cpu').to_dict()}")  # noqa: S311 - no secret
    noise = random.Random(f"{config.to_dict()}")  # noqa: S311
    speed = 0.25 + 0.1 * abs(math.log10(config.lr) + 2.7) + same.uniform(0, 0.1)
    top = 0.66 - 0.05 * abs(math.log10(config.lr) + 3) - 0.001 * config.batch_size + same.uniform(0, 0.02)
    found, total = [], 0.0
    for number in range(1, config.epochs + 1):
        reached = top * (1 - math.exp(-speed * number - 0.6)) + noise.gauss(0, 0.004)
        loss = 2.3 * math.exp(-speed * number / 3) + noise.uniform(0, 0.01)
        total += loss
        found.append(
            Epoch(
                epoch=number,
                loss_epoch_mean=loss,
                loss_running_mean=total / number,
                train_accuracy=min(1.0, reached + 0.02 * number),
                validation_accuracy=reached,
                validation_loss=loss + 0.1,
                test_accuracy=reached + noise.gauss(0, 0.006),
                gradient_norm=1.0,
            )
        )
    return found


def result_of(curve: Sequence[Epoch], metrics_sha256: str = "") -> Result:
    """What a run with these rows came to."""
    best = max(curve, key=lambda row: (row.validation_accuracy, -row.epoch))
    return Result(
        status="diverged" if curve[-1].diverged else "finished",
        epochs=len(curve),
        best_epoch=best.epoch,
        best_test_accuracy=best.test_accuracy,
        test_accuracy=curve[-1].test_accuracy,
        parameters_sha256="0" * 64,
        metrics_sha256=metrics_sha256,
    )


def recorded(config: Config, curve: Sequence[Epoch] | None = None, *, seconds: float = 2.0) -> Recorded:
    """A run that is nowhere on the disk; *seconds* is the time of an epoch, 0 for an unknown one."""
    found = rows(config) if curve is None else curve
    record = RunRecord(
        config=config,
        epochs=tuple(found),
        result=result_of(found),
        environment=ENVIRONMENT,
        seconds=(seconds,) * len(found) if seconds else (),
    )
    return Recorded(record=record, path=Path("runs") / config.run_id)


def recorded_runs(experiment: Experiment, seeds: Iterable[int], **changes: Any) -> list[Recorded]:
    """Such runs of all variants."""
    return [recorded(config) for group in experiment.configs(seeds, **changes).values() for config in group]


def write_run(root: Path, config: Config, curve: Iterable[Epoch] | None = None, *, seconds: float = 2.0) -> Path:
    """Write a finished run as the training does, without its checkpoint; *seconds* is the time of an epoch."""
    curve = rows(config) if curve is None else list(curve)
    directory = RunDirectory(root, config)
    directory.start(ENVIRONMENT)
    write_atomic(directory.path / "metrics.jsonl", "".join(canonical_json(row.to_dict()) + "\n" for row in curve))
    write_atomic(
        directory.path / "timing.jsonl",
        "".join(canonical_json({"epoch": row.epoch, "seconds": seconds}) + "\n" for row in curve),
    )
    directory.finish(result_of(curve, directory.metrics_sha256()))
    return directory.path


def write_study(
    root: Path, experiment: Experiment, seeds: Iterable[int], *, seconds: float = 2.0, **changes: Any
) -> list[Path]:
    """Write the runs of all variants of *experiment* for these seeds."""
    configs = experiment.configs(seeds, **changes)
    return [write_run(root, config, seconds=seconds) for group in configs.values() for config in group]


def study_of(experiment: Experiment, *runs: Recorded) -> Study:
    """The study of these runs."""
    (study,) = studies(experiment, runs)
    return study
