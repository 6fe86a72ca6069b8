"""Correct ops that are easy to accuse: each has a trap in which a checker with guessed tolerances cries wolf."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradspec import Op, array, nonnegative, real
from gradspec.spec import index


def _sqrt(x: Any) -> Any:
    y = np.sqrt(x)
    return y, y


def _sqrt_vjp(y: Any, y_bar: Any) -> Any:
    return (y_bar * (0.5 / y),)


def _sin(x: Any) -> Any:
    return np.sin(x), x


def _sin_vjp(x: Any, y_bar: Any) -> Any:
    return (y_bar * np.cos(x),)


def _softplus(x: Any) -> Any:
    return np.logaddexp(x, x.dtype.type(0)), x


def _softplus_vjp(x: Any, y_bar: Any) -> Any:
    return (y_bar / (1 + np.exp(-x)),)


def _elu(x: Any) -> Any:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0))), x


def _elu_vjp(x: Any, y_bar: Any) -> Any:
    return (y_bar * np.exp(np.minimum(x, 0)),)


def _log1p(x: Any) -> Any:
    return np.log1p(x), x


def _log1p_vjp(x: Any, y_bar: Any) -> Any:
    return (y_bar / (1 + x),)


def _naive_sigmoid(x: Any) -> Any:
    y = 1 / (1 + np.exp(-x))
    return y, y


def _naive_sigmoid_vjp(y: Any, y_bar: Any) -> Any:
    return (y_bar * y * (1 - y),)


def _maximum(a: Any, b: Any) -> Any:
    share = (np.sign(a - b) + 1) / 2  # 1, 0, or 1/2 at a tie
    return np.maximum(a, b), share.astype(a.dtype)


def _maximum_vjp(share: Any, y_bar: Any) -> Any:
    return y_bar * share, y_bar * (1 - share)


def _median(x: Any) -> Any:
    order = np.argsort(x, axis=-1, kind="stable")
    winner = order[..., (x.shape[-1] - 1) // 2 : (x.shape[-1] - 1) // 2 + 1]
    return np.take_along_axis(x, winner, -1)[..., 0], (winner, x.shape)


def _median_vjp(saved: Any, y_bar: Any) -> Any:
    winner, shape = saved
    x_bar = np.zeros(shape, y_bar.dtype)
    np.put_along_axis(x_bar, winner, y_bar[..., None], -1)
    return (x_bar,)


def _layer_norm(x: Any, eps: float) -> Any:
    centred = x - x.mean(axis=-1, keepdims=True)
    scale = 1 / np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + x.dtype.type(eps))
    return centred * scale, (centred * scale, scale)


def _layer_norm_vjp(saved: Any, y_bar: Any) -> Any:
    y, scale = saved
    along = (y_bar * y).mean(axis=-1, keepdims=True)
    return (scale * (y_bar - y_bar.mean(axis=-1, keepdims=True) - y * along),)


def _log_softmax(x: Any) -> Any:
    z = x - x.max(axis=-1, keepdims=True)
    y = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    return y, y


def _log_softmax_vjp(y: Any, y_bar: Any) -> Any:
    return (y_bar - np.exp(y) * y_bar.sum(axis=-1, keepdims=True),)


def _cross_entropy(x: Any, k: Any) -> Any:
    y, _ = _log_softmax(x)
    rows = np.arange(len(x))
    return -y[rows, k].sum() / x.dtype.type(len(x)), (y, k)


def _cross_entropy_vjp(saved: Any, y_bar: Any) -> Any:
    y, k = saved
    p = np.exp(y)
    p[np.arange(len(y)), k] -= 1
    return p * (y_bar / y.dtype.type(len(y))), None


def _solve(a: Any, b: Any) -> Any:
    x = np.linalg.solve(a, b)
    return x, (a, x)


def _solve_vjp(saved: Any, x_bar: Any) -> Any:
    a, x = saved
    b_bar = np.linalg.solve(a.T, x_bar)
    return -np.outer(b_bar, x), b_bar


def _dominant(u: np.ndarray) -> np.ndarray:
    """Make a matrix regular: its diagonal outweighs its rows."""
    return np.asarray(u + 50 * np.eye(len(u), dtype=u.dtype))


def _trace_of_square(a: Any) -> Any:
    return (a * a.T).sum(), a


def _trace_of_square_vjp(a: Any, y_bar: Any) -> Any:
    return (2 * a.T * y_bar,)


def _symmetric(u: np.ndarray) -> np.ndarray:
    return np.asarray(u + u.T)


def _divmod(x: Any) -> Any:
    whole = np.floor(x)
    return (x - whole, whole.astype(np.int64)), None


def _divmod_vjp(_: Any, y_bar: Any) -> Any:
    return (y_bar[0],)


MATRIX = {"x": real("n d")}
NONEMPTY = {"d": (1, 4)}

OPS = (
    Op(name="sqrt", forward=_sqrt, vjp=_sqrt_vjp, inputs={"x": nonnegative("n")}, torch="torch.sqrt"),
    Op(name="sin", forward=_sin, vjp=_sin_vjp, inputs=MATRIX, torch="torch.sin"),
    Op(name="softplus", forward=_softplus, vjp=_softplus_vjp, inputs=MATRIX, torch="torch.nn.functional.softplus"),
    Op(name="elu", forward=_elu, vjp=_elu_vjp, inputs=MATRIX, torch="torch.nn.functional.elu"),
    Op(
        name="log1p",
        forward=_log1p,
        vjp=_log1p_vjp,
        inputs={"x": array("n", lo=-1, exclude=(-1,))},
        torch="torch.log1p",
    ),
    Op(name="sigmoid", forward=_naive_sigmoid, vjp=_naive_sigmoid_vjp, inputs=MATRIX, torch="torch.sigmoid"),
    Op(
        name="maximum",
        forward=_maximum,
        vjp=_maximum_vjp,
        inputs={"a": real("n"), "b": real("n")},
        torch="torch.maximum",
        kinks="a = b",
    ),
    Op(name="row_median", forward=_median, vjp=_median_vjp, inputs=MATRIX, sizes={"d": (1, 5)}, kinks="ties"),
    Op(
        name="layer_norm",
        forward=_layer_norm,
        vjp=_layer_norm_vjp,
        inputs=MATRIX,
        params={"eps": (1e-5, 1e-1)},
        sizes=NONEMPTY,
    ),
    Op(
        name="log_softmax",
        forward=_log_softmax,
        vjp=_log_softmax_vjp,
        inputs=MATRIX,
        torch=lambda x: x.log_softmax(-1),
        sizes=NONEMPTY,
    ),
    Op(
        name="cross_entropy",
        forward=_cross_entropy,
        vjp=_cross_entropy_vjp,
        inputs={"x": real("n c"), "k": index("n", "c")},
        torch="torch.nn.functional.cross_entropy",
        sizes={"n": (1, 4), "c": (1, 4)},
    ),
    Op(
        name="solve",
        forward=_solve,
        vjp=_solve_vjp,
        inputs={"a": array("n n", transform=_dominant), "b": real("n")},
        torch="torch.linalg.solve",
        sizes={"n": (1, 4)},
    ),
    Op(
        name="trace_of_square",
        forward=_trace_of_square,
        vjp=_trace_of_square_vjp,
        inputs={"a": array("n n", transform=_symmetric)},
        sizes={"n": (1, 4)},
    ),
    Op(name="split", forward=_divmod, vjp=_divmod_vjp, inputs={"x": real("n", typical=(-3, 3))}, kinks="integers"),
)
