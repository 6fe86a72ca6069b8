"""Convolutions: larger images than a verification draws, batches, layouts of memory, threads, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import gradspec
import ops
from ops.rules import correlation
from ops.rules.conv import without_bias
from ops.threads import THREADS

PLAIN = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
CASES: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((9, 3, 32, 32), (6, 3, 5, 5), {}),
    ((4, 6, 14, 14), (16, 6, 5, 5), {}),
    ((2, 3, 9, 7), (4, 3, 3, 3), {"padding": 1}),
    ((2, 4, 9, 8), (6, 2, 3, 2), {"stride": (2, 1), "padding": (0, 2), "dilation": (1, 2), "groups": 2}),
    ((3, 4, 12, 12), (4, 1, 3, 3), {"groups": 4, "padding": 1}),
    ((1, 16, 20, 20), (32, 16, 1, 1), {"stride": 2}),
]


TRANSPOSED: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((9, 6, 13, 14), (6, 3, 5, 5), {}),
    ((9, 16, 10, 10), (16, 6, 5, 5), {"padding": 2}),
    ((2, 3, 9, 7), (3, 4, 3, 3), {"stride": 2, "padding": 1, "output_padding": 1}),
    ((3, 4, 7, 6), (4, 3, 3, 2), {"groups": 2, "dilation": (1, 2)}),
    ((1, 1, 1, 1), (1, 1, 1, 1), {}),
]


@pytest.fixture
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every loop over rows or halves uses two threads."""
    monkeypatch.setattr("ops.threads.MIN_WORK", 0)
    before = THREADS.count
    ops.set_threads(2)
    yield
    ops.set_threads(before)


@pytest.mark.parametrize(("x", "w", "params"), CASES, ids=str)
def test_conv2d_as_torch(
    x: tuple[int, ...], w: tuple[int, ...], params: dict[str, Any], rng: np.random.Generator, matches_torch: Any
) -> None:
    """Value and cotangents equal torch's."""
    arrays = [rng.standard_normal(shape) for shape in (x, w, w[:1])]
    matches_torch(ops.conv2d, *arrays, **{**PLAIN, **params})


@pytest.mark.parametrize(("x", "w", "params"), TRANSPOSED, ids=str)
def test_conv_transpose2d_as_torch(
    x: tuple[int, ...], w: tuple[int, ...], params: dict[str, Any], rng: np.random.Generator, matches_torch: Any
) -> None:
    """Value and cotangents equal torch's."""
    arrays = [rng.standard_normal(shape) for shape in (x, w, (w[1] * params.get("groups", 1),))]
    matches_torch(ops.conv_transpose2d, *arrays, **{**PLAIN, "output_padding": 0, **params})


@pytest.mark.parametrize(("x", "w", "params"), CASES, ids=str)
def test_threads_change_no_bit(
    x: tuple[int, ...], w: tuple[int, ...], params: dict[str, Any], rng: np.random.Generator, two_threads: None
) -> None:
    """Parts are cut by sizes alone and added in one order."""
    arrays = [rng.standard_normal(shape).astype(np.float32) for shape in (x, w, w[:1])]
    answers = []
    for count in (2, 1):
        ops.set_threads(count)
        y, saved = ops.conv2d.forward(*arrays, **params)
        answers.append((y, *ops.conv2d.vjp(saved, np.cos(np.arange(y.size, dtype=np.float32)).reshape(y.shape))))
    for threaded, alone in zip(*answers, strict=True):
        np.testing.assert_array_equal(alone, threaded)


def test_an_error_in_a_thread_is_raised(two_threads: None) -> None:
    """It is not lost with the thread."""

    def fails(start: int, _stop: int) -> None:
        if start:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        THREADS.each(fails, 4, 1)


def test_both_are_called_and_one_may_cut_its_own_work(two_threads: None) -> None:
    """All is done, though the only other thread is busy already; so it is again the next time."""
    for _ in range(2):
        done: list[tuple[int, int]] = []

        def small() -> None:
            THREADS.each(lambda start, stop: done.append((start, stop)), 4, 1)  # noqa: B023 -- called at once

        THREADS.both(small, lambda: done.append((9, 9)), 1)  # noqa: B023 -- as above
        assert sorted(done) == [(0, 4), (9, 9)]


def test_an_error_in_either_of_both_is_raised(two_threads: None) -> None:
    """And the threads can be used again."""

    def fails() -> None:
        raise ZeroDivisionError

    for pair in ((fails, list), (list, fails)):
        with pytest.raises(ZeroDivisionError):
            THREADS.both(*pair, 1)
    parts: list[int] = []
    THREADS.each(lambda start, _stop: parts.append(start), 4, 1)
    assert sorted(parts) == [0, 2]


@pytest.mark.parametrize("count", [0, -1, 1.5, "2", None])
def test_threads_are_whole_numbers(count: Any) -> None:
    """The message says what it got."""
    with pytest.raises(ValueError, match=f"^set_threads: count is {count!r}; allowed: whole numbers from 1 on$"):
        ops.set_threads(count)


@pytest.mark.parametrize("room", [1, 20_000])  # one row at a time; a few, and fewer in the end
def test_little_scratch_memory(
    room: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, matches_torch: Any
) -> None:
    """However small the parts are that the work is cut into, the answer is the same."""
    for name in ("_CACHE", "_LONG"):
        monkeypatch.setattr(correlation, name, room)
    for x, w, params in CASES[:4]:
        arrays = [rng.standard_normal(shape) for shape in (x, w, w[:1])]
        matches_torch(ops.conv2d, *arrays, **{**PLAIN, **params})
    for x, w, params in TRANSPOSED:
        arrays = [rng.standard_normal(shape) for shape in (x, w, (w[1] * params.get("groups", 1),))]
        matches_torch(ops.conv_transpose2d, *arrays, **{**PLAIN, "output_padding": 0, **params})


def test_every_other_pixel_of_a_large_batch(rng: np.random.Generator) -> None:
    """A batch that does not lie in memory one number after the other is as good as its copy."""
    x, w = rng.standard_normal((12, 3, 9, 18)), rng.standard_normal((4, 3, 3, 3))
    y_bar = rng.standard_normal((12, 4, 7, 14))
    for image, above in ((x[..., ::2], y_bar[..., ::2]), (x[::-1, :, :, :9], y_bar[::-1, :, :, :7])):
        y, saved = ops.conv2d.forward(image, w)
        expected, copies = ops.conv2d.forward(image.copy(), w)
        np.testing.assert_array_equal(y, expected)
        for one, other in zip(ops.conv2d.vjp(saved, above), ops.conv2d.vjp(copies, above.copy()), strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_batch_stays_last_in_memory(rng: np.random.Generator) -> None:
    """From one op to the next nothing is copied: the batch is the innermost axis of every output."""
    x, w = rng.standard_normal((5, 3, 12, 12)), rng.standard_normal((4, 3, 3, 3))
    y = ops.conv2d(x, w, np.ones(4))
    for made in (y, ops.relu(y), ops.max_pool2d(ops.relu(y))):
        assert made.transpose(2, 1, 3, 0).flags.c_contiguous


@pytest.mark.parametrize("op", [ops.conv1d, ops.conv2d, ops.conv_transpose2d], ids=lambda op: op.name)
def test_without_a_bias_is_verified(op: Any) -> None:
    """The declaration without its last input is right, too."""
    report = gradspec.verify(without_bias(op), examples=30)
    assert gradspec.Verdict.PASS is report.verdict, str(report)


def test_without_a_bias(rng: np.random.Generator) -> None:
    """Two inputs, two cotangents, and the value of a bias of zeros."""
    x, w = rng.standard_normal((2, 3, 6, 6)), rng.standard_normal((4, 3, 3, 3))
    for op, images, kernels in (
        (ops.conv2d, x, w),
        (ops.conv1d, x[:, :, 0], w[:, :, 0]),
        (ops.conv_transpose2d, x, w[:3]),
    ):
        y, saved = op.forward(images, kernels)
        assert len(op.vjp(saved, np.ones_like(y))) == 2
        outputs = y.shape[1]
        np.testing.assert_array_equal(op(images, kernels, np.zeros(outputs)), y)


@pytest.mark.parametrize("op", [ops.conv2d, ops.conv_transpose2d], ids=lambda op: op.name)
def test_needs(op: Any, rng: np.random.Generator) -> None:
    """A mask leaves out what is not needed and changes nothing else."""
    y, saved = op.forward(*[rng.standard_normal(shape) for shape in ((2, 3, 6, 6), (3, 3, 3, 3), (3,))])
    full = op.vjp(saved, np.ones_like(y))
    for position in range(3):
        needs = tuple(i == position for i in range(3))
        masked = op.vjp(saved, np.ones_like(y), needs)
        assert [bar is not None for bar in masked] == [*needs]
        np.testing.assert_array_equal(full[position], masked[position])


X, W, B = np.ones((2, 4, 5, 5)), np.ones((6, 2, 3, 3)), np.ones(6)


@pytest.mark.parametrize(
    ("arguments", "params", "text"),
    [
        ((X[0], W, B), {}, r"conv2d: x has shape \(4, 5, 5\); allowed: \(n, c, h, w\)"),
        ((X, W[0], B), {}, r"conv2d: w has shape \(2, 3, 3\); allowed: \(o, c / groups, k, l\)"),
        ((X, W, B), {}, r"conv2d: x has shape \(2, 4, 5, 5\); allowed: 2 channels, to fit w .* with groups=1"),
        ((X, W, B[:5]), {"groups": 2}, r"conv2d: b has shape \(5,\); allowed: \(6,\), one number per output channel"),
        ((X, W, B), {"groups": 4}, "conv2d: groups is 4; allowed: a divisor of the 6 kernels"),
        ((X, W, B), {"groups": 0}, "conv2d: groups is 0; allowed: a whole number from 1 on"),
        ((X, W, B), {"groups": 2, "stride": -1}, "conv2d: stride is -1; allowed: a whole number from 1 on, or a pair"),
        ((X, W, B), {"groups": 2, "padding": (0, -1)}, r"conv2d: padding is \(0, -1\); allowed: a whole number from 0"),
        ((X, W, B), {"groups": 2, "dilation": 1.5}, "conv2d: dilation is 1.5; allowed: a whole number from 1 on"),
        ((X, W, B), {"groups": 2, "dilation": 3}, "conv2d: x has 5 x 5 pixels; allowed: at least 7 x 7"),
        ((X, W[:, :, :0], B), {"groups": 2}, r"conv2d: w has shape \(6, 2, 0, 3\)"),
        ((X.astype(int), W, B), {"groups": 2}, "conv2d: x has dtype int64; allowed: floats"),
    ],
)
def test_what_is_refused(arguments: tuple[Any, ...], params: dict[str, Any], text: str) -> None:
    """The message names the op, the argument, what it got and what fits."""
    with pytest.raises((ValueError, TypeError), match=f"^{text}"):
        ops.conv2d(*arguments, **params)


def test_what_the_transposed_one_refuses() -> None:
    """Its own params, with its own name."""
    with pytest.raises(ValueError, match=r"^conv_transpose2d: output_padding is 1; allowed: less than stride"):
        ops.conv_transpose2d(X, np.ones((4, 2, 3, 3)), output_padding=1)
    with pytest.raises(ValueError, match=r"^conv_transpose2d: x has shape .*; allowed: \(n, 3, h, w\)"):
        ops.conv_transpose2d(X, np.ones((3, 2, 3, 3)))
    with pytest.raises(ValueError, match=r"^conv_transpose2d: x has shape .*nothing is left"):
        ops.conv_transpose2d(X[:, :, :1, :1], np.ones((4, 2, 3, 3)), padding=2)


def test_what_conv1d_refuses() -> None:
    """Its errors speak of signals."""
    with pytest.raises(ValueError, match=r"^conv1d: x has shape \(2, 4, 5, 5\); allowed: \(n, c, t\)"):
        ops.conv1d(X, W[:, :, 0])
    with pytest.raises(ValueError, match=r"^conv1d: stride is \(1, 1\); allowed: a whole number from 1 on"):
        ops.conv1d(X[:, :, 0], W[:, :, 0], stride=(1, 1), groups=2)
