"""Optimizers: equal to torch's, in place, and resumable."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ops.errors import StateMismatchError
from ops.graph import TensorNode
from ops.optim import SGD, Adam, AdamW

SHAPES = [(3, 2), (4,), (), (0, 2)]
OPTIMIZERS: list[tuple[Any, dict[str, Any]]] = [
    (SGD, {"lr": 0.05}),
    (SGD, {"lr": 0.05, "momentum": 0.9}),
    (SGD, {"lr": 0.05, "weight_decay": 0.1}),
    (SGD, {"lr": 0.05, "momentum": 0.9, "dampening": 0.3}),
    (SGD, {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1}),
    (SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    (SGD, {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1}),
    (SGD, {"lr": 0.05, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.1}),
    (Adam, {}),
    (Adam, {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-4}),
    (Adam, {"lr": 0.1, "weight_decay": 0.1}),
    (Adam, {"lr": 0.1, "betas": (0.0, 0.0), "weight_decay": 0.1}),
    (AdamW, {}),
    (AdamW, {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.3}),
    (AdamW, {"lr": 0.1, "weight_decay": 0.0}),
]
each = pytest.mark.parametrize(("make", "options"), OPTIMIZERS, ids=lambda x: getattr(x, "__name__", str(x)))


def parameters(dtype: Any = np.float64) -> list[TensorNode]:
    """One parameter of each shape."""
    rng = np.random.default_rng(0)
    return [TensorNode(np.asarray(rng.standard_normal(shape)).astype(dtype)) for shape in SHAPES]


def give_gradients(params: list[TensorNode], step: int) -> None:
    """Set gradients that depend on the step; the second parameter has one in every third step only."""
    rng = np.random.default_rng(step)
    for i, p in enumerate(params):
        grad = np.asarray(rng.standard_normal(p.shape)).astype(p.dtype)
        p.grad = grad if i != 1 or step % 3 == 2 else None


@each
def test_as_torch(make: Any, options: dict[str, Any]) -> None:
    """100 steps in float64 end within 1e-12 of torch's; a parameter without gradient is skipped as there.

    The distance is relative to the parameter or, where that comes near 0, to the step that brought it there.
    """
    torch = pytest.importorskip("torch")
    params = parameters()
    twins = [torch.tensor(p.value.copy(), requires_grad=True) for p in params]
    mine, other = make(params, **options), getattr(torch.optim, make.__name__)(twins, **options)
    for step in range(100):
        mine.zero_grad()
        give_gradients(params, step)
        for p, twin in zip(params, twins, strict=True):
            twin.grad = None if p.grad is None else torch.tensor(p.grad.copy())
        mine.step()
        other.step()
    for p, twin in zip(params, twins, strict=True):
        np.testing.assert_allclose(p.value, twin.detach().numpy(), rtol=1e-12, atol=1e-12 * options.get("lr", 1e-3))


@each
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_in_place(make: Any, options: dict[str, Any], dtype: Any) -> None:
    """The arrays stay the same objects of the same dtype; gradients are not written to."""
    params = parameters(dtype)
    arrays = [p.value for p in params]
    optimizer = make(params, **options)
    gradients = []
    for step in range(3):
        give_gradients(params, step)
        gradients += [(p.grad, p.grad.copy()) for p in params if p.grad is not None]
        optimizer.step()
    for gradient, copy in gradients:
        np.testing.assert_array_equal(copy, gradient)
    assert all(array is p.value for array, p in zip(arrays, params, strict=True))
    assert {np.dtype(dtype)} == {array.dtype for array in arrays}


@each
def test_resume(make: Any, options: dict[str, Any]) -> None:
    """Going on from a saved state equals never having stopped, bit by bit."""
    straight, stopped = parameters(), parameters()
    first = make(straight, **options)
    second = make(stopped, **options)
    for step in range(5):
        if step == 2:
            state = second.state()
            second = make(stopped, **options)
            second.load(state)
            for array in state.values():
                array[...] = 7  # the optimizer has its own copy
        for params, optimizer in ((straight, first), (stopped, second)):
            give_gradients(params, step)
            optimizer.step()
    for p, q in zip(straight, stopped, strict=True):
        np.testing.assert_array_equal(p.value, q.value)


@each
def test_memory_order(make: Any, options: dict[str, Any]) -> None:
    """Parameters and gradients in Fortran's order, or cut out of larger arrays, move as others do."""
    rng = np.random.default_rng(0)
    plain, fortran, cut = [], [], []
    for p in parameters():
        plain.append(p)
        fortran.append(TensorNode(np.array(p.value, order="F")))
        cut.append(TensorNode(np.repeat(p.value, 2, axis=-1)[..., ::2] if p.value.ndim else p.value.copy()))
    optimizers = [make(params, **options) for params in (plain, fortran, cut)]
    for _ in range(3):
        for p, q, r in zip(plain, fortran, cut, strict=True):
            p.grad = np.asarray(rng.standard_normal(p.shape))
            q.grad, r.grad = np.array(p.grad, order="F"), p.grad.copy()
        for optimizer in optimizers:
            optimizer.step()
    for p, q, r in zip(plain, fortran, cut, strict=True):
        np.testing.assert_array_equal(p.value, q.value)
        np.testing.assert_array_equal(p.value, r.value)


@each
def test_state_is_a_copy(make: Any, options: dict[str, Any]) -> None:
    """Steps after a state was taken do not change it."""
    params = parameters()
    optimizer = make(params, **options)
    give_gradients(params, 0)
    optimizer.step()
    state = optimizer.state()
    before = {name: array.copy() for name, array in state.items()}
    give_gradients(params, 1)
    optimizer.step()
    for name, array in state.items():
        np.testing.assert_array_equal(before[name], array)


@pytest.mark.parametrize("make", [SGD, Adam, AdamW])
def test_numpy_numbers(make: Any) -> None:
    """Numbers from a NumPy grid give the same bits as Python's numbers, in float32."""
    ends = []
    for number in (0.1, np.float64(0.1)):
        p = TensorNode(np.zeros(1000, np.float32))  # from 0, every bit of the step shows
        p.grad = np.linspace(1, 2, 1000, dtype=np.float32)
        make([p], lr=number, weight_decay=number).step()
        ends.append(p.value)
    np.testing.assert_array_equal(*ends)


@pytest.mark.parametrize("make", [SGD, Adam, AdamW])
def test_both_dtypes_at_once(make: Any) -> None:
    """Parameters of two dtypes share no memory that would take one for the other."""
    params = [TensorNode(np.ones(3, dtype)) for dtype in (np.float32, np.float64)]
    for p in params:
        p.grad = np.full(3, 0.5, p.dtype)
    make(params, lr=0.1).step()
    np.testing.assert_allclose(params[0].value, params[1].value, rtol=1e-6)


@pytest.mark.parametrize(("make", "options"), [(SGD, {"momentum": 0.9}), (Adam, {}), (AdamW, {})])
def test_learning_rate_may_change(make: Any, options: dict[str, Any]) -> None:
    """A schedule sets lr between the steps; with 0 nothing moves."""
    params = parameters()
    optimizer = make(params, lr=0.1, **options)
    give_gradients(params, 2)
    optimizer.step()
    before = [p.value.copy() for p in params]
    optimizer.lr = 0.0
    optimizer.step()
    for array, p in zip(before, params, strict=True):
        np.testing.assert_array_equal(array, p.value)


@pytest.mark.parametrize(
    ("make", "wrong"),
    [
        (SGD, {"1.velocity": np.ones(5)}),
        (SGD, {"9.velocity": np.ones(4)}),
        (SGD, {"1.velocity": np.ones(4, np.float32)}),
        (Adam, {"1.m": np.ones(4)}),
        (Adam, {"1.m": np.ones(4), "1.v": np.ones(4), "1.t": np.ones(())}),
    ],
)
def test_foreign_state(make: Any, wrong: dict[str, np.ndarray]) -> None:
    """A state of other parameters is refused and changes nothing."""
    optimizer = make(parameters(), lr=0.1, **({"momentum": 0.9} if make is SGD else {}))
    give_gradients(optimizer.params, 2)
    optimizer.step()
    before = optimizer.state()
    with pytest.raises(StateMismatchError):
        optimizer.load(wrong)
    assert {name: array.tolist() for name, array in before.items()} == {
        name: array.tolist() for name, array in optimizer.state().items()
    }


@pytest.mark.parametrize(
    ("make", "options", "text"),
    [
        (SGD, {"lr": -1.0}, "SGD: lr is -1.0; allowed: from 0 to less than inf"),
        (SGD, {"lr": float("nan")}, "SGD: lr is nan"),
        (SGD, {"lr": float("inf")}, "SGD: lr is inf"),
        (SGD, {"lr": 0.1, "momentum": 1.0}, "SGD: momentum is 1.0; allowed: from 0 to less than 1"),
        (SGD, {"lr": "0.1"}, "SGD: lr is '0.1'; allowed: from 0"),
        (SGD, {"lr": None}, "SGD: lr is None"),
        (SGD, {"lr": 0.1, "dampening": 1.0}, "SGD: dampening is 1.0; allowed: from 0 to less than 1"),
        (SGD, {"lr": 0.1, "weight_decay": -0.1}, "SGD: weight_decay is -0.1; allowed: from 0 to less than inf"),
        (SGD, {"lr": 0.1, "nesterov": 1}, "SGD: nesterov is 1; allowed: True or False"),
        (
            SGD,
            {"lr": 0.1, "nesterov": True},
            "SGD: nesterov is True with momentum=0.0, dampening=0.0; allowed: with momentum above 0 and dampening 0",
        ),
        (
            SGD,
            {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "nesterov": True},
            "SGD: nesterov is True with momentum=0.9, dampening=0.5",
        ),
        (Adam, {"betas": (0.9, 1.0)}, r"Adam: betas\[1\] is 1.0"),
        (Adam, {"betas": (-0.1, 0.9)}, r"Adam: betas\[0\] is -0.1"),
        (Adam, {"betas": 0.9}, "Adam: betas is 0.9; allowed: a pair of numbers"),
        (Adam, {"betas": (0.9,)}, r"Adam: betas is \(0.9,\)"),
        (Adam, {"eps": -1e-8}, "Adam: eps is -1e-08"),
        (Adam, {"weight_decay": float("nan")}, "Adam: weight_decay is nan"),
        (AdamW, {"weight_decay": -1}, "AdamW: weight_decay is -1; allowed: from 0 to less than inf"),
        (AdamW, {"betas": (0.9, 2)}, r"AdamW: betas\[1\] is 2"),
    ],
)
def test_wrong_numbers(make: Any, options: dict[str, Any], text: str) -> None:
    """The message names the number, what it got and its range."""
    with pytest.raises(ValueError, match=f"^{text}"):
        make(parameters(), **options)


def test_wrong_parameters() -> None:
    """Nothing, data, interior nodes, read-only arrays and a parameter given twice cannot be trained."""
    p = TensorNode(np.ones(2))
    frozen = TensorNode(np.broadcast_to(1.0, (2,)))
    for wrong in ([], [TensorNode(np.ones(2), needs_grad=False)], [p * p], [frozen], [p, p], [np.ones(2)]):
        with pytest.raises(ValueError, match=r"^SGD: params.*allowed: (at least one parameter|leaves of the graph)"):
            SGD(wrong, lr=0.1)


def test_representation() -> None:
    """It says how many parameters there are and the numbers that shape the run."""
    assert repr(SGD(parameters(), lr=0.1)) == "SGD(4 params, lr=0.1, momentum=0.0)"
    assert repr(Adam(parameters())) == "Adam(4 params, lr=0.001, betas=(0.9, 0.999), eps=1e-08)"
    more = SGD(parameters(), lr=0.1, momentum=0.9, weight_decay=0.2, nesterov=True)
    assert repr(more) == "SGD(4 params, lr=0.1, momentum=0.9, weight_decay=0.2, nesterov)"
    expected = "Adam(4 params, lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.2)"
    assert expected == repr(Adam(parameters(), weight_decay=0.2))
    assert repr(AdamW(parameters())) == "AdamW(4 params, lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.01)"
