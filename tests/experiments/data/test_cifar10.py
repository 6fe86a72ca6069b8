"""``cifar10`` and downloads, with tiny sets in place of the real ones: nothing is unpickled before its MD5 is right.

The host that is downloaded from is this process: nothing leaves the machine.
"""

from __future__ import annotations

import hashlib
import importlib.util
import pickle
import socket
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.data import DATASETS, Sizes
from experiments.data.download import downloads, fetch
from experiments.data.mnist import FASHION, source
from experiments.data.torchvision_beside import torchvision_datasets
from experiments.errors import DataError
from tests.experiments.data.files import idx_folder, place, seed

pytestmark = pytest.mark.skipif(not importlib.util.find_spec("torchvision"), reason="torchvision is not installed")
FOLDER, ARCHIVE = "cifar-10-batches-py", "cifar-10-python.tar.gz"
PIXELS = np.random.default_rng(0).integers(0, 256, (12, 3, 32, 32)).astype(np.uint8)
LABELS = [number % 10 for number in range(12)]
BATCHES = {"data_batch_1": slice(0, 4), "data_batch_2": slice(4, 8), "test_batch": slice(8, 12)}


def md5(path: Path) -> str:
    """As the lists of torchvision write it."""
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


@dataclass
class Fake:
    """The files of a set of 8 + 4 pictures, whose sums torchvision expects."""

    folder: Path
    archive: Path


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and tells nobody."""

    def log_message(self, *args: object) -> None: ...


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve the folder ``served``; yield its address."""
    monkeypatch.setenv("no_proxy", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "served"))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def fake(tmp_path: Path, host: str, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Write the files and exchange torchvision's lists."""
    folder = tmp_path / "served" / FOLDER
    folder.mkdir(parents=True)
    for name, part in BATCHES.items():
        content = {"data": PIXELS[part].reshape(4, -1), "labels": LABELS[part]}
        (folder / name).write_bytes(pickle.dumps(content))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": [f"class {n}" for n in range(10)]}))
    archive = tmp_path / "served" / ARCHIVE
    with tarfile.open(archive, "w:gz") as opened:
        opened.add(folder, FOLDER)
    cifar10 = torchvision_datasets().CIFAR10
    sums = [[name, md5(folder / name)] for name in BATCHES]
    monkeypatch.setattr(cifar10, "train_list", sums[:2])
    monkeypatch.setattr(cifar10, "test_list", sums[2:])
    monkeypatch.setattr(cifar10, "meta", cifar10.meta | {"md5": md5(folder / "batches.meta")})
    monkeypatch.setattr(cifar10, "tgz_md5", md5(archive))
    monkeypatch.setattr(cifar10, "url", host + ARCHIVE)
    return Fake(folder, archive)


@pytest.mark.parametrize("root", ["served", f"served/{FOLDER}", f"served/{ARCHIVE}"])
def test_read(tmp_path: Path, fake: Fake, root: str) -> None:
    """From the folder around, the folder of batches, or the archive: every pixel, label and name."""
    cifar10, where = DATASETS["cifar10"], place(tmp_path, tmp_path / root)
    known = cifar10.prepare(where)
    data = cifar10.load(Sizes(train=6, validation=2, test=4), seed(), np.float32, where)
    order = np.random.default_rng(seed().spawn(1)[0]).permutation(8)

    assert ((3, 32, 32), 8, 4, tuple(f"class {n}" for n in range(10))) == (
        known.shape, known.train, known.test, known.classes,
    )  # fmt: skip
    assert np.array_equal((PIXELS[8:] / 127.5 - 1).astype(np.float32), data.test.x)
    assert np.array_equal((PIXELS[order[:6]] / 127.5 - 1).astype(np.float32), data.train.x)
    assert LABELS[8:] == data.test.labels.tolist()
    assert [LABELS[number] for number in order[:6]] == data.train.labels.tolist()


class Evil:
    """Runs code where it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return Path.touch, (Path("evil"),)


@pytest.mark.parametrize("name", ["data_batch_2", "test_batch", "batches.meta"])
def test_another_file_is_never_unpickled(
    tmp_path: Path, fake: Fake, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named, with the sum that was expected and the one that was found."""
    monkeypatch.chdir(tmp_path)
    expected = md5(fake.folder / name)
    (fake.folder / name).write_bytes(pickle.dumps(Evil()))
    with pytest.raises(DataError) as caught:
        DATASETS["cifar10"].prepare(place(tmp_path, fake.folder))

    assert fake.folder / name == caught.value.path
    assert f"expected MD5 {expected}, found {md5(fake.folder / name)}" in str(caught.value)
    assert not Path("evil").exists()


def test_missing(tmp_path: Path, fake: Fake) -> None:
    """A file is named; of a set that is nowhere it is said how to get it."""
    (fake.folder / "test_batch").unlink()
    with pytest.raises(DataError, match=r"test_batch: cannot be read .*; to get it: --download; or --root"):
        DATASETS["cifar10"].prepare(place(tmp_path, fake.folder))
    with pytest.raises(DataError, match=r"^cifar10: not found in .*https://www\.cs\.toronto\.edu/~kriz/cifar\.html"):
        DATASETS["cifar10"].prepare(place(tmp_path))


def test_an_archive_cut_short(tmp_path: Path, fake: Fake) -> None:
    """It is not unpacked."""
    fake.archive.write_bytes(fake.archive.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"cifar-10-python\.tar\.gz: is not the published file: expected MD5"):
        DATASETS["cifar10"].prepare(place(tmp_path, fake.archive))


def test_download(tmp_path: Path, fake: Fake) -> None:
    """Fetched once, where the user allows it; after that it is there without allowing it."""
    known = DATASETS["cifar10"].prepare(place(tmp_path, download=True))
    fake.archive.unlink()

    assert known == DATASETS["cifar10"].prepare(place(tmp_path, download=True))
    assert known == DATASETS["cifar10"].prepare(place(tmp_path))
    assert [FOLDER] == [path.name for path in (tmp_path / "cache" / "downloads" / "cifar10").iterdir()]


def test_nothing_is_fetched_unasked(tmp_path: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the option torchvision's download is not called."""
    monkeypatch.setattr(torchvision_datasets().CIFAR10, "download", None)
    with pytest.raises(DataError, match="not found in"):
        DATASETS["cifar10"].prepare(place(tmp_path))


def test_a_download_cut_short_is_never_used(tmp_path: Path, fake: Fake) -> None:
    """Nothing of it is kept; the next try gets the whole."""
    whole = fake.archive.read_bytes()
    fake.archive.write_bytes(whole[:-1])
    with pytest.raises(DataError, match=r"^cifar10: the download failed \(.*corrupted.*\); try --download again"):
        DATASETS["cifar10"].prepare(place(tmp_path, download=True))
    assert [".locks"] == [path.name for path in (tmp_path / "cache" / "downloads").iterdir()]
    fake.archive.write_bytes(whole)
    DATASETS["cifar10"].prepare(place(tmp_path, download=True))


def test_download_of_fashion_mnist(tmp_path: Path, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The four files, by torchvision; a cut one is never used, and no host is one line."""
    served = idx_folder(tmp_path / "served", 30, 12)
    kind = torchvision_datasets().FashionMNIST
    one = source(replace(FASHION, train=30, test=12, system=None))
    monkeypatch.setattr(kind, "resources", [(name, md5(served / name)) for name, _ in kind.resources])
    path = served / "t10k-labels-idx1-ubyte.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    for mirror in (host, "http://127.0.0.1:1/"):
        monkeypatch.setattr(kind, "mirrors", [mirror])
        with pytest.raises(DataError, match=r"^fashion-mnist: the download failed .* from https://github\.com/zaland"):
            one.prepare(place(tmp_path, download=True))
    path.write_bytes(whole)
    monkeypatch.setattr(kind, "mirrors", [host])

    assert 30 == one.prepare(place(tmp_path, download=True)).train
    assert 30 == one.prepare(place(tmp_path)).train


def test_patience_is_for_downloads_only(tmp_path: Path) -> None:
    """A host that does not answer is given up; what the process had set for sockets is set again."""
    seen: list[float | None] = []

    def into(folder: Path) -> None:
        seen.append(socket.getdefaulttimeout())
        folder.mkdir()

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(7)
    try:
        fetch(place(tmp_path), "set", "https://example.org", into)

        assert [60] == seen
        assert 7 == socket.getdefaulttimeout()
    finally:
        socket.setdefaulttimeout(before)


def test_what_another_process_fetched_is_taken(tmp_path: Path) -> None:
    """It waited for the lock, and then finds the download there."""
    there = downloads(place(tmp_path), "set")
    there.mkdir(parents=True)

    def again(folder: Path) -> None:
        raise AssertionError("was fetched twice")

    assert there == fetch(place(tmp_path), "set", "https://example.org", again)


def test_torchvision_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name and how to install it, on one line."""
    import sys

    from gradspec.errors import MissingDependencyError

    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    with pytest.raises(MissingDependencyError, match=r"torchvision is not installed; .* pip install"):
        torchvision_datasets()
