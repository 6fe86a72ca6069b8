"""Trackers are told of the same events as the run directory, and closed whatever happens."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest

from experiments.errors import ConfigError
from experiments.execute import execute
from experiments.listeners import checked_listeners
from gradspec.errors import MissingDependencyError
from tests.experiments.small import bits, config


class FakeRun:
    """What ``wandb.init`` returns."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.logged: list[tuple[int, dict[str, float]]] = []
        self.summary: dict[str, Any] = {}
        self.finished = False

    def log(self, values: dict[str, float], step: int) -> None:
        """Take numbers."""
        self.logged.append((step, values))

    def finish(self) -> None:
        """End."""
        self.finished = True


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> list[FakeRun]:
    """A library that remembers what it is told."""
    started: list[FakeRun] = []

    def init(**options: Any) -> FakeRun:
        started.append(FakeRun(**options))
        return started[-1]

    module = types.ModuleType("wandb")
    module.init = init  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", module)
    return started


def test_wandb_is_told_of_every_epoch(wandb: list[FakeRun], tmp_path: Path) -> None:
    """Offline, under the run's id, in the run's directory; the numbers are those of the record."""
    record = execute(config(), tmp_path, listeners=("wandb",)).record
    (run,) = wandb

    assert "offline" == run.options["mode"]
    assert config().run_id == run.options["id"]
    assert str(tmp_path / config().run_id) == run.options["dir"]
    assert [row.epoch for row in record.epochs] == [step for step, _ in run.logged]
    assert [row.validation_accuracy for row in record.epochs] == [v["validation_accuracy"] for _, v in run.logged]
    assert record.result.test_accuracy == run.summary["test_accuracy"]
    assert run.finished


def test_a_stopped_run_closes_its_tracker_and_goes_on(wandb: list[FakeRun], tmp_path: Path) -> None:
    """What an earlier process told is not told again, and the bits are those of a run without a tracker."""

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(config(), tmp_path, listeners=("wandb",), on_epoch=stop)
    execute(config(), tmp_path, listeners=("wandb",))
    execute(config(), tmp_path / "plain")

    assert [[1], [2, 3]] == [[step for step, _ in run.logged] for run in wandb]
    assert all(run.finished for run in wandb)
    assert bits(tmp_path / config().run_id) == bits(tmp_path / "plain" / config().run_id)


def test_a_finished_run_is_not_told_again(wandb: list[FakeRun], tmp_path: Path) -> None:
    """Reading a run starts no tracker."""
    execute(config(), tmp_path)
    execute(config(), tmp_path, listeners=("wandb",))

    assert [] == wandb


@pytest.mark.parametrize("moment", ["init", "log", "finish"])
def test_a_tracker_that_fails_stops_no_run(
    moment: str, wandb: list[FakeRun], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """It is told once, let go, and the run's record is what it would be."""

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((sys.modules["wandb"], "init") if moment == "init" else (FakeRun, moment)), full)
    record = execute(config(), tmp_path, listeners=("wandb",)).record

    assert "finished" == record.result.status
    (said,) = [one.getMessage() for one in caplog.records]
    assert f"wandb failed and is told no more of run {config().run_id} (OSError: [Errno 28] No space left" in said
    assert (0 if moment == "init" else 1) == len(wandb)


@pytest.mark.parametrize(("name", "package"), [("wandb", "wandb"), ("tensorboard", "tensorboard")])
def test_a_missing_library_is_named(name: str, package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One line says what to install."""
    for module in ("wandb", "torch.utils.tensorboard"):
        monkeypatch.setitem(sys.modules, module, None)  # type: ignore[arg-type]
    with pytest.raises(
        MissingDependencyError, match=f"{package} is not installed: pip install {package}; or leave out"
    ):
        execute(config(), tmp_path, listeners=(name,))
    with pytest.raises(MissingDependencyError):  # before anything is verified or written
        checked_listeners([name])
    assert (name,) == checked_listeners([name], here=False)


def test_tensorboard_is_told_of_every_epoch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each number under its name, at its epoch."""
    told: list[tuple[str, float, int]] = []
    closed: list[bool] = []

    class Writer:
        def __init__(self, folder: str) -> None:
            assert folder == str(tmp_path / config().run_id / "tensorboard")

        def add_scalar(self, name: str, value: float, number: int) -> None:
            told.append((name, value, number))

        def close(self) -> None:
            closed.append(True)

    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    record = execute(config(), tmp_path, listeners=("tensorboard",)).record

    assert [("train_accuracy", row.train_accuracy, row.epoch) for row in record.epochs] == [
        one for one in told if one[0] == "train_accuracy"
    ]
    assert ("result/test_accuracy", record.result.test_accuracy, 3) in told
    assert [True] == closed


def test_unknown_trackers(wandb: list[FakeRun]) -> None:
    """The names that there are, are told; twice the same is once."""
    assert ("wandb",) == checked_listeners(["wandb", "wandb"])
    assert [] == wandb
    with pytest.raises(ConfigError, match="listen: got 'mlflow'; allowed: wandb, tensorboard"):
        checked_listeners(["mlflow"])
