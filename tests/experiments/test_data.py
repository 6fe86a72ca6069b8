"""The data: the study's sizes, the study's labels, every point decided by the seed alone."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest

from experiments.catalogue import EXPERIMENTS
from experiments.data import DATASETS, data_folder, load_synth
from experiments.errors import DataError
from experiments.execute import load
from tests.experiments.small import config


def seed(number: int = 0) -> np.random.SeedSequence:
    """A fresh seed: spawning from one changes it."""
    return np.random.SeedSequence(number)


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda experiment: experiment.name)
def test_the_studys_sizes(experiment: Any) -> None:
    """The experiments learn from 60 000 points and validate on 10 000, unless told otherwise."""
    data = load(experiment.base)

    assert (60_000, 2) == data.train.x.shape
    assert (10_000, 2) == data.validation.x.shape == data.test.x.shape
    assert (60_000, 10_000, 10_000) == (len(data.train), len(data.validation), len(data.test))


def test_labels_are_the_ellipse() -> None:
    """The class of (a, b) is a² + 1.5 ab + 0.2 b² > 0.6, written out by hand."""
    data = load_synth(2_000, 100, seed(), np.float64)
    for split in (data.train, data.validation, data.test):
        a, b = split.x.T

        assert np.array_equal(a * a + 1.5 * a * b + 0.2 * b * b > 0.6, split.labels == 1)
        assert {0, 1} == set(split.labels.tolist())
        assert np.int64 == split.labels.dtype


def test_features_are_normal() -> None:
    """Mean 0, variance 1, no correlation: within 5 standard errors of 60 000 points."""
    x = load_synth(60_000, 1, seed(), np.float64).train.x
    error = 5 / np.sqrt(len(x))

    assert np.abs(x.mean(axis=0)).max() < error
    assert np.abs(np.cov(x.T) - np.eye(2)).max() < 2 * error


def test_equal_seeds_give_equal_points() -> None:
    """The same seed gives the same bits, another one others."""
    one, same, other = (load_synth(50, 20, seed(number), np.float64) for number in (3, 3, 4))

    assert one.train.x.tobytes() == same.train.x.tobytes()
    assert one.test.labels.tobytes() == same.test.labels.tobytes()
    assert one.train.x.tobytes() != other.train.x.tobytes()


def test_splits_share_no_point() -> None:
    """Train, validation and test are different draws."""
    data = load_synth(500, 500, seed(), np.float64)
    points = [{tuple(point) for point in split.x} for split in (data.train, data.validation, data.test)]

    assert all(not one & other for one, other in combinations(points, 2))


def test_more_points_keep_the_first_ones() -> None:
    """A larger set begins with the smaller one, so that a quick run is a part of the full one."""
    few, many = load_synth(50, 10, seed(), np.float64), load_synth(90, 30, seed(), np.float64)

    assert np.array_equal(few.train.x, many.train.x[:50])
    assert np.array_equal(few.test.labels, many.test.labels[:10])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_is_the_configs(dtype: str) -> None:
    """The features have the dtype of the config; the points and classes are the same ones."""
    data, exact = load(config(dtype=dtype)), load(config(dtype="float64"))

    assert dtype == str(data.train.x.dtype)
    assert np.array_equal(exact.train.x.astype(dtype), data.train.x)
    assert np.array_equal(exact.train.labels, data.train.labels)


def test_points_cannot_be_changed() -> None:
    """Training cannot write into the data that the next variant sees."""
    data = load(config())

    with pytest.raises(ValueError, match="read-only"):
        data.train.x[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        data.test.labels[0] = 0


def test_a_source_says_what_it_loads() -> None:
    """Features and classes are known without loading."""
    for source in DATASETS.values():
        data = source.load(200, 50, seed(), np.float32, None)

        assert source.features == data.train.x.shape[1]
        assert source.classes == len(np.unique(data.train.labels))


def test_the_folder_of_data(tmp_path: Any) -> None:
    """A folder that is there is taken, none is none, another one is named in the error."""
    assert tmp_path == data_folder(tmp_path)
    assert data_folder(None) is None
    with pytest.raises(DataError, match="nowhere: no such folder; --data"):
        data_folder(tmp_path / "nowhere")
