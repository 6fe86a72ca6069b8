"""Broadcasting not undone, and shapes that are not square."""

from __future__ import annotations

import numpy as np

from gradspec import Op, real
from tests.known_bugs.bug import KnownBug
from tests.known_bugs.right import unbroadcast


def _add(x, z):
    return x + z, (x.shape, z.shape)


def _add_vjp(saved, y_bar):
    return unbroadcast(y_bar, saved[0]), unbroadcast(y_bar, saved[1])


def _nd4j_add_vjp(saved, y_bar):
    return y_bar, y_bar


add = Op(
    name="add",
    forward=_add,
    vjp=_add_vjp,
    inputs={"x": real("n m", broadcastable=True), "z": real("n m", broadcastable=True)},
    torch=lambda x, z: x + z,
    linear_in=frozenset({"x", "z"}),
)


def _multiply(x, z):
    return x * z, (x, z)


def _multiply_vjp(saved, y_bar):
    x, z = saved
    return unbroadcast(y_bar * z, x.shape), unbroadcast(y_bar * x, z.shape)


def _leading_only(x_bar, shape):
    return x_bar.sum(axis=tuple(range(x_bar.ndim - len(shape))))


def _torch_multiply_vjp(saved, y_bar):
    x, z = saved
    return _leading_only(y_bar * z, x.shape), _leading_only(y_bar * x, z.shape)


multiply = Op(
    name="multiply",
    forward=_multiply,
    vjp=_multiply_vjp,
    inputs={"x": real("n m", broadcastable=True), "z": real("n m", broadcastable=True)},
    torch=lambda x, z: x * z,
    linear_in=frozenset({"x", "z"}),
)


def _contract(x, z):
    return (x * z).sum(), (x, z)


def _contract_vjp(saved, y_bar):
    x, z = saved
    spread = np.ones(np.broadcast_shapes(x.shape, z.shape), y_bar.dtype)
    return unbroadcast(y_bar * z * spread, x.shape), unbroadcast(y_bar * x * spread, z.shape)


def _autograd_contract_vjp(saved, y_bar):
    x, z = saved
    return (
        unbroadcast(y_bar * z, x.shape if x.size <= z.size else z.shape),
        unbroadcast(y_bar * x, z.shape if z.size <= x.size else x.shape),
    )


contract = Op(
    name="contract",
    forward=_contract,
    vjp=_contract_vjp,
    inputs={"x": real("n", broadcastable=True), "z": real("n", broadcastable=True)},
    torch=lambda x, z: (x * z).sum(),
    linear_in=frozenset({"x", "z"}),
)


def _trace(x):
    return np.trace(x), x.shape


def _trace_vjp(saved, y_bar):
    x_bar = np.zeros(saved, y_bar.dtype)
    np.fill_diagonal(x_bar, y_bar)
    return (x_bar,)


def _torch_trace_vjp(saved, y_bar):
    n, m = saved
    flat = np.zeros(n * m, y_bar.dtype)
    flat[np.arange(0, n * m, m + 1)] = y_bar
    return (flat.reshape(n, m),)


trace = Op(
    name="trace",
    forward=_trace,
    vjp=_trace_vjp,
    inputs={"x": real("n m")},
    sizes={"n": (1, 4), "m": (1, 4)},
    torch=lambda x: x.diagonal().sum(),
    linear_in=frozenset({"x"}),
)


def _diag(x):
    return np.diagonal(x).copy(), x.shape


def _diag_vjp(saved, y_bar):
    x_bar = np.zeros(saved, y_bar.dtype)
    k = np.arange(len(y_bar))
    x_bar[k, k] = y_bar
    return (x_bar,)


def _torch_diag_vjp(saved, y_bar):
    return (np.diag(y_bar),)


diag = Op(
    name="diag",
    forward=_diag,
    vjp=_diag_vjp,
    inputs={"x": real("n m")},
    torch="torch.diag",
    linear_in=frozenset({"x"}),
)


def _tile(x, reps=(2, 1)):
    return np.tile(x, reps), (x.shape, reps)


def _tile_vjp(saved, y_bar):
    (n, m), (a, b) = saved
    return (y_bar.reshape(a, n, b, m).sum(axis=(0, 2)),)


def _ttnn_tile_vjp(saved, y_bar):
    _, reps = saved
    axes = tuple(axis for axis, times in enumerate(reps) if times > 1)
    return (y_bar.sum(axis=axes, keepdims=True),)


tile = Op(
    name="tile",
    forward=_tile,
    vjp=_tile_vjp,
    inputs={"x": real("n m")},
    params={"reps": ((2, 1), (1, 3), (2, 2), (1, 1))},
    torch=lambda x, reps: x.repeat(*reps),
    linear_in=frozenset({"x"}),
)

BUGS = (
    KnownBug(
        "nd4j-2424",
        "broadcasting",
        "https://github.com/deeplearning4j/nd4j/issues/2424",
        "The gradient of a broadcast summand was not summed back.",
        add,
        add.replace(vjp=_nd4j_add_vjp),
    ),
    KnownBug(
        "pytorch-1787",
        "broadcasting",
        "https://github.com/pytorch/pytorch/issues/1787",
        "Gradients of broadcast factors kept the broadcast size on axes of size 1.",
        multiply,
        multiply.replace(vjp=_torch_multiply_vjp),
    ),
    KnownBug(
        "autograd-376",
        "broadcasting",
        "https://github.com/HIPS/autograd/issues/376",
        "einsum('i,i', x, z) with a z of size 1 gave x a gradient of size 1.",
        contract,
        contract.replace(vjp=_autograd_contract_vjp),
    ),
    KnownBug(
        "pytorch-171704",
        "broadcasting",
        "https://github.com/pytorch/pytorch/issues/171704",
        "trace of a tall matrix: the diagonal's stride ran on beyond the diagonal.",
        trace,
        trace.replace(vjp=_torch_trace_vjp),
    ),
    KnownBug(
        "pytorch-4538",
        "broadcasting",
        "https://github.com/pytorch/pytorch/pull/4538",
        "diag of a matrix that is not square had a square gradient.",
        diag,
        diag.replace(vjp=_torch_diag_vjp),
    ),
    KnownBug(
        "tt-metal-55799",
        "broadcasting",
        "https://github.com/tenstorrent/tt-metal/issues/55799",
        "repeat's backward summed the whole axis instead of the copies.",
        tile,
        tile.replace(vjp=_ttnn_tile_vjp),
    ),
)
