"""Finite differences that know their error: the plateau ladder.

Steps are h_k = 4^-(k+1), exact powers of two, on a line t -> f(u + t d) whose direction d carries the scale of
each entry. Central differences are extrapolated once (Richardson, O(h^4)); three neighbours that agree are a
plateau, and their spread plus the rounding of f is the error. Beside it run two one-sided ladders from the same
evaluations: where they disagree there is a kink, which no error estimate would reveal.

Source: the choice of the step by the spread of extrapolated neighbours follows Ridders, "Accurate computation of
F'(x) and F'(x)F''(x)" (1982), and Lyness and Moler, "Numerical differentiation of analytic functions" (1967).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gradspec.oracles.estimate import Estimate

RUNGS = 8  # 17 forwards for one direction
STEPS = 4.0 ** -np.arange(1.0, RUNGS + 1)
EPS = float(np.finfo(np.float64).eps)
KINK = 10.0  # one-sided slopes further apart than this many of their errors are a kink
SETTLED = 1e-6  # a side this sharp counts without further questions
APART = 10.0  # two plateaus further apart than this many of their errors contradict each other
GROWTH = 1.5  # differences growing by this per rung diverge
AT_ONCE = 2**14  # derivatives judged together: more would not stay near the processor, and take memory many times over


def finite_difference(
    function: Callable[[np.ndarray], np.ndarray],
    u: np.ndarray,
    directions: np.ndarray,
    both_sides: np.ndarray,
    noise: np.ndarray,
    *,
    rough: bool = False,
) -> Estimate:
    """Differentiate *function* at *u* along each of several directions.

    Args:
        function: Maps (n,) to (m,), in float64, and leaves what it is given as it is.
        u: The point (n,).
        directions: (p, n); u + t d must lie inside the domain for t from 0, or -1/4, to 1/4.
        both_sides: (p,) bool; False where the domain ends at u and only t >= 0 is allowed.
        noise: (m,), how much the outputs move when u moves by rounding.
        rough: Whether noise may hide a kink, of which central differences are all alike.

    Returns:
        The derivatives (p, m). 2 * RUNGS evaluations per direction (RUNGS for one side), and one.
    """
    middle = function(u)
    ahead, behind = _evaluated(function, u, directions, both_sides, middle.size)
    evaluations = 1 + RUNGS * (len(directions) + int(both_sides.sum()))
    together = max(1, AT_ONCE // max(1, len(directions)))
    blocks = [slice(start, start + together) for start in range(0, max(1, middle.size), together)]
    with np.errstate(all="ignore"):
        judged = [_judge(ahead[..., one], middle[one], behind[..., one], noise[one], rough=rough) for one in blocks]
    value, error, width, diverges = (
        parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1) for parts in zip(*judged, strict=True)
    )
    return Estimate(value, error, width, diverges, evaluations)


def _evaluated(
    function: Callable[[np.ndarray], np.ndarray], u: np.ndarray, directions: np.ndarray, both: np.ndarray, m: int
) -> tuple[np.ndarray, np.ndarray]:
    """Outputs (p, rungs, m) ahead of *u* and behind it, NaN where they are not wanted."""
    shape = (len(directions), RUNGS, m)
    ahead, behind = np.full(shape, np.nan), np.full(shape, np.nan)
    for p, direction in enumerate(directions):
        moves = STEPS[:, None] * direction
        for k in range(RUNGS):
            ahead[p, k] = function(u + moves[k])
            if both[p]:
                behind[p, k] = function(u - moves[k])
    return ahead, behind


def _judge(
    ahead: np.ndarray, middle: np.ndarray, behind: np.ndarray, noise: np.ndarray, *, rough: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Value, error, width of the kink, and whether it diverges, (p, m) each; no output depends on another."""
    h = STEPS[:, None]
    magnitude = np.fmax(np.fmax(np.abs(ahead), np.abs(behind)), np.abs(middle))
    rounding = (EPS * magnitude + noise) / h
    central, central_error, chosen = _plateau((ahead - behind) / (2 * h), rounding, levels=1)
    if rough:
        central_error = np.fmax(central_error, _bend((ahead + behind - 2 * middle) / h, rounding, chosen))
    sides = _side(np.concatenate([ahead - middle, middle - behind]) / h, np.concatenate([rounding, rounding]))
    right, right_error, right_settled, right_grows = (found[: len(ahead)] for found in sides)
    left, left_error, left_settled, left_grows = (found[len(ahead) :] for found in sides)

    has_left = np.isfinite(behind[:, -1]) & np.isfinite(left_error)
    has_right = np.isfinite(ahead[:, -1]) & np.isfinite(right_error)
    two = has_left & has_right
    gap = np.abs(right - left)
    kink = two & right_settled & left_settled & (gap > KINK * (right_error + left_error))
    smooth = two & right_settled & left_settled & ~kink
    only_right = has_right & ~np.isfinite(behind[:, -1]) & right_settled
    only_left = has_left & ~np.isfinite(ahead[:, -1]) & left_settled

    # Where a higher derivative jumps (elu at 0) the sides are sharp and the central differences are not.
    both_error = right_error + left_error + gap
    by_sides = kink | (smooth & (both_error < central_error))
    both_error = np.where(kink, right_error + left_error, both_error)
    value, error = np.full_like(central, np.nan), np.full_like(central, np.inf)
    for case, slope, of_slope in (  # the first that holds counts: it is written last
        (only_left, left, left_error),
        (only_right, right, right_error),
        (smooth, central, central_error),
        (by_sides, (right + left) / 2, both_error),
    ):
        np.copyto(value, slope, where=case)
        np.copyto(error, of_slope, where=case)
    error = np.where(np.isfinite(value), error, np.inf)
    width = np.where(kink, gap / 2, 0.0)
    return value, error, width, right_grows | left_grows


def _side(slopes: np.ndarray, rounding: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Extrapolate one-sided slopes; say whether they settle, and whether they grow without bound."""
    value, error, _ = _plateau(slopes, rounding, levels=3)
    change = np.abs(np.diff(slopes, axis=1))
    room = 8 * rounding[:, 2:]
    halves = (change[:, 1:] <= change[:, :-1] / 2 + room)[:, -2:].all(axis=1)
    settled = halves | (error <= SETTLED * np.abs(value))
    grows = ((change[:, 1:] >= GROWTH * change[:, :-1]) & (change[:, 1:] > 4 * room))[:, -3:].all(axis=1)
    return value, error, settled, grows & ~settled


def _bend(apart: np.ndarray, rounding: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """How far the two sides' slopes are *apart* (p, k, m) where central ones agree (p, m); 0 where that shrinks with h.

    Central differences of a kink are all alike, and noise may hide all steps that would tell it from a bend.
    """
    p, m = np.arange(apart.shape[0])[:, None], np.arange(apart.shape[2])
    apart = np.abs(apart)
    longer, shorter, room = apart[p, chosen + 1, m], apart[p, chosen + 3, m], 4 * rounding[p, chosen + 3, m]
    return np.where(shorter > longer / 4 + room, shorter, 0.0)


def _plateau(slopes: np.ndarray, rounding: np.ndarray, *, levels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Extrapolate *slopes* (p, k, m) over k and pick the three neighbours that agree best: value, error and which.

    Central differences have even powers of h only, so one level removes h^2; one-sided ones have all powers, so
    three levels remove h, h^2 and h^3.
    """
    weights = (16.0,) if levels == 1 else (4.0, 16.0, 64.0)
    for weight in weights:
        slopes = (weight * slopes[:, 1:] - slopes[:, :-1]) / (weight - 1)
    before, here, after = slopes[:, :-2], slopes[:, 1:-1], slopes[:, 2:]
    spread = np.maximum(np.maximum(before, here), after) - np.minimum(np.minimum(before, here), after)
    count = spread.shape[1]
    error = spread + 2 * rounding[:, levels : levels + count]
    error[~np.isfinite(error)] = np.inf
    chosen = error.argmin(axis=1)
    best = (np.arange(error.shape[0])[:, None], chosen, np.arange(error.shape[2]))
    value, sharpness = here[best], error[best]
    # Shorter steps that are as sure of another slope: the longer ones have gone past a jump.
    bars = rounding[:, levels:]
    apart = np.abs(slopes - value[:, None]) - APART * (2 * bars + sharpness[:, None])
    shorter = np.arange(slopes.shape[1])[None, :, None] > chosen[:, None] + 2
    contradicted = (shorter & np.isfinite(bars) & (apart > 0)).any(axis=1)
    return value, np.where(contradicted, np.inf, sharpness), chosen
