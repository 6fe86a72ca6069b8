"""Layers: names, files, modes, what they print and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ops
from ops.errors import StateMismatchError
from ops.graph import TensorNode
from ops.nn import (
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    Embedding,
    GroupNorm,
    LayerNorm,
    Linear,
    MaxPool2d,
    Net,
    Residual,
    RMSNorm,
    Sequential,
)


def generator() -> np.random.Generator:
    """A generator for weights."""
    return np.random.default_rng(0)


def chain(seed: int = 0) -> Sequential:
    """A model with parameters, buffers and a generator."""
    rng = np.random.default_rng(seed)
    return Sequential(
        Linear(3, 4, rng=rng), BatchNorm(4), Dropout(0.5, seed=seed), Residual(Linear(4, 4, rng=rng)), ops.relu
    )


REPRS = {
    "Linear(3, 4)": lambda: Linear(3, 4, rng=generator()),
    "Linear(3, 4, bias=False)": lambda: Linear(3, 4, bias=False, rng=generator()),
    "Conv2d(3, 6, 5)": lambda: Conv2d(3, 6, 5, rng=generator()),
    "Conv2d(4, 6, (3, 2), stride=2, padding=(0, 1), groups=2, bias=False)": lambda: Conv2d(
        4, 6, (3, 2), stride=2, padding=(0, 1), groups=2, bias=False, rng=generator()
    ),
    "Embedding(7, 2, padding_idx=1)": lambda: Embedding(7, 2, padding_idx=1, rng=generator()),
    "MaxPool2d(2)": lambda: MaxPool2d(2),
    "MaxPool2d(3, stride=2, ceil_mode=True)": lambda: MaxPool2d(3, 2, ceil_mode=True),
    "AvgPool2d(2, count_include_pad=False)": lambda: AvgPool2d(2, count_include_pad=False),
    "Dropout(0.1)": lambda: Dropout(0.1),
    "LayerNorm(4, eps=1e-05)": lambda: LayerNorm(4),
    "RMSNorm((2, 3), eps=1e-05)": lambda: RMSNorm((2, 3)),
    "GroupNorm(2, 4, eps=1e-05)": lambda: GroupNorm(2, 4),
    "BatchNorm(4, eps=1e-05, momentum=0.1)": lambda: BatchNorm(4),
    "Residual(Linear(2, 2))": lambda: Residual(Linear(2, 2, rng=generator())),
    "Sequential(\n  Linear(2, 3)\n  relu\n)": lambda: Sequential(Linear(2, 3, rng=generator()), ops.relu),
    "Net(conv 3 → 6 → 16, fc 400 → 120 → 84 → 10, relu, float32)": Net,
}


@pytest.mark.parametrize("text", REPRS)
def test_repr(text: str) -> None:
    """A layer prints what made it."""
    assert text == repr(REPRS[text]())


def test_names_are_the_ways_to_the_parameters() -> None:
    """In the order of the layers; buffers are in the state, not among the parameters."""
    model = chain()
    names = ["part1.weight", "part1.bias", "part2.weight", "part2.bias", "part4.inner.weight", "part4.inner.bias"]
    assert names == [*model.named_parameters()] == [parameter.name for parameter in model.parameters()]
    assert [*names, "part2.running_mean", "part2.running_var", "part3.generator"] == [*model.state()]
    assert ["conv1.weight", "conv1.bias"] == [parameter.name for parameter in Net().parameters()][:2]


def test_a_shared_layer_is_trained_once() -> None:
    """It is there under two names, and its parameters go to the optimizer once."""
    layer = Linear(2, 2, rng=generator())
    model = Sequential(layer, layer)
    assert 4 == len(model.named_parameters())
    assert 2 == len(model.parameters())


def test_a_file_holds_everything(tmp_path: Path) -> None:
    """Parameters, running averages and where dropout's generator stands: what follows is the same to the bit."""
    model, other = chain(1), chain(2)
    x = generator().standard_normal((5, 3))
    model(x)
    model.save(tmp_path / "model.npz")
    other.load_file(tmp_path / "model.npz")
    np.testing.assert_array_equal(model(x).value, other(x).value)
    np.testing.assert_array_equal(model.eval()(x).value, other.eval()(x).value)


def test_a_file_of_another_model_is_refused_whole(tmp_path: Path) -> None:
    """The list says what is missing, extra and misshapen; nothing has changed."""
    chain().save(tmp_path / "model.npz")
    model = Sequential(Linear(3, 5, rng=generator()), BatchNorm(4), ops.relu, ops.relu, Linear(1, 1, rng=generator()))
    before = model.state()
    with pytest.raises(StateMismatchError) as caught:
        model.load_file(tmp_path / "model.npz")
    assert ("part5.weight", "part5.bias") == caught.value.missing
    assert {"part4.inner.weight", "part4.inner.bias", "part3.generator"} == set(caught.value.extra)
    assert ("part1.weight (3, 4) instead of (3, 5)", "part1.bias (4,) instead of (5,)") == caught.value.misshapen
    for name, value in model.state().items():
        np.testing.assert_array_equal(before[name], value)


def test_dropout_in_both_modes() -> None:
    """In training a share p is 0 and the rest is scaled, another one each time; in evaluation x is x."""
    layer, x = Dropout(0.25, seed=3), np.ones((100, 100))
    first, second = layer(x).value, layer(x).value
    assert {0.0, 1 / 0.75} == set(np.unique(first))
    assert 0.25 == pytest.approx((first == 0).mean(), abs=0.02)
    assert not np.array_equal(first, second)
    node = TensorNode(x)
    assert node is layer.eval()(node)
    assert node is Dropout(0.0)(node)


def test_modes_reach_all_layers() -> None:
    """eval() and train() go down to the innermost layer."""
    model = chain()
    inner = model.part[3].inner
    assert not model.eval().training
    assert not inner.training
    assert model.train().training
    assert inner.training


def test_batch_norm_keeps_running_averages() -> None:
    """With momentum 1 they are those of the last batch, the variance with N - 1."""
    layer = BatchNorm(2, momentum=1.0, dtype=np.float64)
    x = generator().standard_normal((6, 2, 3))
    layer(x)
    np.testing.assert_allclose(x.mean((0, 2)), layer.running_mean, rtol=1e-12)
    np.testing.assert_allclose(x.var((0, 2), ddof=1), layer.running_var, rtol=1e-12)


@pytest.mark.parametrize("init", ["fan_in", "glorot"])
def test_initial_weights(init: str) -> None:
    """Within 1 / sqrt(fan in), or normal with Glorot's deviation; the same draws for every dtype."""
    layer = Conv2d(4, 50, 5, init=init, rng=generator(), dtype=np.float64)
    weights = layer.weight.value
    if init == "fan_in":
        assert np.abs(weights).max() == pytest.approx(1 / 10, rel=0.01)
        assert np.abs(layer.bias.value).max() <= 1 / 10
    else:
        assert weights.std() == pytest.approx(np.sqrt(2 / (25 * 54)), rel=0.05)
        assert not layer.bias.value.any()
    narrow = Conv2d(4, 50, 5, init=init, rng=generator())
    np.testing.assert_array_equal(weights.astype(np.float32), narrow.weight.value)


WRONG: dict[str, Callable[[], Any]] = {
    "Linear: inputs is 0; allowed: whole numbers from 1 on": lambda: Linear(0, 1, rng=generator()),
    "Linear: init is 'zeros'; allowed: 'glorot' or 'fan_in'": lambda: Linear(1, 1, init="zeros", rng=generator()),
    "Conv2d: outputs is 2.5; allowed: whole numbers from 1 on": lambda: Conv2d(1, 2.5, 3, rng=generator()),  # type: ignore[arg-type]
    "Conv2d: size is 0; allowed: a whole number from 1 on, or a pair of them": lambda: Conv2d(1, 1, 0, rng=generator()),
    "Conv2d: stride is -1; allowed: a whole number from 1 on, or a pair of them": lambda: Conv2d(
        1, 1, 3, stride=-1, rng=generator()
    ),
    "Conv2d: groups is 2; allowed: divisors of inputs=3 and outputs=4": lambda: Conv2d(
        3, 4, 1, groups=2, rng=generator()
    ),
    "Embedding: padding_idx is 3; allowed: -3 to 2, or None": lambda: Embedding(3, 1, padding_idx=3, rng=generator()),
    "GroupNorm: groups is 3; allowed: divisors of channels=4": lambda: GroupNorm(3, 4),
    "BatchNorm: momentum is 2; allowed: numbers from 0 to 1": lambda: BatchNorm(4, momentum=2),
    "Dropout: p is 1.5; allowed: numbers from 0 to 1": lambda: Dropout(1.5),
    "Net: classes is 0; allowed: whole numbers from 1 on": lambda: Net(classes=0),
    "Sequential: part 1 is 3; allowed: layers, ops, functions of a node": lambda: Sequential(ops.relu, 3),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_refused(text: str) -> None:
    """The message names the layer, the argument, what it got and what is allowed."""
    with pytest.raises((ValueError, TypeError)) as caught:
        WRONG[text]()
    assert text == str(caught.value)


def test_what_ops_refuse_is_said_by_the_op() -> None:
    """Images of another size than the study's, and labels outside of the classes."""
    with pytest.raises(ValueError, match=r"^linear: x has shape \(2, 256\); allowed: \(..., 400\), to fit w"):
        Net()(np.ones((2, 3, 28, 28), np.float32))
    with pytest.raises(IndexError, match=r"^cross_entropy: labels holds 10 at position 1; allowed: 0 to 9"):
        ops.cross_entropy(Net()(np.ones((2, 3, 32, 32), np.float32)), np.array([0, 10]))
