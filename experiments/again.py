"""The command that computes a study again."""

from __future__ import annotations

from typing import Any

from experiments.plan import SIZES
from experiments.recorded import Study
from experiments.settings import changed

SETTABLE = ("epochs", "batch_size", "lr", "momentum", "hidden", "dtype", *SIZES)
"""The options of experiments.run that change a setting which the runs of a study share."""


def command(study: Study, device: str = "") -> str:
    """What computes the runs of *study* again; "" where they have a setting that no option sets.

    Where variants have different seeds, it computes all seeds for all of them.

    Args:
        study: The runs.
        device: "" for the runs by our ops, else for those by torch on this device.
    """
    if set(changed(study.experiment, study.config)) - set(SETTABLE):
        return ""
    long, short = (_words(study, device, quick=quick) for quick in (False, True))
    return " ".join(short if len(short) < len(long) else long)


def _words(study: Study, device: str, *, quick: bool) -> list[str]:
    experiment, config = study.experiment, study.config
    words = ["python", "-m", "experiments.run", experiment.name]
    if config.dataset != experiment.base.dataset:
        words += ["--data", config.dataset]
    if not study.is_generated:
        words += ["--root", "PATH"]
    if device:
        words += ["--backend", "torch", *(["--device", device] if device != "cpu" else [])]
    groups = study.twins[device] if device else study.runs
    seeds = tuple(sorted({run.record.config.seed for group in groups.values() for run in group}))
    if seeds != experiment.default_seeds(quick=quick):
        words += ["--seeds", *map(str, seeds)]
    if quick:
        words.append("--quick")
    settings = changed(experiment, config, quick=quick)
    if not study.is_generated:  # all there is may be more tomorrow, and --quick takes less
        settings |= {name: getattr(config, name) for name in SIZES}
    for name in SETTABLE:
        if name in settings:
            words += [f"--{name.replace('_', '-')}", exact(settings[name])]
    return words


def exact(value: Any) -> str:
    """A setting as text from which the same value can be read."""
    return value if isinstance(value, str) else repr(value)
