"""Training steps: the study's CNN beside torch, an MLP beside torch and two engines on NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from benchmarks.speed.networks import FEATURES, mlp_step, net_step, without_mygrad
from benchmarks.speed.turns import MYGRAD, OURS, TORCH, VUGRAD, apart, in_turns, measured, threads, told

BATCHES, THREADS = (8, 32, 64, 128), (1, 2)
WIDTHS = (FEATURES, 4 * FEATURES)  # the study's hidden layer has four times the features
MLP_BATCH, MLP_LR = 128, 0.01
ROUNDS, MLP_ROUNDS = 60, 30


def of_net(batch: int, count: int, rounds: int = ROUNDS) -> dict[str, Any]:
    """One step of the CNN on *count* threads, ours and torch's in turns."""
    calls = {side: net_step(side, batch) for side in (OURS, TORCH)}
    with threads(count):
        return {"batch": batch, "threads": count, **_compared(calls, rounds, f"a step with batch {batch}")}


def of_mlp(hidden: int, count: int, rounds: int = MLP_ROUNDS, batch: int = MLP_BATCH) -> dict[str, Any]:
    """One step of an MLP on *count* threads: matrix products are all of its work, so the threads are those of BLAS."""
    sides = [OURS, TORCH, VUGRAD, *([] if without_mygrad() else [MYGRAD])]
    calls = {side: mlp_step(side, hidden, batch, MLP_LR) for side in sides}
    with threads(count, of_blas=True):
        row = _compared(calls, rounds, f"a step with {hidden} hidden units")
    return {"features": FEATURES, "hidden": hidden, "batch": batch, "threads": count, **row}


def _compared(calls: Mapping[str, Callable[[], float]], rounds: int, work: str) -> dict[str, Any]:
    losses: dict[str, list[float]] = {side: [] for side in calls}

    def noted(side: str) -> Callable[[], None]:
        return lambda: losses[side].append(calls[side]())

    seconds = in_turns({side: noted(side) for side in calls}, rounds)
    return {"rounds": rounds, "sides": measured(seconds), "losses_apart": apart(losses, work)}


def lines(row: Mapping[str, Any]) -> Iterator[str]:
    """What a row says, a line per side."""
    what = f"MLP {row['features']} → {row['hidden']} → 10" if "hidden" in row else "CNN"
    plural = "s" if row["threads"] != 1 else ""
    yield from told(f"{what}, batch {row['batch']}, {row['threads']} thread{plural}", row["sides"])
