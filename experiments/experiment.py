"""How an experiment is declared: one base config, the variants that differ in what is studied, the study's claims."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

from experiments.claims import Claim, Curve
from experiments.config import Config
from experiments.errors import ConfigError
from experiments.measures import best_accuracy

FULL_SEEDS = tuple(range(10))
QUICK_SEEDS = tuple(range(3))
QUICK: Mapping[str, Any] = {"epochs": 6, "train_points": 12_800, "validation_points": 2_560, "test_points": 2_560}
"""What ``--quick`` changes in a config: enough to see the page; what is judged on it holds for it."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What one chart of an experiment shows over the epochs.

    Attributes:
        figure: The number of the study's figure that it is, or belongs to.
        title: What is on the vertical axis.
        measure: The field of an epoch that is drawn.
        dotted: A second field that is drawn dotted; "" for none.
        logarithmic: Whether the vertical axis is.
    """

    figure: int
    title: str
    measure: str
    dotted: str = ""
    logarithmic: bool = False


@dataclass(frozen=True, kw_only=True)
class Grid:
    """How the variants of an experiment make a table.

    Attributes:
        rows: The field that differs from row to row.
        columns: The field that differs from column to column.
        panels: The field that differs from table to table; "" for one table.
    """

    rows: str
    columns: str
    panels: str = ""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One question of the study.

    Attributes:
        name: What commands call it.
        row: Its row in the study, such as ``R9``.
        title: What is compared, in a few words.
        question: What is asked and how it is answered, in a few sentences.
        base: What all variants share.
        variants: Label -> the fields in which this variant differs (the scientific ones; all others are fixed).
        claims: What the study says about it.
        pictures: Its charts; the first one's figure is what it is known by.
        tuned: Label -> the variants among which validation chooses, all with as many trials. Claims may speak of these.
        grid: How the variants make a table; None for a few that stand beside each other.
        seeds: Run where none are named.
        quick_seeds: The same with ``--quick``.
        quick: What ``--quick`` changes.
        remark: What is good to know when looking at its figures; "" for nothing.
    """

    name: str
    row: str
    title: str
    question: str
    base: Config
    variants: Mapping[str, Mapping[str, Any]]
    claims: tuple[Claim, ...]
    pictures: tuple[Picture, ...]
    tuned: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    grid: Grid | None = None
    seeds: tuple[int, ...] = FULL_SEEDS
    quick_seeds: tuple[int, ...] = QUICK_SEEDS
    quick: Mapping[str, Any] = field(default_factory=lambda: QUICK)
    remark: str = ""

    @property
    def figures(self) -> tuple[int, ...]:
        """The study's figures that it makes again, ascending."""
        return tuple(sorted({picture.figure for picture in self.pictures}))

    @property
    def figure_words(self) -> str:
        """``figure 1`` or ``figures 3–5``."""
        first, last = self.figures[0], self.figures[-1]
        return f"figure {first}" if first == last else f"figures {first}–{last}"

    def configs(self, seeds: Iterable[int], *, quick: bool = False, **changes: Any) -> dict[str, tuple[Config, ...]]:
        """Label -> one config per seed.

        Args:
            seeds: The seeds.
            quick: Whether the budget is that of ``--quick``.
            **changes: Fields of all of them, whatever the experiment says.

        Raises:
            ConfigError: A seed or a change is wrong.
        """
        seeds = tuple(seeds)
        for name in sorted(set(changes) & {name for varied in self.variants.values() for name in varied}):
            raise ConfigError(name, changes[name], f"no value: it is what {self.name} compares, leave it out")
        budget = {**(self.quick if quick else {}), **changes}
        return {
            label: tuple(replace(self.base, **{**varied, **budget}, seed=seed) for seed in seeds)
            for label, varied in self.variants.items()
        }

    def default_seeds(self, *, quick: bool) -> tuple[int, ...]:
        """The seeds that are run where none are named."""
        return self.quick_seeds if quick else self.seeds

    def chosen(self, curves: Mapping[str, Mapping[int, Curve]]) -> dict[str, str]:
        """Label in *tuned* -> the variant with the best mean over seeds of its best validation accuracy.

        Args:
            curves: Variant -> seed -> the epochs of that run. A variant without a run, or with a diverged one, is not
                chosen; the others are compared on the seeds that all of them have.
        """
        found = {}
        for label, candidates in self.tuned.items():
            able = [name for name in candidates if curves.get(name) and not _has_diverged(curves[name])]
            seeds = set.intersection(*(set(curves[name]) for name in able)) if able else set()
            if seeds:
                means = {name: fmean(best_accuracy(curves[name][seed]) for seed in sorted(seeds)) for name in able}
                found[label] = max(means, key=means.__getitem__)
        return found

    def with_chosen(self, curves: Mapping[str, Mapping[int, Curve]]) -> dict[str, Mapping[int, Curve]]:
        """The *curves*, and under each label in *tuned* those of what was chosen."""
        return {**curves, **{label: curves[name] for label, name in self.chosen(curves).items()}}


def _has_diverged(runs: Mapping[int, Curve]) -> bool:
    return any(row.diverged for curve in runs.values() for row in curve)
