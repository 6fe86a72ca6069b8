"""State: a second call, a shared buffer, an argument that is written to."""

from __future__ import annotations

import numpy as np

from gradspec import Op, real
from tests.known_bugs.bug import KnownBug
from tests.known_bugs.right import sigmoid, sigmoid_prime, softmax


def _apex_softmax_vjp(saved, y_bar):
    y, scale = saved
    total = (y_bar * y).sum(axis=-1, keepdims=True)
    y_bar -= total
    y_bar *= y
    y_bar *= scale
    return (y_bar,)


def _sech2(x):
    decay = np.exp(-np.abs(x))
    sech = 2 * decay / (1 + decay * decay)
    return sech * sech


def _tanh(x):
    return np.tanh(x), (x, np.zeros_like(x))


def _tanh_vjp(saved, y_bar):
    return (y_bar * _sech2(saved[0]),)


def _micrograd_tanh_vjp(saved, y_bar):
    x, grad = saved
    grad += y_bar * _sech2(x)
    return (grad.copy(),)


tanh = Op(name="tanh", forward=_tanh, vjp=_tanh_vjp, inputs={"x": real("...")}, torch="torch.tanh")

_BLOCK: dict[str, np.ndarray] = {}


def _gate(x):
    return sigmoid(x), sigmoid_prime(x)


def _gate_vjp(saved, y_bar):
    return (y_bar * saved,)


def _elixir_gate(x):
    slope = np.asarray(sigmoid_prime(x))
    key = slope.dtype.name
    if key not in _BLOCK or _BLOCK[key].size < slope.size:
        _BLOCK[key] = np.zeros(max(slope.size, 4096), slope.dtype)
    block = _BLOCK[key][: slope.size].reshape(slope.shape)
    block[...] = slope
    return sigmoid(x), block


gate = Op(name="gate", forward=_gate, vjp=_gate_vjp, inputs={"x": real("...")}, torch=lambda x: x.sigmoid())

BUGS = (
    KnownBug(
        "apex-1430",
        "state",
        "https://github.com/NVIDIA/apex/issues/1430",
        "The fused softmax wrote its result into the upstream gradient.",
        softmax,
        softmax.replace(vjp=_apex_softmax_vjp),
    ),
    KnownBug(
        "micrograd-102",
        "state",
        "https://github.com/karpathy/micrograd/pull/102",
        "A second backward pass added to the gradients that the first had left.",
        tanh,
        tanh.replace(vjp=_micrograd_tanh_vjp),
    ),
    KnownBug(
        "elixir-12",
        "state",
        "https://github.com/hpcaitech/Elixir/pull/12",
        "What forward saved lay in a block that the next forward reused.",
        gate,
        gate.replace(forward=_elixir_gate),
    ),
)
