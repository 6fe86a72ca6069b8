"""``mnist`` and ``fashion-mnist``: IDX files from a folder, a package or a download; each kind of damage is named."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments.data import Sizes
from experiments.data.mnist import DIGITS, FASHION, FILES, Publication, decode, source
from experiments.errors import DataError
from tests.experiments.data.files import idx, idx_folder, idx_values, place, seed

TRAIN, TEST = 30, 12


def small(publication: Publication = FASHION, system: Path | None = None) -> Publication:
    """The same publication with a few images, not installed."""
    return replace(publication, train=TRAIN, test=TEST, system=system)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("below", ["", "fashion-mnist", "FashionMNIST/raw", "FashionMNIST", "raw"])
def test_read_from_a_folder(tmp_path: Path, below: str, packed: bool) -> None:
    """Packed or not, in the folder or where torchvision keeps them: every pixel and label."""
    idx_folder(tmp_path / "data" / below, TRAIN, TEST, packed=packed)
    source_, where = source(small()), place(tmp_path, tmp_path / "data")
    known = source_.prepare(where)
    data = source_.load(Sizes(train=20, validation=10, test=TEST), seed(), np.float64, where)
    values = idx_values(TRAIN, TEST)
    order = np.random.default_rng(seed().spawn(1)[0]).permutation(TRAIN)

    assert ((1, 28, 28), FASHION.classes, TRAIN, TEST) == (known.shape, known.classes, known.train, known.test)
    assert np.array_equal(values[FILES[0]][order[:20], np.newaxis] / 127.5 - 1, data.train.x)
    assert np.array_equal(values[FILES[1]][order[:20]], data.train.labels)
    assert np.array_equal(values[FILES[2]][:, np.newaxis] / 127.5 - 1, data.test.x)
    assert np.array_equal(values[FILES[3]], data.test.labels)


def test_the_folder_of_the_package(tmp_path: Path) -> None:
    """What a package installed is found without an option; a folder that is named comes first."""
    system = idx_folder(tmp_path / "system", TRAIN, TEST)
    source_ = source(small(system=system))
    source_.prepare(place(tmp_path))
    root = idx_folder(tmp_path / "mine", TRAIN, TEST)
    (root / f"{FILES[0]}.gz").write_bytes(b"damaged")

    with pytest.raises(DataError, match=r"mine/train-images-idx3-ubyte\.gz"):
        source_.prepare(place(tmp_path, root))


@pytest.mark.parametrize("publication", [FASHION, DIGITS], ids=lambda publication: publication.name)
def test_missing(tmp_path: Path, publication: Publication) -> None:
    """The message says where it was looked for, and how to get it."""
    with pytest.raises(DataError) as caught:
        source(small(publication)).prepare(place(tmp_path, tmp_path))
    text = str(caught.value)

    assert text.startswith(f"{publication.name}: not found in {tmp_path}, ")
    for part in (publication.page, "--root (or GRADSPEC_DATA)", "--download"):
        assert part in text
    assert (publication is FASHION) == ("apt install dataset-fashion-mnist" in text)


def test_a_file_of_the_four_is_missing(tmp_path: Path) -> None:
    """It is named; the set of a package is not taken in its place."""
    system = idx_folder(tmp_path / "system", TRAIN, TEST)
    root = idx_folder(tmp_path / "data", TRAIN, TEST)
    (root / f"{FILES[3]}.gz").unlink()
    with pytest.raises(DataError, match="data: has t10k-images-idx3-ubyte, but not t10k-labels-idx1-ubyte"):
        source(small(system=system)).prepare(place(tmp_path, root))


Change = Callable[[bytes], bytes]
IMAGES, LABELS = FILES[0], FILES[1]
SIZE = 16 + TRAIN * 28 * 28
WRONG: dict[str, tuple[str, Change, str]] = {
    "garbage": (IMAGES, lambda raw: b"<html>" * 9, "is no IDX file of 3 axes: begins with"),
    "empty": (IMAGES, lambda raw: b"", f"is cut short: expected {SIZE} bytes, found 0"),
    "labels for images": (LABELS, lambda raw: gzip.compress(idx(np.zeros((TRAIN, 28, 28)))), "no IDX file of 1 axes"),
    "floats": (LABELS, lambda raw: gzip.compress(b"\0\0\x0d\1" + bytes(34)), "begins with 00000d01, expected 00000801"),
    "fewer images": (
        IMAGES, lambda raw: gzip.compress(idx(np.zeros((29, 28, 28)))), "holds 29×28×28 values, expected 30×28×28",
    ),
    "other labels": (LABELS, lambda raw: gzip.compress(idx(np.full(TRAIN, 10))), "the label 10, expected 0 to 9"),
    "too long": (
        LABELS, lambda raw: gzip.compress(gzip.decompress(raw) + b"\0"), "is too long: expected 38 bytes after",
    ),
    "bytes after": (LABELS, lambda raw: raw + b"more", "is too long: 4 bytes follow the packed data"),
    "a bit of the checksum": (LABELS, lambda raw: raw[:-5] + bytes([raw[-5] ^ 1]) + raw[-4:], "is damaged: gzip says"),
    "unpacked, cut": (
        IMAGES, lambda raw: gzip.decompress(raw)[:-1], f"is cut short: expected {SIZE} bytes, found {SIZE - 1};",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "change", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_damaged_file(tmp_path: Path, name: str, change: Change, said: str) -> None:
    """The message names it, with what was expected and what was found."""
    path = idx_folder(tmp_path / "data", TRAIN, TEST) / f"{name}.gz"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DataError) as caught:
        source(small()).prepare(place(tmp_path, tmp_path / "data"))

    assert path == caught.value.path
    assert said in str(caught.value)
    assert not list((tmp_path / "cache").glob("fashion-mnist-*"))


def test_a_gzip_file_cut_anywhere(tmp_path: Path) -> None:
    """Never used, and never anything else than an error that names the file."""
    folder = idx_folder(tmp_path / "data", TRAIN, TEST)
    files = tuple(folder / f"{name}.gz" for name in FILES)
    whole = files[1].read_bytes()
    decode(small(), files)
    for length in range(len(whole)):
        files[1].write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"train-labels-idx1-ubyte\.gz: is (cut short|no IDX)"):
            decode(small(), files)
    whole = files[0].read_bytes()
    for length in range(2, len(whole), len(whole) // 50):
        files[0].write_bytes(whole[:length])
        with pytest.raises(DataError, match=rf"is cut short: expected {SIZE} bytes after unpacking, found \d+"):
            decode(small(), files)


@pytest.mark.parametrize(
    ("publication", "labels", "other"),
    [
        (DIGITS, [9, 0, 0, 3, 0, 2, 7, 2, 5, 5], "fashion-mnist"),
        (FASHION, [5, 0, 4, 1, 9, 2, 1, 3, 1, 4], "mnist"),
    ],
    ids=["clothes as digits", "digits as clothes"],
)
def test_one_set_is_not_taken_for_the_other(
    tmp_path: Path, publication: Publication, labels: list[int], other: str
) -> None:
    """Their files have the same names and sizes."""
    root = idx_folder(tmp_path / "data", TRAIN, TEST)
    (root / f"{LABELS}.gz").write_bytes(gzip.compress(idx(np.array(labels * 3))))
    with pytest.raises(DataError, match=f"holds the labels of {other}, not of {publication.name}"):
        source(small(publication)).prepare(place(tmp_path, root))


def test_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second look reads the cache; changed files are read again."""
    root = idx_folder(tmp_path / "data", TRAIN, TEST)
    one, where = source(small()), place(tmp_path, root)
    first = one.prepare(where)
    with monkeypatch.context() as patched:
        patched.setattr("experiments.data.mnist.decode", None)

        assert first == one.prepare(where)
    (root / f"{LABELS}.gz").write_bytes(gzip.compress(idx(np.zeros(TRAIN))))
    assert first.digest != one.prepare(where).digest


@pytest.mark.skipif(not (FASHION.system and FASHION.system.exists()), reason="dataset-fashion-mnist is not installed")
def test_the_package_of_debian(tmp_path: Path) -> None:
    """60 000 and 10 000 images, each class equally often."""
    one = source(FASHION)
    known = one.prepare(place(tmp_path))
    data = one.load(Sizes(train=60_000, validation=0, test=10_000), seed(), np.float32, place(tmp_path))

    assert (60_000, 10_000) == (known.train, known.test)
    assert [6_000] * 10 == np.bincount(data.train.labels).tolist()
    assert [1_000] * 10 == np.bincount(data.test.labels).tolist()
