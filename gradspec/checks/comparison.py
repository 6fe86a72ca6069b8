"""From judgements to outcomes: counting, and putting a wrong cotangent into words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from gradspec.checks.outcome import Mismatch, Outcome, entry, number, show
from gradspec.directions import Directions
from gradspec.evidence import Evidence
from gradspec.judgement import Judgement
from gradspec.trial import Trial

MAX_NAMED = 256  # entries of an input up to which a failure says how many differ


def outcomes(
    trial: Trial,
    directions: Directions,
    judgement: Judgement,
    wrong: np.ndarray,
    describe: Callable[[str], Mismatch],
    notes: dict[str, str] | None = None,
) -> list[Outcome]:
    """One outcome per differentiable input.

    Args:
        trial: The trial.
        directions: What the rule was compared along.
        judgement: The comparisons along them.
        wrong: (p,) which of them are failures.
        describe: Words the failure of an input; called only if there is one.
        notes: Input -> a remark that changes no verdict.
    """
    names, discrepancy = np.array(directions.inputs), judgement.discrepancy
    found = []
    for name, where in trial.slices.items():
        mine = names == name
        good = mine & judgement.conclusive
        given = (judgement.claim != 0) | (np.isfinite(judgement.want) & (judgement.want != 0))
        with np.errstate(all="ignore"):
            sharpness = judgement.bar[good] / np.abs(judgement.want[good])
        found.append(
            Outcome(
                input=name,
                entries=_entries(directions, good, where.stop - where.start),
                comparisons=int((mine & judgement.judged).sum()),
                conclusive=int(good.sum()),
                resolution=float(sharpness[np.isfinite(sharpness)].min(initial=np.inf)),
                discrepancy=float(discrepancy[good].max(initial=0.0)),
                stated=bool((mine & given).any()),
                size=where.stop - where.start,
                mismatch=partial(describe, name) if (wrong & mine).any() else None,
                note=(notes or {}).get(name, ""),
            )
        )
    return found


def _entries(directions: Directions, good: np.ndarray, size: int) -> int:
    """Distinct entries behind the conclusive comparisons: a projection covers every entry that it moves."""
    if not good.any():
        return 0
    covered = (directions.moves[good] != 0).any(axis=0).sum()
    return min(int(covered), size)


def wrong_cotangent(
    trial: Trial,
    evidence: Evidence,
    name: str,
    directions: Directions,
    judgement: Judgement,
    wrong: np.ndarray,
    oracle: str,
) -> Mismatch:
    """The failure text's numbers for input *name*, whose cotangent is *wrong* (p,) along some of the directions."""
    position = [*trial.op.inputs].index(name)
    x_bar = np.asarray(trial.x_bar[position], dtype=np.float64)
    headline = f"vjp is wrong for input {name!r}"
    measured = _every_entry(trial, evidence, name, directions.entries[wrong])
    if measured is None:
        return _along_direction(trial, directions, judgement, name, wrong, oracle, headline)
    entries, want, bar, different = measured
    got = x_bar.reshape(-1)[entries]
    with np.errstate(all="ignore"):
        relative = np.abs(got - want) / np.maximum(np.abs(want), np.abs(got))
    relative = np.where(different, np.where(np.isnan(relative), np.inf, relative), -1.0)
    worst = int(np.argmax(np.round(relative, 6)))
    place = tuple(int(axis) for axis in np.unravel_index(entries[worst], x_bar.shape))
    full = np.full(x_bar.size, np.nan)
    full[entries] = want
    mask = np.zeros(x_bar.size, dtype=bool)
    mask[entries] = different
    count = f"{int(different.sum())} of {x_bar.size} entries differ"
    return Mismatch(
        headline=headline,
        kind=f"wrong {name}",
        input=name,
        lines=(
            f"{entry(name, place)} = {number(got[worst], want[worst])}, but should be "
            f"{number(want[worst], got[worst])} ± "
            f"{bar[worst]:.0e}     ({oracle})",
            count if len(entries) == x_bar.size else f"at least {count}",
        ),
        discrepancy=float(judgement.discrepancy[wrong].max(initial=1.0)),
        got=x_bar,
        want=full.reshape(x_bar.shape),
        wrong=mask.reshape(x_bar.shape),
    )


def _every_entry(
    trial: Trial, evidence: Evidence, name: str, known: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
    """Flat positions within the input, what they should be, the bars and which differ; None if no entry stands out.

    *known* are the flat positions (in trial.point) that the check itself found wrong, at its own bar.
    """
    where = trial.slices[name]
    if trial.op.inputs[name].transform is not None:
        return None
    if where.stop - where.start > MAX_NAMED:
        found = _bisect(trial, evidence, name)
        positions = np.array([] if found is None else [found], dtype=int)
    else:
        positions = np.arange(where.start, where.stop)
    if not positions.size:
        return None
    compared = {int(entry): p for p, entry in enumerate(evidence.directions.entries) if entry >= 0}
    rows = [compared[position] for position in positions.tolist() if position in compared]
    if len(rows) == len(positions):  # each has been judged by itself already
        directions, judgement = evidence.directions, evidence.of_rule
    else:
        rows = [*range(len(positions))]
        directions, estimate = evidence.entries(positions)
        judgement = evidence.judge(trial.flat_cotangents(trial.x_bar), (directions, estimate))
    want, bar, wrong = judgement.want[rows], judgement.bar[rows], judgement.wrong[rows]
    scale = directions.moves[rows, positions]
    different = wrong | np.isin(positions, known)
    if not different.any():
        return None
    with np.errstate(all="ignore"):
        return positions - where.start, want / scale, bar / np.abs(scale), different


def _bisect(trial: Trial, evidence: Evidence, name: str) -> int | None:
    """Find one wrong entry of a large input with projections on halves: log2(n) probes."""
    where = trial.slices[name]
    positions = np.arange(where.start, where.stop)
    cotangent = trial.flat_cotangents(trial.x_bar)
    rng = np.random.default_rng((trial.case.seed, 6))
    while positions.size > 1:
        for half in np.array_split(positions, 2):
            if evidence.judge(cotangent, evidence.along(half, rng)).wrong.any():
                positions = half
                break
        else:
            return None
    return int(positions[0])


def _along_direction(
    trial: Trial,
    directions: Directions,
    judgement: Judgement,
    name: str,
    wrong: np.ndarray,
    oracle: str,
    headline: str,
) -> Mismatch:
    of_input = np.array(directions.inputs) == name
    mine, told = np.flatnonzero(wrong & of_input), judgement.conclusive & of_input
    p = mine[np.argmax(judgement.discrepancy[mine])]
    moved = int((directions.moves[p] != 0).sum())
    what = f"{moved} entries together" if moved > 1 else "one entry before its transform"
    inputs = dict(zip(trial.op.inputs, trial.inputs, strict=True))
    image = directions.images[p]
    parts = {other: image[where].reshape(inputs[other].shape) for other, where in trial.cotangent_slices.items()}
    parts = {other: d for other, d in parts.items() if d.any()}
    one = len(parts) == 1
    product = " + ".join(f"⟨{other}_bar, d{'' if one else '_' + other}⟩" for other in parts)
    return Mismatch(
        headline=headline,
        kind=f"wrong {name}",
        input=name,
        lines=(
            f"along a direction that moves {what}, {product} = "
            f"{number(judgement.claim[p], judgement.want[p])}, but should be "
            f"{number(judgement.want[p], judgement.claim[p])} ± {judgement.bar[p]:.0e}     ({oracle})",
            "   ".join(f"d{'' if one else '_' + other} = {show(d)}" for other, d in parts.items()),
        ),
        discrepancy=float(judgement.discrepancy[p]),
        along=(judgement.claim[told], judgement.want[told]),
    )


def corrected(found: Mismatch, want: np.ndarray, oracle: str) -> Mismatch:
    """The same failure with what an exact oracle says of the input's entries (flat) in place of the estimates."""
    if found.got is None or found.wrong is None:
        return found
    want = want.reshape(found.got.shape)
    with np.errstate(all="ignore"):
        relative = np.abs(found.got - want) / np.maximum(np.abs(found.got), np.abs(want))
    relative = np.where(found.wrong & np.isfinite(want), np.where(np.isnan(relative), np.inf, relative), -1.0)
    worst = np.unravel_index(int(np.argmax(relative)), want.shape)
    if relative[worst] < 0:
        return found
    got, right = float(found.got[worst]), float(want[worst])
    line = (
        f"{entry(found.input, tuple(map(int, worst)))} = {number(got, right)}, but should be {number(right, got)}, "
        f"a relative difference of {float(relative[worst]):.0e}     ({oracle})"
    )
    return replace(found, lines=(line, *found.lines[1:]), want=want)
