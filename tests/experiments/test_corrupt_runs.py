"""Damaged run directories: told in one line, moved aside whole, computed again; the other runs are not touched."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from experiments import run
from experiments.execute import execute
from experiments.experiment import Experiment
from experiments.records import State
from tests.experiments.small import ARGUMENTS, bits, config, times

SMALL = config()
NAME = SMALL.run_id
Damage = Callable[[Path], object]


def rewrite(name: str, change: Callable[[dict[str, object]], object]) -> Damage:
    """Damage a JSON file by changing its object."""

    def damage(directory: Path) -> None:
        values = json.loads((directory / name).read_text())
        change(values)
        (directory / name).write_text(json.dumps(values))

    return damage


def write(name: str, content: bytes) -> Damage:
    """Damage a file by writing other bytes."""
    return lambda directory: (directory / name).write_bytes(content)


def cut(name: str) -> Damage:
    """Damage a file by cutting it in half."""
    return lambda directory: (directory / name).write_bytes((directory / name).read_bytes()[:20])


def lose(name: str) -> Damage:
    """Damage a directory by losing a file."""
    return lambda directory: (directory / name).unlink()


def replaced_by_a_file(directory: Path) -> None:
    """A file stands where the directory was."""
    shutil.rmtree(directory)
    directory.write_text("a file")


FINISHED: dict[str, tuple[Damage, str]] = {
    "config missing": (lose("config.json"), "config.json: is missing, but"),
    "config cut": (cut("config.json"), "config.json: is not JSON"),
    "config garbage": (write("config.json", b"\xff\x00garbage"), "config.json: is not JSON"),
    "config deep": (write("config.json", b"[" * 100_000), "config.json: is not JSON"),
    "config a list": (write("config.json", b"[1]"), "config.json: is not a JSON object"),
    "config of another run": (rewrite("config.json", lambda v: v.update(seed=7)), "is the config of another run"),
    "config of another format": (rewrite("config.json", lambda v: v.update(format=0)), "format: got 0; allowed: 2"),
    "config with a field more": (rewrite("config.json", lambda v: v.update(extra=1)), "extra: got 1"),
    "config with a field less": (rewrite("config.json", lambda v: v.pop("lr")), "lr: got 'nothing'"),
    "config with a huge number": (rewrite("config.json", lambda v: v.update(lr=10**400)), "lr: got 1000"),
    "config with another kind": (rewrite("config.json", lambda v: v.update(dataset=["synth"])), "dataset: got"),
    "result cut": (cut("result.json"), "result.json: is not JSON"),
    "result without a field": (rewrite("result.json", lambda v: v.pop("epochs")), "result.json: is no result"),
    "result with another kind": (rewrite("result.json", lambda v: v.update(epochs="3")), "epochs is '3'"),
    "result with another status": (rewrite("result.json", lambda v: v.update(status="good")), "status is 'good'"),
    "metrics missing": (lose("metrics.jsonl"), "metrics.jsonl: was changed after result.json"),
    "metrics cut": (cut("metrics.jsonl"), "metrics.jsonl: was changed after result.json"),
    "metrics garbage": (write("metrics.jsonl", b"\xff\xff\n{}\n"), "line 1 is not the row of epoch 1"),
    "metrics changed": (
        lambda directory: (directory / "metrics.jsonl").write_bytes(
            (directory / "metrics.jsonl").read_bytes().replace(b'"train_accuracy":0.', b'"train_accuracy":0.0')
        ),
        "metrics.jsonl: was changed after result.json",
    ),
    "environment missing": (lose("env.json"), "env.json: is missing"),
    "environment garbage": (write("env.json", b"{"), "env.json: is not JSON"),
    "environment of another kind": (write("env.json", b'{"packages": 3}'), "env.json: is no environment"),
    "a file in its place": (replaced_by_a_file, f"{NAME}: is a file where the directory of a run should be"),
}
STARTED: dict[str, tuple[Damage, str]] = {
    "checkpoint cut": (cut("checkpoint.npz"), "checkpoint.npz: not a checkpoint"),
    "checkpoint empty": (write("checkpoint.npz", b""), "checkpoint.npz: not a checkpoint"),
    "checkpoint garbage": (write("checkpoint.npz", b"garbage"), "checkpoint.npz:"),
    "checkpoint of another model": (
        lambda directory: (
            execute(config(hidden=3), directory.parent / "other")
            and shutil.copy(directory.parent / "other" / config(hidden=3).run_id / "checkpoint.npz", directory)
        ),
        "checkpoint.npz: is not of this run",
    ),
    "rows missing": (lose("metrics.jsonl"), "has 0 whole rows, but checkpoint.npz is of epoch 3"),
    "environment missing": (lose("env.json"), "env.json: is missing"),
}
CASES = {
    **{f"finished, {name}": case for name, case in FINISHED.items()},
    **{
        f"started, {name}": (lambda directory, damage=damage: (lose("result.json")(directory), damage(directory)), told)
        for name, (damage, told) in STARTED.items()
    },
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two finished runs."""
    root = tmp_path_factory.mktemp("runs")
    execute(SMALL, root)
    execute(config(seed=1), root)
    return root


@pytest.mark.parametrize("case", CASES)
def test_damage(runs: Path, tmp_path: Path, case: str) -> None:
    """One line names file and fault; the damaged directory is kept beside the new run, which has the same bits."""
    damage, told = CASES[case]
    root = tmp_path / "runs"
    shutil.copytree(runs, root)
    damage(root / NAME)
    others = times(root / config(seed=1).run_id)
    damaged = bits(root / NAME) if (root / NAME).is_dir() else {}
    done = execute(SMALL, root)
    aside = root / f"{NAME}.corrupt-1"

    assert told in done.note
    assert done.note.endswith(f"moved to {aside} and computed again")
    assert done.note.count("\n") == 0
    assert done.computed
    assert bits(runs / NAME) == bits(root / NAME)
    assert damaged == (bits(aside) if aside.is_dir() else {})
    assert others == times(root / config(seed=1).run_id)


def test_damaged_twice(runs: Path, tmp_path: Path) -> None:
    """A second damaged directory does not replace the first one."""
    root = tmp_path / "runs"
    shutil.copytree(runs, root)
    for number in (1, 2):
        (root / NAME / "result.json").write_text(f"damage {number}")
        execute(SMALL, root)

    assert ["damage 1", "damage 2"] == [
        (root / f"{NAME}.corrupt-{number}" / "result.json").read_text() for number in (1, 2)
    ]


def test_any_damaged_byte_of_a_checkpoint(runs: Path) -> None:
    """Whatever byte is wrong, reading a checkpoint gives a ValueError or the same state: never another exception."""
    data = (runs / NAME / "checkpoint.npz").read_bytes()
    rng = np.random.default_rng(0)
    whole = State.from_npz(data)
    for position in [*range(0, len(data), 5), *range(len(data) - 200, len(data))]:
        broken = bytearray(data)
        broken[position] ^= int(rng.integers(1, 256))
        try:
            state = State.from_npz(bytes(broken))
        except ValueError:
            continue
        assert whole.to_npz() == state.to_npz(), position


def test_a_checkpoint_that_was_changed(runs: Path) -> None:
    """Other numbers in a whole file, with checksums that fit, are not what the run wrote."""
    with np.load(runs / NAME / "checkpoint.npz") as file:
        arrays = dict(file)
    for name in ("epoch", "loss_total", "parameter/output.bias"):
        changed = io.BytesIO()
        np.savez(changed, **{**arrays, name: arrays[name] + 1})
        with pytest.raises(ValueError, match="its digest is another one"):
            State.from_npz(changed.getvalue())


def test_any_cut_of_a_checkpoint(runs: Path) -> None:
    """However much of the end of a checkpoint is missing, reading it is a ValueError."""
    data = (runs / NAME / "checkpoint.npz").read_bytes()
    for length in range(0, len(data), 37):
        with pytest.raises(ValueError, match=r"\w"):
            State.from_npz(data[:length])


def test_the_command_tells_and_finishes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line on stderr per damaged run and exit code 2, with all results there; the next call is clean."""
    arguments = ["residual", "--seeds", "0", "--workers", "1", "--out", str(tmp_path), *ARGUMENTS]
    assert run.main(arguments) == 0
    whole = capsys.readouterr().out
    directory = next(path for path in tmp_path.iterdir() if (path / "result.json").exists())
    (directory / "result.json").write_text("{")
    assert run.main(arguments) == 2
    said = capsys.readouterr()

    assert said.err.startswith(f"corrupt run: {directory / 'result.json'}: is not JSON")
    assert said.err.count("\n") == 1
    assert whole[whole.index("n = 1") :] == said.out[said.out.index("n = 1") :]
    assert run.main(arguments) == 0
    assert capsys.readouterr().err == ""


def test_an_experiment_has_configs_per_seed() -> None:
    """What the damage tests rely on: different seeds and variants are different runs."""
    from experiments.catalogue import EXPERIMENTS

    every: list[Experiment] = list(EXPERIMENTS)
    ids = [one.run_id for each in every for group in each.configs((0, 1)).values() for one in group]

    assert len(ids) == len(set(ids)) == 2 * sum(len(each.variants) for each in every)
