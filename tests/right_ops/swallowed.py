"""Correct ops whose forward is flat by rounding where its derivative is not: each was accused once."""

from __future__ import annotations

import numpy as np

from gradspec import Op, array, real


def _log1psq_vjp(x: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
    return (y_bar * 2 * x / (1 + x * x),)


def _root_vjp(x: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
    return (y_bar * x / np.sqrt(1 + x * x),)


def _versine_vjp(x: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
    return (y_bar * np.sin(x),)


def _log_softmax(x: np.ndarray) -> np.ndarray:
    shifted = x - x.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def _entropy(x: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Of softmax(x), row by row; log(1 + 2e-17) is 0 where one entry dominates."""
    logs = _log_softmax(x)
    y = -(np.exp(logs) * logs).sum(axis=-1)
    return y, (logs, y)


def _entropy_vjp(saved: tuple[np.ndarray, np.ndarray], y_bar: np.ndarray) -> tuple[np.ndarray]:
    logs, y = saved
    return (-y_bar[:, None] * np.exp(logs) * (logs + y[:, None]),)


def _p_norm(x: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Next to the excluded 0, all steps of an ordinary length are beyond what bends."""
    y = ((np.abs(x) ** 3).sum(axis=-1) ** (1 / 3)).astype(x.dtype)
    return y, (x, y)


def _p_norm_vjp(saved: tuple[np.ndarray, np.ndarray], y_bar: np.ndarray) -> tuple[np.ndarray]:
    x, y = saved
    return ((y_bar / y**2)[:, None] * np.sign(x) * x * x,)


def _log_mean_exp(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Next to 0 it is a small number, rounded as exp is: at 1."""
    shift = x.max(axis=-1, keepdims=True)
    weights = np.exp(x - shift)
    y = np.log(weights.mean(axis=-1)) + shift[:, 0]
    return y, weights / weights.sum(axis=-1, keepdims=True)


def _log_mean_exp_vjp(share: np.ndarray, y_bar: np.ndarray) -> tuple[np.ndarray]:
    return (y_bar[:, None] * share,)


SIZES = {"n": (1, 4), "d": (1, 4)}
OPS = (
    Op(name="log1psq", forward=lambda x: (np.log(1 + x * x), x), vjp=_log1psq_vjp, inputs={"x": real("n")}),
    Op(
        name="root",
        forward=lambda x: (np.sqrt(1 + x * x) - 1, x),
        vjp=_root_vjp,
        inputs={"x": array("n", lo=-1e15, hi=1e15)},
    ),
    Op(
        name="versine",
        forward=lambda x: (1 - np.cos(x), x),
        vjp=_versine_vjp,
        inputs={"x": array("n", lo=-100, hi=100)},
    ),
    Op(
        name="entropy",
        forward=_entropy,
        vjp=_entropy_vjp,
        inputs={"x": array("n d", lo=-30.0, hi=30.0)},
        sizes=SIZES,
    ),
    Op(name="row_norm", forward=_p_norm, vjp=_p_norm_vjp, inputs={"x": real("n d", exclude=(0.0,))}, sizes=SIZES),
    Op(name="log_mean_exp", forward=_log_mean_exp, vjp=_log_mean_exp_vjp, inputs={"x": real("n d")}, sizes=SIZES),
)
