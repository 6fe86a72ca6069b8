"""The directions along which a rule is compared with the oracles, and how far each may be followed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from gradspec.cotangents import random_signs
from gradspec.oracles.estimate import Estimate
from gradspec.oracles.finite_difference import finite_difference
from gradspec.trial import Trial

ALL_ENTRIES = 24  # up to this many entries, each gets a direction of its own
SAMPLED = 16  # of larger inputs, this many do where a projection met a kink, and of those that none of them can judge
ROOM = 2.0**-12  # an entry with less room than this, relative to its scale, is approached from one side
SMALL = 1 / 8  # entries below this get a second try with steps of their own size
LARGE = 8.0  # entries above this get one with steps of size 1, up to where these are no more than rounding
MAX_TIES = 4  # groups of equal entries that are moved together


@dataclass(frozen=True, eq=False)
class Directions:
    """Directions in the space of the differentiable inputs; each object is equal to itself only.

    Attributes:
        inputs: (p,) the name of the input that each moves.
        entries: (p,) the flat position of the one entry that it moves, or -1 for several.
        moves: (p, n) the directions, scaled so that t from -1/4 to 1/4 stays inside the domain.
        both: (p,) whether t may be negative.
        images: (p, n') the same directions as the op sees them: after the inputs' transforms.
        blur: (p, n') how far the images are known: I + tiny a @ a.T has lost most of tiny.
    """

    inputs: tuple[str, ...]
    entries: np.ndarray
    moves: np.ndarray
    both: np.ndarray
    images: np.ndarray
    blur: np.ndarray

    def __len__(self) -> int:
        return len(self.inputs)

    def chosen(self, which: list[int]) -> Directions:
        """Some of the directions."""
        return Directions(
            inputs=tuple(self.inputs[p] for p in which),
            entries=self.entries[which],
            moves=self.moves[which],
            both=self.both[which],
            images=self.images[which],
            blur=self.blur[which],
        )

    def times(self, factor: float) -> Directions:
        """The same directions, so much longer."""
        return replace(self, moves=self.moves * factor, images=self.images * factor, blur=self.blur * factor)

    @cached_property
    def scale(self) -> np.ndarray:
        """(p,) how far a step of 1 moves the entry."""
        return np.asarray(np.abs(self.moves).max(axis=1, initial=0.0))


def single_entries(trial: Trial, positions: np.ndarray, scale: np.ndarray | None = None) -> Directions:
    """One direction per entry in *positions* (flat positions in trial.point).

    Args:
        trial: The trial.
        positions: Flat positions.
        scale: What a step of 1 moves each entry by, where there is room; max(|x|, 1) by default.
    """
    if scale is None:
        scale = np.maximum(np.abs(trial.point[positions]), 1.0)
    down, up = (side[positions] for side in _rooms(trial))
    both = np.minimum(down, up) >= ROOM * scale
    inward = np.where(up >= down, up, -down)
    step = np.where(both, np.minimum(scale, np.minimum(down, up)), np.sign(inward) * np.minimum(scale, np.abs(inward)))
    moves = np.zeros((len(positions), trial.point.size))
    moves[np.arange(len(positions)), positions] = step
    owners = _owners(trial)
    return _directions(trial, tuple(owners[position] for position in positions), positions, moves, both)


def projections(trial: Trial) -> Directions:
    """One direction of random signs per input, over the entries that may move both ways."""
    signed = _signed(trial, np.random.default_rng((trial.case.seed, 3)))
    names, moves = [], []
    for name, where in trial.slices.items():
        if np.any(signed[where]):
            move = np.zeros_like(signed)
            move[where] = signed[where]
            names.append(name)
            moves.append(move)
    return _directions(
        trial,
        tuple(names),
        np.full(len(names), -1),
        np.array(moves).reshape(len(names), trial.point.size),
        np.ones(len(names), dtype=bool),
    )


def singled_out(trial: Trial, projected: Directions, *, smooth: bool) -> np.ndarray:
    """Flat positions of the entries that get directions of their own beside the projections.

    Of many, those do that no projection could move, because they lie on an edge, and those that are equal to others:
    a projection moves these apart, which accuses nobody where all depends on how they are moved. Nothing else would
    compare them.

    Args:
        trial: The trial.
        projected: The projections.
        smooth: Whether these met no kink.
    """
    entries = np.arange(trial.point.size)
    if entries.size <= ALL_ENTRIES:
        return entries
    rng = np.random.default_rng((trial.case.seed, 4))
    left_out = entries[~(projected.moves != 0).any(axis=0)]
    _, which, counts = np.unique(trial.point, return_inverse=True, return_counts=True)
    tied = entries[counts[which.reshape(-1)] > 1]
    samples = [left_out, tied] if smooth else [entries, left_out, tied]
    drawn = [rng.choice(some, size=min(SAMPLED, some.size), replace=False) for some in samples]
    return np.unique(np.concatenate(drawn))


def together(trial: Trial, positions: np.ndarray, rng: np.random.Generator) -> Directions:
    """One direction of random signs over the entries in *positions* that may move both ways."""
    move = np.zeros_like(trial.point)
    move[positions] = _signed(trial, rng)[positions]
    owner = _owners(trial)[positions[0]]
    return _directions(trial, (owner,), np.array([-1]), move[None, :], np.array([True]))


def _signed(trial: Trial, rng: np.random.Generator) -> np.ndarray:
    """(n,) random signs times the scale of each entry; 0 for entries with room on one side only."""
    scale = np.maximum(np.abs(trial.point), 1.0)
    room = np.minimum(*_rooms(trial))
    length = np.where(room >= ROOM * scale, np.minimum(scale, room), 0.0)
    return np.asarray(length * random_signs(length.shape, rng))


def tied_entries(trial: Trial, kinked: np.ndarray) -> Directions:
    """One direction per group of equal entries around a kink, moving all of them alike; opposite ones, against them.

    Args:
        trial: The trial.
        kinked: Flat positions at which a kink was seen.
    """
    owners = _owners(trial)
    room = np.minimum(*_rooms(trial))
    names, moves = [], []
    for members in _tied_groups(trial.point, kinked):
        group = np.flatnonzero(members)
        value = trial.point[group[0]]
        step = min(max(abs(float(value)), 1.0), float(room[group].min()))
        if step < ROOM:
            continue
        move = np.zeros_like(trial.point)
        move[group] = np.where(trial.point[group] == value, step, -step)
        names.append(owners[group[0]])
        moves.append(move)
    return _directions(
        trial,
        tuple(names),
        np.full(len(names), -1),
        np.array(moves).reshape(len(names), trial.point.size),
        np.ones(len(names), dtype=bool),
    )


def _tied_groups(point: np.ndarray, kinked: np.ndarray) -> Iterator[np.ndarray]:
    """(n,) which entries are one of the first few values of those kinked; then, where both signs occur, magnitudes."""
    for value in np.unique(point[kinked])[:MAX_TIES]:
        members = point == value
        if members.sum() > 1:
            yield members
    for value in np.unique(np.abs(point[kinked]))[:MAX_TIES]:
        if value and (point == value).any() and (point == -value).any():
            yield np.abs(point) == value


def refitted(trial: Trial, directions: Directions) -> tuple[Directions, np.ndarray]:
    """The same directions at another point, shortened to what fits into the domain there, and the factors (p,).

    Where a direction has no room on both sides it is taken to the side that has some.
    """
    down, up = _rooms(trial)
    with np.errstate(all="ignore"):
        lengths = np.abs(directions.moves)
        ahead = np.where(directions.moves > 0, up, down) / lengths
        behind = np.where(directions.moves > 0, down, up) / lengths
    ahead = np.where(lengths > 0, ahead, np.inf).min(axis=1, initial=np.inf)
    behind = np.where(lengths > 0, behind, np.inf).min(axis=1, initial=np.inf)
    both = np.minimum(ahead, behind) >= ROOM
    factor = np.where(both, np.minimum(ahead, behind), np.where(ahead >= behind, ahead, -behind))
    factor = np.clip(factor, -1.0, 1.0)
    moves = directions.moves * factor[:, None]
    return _directions(trial, directions.inputs, directions.entries, moves, both), factor


def to_edge(trial: Trial) -> np.ndarray:
    """(n,) how far each entry is from the nearest edge of its domain, or excluded point."""
    return np.asarray(np.minimum(*_rooms(trial)))


def _rooms(trial: Trial) -> tuple[np.ndarray, np.ndarray]:
    down, up = np.empty_like(trial.point), np.empty_like(trial.point)
    for name, domain in zip(trial.op.inputs, trial.domains, strict=True):
        if name in trial.slices:
            where = trial.slices[name]
            down[where], up[where] = domain.room(trial.point[where])
    return down, up


def _owners(trial: Trial) -> list[str]:
    return [name for name, where in trial.slices.items() for _ in range(where.start, where.stop)]


def _directions(
    trial: Trial, inputs: tuple[str, ...], entries: np.ndarray, moves: np.ndarray, both: np.ndarray
) -> Directions:
    images, blur = moves, np.zeros_like(moves)
    if any(domain.transform is not None for domain in trial.op.inputs.values()):
        images, blur = _through_transforms(trial, moves, both)
    return Directions(inputs, np.asarray(entries, dtype=int), moves, both, images, blur)


def _through_transforms(trial: Trial, moves: np.ndarray, both: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Push the directions through the inputs' transforms, by finite differences of the transforms; and their errors."""

    def seen(point: np.ndarray) -> np.ndarray:
        arrays = trial.transformed(trial.unflattened(point), "float64")
        domains = trial.op.inputs.values()
        return np.concatenate([x.reshape(-1) for x, d in zip(arrays, domains, strict=True) if d.differentiable])

    width = seen(trial.point).size
    estimate = finite_difference(seen, trial.point, moves, both, np.zeros(width))
    return estimate.value, estimate.error


def joined(parts: list[tuple[Directions, Estimate]]) -> tuple[Directions, Estimate]:
    """Several measurements as one."""
    if len(parts) == 1:
        return parts[0]
    directions, estimates = [d for d, _ in parts], [e for _, e in parts]
    return (
        Directions(
            inputs=tuple(name for d in directions for name in d.inputs),
            entries=np.concatenate([d.entries for d in directions]),
            moves=np.concatenate([d.moves for d in directions]),
            both=np.concatenate([d.both for d in directions]),
            images=np.concatenate([d.images for d in directions]),
            blur=np.concatenate([d.blur for d in directions]),
        ),
        Estimate(
            value=np.concatenate([e.value for e in estimates]),
            error=np.concatenate([e.error for e in estimates]),
            width=np.concatenate([e.width for e in estimates]),
            diverges=np.concatenate([e.diverges for e in estimates]),
            evaluations=sum(e.evaluations for e in estimates),
        ),
    )
