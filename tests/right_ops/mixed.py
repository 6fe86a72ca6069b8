"""Correct ops in which entries of very different sizes, kinks or bends meet."""

from __future__ import annotations

import numpy as np

from gradspec import Op, array, real

Arrays = tuple[np.ndarray, ...]


def _histogram(x: np.ndarray, bins: int) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray, int]]:
    """Each x is shared between the two whole numbers next to it: a count rises where the one before it falls."""
    inside = np.clip(x, 0, bins - 1)
    left = np.minimum(np.floor(inside).astype(int), bins - 2)
    share = (inside - left).astype(x.dtype)
    y = np.zeros(bins, x.dtype)
    np.add.at(y, left, 1 - share)
    np.add.at(y, left + 1, share)
    return y, (x, left, bins)


def _histogram_vjp(saved: tuple[np.ndarray, np.ndarray, int], y_bar: np.ndarray) -> tuple[np.ndarray]:
    x, left, bins = saved
    inside = (x > 0) & (x < bins - 1)
    return (np.where(inside, y_bar[left + 1] - y_bar[left], 0).astype(y_bar.dtype),)


def _log_sum_exp(a: np.ndarray) -> np.ndarray:
    largest = a.max(axis=0)
    return np.asarray(largest + np.log(np.exp(a - largest).sum(axis=0)))


def _chain(p: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, list[np.ndarray]]]:
    """The log partition function of a chain of states, forwards; a large p swallows digits of a and b."""
    logs = [p + b[0]]
    for potentials in b[1:]:
        logs.append(_log_sum_exp(logs[-1][:, None] + a) + potentials)
    return _log_sum_exp(logs[-1]), (a, logs)


def _chain_vjp(saved: tuple[np.ndarray, list[np.ndarray]], y_bar: np.ndarray) -> Arrays:
    a, logs = saved
    bars = [y_bar * np.exp(logs[-1] - _log_sum_exp(logs[-1]))]
    a_bar = np.zeros_like(a)
    for before in logs[-2::-1]:
        scores = before[:, None] + a
        share = np.exp(scores - _log_sum_exp(scores)) * bars[-1]
        a_bar = a_bar + share
        bars.append(share.sum(axis=1))
    return bars[-1].copy(), a_bar, np.stack(bars[::-1])


def _group_norm(x: np.ndarray, groups: int, eps: float) -> tuple[np.ndarray, Arrays]:
    """Where a group is a single entry, or nearly constant, it bends within the root of eps."""
    n, c, t = x.shape
    rows = x.reshape(n, groups, c // groups * t)
    centred = rows - rows.mean(axis=-1, keepdims=True)
    scale = 1 / np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + eps)
    return (centred * scale).reshape(x.shape), (centred * scale, scale)


def _group_norm_vjp(saved: Arrays, y_bar: np.ndarray) -> tuple[np.ndarray]:
    y, scale = saved
    rows = y_bar.reshape(y.shape)
    along = (rows * y).mean(axis=-1, keepdims=True)
    return ((scale * (rows - rows.mean(axis=-1, keepdims=True) - y * along)).reshape(y_bar.shape),)


def _distances(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, Arrays]:
    """Of all pairs of points, without overflow."""
    apart = x[:, None] - y[None]
    largest = np.abs(apart).max(axis=2, initial=0.0)
    units = apart / np.where(largest == 0, 1, largest)[..., None]
    lengths = np.sqrt((units * units).sum(axis=2))
    return largest * lengths, (units, lengths, largest * lengths)


def _distances_vjp(saved: Arrays, y_bar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    units, lengths, _ = saved
    moves = y_bar[..., None] * units / np.where(lengths == 0, 1, lengths)[..., None]
    return moves.sum(axis=1), -moves.sum(axis=0)


linear_histogram = Op(
    name="linear_histogram",
    forward=_histogram,
    vjp=_histogram_vjp,
    inputs={"x": real("n", typical=(-1, 5))},
    params={"bins": (4, 2)},
    kinks="whole numbers",
)
chain_partition = Op(
    name="chain_partition",
    forward=_chain,
    vjp=_chain_vjp,
    inputs={"p": real("k"), "a": real("k k"), "b": real("t k")},
    sizes={"k": (1, 3), "t": (1, 4)},
)
group_norm = Op(
    name="group_norm_without_affine",
    forward=_group_norm,
    vjp=_group_norm_vjp,
    inputs={"x": array("n g*c t", lo=-100, hi=100)},
    params={"groups": (lambda sizes: sizes["g"],), "eps": (1e-5, 1e-1)},
    sizes={"g": (1, 3), "c": (1, 2), "t": (1, 3)},
)
distances = Op(
    name="distances_of_all_pairs",
    forward=_distances,
    vjp=_distances_vjp,
    inputs={"x": real("n d"), "y": real("m d")},
    kinks="equal points",
)
OPS = (linear_histogram, chain_partition, group_norm, distances)
