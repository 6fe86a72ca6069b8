"""The cache: decoded once, read with suspicion, safe for two at once."""

from __future__ import annotations

import json
import logging
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from experiments.data.cache import IMAGES, LABELS, META, Decoded, Stored, cached, key_of
from experiments.errors import DataError
from tests.experiments.data.files import place

PICTURES = np.random.default_rng(0).integers(0, 256, (7, 1, 2, 3)).astype(np.uint8)


@dataclass
class Decoder:
    """Counts how often it is called."""

    classes: tuple[str, ...] = ("ä", "b")
    images: np.ndarray = field(default_factory=PICTURES.copy)
    train: int = 5
    calls: int = 0

    def __call__(self, scratch: Path) -> Decoded:
        self.calls += 1
        (scratch / "something").write_text("temporary")
        return Decoded(images=self.images, labels=np.arange(7) % 2, classes=self.classes, train=self.train)


def get(tmp_path: Path, decoder: Callable[[Path], Decoded]) -> Stored:
    """Read or decode the one entry of these tests."""
    return cached(place(tmp_path), "set", "key", decoder)


def entry(tmp_path: Path) -> Path:
    """Where it is."""
    return tmp_path / "cache" / "set-key"


def require_whole(stored: Stored) -> None:
    """What was decoded is what is read."""
    assert np.array_equal(PICTURES, stored.images)
    assert (np.arange(7) % 2).tolist() == stored.labels.tolist()
    assert ((1, 2, 3), ("ä", "b"), 5, 2) == (
        stored.known.shape, stored.known.classes, stored.known.train, stored.known.test,
    )  # fmt: skip


def test_decoded_once(tmp_path: Path) -> None:
    """The second time nothing is decoded, and nothing temporary is left."""
    decoder = Decoder()
    first, second = get(tmp_path, decoder), get(tmp_path, decoder)

    assert 1 == decoder.calls
    require_whole(first)
    require_whole(second)
    assert first.known == second.known
    assert {".locks", "set-key"} == {path.name for path in (tmp_path / "cache").iterdir()}
    assert {IMAGES, LABELS, META} == {path.name for path in entry(tmp_path).iterdir()}


def test_the_digest_is_of_all_that_matters(tmp_path: Path) -> None:
    """Pixels, names and sizes decide it, the place does not."""
    changed = PICTURES.copy()
    changed[6, 0, 1, 2] ^= 1
    digests = [
        get(tmp_path / str(number), decoder).known.digest
        for number, decoder in enumerate(
            [Decoder(), Decoder(classes=("a", "b")), Decoder(train=4), Decoder(images=changed), Decoder()]
        )
    ]

    assert 64 == len(digests[0])
    assert digests[0] == digests[4]
    assert 4 == len(set(digests))


@pytest.mark.parametrize("name", [IMAGES, LABELS, META])
def test_torn_anywhere_it_is_decoded_again(tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever part of a file is left, with one line of warning."""
    decoder = Decoder()
    get(tmp_path, decoder)
    whole = (entry(tmp_path) / name).read_bytes()
    for length in range(0, len(whole), max(1, len(whole) // 40)):
        (entry(tmp_path) / name).write_bytes(whole[:length])
        caplog.clear()
        calls = decoder.calls
        require_whole(get(tmp_path, decoder))

        assert calls + 1 == decoder.calls
        assert [("gradspec.data", logging.WARNING)] == [(row.name, row.levelno) for row in caplog.records]
        assert caplog.messages[0].startswith(f"{entry(tmp_path)}: ")
        assert "decoding the data again" in caplog.messages[0]
        assert whole == (entry(tmp_path) / name).read_bytes()


def other_classes(folder: Path) -> None:
    """Names changed in a file that is otherwise as it was."""
    meta = json.loads((folder / META).read_text())
    (folder / META).write_text(json.dumps(meta | {"classes": ["b", "ä"]}))


def one_bit(name: str) -> Callable[[Path], None]:
    """The last bit of a file turned over."""

    def change(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[-1] ^= 1
        (folder / name).write_bytes(content)

    return change


def a_file(folder: Path) -> None:
    """A file where the folder was."""
    folder.rename(folder.with_name("elsewhere"))
    folder.write_text("a file")


DAMAGES: dict[str, Callable[[Path], object]] = {
    "classes": other_classes,
    "a bit of the images": one_bit(IMAGES),
    "a bit of the labels": one_bit(LABELS),
    "no images": lambda folder: (folder / IMAGES).unlink(),
    "no labels": lambda folder: (folder / LABELS).unlink(),
    "no meta": lambda folder: (folder / META).unlink(),
    "meta a list": lambda folder: (folder / META).write_text("[1]"),
    "meta a text": lambda folder: (folder / META).write_text('"x"'),
    "meta deep": lambda folder: (folder / META).write_text("[" * 100_000),
    "images a folder": lambda folder: ((folder / IMAGES).unlink(), (folder / IMAGES).mkdir()),
    "a file": a_file,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_changed_entry_is_decoded_again(
    tmp_path: Path, damage: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    """What is read is never other than what was decoded."""
    decoder = Decoder()
    get(tmp_path, decoder)
    damage(entry(tmp_path))
    require_whole(get(tmp_path, decoder))
    require_whole(get(tmp_path, decoder))

    assert 2 == decoder.calls
    assert 1 == len(caplog.records)


def test_an_error_leaves_no_entry(tmp_path: Path) -> None:
    """The next try decodes; temporary files are removed."""

    def fails(scratch: Path) -> Decoded:
        (scratch / "half").write_text("half")
        raise DataError(Path("picture"), "is none")

    with pytest.raises(DataError, match="picture: is none"):
        get(tmp_path, fails)
    assert [".locks"] == [path.name for path in (tmp_path / "cache").iterdir()]
    require_whole(get(tmp_path, Decoder()))


def test_what_a_kill_left_is_removed(tmp_path: Path) -> None:
    """Temporary folders of this entry, not those of another one."""
    for name in (".set-key.abc", ".other-key.abc"):
        (tmp_path / "cache" / name).mkdir(parents=True)
        (tmp_path / "cache" / name / "half").write_text("half")
    require_whole(get(tmp_path, Decoder()))

    assert {".locks", "set-key", ".other-key.abc"} == {path.name for path in (tmp_path / "cache").iterdir()}


def test_a_cache_that_cannot_be_written_to(tmp_path: Path) -> None:
    """The message says how to name another one; nothing was decoded for nothing."""
    (tmp_path / "cache").write_text("a file")
    decoder = Decoder()
    with pytest.raises(DataError, match=r"cache: cannot write to this folder .*; GRADSPEC_CACHE names another"):
        get(tmp_path, decoder)
    assert 0 == decoder.calls


@pytest.mark.parametrize("call", ["os.fsync", "pathlib.Path.rename", "tempfile.mkdtemp", "fcntl.flock"])
def test_a_disk_that_fails(tmp_path: Path, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever step of writing fails, it is one line, and no entry."""

    def full(*args: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(call, full)
        with pytest.raises(DataError, match=r"cache: cannot write to this folder [(]No space left on device[)]"):
            get(tmp_path, Decoder())
    assert not entry(tmp_path).exists()
    require_whole(get(tmp_path, Decoder()))


def test_a_read_only_cache_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hit writes nothing at all."""
    get(tmp_path, Decoder())
    for call in ("pathlib.Path.mkdir", "os.fsync", "pathlib.Path.rename"):
        monkeypatch.setattr(call, None)
    require_whole(get(tmp_path, Decoder()))


def slowly(root: Path, done: list[int]) -> None:
    """Decode in another process, so slowly that both are at it."""

    def decode(scratch: Path) -> Decoded:
        with (root / "calls").open("a") as file:
            file.write("x")
        time.sleep(0.3)
        return Decoder()(scratch)

    require_whole(get(root, decode))
    done.append(1)


def test_two_processes_at_once(tmp_path: Path) -> None:
    """Both get the data; one of them decodes."""
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        done = manager.list()
        processes = [context.Process(target=slowly, args=(tmp_path, done)) for _ in range(2)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(60)

        assert [0, 0] == [process.exitcode for process in processes]
        assert [1, 1] == list(done)
    assert "x" == (tmp_path / "calls").read_text()


def test_the_key_is_of_the_state_of_the_files(tmp_path: Path) -> None:
    """Name, size and time of every file, and the folder; their order is nothing."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1")
    two.write_text("2")

    def key(origin: Path = tmp_path) -> str:
        return key_of(origin, [("one", one.stat()), ("two", two.stat()), ("folder/", None)])

    first = key()
    assert first == key_of(tmp_path, [("folder/", None), ("two", two.stat()), ("one", one.stat())])
    assert first != key(tmp_path / "elsewhere")
    assert first != key_of(tmp_path, [("one", one.stat()), ("two", two.stat())])
    two.write_text("3+")
    assert first != key()
