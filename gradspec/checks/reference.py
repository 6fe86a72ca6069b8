"""The torch reference, examined by itself: how it is rounded, and whether its gradient is that of its own values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradspec.directions import Directions
from gradspec.evidence import Evidence
from gradspec.oracles.torch_autograd import ReferenceFailedError, torch_autograd
from gradspec.rounding import NOISE
from gradspec.spec import Op
from gradspec.trial import EPS, Trial

MULTIPLES = (1.0, 1.0, 0.7, 1.3)  # of y_bar
STRETCH = 2.0**-26  # of the inputs: too short to bend on, and many ulps long
SAMPLES = 9


def confirms_itself(trial: Trial, directions: Directions) -> np.ndarray:
    """(p,) whether differences of the reference's own values, in float64, say what its gradient says.

    For a kernel, whose values are too rough to differentiate: where they are the reference's, so is the derivative.
    """
    case = replace(trial.case, dtype="float64", y_bar=trial.y_bar64)
    twin = Trial(trial.op.replace(**_as_op(trial.op)), case)
    if isinstance(trial.torch, ReferenceFailedError) or not twin.is_inside:
        return np.zeros(len(directions), dtype=bool)
    evidence = Evidence(twin)
    judgement = evidence.judge(twin.flat_cotangents(trial.torch.cotangents), evidence.along_each(directions))
    return np.asarray(judgement.conclusive & ~judgement.wrong & (judgement.width == 0))


def _as_op(op: Op) -> dict[str, Any]:
    """The fields of an op whose forward and vjp are the torch reference of *op* and its gradient."""

    def forward(*arrays: np.ndarray, **params: Any) -> tuple[Any, Any]:
        values = torch_autograd(op, arrays, params, None).values
        return values if len(values) > 1 else values[0], (arrays, params)

    def vjp(saved: Any, y_bar: Any) -> tuple[np.ndarray | None, ...]:
        arrays, params = saved
        bars = y_bar if isinstance(y_bar, tuple | list) else (y_bar,)
        return torch_autograd(op, arrays, params, bars).cotangents

    return {"forward": forward, "vjp": vjp, "torch": None, "dtypes": ("float64",)}


def reference_noise(trial: Trial, evidence: Evidence) -> np.ndarray:
    """(p,) how far the reference's own answer moves when inputs and y_bar move by ulps, equal entries apart, too.

    The mean of equal entries is rounded, and layer_norm divides by the square root of what that leaves; of a single
    entry, which is its own mean, y_bar is all that is rounded. A multiple of y_bar has that multiple of the answer:
    torch's logcumsumexp adds the logarithm of y_bar to numbers as large as x, and loses the same digits an ulp away.
    """
    if isinstance(trial.torch, ReferenceFailedError):
        return np.zeros(len(evidence.directions))
    here, found = trial.flat_cotangents(trial.torch.cotangents), np.zeros(evidence.directions.images.shape[1])
    for turn, multiple in enumerate(MULTIPLES):
        rng = np.random.default_rng((trial.case.seed, 11, turn))
        point = trial.point * (1.0 + EPS["float64"] * rng.choice((-1.0, 1.0), trial.point.size))
        y_bar = [
            None if bar is None else bar * multiple * (1.0 + EPS["float64"] * rng.choice((-1.0, 1.0), bar.shape))
            for bar in trial.y_bar64
        ]
        change = np.abs(_reference_at(trial, point, y_bar) / multiple - here)
        found = np.maximum(found, np.nan_to_num(change, nan=0.0, posinf=0.0))
    found = np.maximum(found, _roughness(trial))
    return np.asarray(NOISE * (np.abs(evidence.directions.images) * found).sum(axis=1))


def _roughness(trial: Trial) -> np.ndarray:
    """(n',) how far the reference's answer is from a parabola over a stretch that is nearly a point.

    1 + tanh(-5) has eleven digits, and has the same wrong ones an ulp away: tanh moves by less than one of its own.
    """
    rng = np.random.default_rng((trial.case.seed, 16))
    move = STRETCH * trial.point * rng.choice((-1.0, 1.0), trial.point.size)
    places = np.linspace(-1.0, 1.0, SAMPLES)
    answers = np.array([_reference_at(trial, trial.point + place * move, trial.y_bar64) for place in places])
    parabolas = np.vander(places, 3)
    residual = answers - parabolas @ (np.linalg.pinv(parabolas) @ np.nan_to_num(answers, posinf=0.0, neginf=0.0))
    return np.asarray(np.nan_to_num(np.abs(residual).max(axis=0), nan=0.0, posinf=0.0))


def _reference_at(trial: Trial, point: np.ndarray, y_bar: Sequence[np.ndarray | None]) -> np.ndarray:
    """The reference's cotangents (n') at another point (n,); NaN where it gives none."""
    arrays = trial.transformed(trial.inside(point), "float64")
    try:
        return trial.flat_cotangents(torch_autograd(trial.op, arrays, trial.case.params, y_bar).cotangents)
    except ReferenceFailedError:
        return np.full(trial.flat_cotangents(trial.x_bar).size, np.nan)
