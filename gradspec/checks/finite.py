"""Finiteness, part of the contract: a cotangent is a number wherever the derivative is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradspec.checks.outcome import Mismatch, entry, number
from gradspec.evidence import Evidence
from gradspec.oracles import torch_autograd
from gradspec.rounding import ROUNDING
from gradspec.trial import Trial

LADDER = 4.0 ** -np.arange(2.0, 9.0)  # steps inwards from an edge, of a direction
SHRINKS = 0.6  # per rung: slopes of x ** 1.5 halve their distance to the limit, those of x log x have none


def finite(trial: Trial, evidence: Evidence) -> Iterator[Mismatch]:
    """A cotangent that is not finite where the derivative is."""
    if all(x_bar is None or np.isfinite(x_bar).all() for x_bar in trial.x_bar):
        return
    judgement = evidence.of_rule
    yield from _through_a_transform(trial, evidence)
    for p in np.flatnonzero(judgement.wrong & ~np.isfinite(judgement.claim)):
        name, position = evidence.directions.inputs[p], int(evidence.directions.entries[p])
        if position < 0:
            continue
        shape = trial.inputs[[*trial.op.inputs].index(name)].shape
        where = np.unravel_index(position - trial.slices[name].start, shape)
        scale = float(evidence.directions.moves[p, position])
        yield Mismatch(
            headline=f"vjp is not finite for input {name!r} where the derivative is",
            kind="not finite",
            input=name,
            lines=(
                f"{entry(name, tuple(map(int, where)))} = {number(judgement.claim[p] / scale)}, but should be "
                f"{number(judgement.want[p] / scale)} ± {judgement.bar[p] / abs(scale):.0e}     (finite difference)",
            ),
        )
    yield from _on_an_edge(trial, evidence)
    yield from _not_a_number(trial)


def _on_an_edge(trial: Trial, evidence: Evidence) -> Iterator[Mismatch]:
    """No number on an edge of the domain, where slopes inwards converge, though slowly: x ** 1.5."""
    directions, judgement = evidence.directions, evidence.of_rule
    unknown = ~judgement.judged & ~np.isfinite(judgement.claim) & ~directions.both & (directions.entries >= 0)
    matters = trial.v != 0
    rounding = ROUNDING * evidence.eps * float(np.abs(trial.v * trial.y64)[matters].sum()) / LADDER[-1]
    for p in np.flatnonzero(unknown):
        ys = np.array([trial.outputs(trial.point + h * directions.moves[p]) for h in LADDER])
        with np.errstate(all="ignore"):
            slopes = ((ys - trial.y64) * trial.v)[:, matters].sum(axis=1) / LADDER
            changes = np.abs(np.diff(slopes))
        if changes.min() > rounding and (changes[1:] <= SHRINKS * changes[:-1]).all():  # neither is so of NaN
            name = directions.inputs[p]
            shape = trial.inputs[[*trial.op.inputs].index(name)].shape
            place = np.unravel_index(int(directions.entries[p]) - trial.slices[name].start, shape)
            yield Mismatch(
                headline=f"vjp is not finite for input {name!r} where the derivative is",
                kind="not finite",
                input=name,
                lines=(
                    f"{entry(name, tuple(map(int, place)))} is {number(judgement.claim[p])}, and slopes from "
                    "inside the domain converge     (finite difference)",
                ),
            )


def _through_a_transform(trial: Trial, evidence: Evidence) -> Iterator[Mismatch]:
    """A cotangent that is not finite though every drawn entry has a derivative: at I + a @ a.T, a = 0."""
    judgement = evidence.of_rule
    for (name, domain), x_bar in zip(trial.op.inputs.items(), trial.x_bar, strict=True):
        if domain.transform is None or x_bar is None or np.isfinite(x_bar).all():
            continue
        mine = [p for p, owner in enumerate(evidence.directions.inputs) if owner == name]
        entries = evidence.directions.entries[mine]
        where = trial.slices[name]
        if (
            len(set(entries[entries >= 0])) == where.stop - where.start
            and (judgement.judged & (judgement.width == 0))[mine].all()
        ):
            place = tuple(map(int, np.argwhere(~np.isfinite(x_bar))[0]))
            yield Mismatch(
                headline=f"vjp is not finite for input {name!r} where the derivative is",
                kind="not finite",
                input=name,
                lines=(f"{entry(name, place)} = {number(float(x_bar[place]))}, but the derivative exists",),
            )


def _not_a_number(trial: Trial) -> Iterator[Mismatch]:
    """NaN where the torch reference has a number, though finite differences say nothing: the norm of a zero vector."""
    if trial.case.dtype != "float64" or trial.op.torch is None or not torch_autograd.available():
        return
    answer = trial.torch
    if isinstance(answer, torch_autograd.ReferenceFailedError):
        return
    for name, x_bar, theirs in zip(trial.op.inputs, trial.x_bar, answer.cotangents, strict=True):
        if x_bar is None or theirs is None or x_bar.shape != theirs.shape:
            continue
        for where in np.argwhere(np.isnan(x_bar) & np.isfinite(theirs))[:1]:
            place = tuple(map(int, where))
            yield Mismatch(
                headline=f"vjp is not a number for input {name!r} where torch's gradient is",
                kind="not a number",
                input=name,
                lines=(f"{entry(name, place)} = nan, but should be {number(float(theirs[place]))}     (torch)",),
            )
