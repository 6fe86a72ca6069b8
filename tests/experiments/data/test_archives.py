"""``image-folder`` from a zip file: what is damaged, or leads out of it, is refused and named."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path

import pytest

from experiments.errors import DataError
from tests.experiments.data.files import (
    garbage,
    prepare,
    train_and_test,
    zipped,
)

pytestmark = pytest.mark.skipif(not importlib.util.find_spec("torchvision"), reason="torchvision is not installed")


def test_wrong_in_an_archive(tmp_path: Path) -> None:
    """The message names the archive and its member, not a temporary folder."""
    root = train_and_test(tmp_path / "pictures")
    garbage(root)
    archive = zipped(root, tmp_path / "pictures.zip")
    with pytest.raises(DataError) as caught:
        prepare(tmp_path, archive)

    assert archive / "train" / "cat" / "notes.txt" == caught.value.path


@pytest.mark.parametrize("member", ["../evil.png", "/evil.png", "cat/../../evil.png", "..\\evil.png", "C:\\evil.png"])
def test_a_member_that_leads_out(tmp_path: Path, member: str) -> None:
    """It is refused before anything is unpacked."""
    archive = zipped(train_and_test(tmp_path / "pictures"), tmp_path / "pictures.zip")
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(member, "evil")
    with pytest.raises(DataError, match="leads out of the folder"):
        prepare(tmp_path, archive)
    assert not list(tmp_path.rglob("*evil*"))


def test_a_damaged_archive(tmp_path: Path) -> None:
    """Cut short, with a changed byte, or no archive at all."""
    archive = zipped(train_and_test(tmp_path / "pictures"), tmp_path / "pictures.zip")
    whole = archive.read_bytes()
    with zipfile.ZipFile(archive) as opened:
        first = opened.getinfo("train/cat/0.png")
        start = first.header_offset + 30 + len(first.filename) + first.compress_size // 2
    archive.write_bytes(whole[:start] + bytes([whole[start] ^ 1]) + whole[start + 1 :])
    with pytest.raises(DataError, match=r"pictures\.zip: its member train/cat/0\.png is damaged"):
        prepare(tmp_path, archive)
    for part in (whole[: len(whole) // 2], b"text"):
        archive.write_bytes(part)
        with pytest.raises(DataError, match=r"pictures\.zip: is neither a folder nor a whole zip file"):
            prepare(tmp_path, archive)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_twice(tmp_path: Path) -> None:
    """It is refused: which of the two was meant is not known."""
    archive = zipped(train_and_test(tmp_path / "pictures"), tmp_path / "pictures.zip")
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("train/cat/0.png", (tmp_path / "pictures" / "train" / "cat" / "1.png").read_bytes())
    with pytest.raises(DataError, match=r"holds the member 'train/cat/0\.png' twice"):
        prepare(tmp_path, archive)


def test_an_archive_larger_than_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before anything is unpacked."""
    archive = zipped(train_and_test(tmp_path / "pictures"), tmp_path / "pictures.zip")
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 100}))
    with pytest.raises(DataError, match=r"unpacks to [0-9]+ bytes, but .* has 100 bytes left"):
        prepare(tmp_path, archive)
