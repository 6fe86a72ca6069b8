"""Records to keep: whole or not at all, small, the same every time; with a gallery where one can be made."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments import publish as command
from experiments.catalogue import find
from experiments.data import Place
from experiments.directory import CHECKPOINT
from experiments.execute import execute
from experiments.gallery import GALLERY, make_gallery, read_gallery
from experiments.publish import KEPT, publish
from experiments.recorded import collect
from tests.experiments.made_up import write_study
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
