"""The verified ops. OPS is the one list; a new op is one rule in ops/rules and one name here."""

from __future__ import annotations

from ops import graph, nn, optim
from ops.rules.activation import logsoftmax, softmax
from ops.rules.broadcast import add, div, mul, neg, sub
from ops.rules.elementwise import elementwise, exp, log, relu, sigmoid, tanh
from ops.rules.index import select
from ops.rules.linalg import linear, matmul
from ops.rules.loss import cross_entropy, nll
from ops.rules.norm import normalize
from ops.rules.reduce import mean, row_max, sum  # noqa: A004 -- ops.sum is the op's name
from ops.rules.shape import expand, reshape

OPS = (
    add,
    sub,
    mul,
    div,
    neg,
    exp,
    log,
    sigmoid,
    tanh,
    relu,
    matmul,
    linear,
    expand,
    reshape,
    sum,
    mean,
    row_max,
    normalize,
    softmax,
    logsoftmax,
    select,
    nll,
    cross_entropy,
)

__all__ = [
    "OPS",
    "add",
    "cross_entropy",
    "div",
    "elementwise",
    "exp",
    "expand",
    "graph",
    "linear",
    "log",
    "logsoftmax",
    "matmul",
    "mean",
    "mul",
    "neg",
    "nll",
    "nn",
    "normalize",
    "optim",
    "relu",
    "reshape",
    "row_max",
    "select",
    "sigmoid",
    "softmax",
    "sub",
    "sum",
    "tanh",
]
