"""``image-folder``: a person's pictures from a folder or a zip file; what is wrong with them is named."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from experiments.data import DATASETS, Dataset, Sizes
from experiments.errors import DataError
from tests.experiments.data.files import (
    CLASSES,
    class_folders,
    garbage,
    pixels,
    place,
    prepare,
    save,
    seed,
    train_and_test,
    zipped,
)

pytestmark = pytest.mark.skipif(not importlib.util.find_spec("torchvision"), reason="torchvision is not installed")


def load(tmp_path: Path, root: Path, train: int, validation: int, test: int, number: int = 0) -> Dataset:
    """Load parts of *root* in float64."""
    sizes = Sizes(train=train, validation=validation, test=test)
    return DATASETS["image-folder"].load(sizes, seed(number), np.float64, place(tmp_path, root))


def expected(*numbers: int) -> np.ndarray:
    """The pictures of these numbers, as they are to be loaded."""
    return np.stack([pixels(number).transpose(2, 0, 1) / 127.5 - 1 for number in numbers])


@pytest.mark.parametrize("packed", [False, True])
def test_train_and_test(tmp_path: Path, packed: bool) -> None:
    """Every pixel and label of both parts; a folder and its zip file hold the same data."""
    root = train_and_test(tmp_path / "pictures")
    known = prepare(tmp_path, root)
    if packed:
        root = zipped(root, tmp_path / "pictures.zip")
    data = load(tmp_path, root, 14, 7, 6)
    both = np.concatenate([data.train.x, data.validation.x])
    every = expected(*(100 * label + number for label in range(3) for number in range(7)))

    assert known == prepare(tmp_path, root)
    assert (CLASSES, (3, 32, 32), 21, 6) == (known.classes, known.shape, known.train, known.test)
    assert {x.tobytes() for x in every} == {x.tobytes() for x in both}
    assert np.array_equal(expected(1000, 1001, 1100, 1101, 1200, 1201), data.test.x)
    assert [0, 0, 1, 1, 2, 2] == data.test.labels.tolist()
    for x, label in zip(data.train.x, data.train.labels, strict=True):
        assert any(np.array_equal(x, every[7 * label + number]) for number in range(7))
    assert not [path for path in (tmp_path / "cache").iterdir() if path.name.startswith(".image-folder")]


def test_folders_of_classes_only(tmp_path: Path) -> None:
    """A sixth of each class is for the test, the same for every seed, and never trained on."""
    root = class_folders(tmp_path / "pictures", count=13)
    one, other = load(tmp_path, root, 33, 0, 6), load(tmp_path, root, 33, 0, 6, number=1)

    assert (33, 6) == (prepare(tmp_path, root).train, prepare(tmp_path, root).test)
    assert [0, 0, 1, 1, 2, 2] == one.test.labels.tolist()
    assert np.array_equal(one.test.x, other.test.x)
    assert not {x.tobytes() for x in one.test.x} & {x.tobytes() for x in other.train.x}
    assert not np.array_equal(expected(0, 1, 100, 101, 200, 201), one.test.x)


def test_pictures_of_any_size_and_kind(tmp_path: Path) -> None:
    """Grey, with a palette or transparent; large ones are averaged, not sampled."""
    from PIL import Image

    root = class_folders(tmp_path / "pictures", count=2)
    grey = np.random.default_rng(0).integers(0, 256, (32, 32)).astype(np.uint8)
    Image.fromarray(grey).save(root / "cat" / "0.png")
    colours = Image.fromarray(pixels(1)).quantize(8)
    colours.save(root / "cat" / "1.png", transparency=b"\x00\x80")
    checks = np.indices((320, 320)).sum(axis=0) % 2 * 255
    Image.fromarray(checks.astype(np.uint8)).save(root / "dog" / "0.bmp")
    Image.fromarray(np.dstack([pixels(2), grey])).save(root / "dog" / "1.png")
    (root / "dog" / "0.png").unlink()
    data = load(tmp_path, root, 3, 0, 3)
    images = {x.tobytes() for x in np.concatenate([data.train.x, data.test.x])}
    stripped = np.asarray(colours.convert("RGB")).transpose(2, 0, 1) / 127.5 - 1
    middle = [x for x in np.concatenate([data.train.x, data.test.x]) if np.abs(x).max() < 0.05]

    assert (np.stack([grey] * 3) / 127.5 - 1).tobytes() in images
    assert stripped.tobytes() in images
    assert expected(2)[0].tobytes() in images
    assert 1 == len(middle)


def cut_short(root: Path) -> Path:
    """A picture without its end."""
    path = root / "test" / "dog" / "0.png"
    path.write_bytes(path.read_bytes()[:-400])
    return path


def sixteen_bits(root: Path) -> Path:
    """A picture with more than 8 bits."""
    from PIL import Image

    path = root / "test" / "dog" / "0.png"
    Image.fromarray(np.full((32, 32), 40_000, np.uint16)).save(path)
    return path


def empty_class(root: Path) -> Path:
    """A class without pictures, but with a file that systems leave."""
    (root / "train" / "fox").mkdir()
    (root / "train" / "fox" / ".DS_Store").write_text("")
    return root / "train" / "fox"


def one_class(root: Path) -> Path:
    """Nothing to tell apart."""
    for part in ("train", "test"):
        for name in ("cat", "dog"):
            (root / part / name).rename(root / f"{part} {name}")
    return root / "train"


def no_class(root: Path) -> Path:
    """Nothing at all."""
    for path in list(root.iterdir()):
        path.rename(root.with_name(f"elsewhere {path.name}"))
    return root


def other_classes(root: Path) -> Path:
    """A class that the test does not know."""
    save(root / "train" / "fox" / "0.png", 1)
    return root / "test"


def more_in_the_test(root: Path) -> Path:
    """A class that is not learned."""
    save(root / "test" / "fox" / "0.png", 1)
    return root / "train"


def no_test(root: Path) -> Path:
    """One part only."""
    (root / "test").rename(root.with_name("elsewhere"))
    return root


def one_picture(root: Path) -> Path:
    """A class that cannot be parted."""
    for name in ("train", "test"):
        (root / name).rename(root.with_name(name))
    class_folders(root)
    save(root / "fox" / "0.png", 1)
    return root / "fox"


def a_circle(root: Path) -> Path:
    """A link that makes a folder its own part."""
    (root / "train" / "cat" / "more").symlink_to(root / "train")
    return root / "train" / "cat" / "more"


def nowhere(root: Path) -> Path:
    """A link to nothing."""
    (root / "train" / "cat" / "more.png").symlink_to(root / "gone.png")
    return root / "train" / "cat" / "more.png"


WRONG: dict[str, tuple[Callable[[Path], Path], str]] = {
    "no picture": (garbage, "is no picture; replace or remove it"),
    "cut short": (cut_short, "is no whole picture (image file is truncated"),
    "16 bits": (sixteen_bits, "has pixels of mode I;16, more than 8 bits"),
    "empty class": (empty_class, "holds no picture"),
    "one class": (one_class, "each of at least 2 classes; found only 'eel'"),
    "no class": (no_class, "each of at least 2 classes; found none"),
    "other classes": (other_classes, "has no class 'fox', but"),
    "more in the test": (more_in_the_test, "has no class 'fox', but"),
    "no test": (no_test, "has a folder 'train', but none named 'test'"),
    "one picture": (one_picture, "holds 1 picture; needed are 2"),
    "a circle": (a_circle, "which it is a part of"),
    "nowhere": (nowhere, "cannot be read (No such file"),
}


@pytest.mark.parametrize(("damage", "said"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_named(tmp_path: Path, damage: Callable[[Path], Path], said: str) -> None:
    """The file or folder, what is wrong with it; nothing is kept."""
    root = train_and_test(tmp_path / "pictures")
    path = damage(root)
    with pytest.raises(DataError) as caught:
        prepare(tmp_path, root)

    assert path == caught.value.path
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "cache").glob("image-folder-*"))


def test_what_systems_leave_is_no_part(tmp_path: Path) -> None:
    """Hidden files and folders, thumbnails, and one folder around everything in an archive."""
    root = train_and_test(tmp_path / "around" / "pictures")
    for name in ("Thumbs.db", ".DS_Store", ".ipynb_checkpoints/x.png"):
        path = root / "train" / "cat" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    (root / "train" / ".ipynb_checkpoints").mkdir()
    (root / "README.txt").write_text("")
    (tmp_path / "around" / "__MACOSX").mkdir()
    known = prepare(tmp_path, zipped(tmp_path / "around", tmp_path / "pictures.zip"))

    assert (CLASSES, 21, 6) == (known.classes, known.train, known.test)
    assert known == prepare(tmp_path, root)


def test_no_root(tmp_path: Path) -> None:
    """The message says how to name one."""
    with pytest.raises(DataError, match=r"^image-folder: no folder is named; to get it: --root \(or GRADSPEC_DATA\)"):
        DATASETS["image-folder"].prepare(place(tmp_path))


@pytest.mark.parametrize("packed", [False, True])
def test_decoded_once(tmp_path: Path, packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second look reads the cache and needs no torchvision; a new picture or an empty folder is seen."""
    folder = train_and_test(tmp_path / "pictures")
    root = zipped(folder, tmp_path / "pictures.zip") if packed else folder
    first = prepare(tmp_path, root)
    with monkeypatch.context() as patched:
        for name in ("torchvision_datasets", "picture"):
            patched.setattr(f"experiments.data.pictures.{name}", None)

        assert first == prepare(tmp_path, root)
    save(folder / "train" / "dog" / "8.png", 5)
    root = zipped(folder, root) if packed else root
    assert first.train + 1 == prepare(tmp_path, root).train
    (folder / "train" / "fox").mkdir()
    root = zipped(folder, root) if packed else root
    with pytest.raises(DataError, match="fox: holds no picture"):
        prepare(tmp_path, root)


def test_progress_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Every few thousand pictures, by the logger."""
    monkeypatch.setattr("experiments.data.pictures._EVERY", 10)
    with caplog.at_level(logging.INFO, "gradspec.data"):
        prepare(tmp_path, class_folders(tmp_path / "pictures"))

    assert ["10 of 21 pictures decoded", "20 of 21 pictures decoded"] == caplog.messages
