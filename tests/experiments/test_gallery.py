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
from experiments.publish import KEPT, publish
from experiments.recorded import collect, studies
from experiments.records import State
from experiments.section import make_section
from tests.experiments.made_up import recorded_runs, write_study
from tests.experiments.reports import OF_CNN
from tests.experiments.small import times

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
    execute(config, runs)
    source = DATASETS["shapes"]
    for digest, is_right in (("abcdef", True), ("abdef", False)):
        known = replace(source.prepare(Place()), digest=digest)
        found = replace(source, prepare=lambda _, known=known: known)
        monkeypatch.setattr("experiments.gallery.DATASETS", {"shapes": found})
        if is_right:
            make_gallery(config, runs, Place())
        else:
            with pytest.raises(DataError, match=f"shapes: are other data than those of run {config.run_id}"):
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


def published(runs: Path, target: Path, *arguments: str) -> int:
    """Call the command."""
    return command.main([*arguments, "--runs", str(runs), "--to", str(target)])


def test_records_are_kept_without_checkpoints(runs: Path, tmp_path: Path, capsys: Any) -> None:
    """Small files only, equal to the bit, readable as runs; a second call writes nothing."""
    target = tmp_path / "records"
    assert 0 == published(runs, target)
    source, copy = runs / CONFIG.run_id, target / CONFIG.run_id

    assert sorted(KEPT) == sorted(path.name for path in copy.iterdir())
    assert all((source / name).read_bytes() == (copy / name).read_bytes() for name in KEPT)
    assert [CONFIG.run_id] == list(collect([target]).runs)
    assert capsys.readouterr().out == f"1 runs copied to {target}; 0 were there\n"
    before = times(target)
    assert 0 == published(runs, target)
    assert before == times(target)
    assert capsys.readouterr().out == f"0 runs copied to {target}; 1 were there\n"


def test_only_the_named_experiments(runs: Path, tmp_path: Path, capsys: Any) -> None:
    """Others stay where they are; a name that is none is a mistake."""
    write_study(runs, find("activations"), (0,))
    assert 0 == published(runs, tmp_path / "records", "activations", "residual")
    assert {"activations"} == {run.record.config.experiment for run in collect([tmp_path / "records"]).runs.values()}
    assert 2 == published(runs, tmp_path / "records", "cnn")
    assert "error: unknown experiment 'cnn'" in capsys.readouterr().err


def test_the_best_run_has_a_gallery(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Of each whole study of the CNN, where there is a checkpoint; made once, and gained by a record that was there."""
    alone = replace(OPTIMIZERS, variants={"SGD, lr 0.03": OPTIMIZERS.variants["SGD, lr 0.03"]}, tuned={})
    assert 0 == published(runs, tmp_path / "records")
    assert not (tmp_path / "records" / CONFIG.run_id / GALLERY).exists()
    monkeypatch.setattr(command, "EXPERIMENTS", (alone,))
    assert 0 == published(runs, tmp_path / "records")
    kept = read_gallery(tmp_path / "records" / CONFIG.run_id)

    assert make_gallery(CONFIG, runs, Place()) == kept
    assert not (tmp_path / "records" / CONFIG.run_id / CHECKPOINT).exists()
    with monkeypatch.context() as patch:
        patch.setattr(command, "make_gallery", lambda *_: pytest.fail("made again"))
        assert 0 == published(runs, tmp_path / "records")
    (runs / CONFIG.run_id / GALLERY).unlink()
    (runs / CONFIG.run_id / CHECKPOINT).write_bytes(b"")
    capsys.readouterr()
    assert 2 == published(runs, tmp_path / "records")
    assert capsys.readouterr().err.startswith(f"no pictures of run {CONFIG.run_id}: ")
    assert kept == read_gallery(tmp_path / "records" / CONFIG.run_id)


def test_a_full_disk_leaves_no_half_of_a_record(
    runs: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All files of a record are there, or none; a record that was there stays."""
    target, room = tmp_path / "records", [3]
    write = command.write_atomic

    def fail(path: Path, content: bytes | str) -> None:
        if not room[0]:
            raise OSError(28, "No space left on device")
        room[0] -= 1
        write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(command, "write_atomic", fail)
        assert 2 == published(runs, target)
    assert "No space left on device" in capsys.readouterr().err
    assert [] == list(target.iterdir())
    assert 0 == published(runs, target)


def test_a_damaged_record_is_replaced(runs: Path, tmp_path: Path) -> None:
    """The run that is copied is the same one, and whole; what a killed call left is removed."""
    (run,) = collect([runs]).runs.values()
    (tmp_path / f"{CONFIG.run_id}.1.tmp").mkdir()
    assert publish(run, tmp_path)
    (tmp_path / CONFIG.run_id / "metrics.jsonl").write_text("")

    assert publish(run, tmp_path)
    assert not publish(run, tmp_path)
    assert {CONFIG.run_id, "runs"} == {path.name for path in tmp_path.iterdir()}


def test_a_damaged_run_is_left_out(runs: Path, tmp_path: Path, capsys: Any) -> None:
    """It is told, the others are kept, and the code is 2."""
    (whole, *_) = write_study(runs, find("activations"), (0,))
    (runs / CONFIG.run_id / "metrics.jsonl").write_text("")

    assert 2 == published(runs, tmp_path / "records")
    assert f"{runs / CONFIG.run_id / 'metrics.jsonl'}: was changed after" in capsys.readouterr().err
    assert (tmp_path / "records" / whole.name / "result.json").exists()
    assert not (tmp_path / "records" / CONFIG.run_id).exists()


def test_no_such_folder(tmp_path: Path, capsys: Any) -> None:
    """A folder of runs or of data that is not there is a mistake in one line, and nothing is copied."""
    write_study(tmp_path / "runs", find("activations"), (0,))
    assert 2 == published(tmp_path / "runs", tmp_path / "records", "--root", "nowhere")
    assert capsys.readouterr().err.startswith("error: nowhere: no such file or folder; --root (or GRADSPEC_DATA)")
    assert not (tmp_path / "records").exists()
    assert 2 == published(tmp_path / "nowhere", tmp_path / "records")
    assert capsys.readouterr().err == f"error: {tmp_path / 'nowhere'}: is no folder of runs; --runs names one\n"


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
