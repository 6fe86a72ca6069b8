"""Sweeps: what is missing is computed, by whom makes no difference, and what fails stops nothing else."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from experiments.attempt import Bug, NotSharedError, attempt, error_file
from experiments.config import Config
from experiments.data import Place
from experiments.directory import Progress, RunDirectory
from experiments.execute import execute
from experiments.executors import open_executor
from experiments.lease import is_held, open_lease
from experiments.sweep import Outcome, finished, sweep
from tests.experiments import long_sweep, poison
from tests.experiments.small import ONE_OF_EACH, ROOT, bits, config

SEEDS = (0, 1, 2)
RUNS = {"few": [config(seed=seed) for seed in SEEDS]}
WORKERS = pytest.mark.parametrize("workers", [1, 2], ids=["here", "processes"])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runs, one after the other, here."""
    root = tmp_path_factory.mktemp("whole")
    for one in RUNS["few"]:
        execute(one, root)
    return root


def swept(root: Path, workers: int, runs: Any = RUNS, **options: Any) -> Outcome:
    """A sweep as the command does it."""
    with open_executor(workers, None) as executor:
        return sweep(runs, root, executor=executor, place=Place(), **options)


def seeds(outcome: Outcome) -> dict[str, list[int]]:
    """The seeds of the finished runs of each name."""
    return {name: [one.record.config.seed for one in group] for name, group in outcome.runs.items()}


def same(first: Path, second: Path, configs: Sequence[Config] = RUNS["few"]) -> bool:
    """Whether runs have the same bits in two folders."""
    return all(bits(first / one.run_id) == bits(second / one.run_id) for one in configs)


@WORKERS
def test_what_is_missing_is_computed(tmp_path: Path, whole: Path, workers: int) -> None:
    """Of four runs one is finished and one has two names: the others are computed, each once, in the order asked."""
    shutil.copytree(whole / config().run_id, tmp_path / config().run_id)
    runs = {"few": [config(seed=1), config()], "other": [config(seed=2), config(seed=1)]}
    told: list[tuple[float, str]] = []
    outcome = swept(tmp_path, workers, runs, tell=lambda units, text="", **_: told.append((units, text)))

    assert {"few": [1, 0], "other": [2, 1]} == seeds(outcome)
    assert [[True, False], [True, True]] == [[one.computed for one in group] for group in outcome.runs.values()]
    assert outcome.failed == ()
    assert 4 == finished([one for group in runs.values() for one in group], tmp_path)
    assert 4 * config().epochs == sum(units for units, _ in told)
    assert config().epochs == told[0][0], "what was done before comes first, so that the speed is not of it"
    assert ["few, seed 1", "other, seed 2"] == sorted(text.split(":")[0] for _, text in told if text)
    assert same(whole, tmp_path)


def test_every_experiment_in_processes(tmp_path: Path) -> None:
    """A network of each experiment has the bits of one that was trained here."""
    for one in ONE_OF_EACH:
        execute(one, tmp_path / "here")
    outcome = swept(tmp_path / "runs", 2, {"each": ONE_OF_EACH})

    assert outcome.failed == ()
    assert {"sgd", "adam"} == {one.optimizer for one in ONE_OF_EACH}
    assert {"mlp", "net"} == {one.model for one in ONE_OF_EACH}
    assert same(tmp_path / "here", tmp_path / "runs", ONE_OF_EACH)


@WORKERS
def test_epochs_are_told_of_each_run(tmp_path: Path, workers: int) -> None:
    """Each run is a part of its own, with what is left of it; two runs of one name and seed have two parts."""
    runs = {"few": [config(), config(lr=0.02)]}
    told: dict[str, float] = {}
    sizes: dict[str, float] = {}

    def tell(units: float, text: str = "", *, part: str = "", of: float = 0) -> None:
        told[part] = told.get(part, 0) + units
        sizes[part] = of

    swept(tmp_path, workers, runs, tell=tell)
    parts = {"few, seed 0", f"few, seed 0 ({config(lr=0.02).run_id})"}

    assert parts == set(told) - {""}
    assert {config().epochs} == {told[part] for part in parts} == {sizes[part] for part in parts}
    assert told[""] == 0


@pytest.mark.parametrize("deaths", [1, 2])
def test_a_killed_worker_is_replaced(tmp_path: Path, whole: Path, deaths: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run that it had goes on from its checkpoint, as often as there are retries, and ends with the same bits."""
    monkeypatch.setattr(poison.ATTEMPT, poison.attempt)
    poison.plant(tmp_path, 1, "die", deaths)
    outcome = swept(tmp_path, 2)

    assert {"few": list(SEEDS)} == seeds(outcome)
    assert outcome.failed == ()
    assert "0" == (tmp_path / "die-1").read_text()
    assert same(whole, tmp_path)


def test_a_poison_run_is_told(tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that kills every worker is given up, says what it did, and is the only one."""
    monkeypatch.setattr(poison.ATTEMPT, poison.attempt)
    poison.plant(tmp_path, 1, "die", 99)
    told: list[float] = []
    outcome = swept(tmp_path, 2, retries=1, tell=lambda units, text="", **_: told.append(units))
    (failed,) = outcome.failed

    assert {"few": [0, 2]} == seeds(outcome)
    assert ("few", config(seed=1)) == (failed.name, failed.config)
    assert failed.reason.endswith("ended with SIGKILL (out of memory, perhaps), 2 times during this run")
    assert "97" == (tmp_path / "die-1").read_text()
    assert sum(one.epochs for one in RUNS["few"]) == sum(told)
    assert same(whole, tmp_path, [config(), config(seed=2)])


@WORKERS
def test_a_bug_is_told(tmp_path: Path, whole: Path, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that nobody foresaw is written down and told in a line; repaired, the run goes on."""
    monkeypatch.setattr(poison.ATTEMPT, poison.attempt)
    poison.plant(tmp_path, 1, "bug")
    (failed,) = swept(tmp_path, workers).failed
    report = error_file(config(seed=1), tmp_path)

    assert f"ZeroDivisionError: a bug in two lines; see {report}" == failed.reason
    assert "Traceback" in report.read_text()
    assert RunDirectory(tmp_path, config(seed=1)).progress() is Progress.STARTED
    outcome = swept(tmp_path, workers)
    assert {"few": list(SEEDS)} == seeds(outcome)
    assert outcome.failed == ()
    assert not report.exists()
    assert same(whole, tmp_path)


@WORKERS
def test_a_full_disk_stops(tmp_path: Path, whole: Path, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an error of all runs, not of one; what is finished is kept and the next sweep goes on."""
    monkeypatch.setattr(poison.ATTEMPT, poison.attempt)
    execute(config(), tmp_path)
    poison.plant(tmp_path, 1, "full")
    with pytest.raises(OSError, match="No space left on device"):
        swept(tmp_path, workers)

    assert not any((tmp_path / ".locks").glob("sweep-*"))
    assert not error_file(config(seed=1), tmp_path).exists()
    assert not swept(tmp_path, workers).runs["few"][0].computed
    assert same(whole, tmp_path)


def test_relative_places_reach_other_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker with another working folder and other variables gets whole paths."""
    given: dict[str, Any] = {}

    def stand_in(config: Config, root: Path, *, place: Place, lease: Path, **_: Any) -> Bug:
        given.update(root=root, place=place, lease=lease)
        return Bug(reason="none")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRADSPEC_DATA", "pictures")
    (tmp_path / "pictures").mkdir()
    monkeypatch.setattr(poison.ATTEMPT, stand_in)
    with ThreadPoolExecutor(1) as executor:
        sweep({"one": [config()]}, Path("runs"), executor=executor, place=Place(cache=Path("kept")))

    assert tmp_path / "runs" == given["root"]
    assert Place(root=tmp_path / "pictures", cache=tmp_path / "kept") == given["place"]
    assert tmp_path / "runs" in given["lease"].parents


def test_a_worker_without_the_folder(tmp_path: Path) -> None:
    """A machine that does not share the folder of runs says so instead of computing into its own."""
    with pytest.raises(NotSharedError, match="a worker does not see this folder of runs; all machines must share it"):
        attempt(config(), tmp_path, place=Place(), lease=tmp_path / "sweep")

    assert list(tmp_path.iterdir()) == []


def test_a_sweep_that_is_over(tmp_path: Path, whole: Path) -> None:
    """A worker that cannot be killed from here ends its run after the epoch in flight, with a checkpoint."""
    with open_lease(tmp_path) as lease:
        result = attempt(config(), tmp_path, place=Place(), lease=lease, on_epoch=lease.unlink)

    assert Bug(reason="the sweep was stopped") == result
    assert not error_file(config(), tmp_path).exists()
    assert b"\n" in (tmp_path / config().run_id / "metrics.jsonl").read_bytes()
    assert RunDirectory(tmp_path, config()).progress() is Progress.STARTED
    execute(config(), tmp_path)
    assert same(whole, tmp_path, [config()])


def test_a_sweep_that_was_killed(tmp_path: Path) -> None:
    """Its lease is there still, but nobody holds it: workers end, and the next sweep sweeps it up."""
    hold = "import os, sys; from pathlib import Path; from experiments.lease import open_lease\n"
    hold += "with open_lease(Path(sys.argv[1])) as lease: print(lease, flush=True); os.kill(os.getpid(), 9)"
    done = subprocess.run([sys.executable, "-c", hold, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    left = Path(done.stdout.strip())
    assert left.exists()
    assert not is_held(left)
    result = attempt(config(), tmp_path, place=Place(), lease=left)
    assert Bug(reason="the sweep was stopped") == result
    with open_lease(tmp_path) as lease:
        assert is_held(lease)
        assert [lease] == list(left.parent.glob("sweep-*"))
    assert not lease.exists()


@WORKERS
@pytest.mark.parametrize("to", ["command", "group"])
def test_stopped_by_a_person(tmp_path: Path, workers: int, to: str) -> None:
    """Ctrl-C, to the command alone or as a terminal sends it: one line, code 130, no process left, runs go on."""
    process = long_sweep.started(tmp_path, workers)
    if to == "command":
        process.send_signal(signal.SIGINT)
    else:
        os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=120)  # workers have the same stdout: it ends when all of them have ended

    assert process.returncode == 130, said
    assert said.count("\n") == 1, said
    assert "the same command goes on from there" in said
    assert_kept(tmp_path)


def assert_kept(root: Path) -> None:
    """No long run is finished or corrupt; those that were started go on without more than the epoch in flight."""
    started = 0
    for one in long_sweep.RUNS:
        directory = RunDirectory(root, one)
        with directory.locked():
            if directory.progress() is Progress.MISSING:
                continue
            assert directory.progress() is Progress.STARTED
            metrics = root / one.run_id / "metrics.jsonl"
            rows = metrics.read_bytes().count(b"\n") if metrics.exists() else 0
            assert rows - 1 <= len(directory.resume()[1])
            started += 1
    assert started


def test_workers_end_with_the_command(tmp_path: Path) -> None:
    """SIGKILL of the command leaves no process that goes on with its runs."""
    process = long_sweep.started(tmp_path, 2)
    process.kill()
    process.communicate(timeout=120)

    assert -signal.SIGKILL == process.returncode
    assert_kept(tmp_path)
