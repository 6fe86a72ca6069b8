"""``python -m experiments.run``: what it plans, what it repeats to the bit, and on which data."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from experiments import run
from experiments.catalogue import EXPERIMENTS, find
from experiments.config import Config
from experiments.data import Place
from experiments.errors import DataError
from experiments.execute import execute, load
from experiments.plan import plan
from tests.experiments.small import FAST, bits, times


def test_dry_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """It shows each run with its id and how far it is, and makes no folder."""
    arguments = ["residual", *FAST, "--out", str(tmp_path / "runs")]
    assert run.main([*arguments, "--dry-run"]) == 0
    before = capsys.readouterr().out
    assert [] == list(tmp_path.iterdir())
    assert run.main(arguments) == 0
    capsys.readouterr()
    assert run.main([*arguments, "--dry-run"]) == 0
    after = capsys.readouterr().out

    assert 2 == before.count(": missing\n")
    assert "2 runs in" in before
    assert before.replace("missing", "finished") == after


def test_resume_is_what_happens_anyway(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The option is taken, and changes nothing."""
    arguments = ["activations", *FAST, "--out", str(tmp_path)]
    assert run.main(arguments) == 0
    files = times(tmp_path)
    capsys.readouterr()

    assert run.main([*arguments, "--resume"]) == 0
    assert "2 runs, 2 finished before" in capsys.readouterr().out
    assert files == times(tmp_path)


@pytest.mark.parametrize("name", [one.name for one in EXPERIMENTS])
def test_every_experiment_runs_again_to_the_bit(name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The smallest budget of each: twice the same files, and something to tell."""
    small = ["--epochs", "1", "--train-points", "60", "--validation-points", "30", "--test-points", "30"]
    arguments = [name, "--quick", "--seeds", "0", "--workers", "1", *small]
    for folder in ("first", "second"):
        assert run.main([*arguments, "--out", str(tmp_path / folder)]) == 0
    out = capsys.readouterr().out
    runs = [path for path in (tmp_path / "first").iterdir() if path.name != ".locks"]

    assert len(find(name).variants) == len(runs)
    assert all(bits(path) == bits(tmp_path / "second" / path.name) for path in runs)
    assert len(find(name).claims) * 2 == len(re.findall(r"^ *undecided  ", out, re.MULTILINE))


def test_other_data(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """An MLP on pictures has the study's width for them, the digest of the data is part of the run."""
    small = ["--epochs", "1", "--train-points", "20", "--validation-points", "10", "--test-points", "10"]
    arguments = ["activations", "--data", "shapes", "--hidden", "5", "--dtype", "float32", *small]
    assert run.main([*arguments, "--seeds", "0", "--workers", "1", "--out", str(tmp_path)]) == 0
    configs = [json.loads(path.read_text()) for path in tmp_path.glob("*/config.json")]

    assert [("shapes", 5, 10, "float32")] * 2 == [
        (c["dataset"], c["hidden"], c["classes"], c["dtype"]) for c in configs
    ]
    assert 4 * 3 * 32 * 32 == Config(experiment="activations", dataset="shapes").hidden


def test_decoding_is_heard(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How far the pictures are decoded is told on stderr, the first time only."""
    monkeypatch.setattr("experiments.data.pictures._EVERY", 4)
    for number, kind in enumerate(["cat", "dog"] * 6):
        _picture(tmp_path / "pictures" / kind / f"{number}.png", number)
    arguments = ["cnn_grid", "--data", "image-folder", "--root", str(tmp_path / "pictures"), "--dry-run"]

    assert run.main(arguments) == 0
    assert "8 of 12 pictures decoded" in capsys.readouterr().err
    assert run.main(arguments) == 0
    assert "" == capsys.readouterr().err


def test_pictures_that_were_exchanged(tmp_path: Path) -> None:
    """A run that was planned for other pictures does not compute on these, and leaves no directory."""
    pictures = tmp_path / "pictures"
    for number, kind in enumerate(["cat", "dog"] * 6):
        _picture(pictures / kind / f"{number}.png", number)
    place = Place(root=pictures)
    small = {"epochs": 1, "train_points": 4, "validation_points": 2, "test_points": 2}
    runs = plan(find("cnn_grid"), [0], place, dataset="image-folder", changes=small)
    planned = next(iter(runs.values()))[0]
    _picture(pictures / "cat" / "0.png", 200)

    with pytest.raises(DataError, match=f"holds other data .* than run {planned.run_id} was planned for"):
        execute(planned, tmp_path / "runs", place=place)
    assert not (tmp_path / "runs" / planned.run_id).exists()
    with pytest.raises(DataError, match="than run"):
        load(replace(planned, data=""), place)


def _picture(path: Path, shade: int) -> None:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (32, 32), (shade, 0, 0)).save(path)
