"""Finished runs that are kept somewhere, and the studies that they make together.

Runs of one experiment that differ in nothing but the seed and in what the experiment compares are one study. It is
whole when every variant has at least one finished run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from experiments.config import Config
from experiments.data import DATASETS
from experiments.directory import CONFIG, RESULT, RunDirectory
from experiments.errors import ConfigError, CorruptRunError
from experiments.experiment import Experiment
from experiments.records import Epoch, RunRecord
from experiments.settings import changed, shared, varied

CIFAR10_JPEG = "35751524d6f6"
KNOWN_DATA: Mapping[str, tuple[str, str]] = {
    CIFAR10_JPEG: ("CIFAR-10 as JPEG", "the photographs of CIFAR-10, saved as JPEG of quality 75")
}
"""Pictures that a person's folder may hold: the start of their digest -> their name, and what they are."""

Runs = Mapping[str, tuple["Recorded", ...]]
"""Variant -> its finished runs, by seed."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A finished run and where it is.

    Attributes:
        record: What it left.
        path: Its directory.
    """

    record: RunRecord
    path: Path


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What was found in folders of runs.

    Attributes:
        runs: Id -> run, in the order of the ids.
        problems: One line for each directory that is damaged.
        older: How many were written by another version and are left out.
    """

    runs: Mapping[str, Recorded]
    problems: tuple[str, ...]
    older: int


def collect(folders: Iterable[Path]) -> Collected:
    """Read every finished run; of two with one id, which are equal to the bit, the one in the first folder.

    Args:
        folders: Folders of run directories; one that does not exist is empty.
    """
    runs: dict[str, Recorded] = {}
    problems, older = [], 0
    for folder in folders:
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            # what was set aside has a dot in its name, and is known to be damaged
            if path.name in runs or "." in path.name or not (path / RESULT).is_file():
                continue
            try:
                runs[path.name] = Recorded(record=_read(path), path=path)
            except ConfigError:
                older += 1
            except CorruptRunError as error:
                problems.append(str(error))
    return Collected(runs=dict(sorted(runs.items())), problems=tuple(problems), older=older)


def _read(path: Path) -> RunRecord:
    """The run in this directory.

    Raises:
        ConfigError: It was written by another version.
        CorruptRunError: It is damaged.
    """
    file = path / CONFIG
    try:
        config = Config.from_dict(json.loads(file.read_bytes()))
    except ConfigError as error:
        if error.field == "format":
            raise
        raise CorruptRunError(file, f"is no config of a run ({error})") from error
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise CorruptRunError(file, f"is no config of a run ({error})") from error
    if config.run_id != path.name:
        raise CorruptRunError(file, f"is the config of another run, {config.run_id}")
    return RunDirectory(path.parent, config).read()


@dataclass(frozen=True, kw_only=True)
class Study:
    """An experiment's runs that share everything else.

    Attributes:
        experiment: The experiment.
        runs: All its variants, by this repository's ops.
        twins: Device -> the same runs by torch, as far as there are any.
    """

    experiment: Experiment
    runs: Runs
    twins: Mapping[str, Runs]

    @property
    def config(self) -> Config:
        """The first one: what all share can be read from it."""
        return next(iter(self.runs.values()))[0].record.config

    @property
    def all_runs(self) -> list[Recorded]:
        """The runs by ops, variant by variant."""
        return [run for group in self.runs.values() for run in group]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Every seed that a variant has."""
        return tuple(sorted({run.record.config.seed for run in self.all_runs}))

    @property
    def curves(self) -> dict[str, dict[int, tuple[Epoch, ...]]]:
        """Variant -> seed -> epochs."""
        return curves_of(self.runs)

    @property
    def is_generated(self) -> bool:
        """Whether the data are computed from the seed."""
        return DATASETS[self.config.dataset].generated

    @property
    def is_small(self) -> bool:
        """Whether the budget is below the experiment's own: fewer epochs, or less than half of the points."""
        usual = min(self.experiment.base.train_points, DATASETS[self.config.dataset].train_points)
        return self.config.epochs < self.experiment.base.epochs or 2 * self.config.train_points < usual

    @property
    def is_cifar10(self) -> bool:
        """Whether the pictures are those of CIFAR-10, as in the study."""
        return self.config.dataset == "cifar10" or self.config.data in KNOWN_DATA

    @property
    def is_on_its_data(self) -> bool:
        """Whether the data are those that were studied: CIFAR-10 by the CNN, the experiment's own by an MLP."""
        return self.is_cifar10 if self.config.model == "net" else self.config.dataset == self.experiment.base.dataset

    @property
    def changed(self) -> dict[str, Any]:
        """The settings that are not those of the experiment on these data, by field."""
        return changed(self.experiment, self.config)

    @property
    def data_name(self) -> str:
        """What people call the data."""
        return KNOWN_DATA.get(self.config.data, (self.config.dataset, ""))[0]

    @property
    def data_title(self) -> str:
        """What the data are, in words."""
        return KNOWN_DATA.get(self.config.data, ("", DATASETS[self.config.dataset].title))[1]

    @property
    def best_run(self) -> Recorded:
        """The run with the best validation accuracy of any epoch; one that diverged only where all did."""
        return max(
            self.all_runs,
            key=lambda run: (
                run.record.result.status != "diverged",
                max(row.validation_accuracy for row in run.record.epochs),
                run.record.config.run_id,
            ),
        )

    @property
    def best_run_label(self) -> str:
        """The variant of the best run."""
        return next(label for label, group in self.runs.items() if self.best_run in group)


def curves_of(runs: Runs) -> dict[str, dict[int, tuple[Epoch, ...]]]:
    """Variant -> seed -> epochs."""
    return {label: {run.record.config.seed: run.record.epochs for run in group} for label, group in runs.items()}


def studies(experiment: Experiment, runs: Iterable[Recorded]) -> tuple[Study, ...]:
    """The whole studies among *runs*, the one that counts first.

    That is: one on the study's own data before others, then on real data before generated, then with the full budget
    before a small one, then with more runs, then with fewer settings that are not the experiment's own.

    Args:
        experiment: The experiment.
        runs: Finished runs of any experiment.
    """
    groups: dict[tuple[Any, ...], dict[str, dict[str, list[Recorded]]]] = {}
    labels = _labels(experiment)
    for run in runs:
        config = run.record.config
        label = labels.get(_place(experiment, config))
        if config.experiment != experiment.name or label is None:
            continue
        key = tuple(shared(experiment, config).values())
        side = "ops" if config.backend == "ops" else config.device
        groups.setdefault(key, {}).setdefault(side, {}).setdefault(label, []).append(run)
    found = []
    for sides in groups.values():
        ours = _sorted(experiment, sides.pop("ops", {}))
        if len(ours) == len(experiment.variants):
            twins = {device: _sorted(experiment, group) for device, group in sorted(sides.items())}
            found.append(Study(experiment=experiment, runs=ours, twins=twins))
    return tuple(sorted(found, key=_order))


def _labels(experiment: Experiment) -> dict[tuple[Any, ...], str]:
    """The fields in which variants differ -> the variant."""
    found = {}
    for label, changes in experiment.variants.items():
        with suppress(ConfigError):
            found[_place(experiment, replace(experiment.base, **changes))] = label
    return found


def _place(experiment: Experiment, config: Config) -> tuple[Any, ...]:
    return tuple(getattr(config, name) for name in varied(experiment))


def _sorted(experiment: Experiment, groups: Mapping[str, list[Recorded]]) -> dict[str, tuple[Recorded, ...]]:
    return {
        label: tuple(sorted(groups[label], key=lambda run: run.record.config.seed))
        for label in experiment.variants
        if label in groups
    }


def _order(study: Study) -> tuple[Any, ...]:
    return (
        not study.is_on_its_data,
        study.is_generated,
        study.is_small,
        -len(study.all_runs),
        len(study.changed),
        study.config.run_id,
    )
