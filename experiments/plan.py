"""Which runs an experiment has: its variants, seeds and budget, on the data that a person names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.config import Config
from experiments.data import DATASETS, Known, Place
from experiments.data.splits import require_sizes
from experiments.errors import ConfigError
from experiments.experiment import Experiment

VALIDATION_SHARE = 10
"""One in so many training points of a stored set is held out for validation."""
DIGEST_LENGTH = 12
SIZES = ("train_points", "validation_points", "test_points")


def plan(
    experiment: Experiment,
    seeds: Sequence[int],
    place: Place,
    *,
    quick: bool = False,
    dataset: str | None = None,
    changes: Mapping[str, Any] | None = None,
) -> dict[str, tuple[Config, ...]]:
    """Label -> one config per seed.

    Args:
        experiment: The experiment.
        seeds: The seeds.
        place: Where data are that are not generated; they are found, checked and decoded here.
        quick: Whether the budget is that of ``--quick``.
        dataset: The data; None for the experiment's own.
        changes: Fields of all runs, whatever the experiment says.

    Raises:
        ConfigError: A seed, a change or the data set's name is wrong.
        DataError: The data are missing or damaged, or have fewer points than are asked for.
    """
    changes = dict(changes or {})
    if dataset is not None and dataset not in DATASETS:
        raise ConfigError("data", dataset, ", ".join(DATASETS))
    if dataset is None or dataset == experiment.base.dataset:
        known = DATASETS[experiment.base.dataset].prepare(place)
        return _possible(experiment.configs(seeds, quick=quick, **changes), known)
    source = DATASETS[dataset]
    fields: dict[str, Any] = {"dataset": dataset}
    if experiment.base.model == "mlp":
        fields["hidden"] = 0  # the study's width follows from the data
    # A wrong pair of model and data, or a wrong change, is told before anything is searched for or decoded.
    experiment.configs(seeds[:1], quick=quick, **{**fields, **changes})
    known = source.prepare(place)
    fields |= {"data": known.digest[:DIGEST_LENGTH], "classes": len(known.classes)}
    fields |= _sizes(experiment, dataset, known, quick=quick)
    return _possible(experiment.configs(seeds, quick=quick, **{**fields, **changes}), known)


def _possible(runs: dict[str, tuple[Config, ...]], known: Known) -> dict[str, tuple[Config, ...]]:
    """The runs, if there are as many points as they ask for."""
    for config in {config.sizes: config for configs in runs.values() for config in configs}.values():
        require_sizes(Path(config.dataset), known, config.sizes)
    return runs


def _sizes(experiment: Experiment, dataset: str, known: Known, *, quick: bool) -> dict[str, int]:
    """All there is, or what ``--quick`` takes of it."""
    source = DATASETS[dataset]
    if source.generated:
        whole = dict(zip(SIZES, (source.train_points, source.validation_points, source.test_points), strict=True))
    else:
        validation = max(1, known.train // VALIDATION_SHARE)
        whole = dict(zip(SIZES, (known.train - validation, validation, known.test), strict=True))
    if not quick:
        return whole
    return {name: min(size, int(experiment.quick.get(name, size))) for name, size in whole.items()}
