"""What every source promises, and how decoded pixels become splits."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from experiments.data import DATASETS, Dataset, Known, Place, Sizes, Source, Split
from experiments.data.splits import cut, scaled
from experiments.errors import DataError
from tests.experiments.data.files import seed

KNOWN = Known(digest="d", shape=(1, 2, 2), classes=("a", "b"), train=60, test=20)
IMAGES = np.arange(80, dtype=np.uint8).repeat(4).reshape(80, 1, 2, 2)
LABELS = np.arange(80) % 2
GENERATED = [source for source in DATASETS.values() if source.generated]


def split_up(
    train: int = 40, validation: int = 20, test: int = 20, number: int = 0, dtype: type[np.floating] = np.float32
) -> Dataset:
    """The pictures above, each of which holds its own number in every pixel."""
    sizes = Sizes(train=train, validation=validation, test=test)
    return cut(Path("here"), KNOWN, IMAGES, LABELS, sizes, seed(number), dtype)


def numbers(split: Split) -> list[int]:
    """Which pictures a split holds."""
    return np.rint((split.x[:, 0, 0, 0].astype(np.float64) + 1) * 127.5).astype(int).tolist()


def test_the_sets_there_are() -> None:
    """Names are those that configs write; a set that is not generated says how to get it."""
    assert list(DATASETS) == ["synth", "shapes", "fashion-mnist", "mnist", "cifar10", "image-folder"]
    for name, source in DATASETS.items():
        assert name == source.name
        assert source.generated == (source.how == "")
        assert "\n" not in source.title


@pytest.mark.parametrize("source", GENERATED, ids=lambda source: source.name)
def test_a_generated_source_says_what_it_loads(source: Source) -> None:
    """Shape and classes are known without loading; the arrays are of the dtype and cannot be written to."""
    known = source.prepare(Place())
    data = source.load(Sizes(train=200, validation=50, test=30), seed(), np.float32, Place())

    assert (source.shape, source.classes, "") == (known.shape, len(known.classes), known.digest)
    assert known.classes == data.classes
    for split, size in ((data.train, 200), (data.validation, 50), (data.test, 30)):
        assert (size, *source.shape) == split.x.shape
        assert (np.float32, np.int64) == (split.x.dtype, split.labels.dtype)
        assert size == len(split) == len(split.labels)
        assert split.x.flags.c_contiguous
        assert split.labels.flags.c_contiguous
        for array in (split.x, split.labels):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0
    assert set(range(source.classes)) == set(data.train.labels.tolist())


@pytest.mark.parametrize("source", GENERATED, ids=lambda source: source.name)
def test_equal_seeds_give_equal_points(source: Source) -> None:
    """The same seed gives the same bits, another one others."""
    sizes = Sizes(train=50, validation=20, test=20)
    one, same, other = (source.load(sizes, seed(number), np.float64, Place()) for number in (3, 3, 4))

    assert one.train.x.tobytes() == same.train.x.tobytes()
    assert one.test.labels.tobytes() == same.test.labels.tobytes()
    assert one.train.x.tobytes() != other.train.x.tobytes()


def test_pixels_run_from_minus_one_to_one() -> None:
    """x / 127.5 - 1, exactly: computed in float64 and rounded once."""
    every = np.arange(256, dtype=np.uint8).reshape(256, 1, 1, 1)

    assert np.array_equal(np.arange(256) / 127.5 - 1, scaled(every, np.float64).ravel())
    assert np.array_equal((np.arange(256) / 127.5 - 1).astype(np.float32), scaled(every, np.float32).ravel())
    assert (-1.0, 1.0) == (scaled(every, np.float32).min(), scaled(every, np.float32).max())


def test_scaling_in_pieces_loses_nothing() -> None:
    """More pictures than are scaled at once."""
    many = np.random.default_rng(0).integers(0, 256, (2_345, 1, 2, 2)).astype(np.uint8)

    assert np.array_equal(many / 127.5 - 1, scaled(many, np.float64))
    assert np.array_equal(many[::-1] / 127.5 - 1, scaled(many, np.float64, np.arange(2_345)[::-1]))


def test_train_and_validation_are_disjoint_parts_of_the_training_part() -> None:
    """Together they are all of it where the sizes say so; the labels go with their pictures."""
    data = split_up()

    assert list(range(60)) == sorted(numbers(data.train) + numbers(data.validation))
    assert list(range(60)) != numbers(data.train) + numbers(data.validation)
    for split in (data.train, data.validation, data.test):
        assert [number % 2 for number in numbers(split)] == split.labels.tolist()
        assert split.x.flags.c_contiguous
        assert split.labels.flags.c_contiguous
    assert all(
        not set(numbers(one)) & set(numbers(other))
        for one, other in combinations((data.train, data.validation, data.test), 2)
    )


def test_the_test_is_the_sets_own() -> None:
    """Whole and in its order where its size is asked for, for every seed; a random part of it otherwise."""
    assert list(range(60, 80)) == numbers(split_up().test) == numbers(split_up(number=1).test)
    some, others = numbers(split_up(test=8).test), numbers(split_up(test=8, number=1).test)

    assert 8 == len(set(some)) == len(set(others))
    assert set(some) != set(others)
    assert set(some) | set(others) < set(range(60, 80))


def test_the_order_is_the_seeds_and_of_nothing_else() -> None:
    """A split does not depend on the sizes of the others, nor its beginning on its own."""
    data, smaller = split_up(), split_up(train=10, validation=7, test=19)

    assert numbers(data.train)[:10] == numbers(smaller.train)
    assert numbers(data.validation)[:7] == numbers(smaller.validation)
    assert numbers(split_up(test=5).test) == numbers(smaller.test)[:5]
    assert numbers(data.train) != numbers(split_up(number=1).train)
    assert numbers(data.train) == numbers(split_up(dtype=np.float64).train)


def test_more_points_than_there_are() -> None:
    """The message names the numbers."""
    with pytest.raises(DataError, match=r"^here: has 60 points to train and validate on; got 41 [+] 20 = 61"):
        split_up(train=41)
    with pytest.raises(DataError, match=r"^here: has 20 test points; got 21"):
        split_up(test=21)


def test_the_callers_arrays_stay_writable() -> None:
    """A split cannot be written to, what it was made from can."""
    x, labels = np.zeros((3, 2)), np.zeros(3, np.int64)
    split = Split(x, labels)
    x[0] = 1

    assert not split.x.flags.writeable
    assert not split.labels.flags.writeable


def test_where_data_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The option, else the variable, else nowhere; a name of nothing is an error."""
    assert Place().data_root() is None
    monkeypatch.setenv("GRADSPEC_DATA", str(tmp_path))
    other = tmp_path / "other"
    other.mkdir()

    assert tmp_path == Place().data_root()
    assert other == Place(root=other).data_root()
    with pytest.raises(DataError, match=r"gone: no such file or folder; --root [(]or GRADSPEC_DATA[)]"):
        Place(root=tmp_path / "gone").data_root()


def test_where_the_cache_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The option, GRADSPEC_CACHE, XDG_CACHE_HOME, the home folder: the first that there is."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("GRADSPEC_CACHE", str(tmp_path / "variable"))

    assert tmp_path / "option" == Place(cache=tmp_path / "option").cache_folder()
    assert tmp_path / "variable" == Place().cache_folder()
    monkeypatch.delenv("GRADSPEC_CACHE")
    assert tmp_path / "xdg" / "gradspec" == Place().cache_folder()
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert tmp_path / "home" / ".cache" / "gradspec" == Place().cache_folder()
