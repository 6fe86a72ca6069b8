"""The verified ops. OPS is the one list; a new op is one rule in ops/rules and one name here."""

from __future__ import annotations

from ops import graph, nn, optim
from ops.memory import keep_freed_memory
from ops.rules.activation import logsoftmax, softmax
from ops.rules.arrange import flip, roll, swapaxes, transpose
from ops.rules.batch_norm import batch_norm, batch_norm_inference
from ops.rules.broadcast import add, div, mul, neg, sub
from ops.rules.choice import logaddexp, maximum, minimum, pow, where
from ops.rules.classification import bce_with_logits, kl_div
from ops.rules.contraction import einsum, outer, trace
from ops.rules.conv import conv1d, conv2d, conv_transpose2d
from ops.rules.cumulative import cumprod, cumsum, prod
from ops.rules.decomposition import cholesky, det, inv, slogdet, solve
from ops.rules.dropout import dropout
from ops.rules.elementwise import elementwise, exp, log, reciprocal, relu, sigmoid, tanh
from ops.rules.extend import broadcast_to, pad, tile
from ops.rules.feature_norm import group_norm, layer_norm, rms_norm
from ops.rules.gather import embedding, gather, scatter_add, take
from ops.rules.index import select, slice
from ops.rules.join import concat, split, stack
from ops.rules.linalg import linear, matmul
from ops.rules.loss import cross_entropy, nll
from ops.rules.margin import hinge, multi_margin
from ops.rules.norm import normalize
from ops.rules.pool import avg_pool2d, max_pool2d
from ops.rules.rectifier import elu, hardsigmoid, hardswish, hardtanh, leaky_relu, relu6, selu
from ops.rules.reduce import mean, row_max, sum
from ops.rules.regression import huber, l1, mse, smooth_l1
from ops.rules.scalar import abs, arctan, clip, cos, erf, expm1, integer_power, log1p, rsqrt, sin, sqrt, square
from ops.rules.shape import expand, expand_dims, reshape, squeeze
from ops.rules.smooth import gelu, logsigmoid, mish, silu, softplus, softsign
from ops.rules.statistics import logsumexp, max, min, std, var
from ops.rules.vector_norm import vector_norm
from ops.threads import set_threads

OPS = (
    # arithmetic, with broadcasting
    add,
    sub,
    mul,
    div,
    neg,
    maximum,
    minimum,
    where,
    pow,
    logaddexp,
    # element by element
    exp,
    log,
    reciprocal,
    expm1,
    log1p,
    sqrt,
    rsqrt,
    square,
    integer_power,
    abs,
    clip,
    sin,
    cos,
    arctan,
    erf,
    # activations
    sigmoid,
    tanh,
    relu,
    leaky_relu,
    elu,
    selu,
    relu6,
    hardtanh,
    hardsigmoid,
    hardswish,
    softplus,
    logsigmoid,
    silu,
    mish,
    gelu,
    softsign,
    softmax,
    logsoftmax,
    # reductions
    sum,
    mean,
    row_max,
    var,
    std,
    max,
    min,
    logsumexp,
    prod,
    cumsum,
    cumprod,
    vector_norm,
    # products of arrays
    matmul,
    linear,
    outer,
    trace,
    einsum,
    solve,
    inv,
    det,
    slogdet,
    cholesky,
    # arrangement
    expand,
    reshape,
    squeeze,
    expand_dims,
    transpose,
    swapaxes,
    flip,
    roll,
    pad,
    tile,
    broadcast_to,
    concat,
    stack,
    split,
    # by position
    select,
    slice,
    gather,
    take,
    scatter_add,
    embedding,
    # images and signals
    conv1d,
    conv2d,
    conv_transpose2d,
    max_pool2d,
    avg_pool2d,
    # normalization
    normalize,
    layer_norm,
    rms_norm,
    group_norm,
    batch_norm,
    batch_norm_inference,
    dropout,
    # losses
    nll,
    cross_entropy,
    bce_with_logits,
    kl_div,
    hinge,
    multi_margin,
    mse,
    l1,
    huber,
    smooth_l1,
)

keep_freed_memory()  # at the first use of the ops: every later step is faster

__all__ = [
    "OPS",
    "abs",
    "add",
    "arctan",
    "avg_pool2d",
    "batch_norm",
    "batch_norm_inference",
    "bce_with_logits",
    "broadcast_to",
    "cholesky",
    "clip",
    "concat",
    "conv1d",
    "conv2d",
    "conv_transpose2d",
    "cos",
    "cross_entropy",
    "cumprod",
    "cumsum",
    "det",
    "div",
    "dropout",
    "einsum",
    "elementwise",
    "elu",
    "embedding",
    "erf",
    "exp",
    "expand",
    "expand_dims",
    "expm1",
    "flip",
    "gather",
    "gelu",
    "graph",
    "group_norm",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hinge",
    "huber",
    "integer_power",
    "inv",
    "kl_div",
    "l1",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log",
    "log1p",
    "logaddexp",
    "logsigmoid",
    "logsoftmax",
    "logsumexp",
    "matmul",
    "max",
    "max_pool2d",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mish",
    "mse",
    "mul",
    "multi_margin",
    "neg",
    "nll",
    "nn",
    "normalize",
    "optim",
    "outer",
    "pad",
    "pow",
    "prod",
    "reciprocal",
    "relu",
    "relu6",
    "reshape",
    "rms_norm",
    "roll",
    "row_max",
    "rsqrt",
    "scatter_add",
    "select",
    "selu",
    "set_threads",
    "sigmoid",
    "silu",
    "sin",
    "slice",
    "slogdet",
    "smooth_l1",
    "softmax",
    "softplus",
    "softsign",
    "solve",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "sub",
    "sum",
    "swapaxes",
    "take",
    "tanh",
    "tile",
    "trace",
    "transpose",
    "var",
    "vector_norm",
    "where",
]
