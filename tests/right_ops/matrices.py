"""Right ops that make orthogonal matrices."""

from __future__ import annotations

import numpy as np

from gradspec import Op, array, real


def _cayley(a):
    s, eye = a - a.T, np.eye(len(a), dtype=a.dtype)
    inverse = np.linalg.inv(eye + s)
    return inverse @ (eye - s), inverse


def _cayley_vjp(inverse, y_bar):
    s_bar = -2 * inverse.T @ y_bar @ inverse.T
    return (s_bar - s_bar.T,)


cayley = Op(
    name="cayley",
    forward=_cayley,
    vjp=_cayley_vjp,
    inputs={"a": array("n n", lo=-10, hi=10, typical=(-1, 1))},
)


def _givens(x, theta, i=0, j=1):
    c, s, y = np.cos(theta), np.sin(theta), x.copy()
    y[i], y[j] = c * x[i] - s * x[j], s * x[i] + c * x[j]
    return y, (x, c, s, i, j)


def _givens_vjp(saved, y_bar):
    x, c, s, i, j = saved
    x_bar = y_bar.copy()
    x_bar[i], x_bar[j] = c * y_bar[i] + s * y_bar[j], c * y_bar[j] - s * y_bar[i]
    return x_bar, np.asarray(x[i] @ (c * y_bar[j] - s * y_bar[i]) - x[j] @ (c * y_bar[i] + s * y_bar[j]))


givens = Op(
    name="givens",
    forward=_givens,
    vjp=_givens_vjp,
    linear_in=("x",),
    inputs={"x": real("n d"), "theta": array("", lo=-100, hi=100, typical=(-4, 4))},
    params={"i": (0, 2), "j": (1,)},
    sizes={"n": (3, 4)},
)

OPS = (cayley, givens)
