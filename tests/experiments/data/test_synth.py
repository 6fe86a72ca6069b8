"""``synth``: the study's sizes, the study's labels, every point decided by the seed alone."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from experiments.data import DATASETS, Dataset, Sizes
from experiments.data.synth import load_synth
from experiments.errors import DataError
from tests.experiments.data.files import seed


def synth(train: int, held_out: int, number: int = 0, dtype: type[np.floating] = np.float64) -> Dataset:
    """The set with as many points for the validation as for the test."""
    return load_synth(Sizes(train=train, validation=held_out, test=held_out), seed(number), dtype)


def test_the_studys_sizes() -> None:
    """The experiments learn from 60 000 points and validate on 10 000, unless told otherwise."""
    source = DATASETS["synth"]

    assert (60_000, 10_000, 10_000) == (source.train_points, source.validation_points, source.test_points)


def test_points_are_what_they_were_for_every_seed() -> None:
    """The first three streams of the seed, one per split: runs that were recorded stay what they are."""
    data = synth(30, 20, number=7)
    for stream, split in zip(seed(7).spawn(3), (data.train, data.validation, data.test), strict=True):
        assert np.array_equal(np.random.default_rng(stream).standard_normal((len(split), 2)), split.x)


def test_labels_are_the_ellipse() -> None:
    """The class of (a, b) is a² + 1.5 ab + 0.2 b² > 0.6, written out by hand."""
    data = synth(2_000, 100)
    for split in (data.train, data.validation, data.test):
        a, b = split.x.T

        assert np.array_equal(a * a + 1.5 * a * b + 0.2 * b * b > 0.6, split.labels == 1)
        assert {0, 1} == set(split.labels.tolist())
        assert np.int64 == split.labels.dtype


def test_features_are_normal() -> None:
    """Mean 0, variance 1, no correlation: within 5 standard errors of 60 000 points."""
    x = synth(60_000, 1).train.x
    error = 5 / np.sqrt(len(x))

    assert np.abs(x.mean(axis=0)).max() < error
    assert np.abs(np.cov(x.T) - np.eye(2)).max() < 2 * error


def test_splits_share_no_point() -> None:
    """Train, validation and test are different draws."""
    data = synth(500, 500)
    points = [{tuple(point) for point in split.x} for split in (data.train, data.validation, data.test)]

    assert all(not one & other for one, other in combinations(points, 2))


def test_more_points_keep_the_first_ones() -> None:
    """A larger set begins with the smaller one, so that a quick run is a part of the full one."""
    few, many = synth(50, 10), synth(90, 30)

    assert np.array_equal(few.train.x, many.train.x[:50])
    assert np.array_equal(few.test.labels, many.test.labels[:10])


def test_dtype_is_the_wanted_one() -> None:
    """The points and classes are the same ones in every dtype."""
    data, exact = synth(50, 10, dtype=np.float32), synth(50, 10)

    assert np.float32 == data.train.x.dtype
    assert np.array_equal(exact.train.x.astype(np.float32), data.train.x)
    assert np.array_equal(exact.train.labels, data.train.labels)


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        (Sizes(train=10**8, validation=1, test=1), "100000000 points to train and validate on; got 100000000 [+] 1"),
        (Sizes(train=1, validation=1, test=10**8 + 1), "has 100000000 test points; got 100000001"),
        (Sizes(train=0, validation=1, test=1), "got 0 training"),
        (Sizes(train=1, validation=-1, test=1), "-1 validation"),
        (Sizes(train=1, validation=1, test=-1), "-1 test"),
    ],
)
def test_impossible_sizes_are_refused(sizes: Sizes, said: str) -> None:
    """The message names the set and the numbers."""
    with pytest.raises(DataError, match=f"^synth: .*{said}"):
        load_synth(sizes, seed(), np.float32)
