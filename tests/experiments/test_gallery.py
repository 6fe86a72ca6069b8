"""Filters and wrong predictions: those of the run, the same every time, never of other data; and records to keep."""

from __future__ import annotations

import base64
import io
import json
import math
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments import publish as command
from experiments.catalogue import EXPERIMENTS, find
from experiments.data import DATASETS, Dataset, Place, Split
from experiments.directory import CHECKPOINT, RunDirectory
from experiments.errors import CorruptRunError, DataError
from experiments.execute import execute, load
from experiments.gallery import GALLERY, MOST_MISTAKES, Gallery, can_be_made, make_gallery, mistakes, png, read_gallery
from experiments.page import Page, render
from experiments.recorded import studies
from experiments.records import State
from experiments.section import make_section
from tests.experiments.made_up import recorded_runs, write_run
from tests.experiments.reports import OF_CNN

OPTIMIZERS = find("optimizers")
CONFIG = OPTIMIZERS.configs((0,), **OF_CNN)["SGD, lr 0.03"][0]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one small run of the CNN."""
    folder = tmp_path_factory.mktemp("runs")
    execute(CONFIG, folder)
    return folder


@pytest.fixture
def runs(root: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    shutil.copytree(root, tmp_path / "runs")
    return tmp_path / "runs"


def pixels(encoded: str) -> np.ndarray:
    """The picture (height, width, 3) in a PNG file in base64."""
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))


def test_what_is_shown_is_of_the_run(root: Path) -> None:
    """Filters are the first weights, rounded; mistakes are test pictures with another class, the surest first."""
    gallery = make_gallery(CONFIG, root, Place())
    state = State.from_npz((root / CONFIG.run_id / CHECKPOINT).read_bytes())
    data = load(CONFIG)
    test = np.round((data.test.x.astype(float) + 1) * 127.5).astype(np.uint8).transpose(0, 2, 3, 1)
    wrong = round((1 - RunDirectory(root, CONFIG).read().result.test_accuracy) * CONFIG.test_points)

    assert (6, 3, 5, 5) == np.shape(gallery.filters)
    assert np.abs(np.array(gallery.filters) - state.parameters["conv1.weight"]).max() <= 0.5e-4 + 1e-9
    assert 0 < len(gallery.mistakes) <= min(MOST_MISTAKES, wrong)
    for one in gallery.mistakes:
        (place,) = np.flatnonzero((test == pixels(one.png)).all(axis=(1, 2, 3)))
        assert data.classes[data.test.labels[place]] == one.true != one.predicted
    assert max(Counter(one.true for one in gallery.mistakes).values()) <= 2
    sure = [one.probability for one in gallery.mistakes]
    assert sorted(sure, reverse=True) == sure
    assert gallery == make_gallery(CONFIG, root, Place())


def points(labels: list[int], classes: int) -> Dataset:
    """Pictures that can be told apart, with these classes."""
    x = np.zeros((len(labels), 3, 2, 2), np.float32)
    x[:, 0, 0, 0] = np.arange(len(labels)) / 127.5 - 1
    split = Split(x, np.array(labels, np.int64))
    return Dataset(train=split, validation=split, test=split, classes=tuple("abcdefghijkl"[:classes]))


def test_the_surest_mistakes() -> None:
    """Right and undecided points are no mistakes; at most two of a class and eight in all; ties by place."""
    labels = [0, 0, 0, 0, 1, 2]
    logits = np.zeros((6, 3))
    logits[0, 1] = 1.0  # wrong
    logits[1, 1] = 3.0  # wrong, the surest
    logits[2, 2] = 2.0  # wrong
    logits[3, 0] = 9.0  # right
    logits[4, 0] = 1.0  # wrong, as sure as the first
    logits[5] = np.nan
    found = mistakes(logits, points(labels, 3))

    assert [("a", "b"), ("a", "c"), ("b", "a")] == [(one.true, one.predicted) for one in found]
    assert [1, 2, 4] == [pixels(one.png)[0, 0, 0] for one in found]
    assert [round(math.exp(value) / (math.exp(value) + 2), 4) for value in (3, 2, 1)] == [
        one.probability for one in found
    ]
    many = mistakes(np.eye(12)[:, ::-1], points(list(range(12)), 12))
    assert [*range(MOST_MISTAKES)] == [pixels(one.png)[0, 0, 0] for one in many]


def test_one_scale_for_all_filters() -> None:
    """Grey is 0; the largest weight of any filter is black or white, in all of them."""
    filters = np.zeros((2, 3, 1, 2))
    filters[0, 0, 0] = -2.0, 1.0
    filters[1, 2, 0, 0] = 1.0
    first, second = Gallery(filters=filters.tolist(), mistakes=()).pictures

    assert [[[0, 128, 128], [191, 128, 128]]] == pixels(first[0]).tolist()
    assert (-2.0, 1.0) == first[1:]
    assert [[[128, 128, 191], [128, 128, 128]]] == pixels(second[0]).tolist()
    assert [[[128] * 3]] == pixels(
        Gallery(filters=np.zeros((1, 3, 1, 1)).tolist(), mistakes=()).pictures[0][0]
    ).tolist()


def test_other_data_are_refused(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data with which the model does not reach its recorded accuracy are not those of the run."""
    data = load(CONFIG)
    other = replace(data, test=Split(data.test.x[::-1], data.test.labels))
    monkeypatch.setattr("experiments.gallery.load", lambda *_: other)

    with pytest.raises(DataError, match="they are other data"):
        make_gallery(CONFIG, runs, Place())


def test_data_with_another_digest_are_refused(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are told before anything is computed."""
    config = replace(CONFIG, data="abc")
    write_run(runs, config)
    known = replace(DATASETS["shapes"].prepare(Place()), digest="abdef")
    stored = replace(DATASETS["shapes"], generated=False, prepare=lambda _: known)
    monkeypatch.setattr("experiments.execute.DATASETS", {"shapes": stored})

    with pytest.raises(DataError, match=f"shapes: holds other data .* than run {config.run_id} was planned for"):
        make_gallery(config, runs, Place())


@pytest.mark.parametrize("content", [b"", b"no checkpoint"])
def test_a_damaged_checkpoint(runs: Path, content: bytes) -> None:
    """It is named."""
    (runs / CONFIG.run_id / CHECKPOINT).write_bytes(content)

    with pytest.raises(CorruptRunError, match=r"checkpoint\.npz: not a checkpoint"):
        make_gallery(CONFIG, runs, Place())


@pytest.mark.parametrize(
    "change",
    [
        lambda values: [],
        lambda values: values | {"filters": [[1.0]]},
        lambda values: values | {"filters": values["filters"] * 0 + [[[["x"]]]]},
        lambda values: values | {"mistakes": [{"png": "PHNjcmlwdD4="}]},
        lambda values: values | {"mistakes": [values["mistakes"][0] | {"png": "PHNjcmlwdD4="}]},
        lambda values: values | {"mistakes": [values["mistakes"][0] | {"png": '"><script>'}]},
        lambda values: values | {"mistakes": [values["mistakes"][0] | {"probability": 2.0}]},
        lambda values: values | {"mistakes": [values["mistakes"][0] | {"true": 3}]},
    ],
)
def test_a_damaged_gallery(runs: Path, change: Callable[[Any], Any]) -> None:
    """What is no gallery is not shown: no text gets onto the page as a picture."""
    path = runs / CONFIG.run_id
    assert read_gallery(path) is None
    gallery = make_gallery(CONFIG, runs, Place())
    command.write_gallery(path, gallery)
    assert gallery == read_gallery(path)
    values = json.loads((path / GALLERY).read_text())
    (path / GALLERY).write_text(json.dumps(change(values)))

    with pytest.raises(CorruptRunError, match=r"gallery\.json: is no"):
        read_gallery(path)


def test_on_the_page(root: Path) -> None:
    """Each filter and each mistake is a picture with a text; nothing is there without a gallery."""
    gallery = make_gallery(CONFIG, root, Place())
    study = studies(OPTIMIZERS, recorded_runs(OPTIMIZERS, (0,)))
    section = make_section(OPTIMIZERS, study, gallery=lambda _: gallery)
    html, without = (
        render(Page(ops=[], sections=[one], environments={}, quick=False, examples=1, command="c"))
        for one in (section, make_section(OPTIMIZERS, study))
    )

    assert 6 + len(gallery.mistakes) == html.count("<img ")
    assert all(f'alt="Filter {number} of the first layer: 5 × 5 pixels' in html for number in range(1, 7))
    for number, one in enumerate(gallery.mistakes, start=1):
        assert f'src="data:image/png;base64,{one.png}"' in html
        assert f'alt="Test picture {number}: {one.true}, taken for {one.predicted}"' in html
    assert "<img " not in without


def test_torch_and_mlps_have_no_gallery(runs: Path) -> None:
    """Only our CNN has filters to show, and only with its checkpoint."""
    path = runs / CONFIG.run_id
    mlp = EXPERIMENTS[0].configs((0,))["ReLU"][0]

    assert [True, False, False] == [can_be_made(one, path) for one in (CONFIG, replace(CONFIG, backend="torch"), mlp)]
    (path / CHECKPOINT).unlink()
    assert not can_be_made(CONFIG, path)


def test_png_is_lossless() -> None:
    """Every byte comes back."""
    picture = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)

    assert (pixels(png(picture)) == picture.transpose(1, 2, 0)).all()
