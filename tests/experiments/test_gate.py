"""No run starts on an op that is not verified here; a verdict is computed once for a rule, and kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ops
from experiments import gate
from experiments.config import NET, Config
from experiments.data import Place
from experiments.errors import DataError, UnverifiedOpError
from experiments.execute import execute
from experiments.learner import ops_of
from gradspec.spec import Op
from ops.nn import models
from tests.experiments.small import config

NET_CONFIG = Config(
    experiment="x",
    dataset="shapes",
    train_points=40,
    validation_points=20,
    test_points=20,
    epochs=1,
    dtype="float32",
    **NET,
)


def wrong_sigmoid() -> Op:
    """The sigmoid with a vjp that has a factor too much."""
    right = ops.sigmoid.vjp

    def vjp(saved: Any, y_bar: np.ndarray) -> Any:
        return tuple(2 * x_bar for x_bar in right(saved, y_bar))

    return replace(ops.sigmoid, vjp=vjp)


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model with a wrong sigmoid."""
    monkeypatch.setitem(models.ACTIVATIONS, "sigmoid", wrong_sigmoid())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("config", "names"),
    [
        (config(), {"sigmoid", "linear", "cross_entropy"}),
        (config(activation="relu", layers=2, residual=True), {"add", "relu", "linear", "cross_entropy"}),
        (NET_CONFIG, {"relu", "linear", "reshape", "conv2d", "max_pool2d", "cross_entropy"}),
    ],
    ids=["one layer", "residual", "net"],
)
def test_the_ops_of_a_model(config: Config, names: set[str]) -> None:
    """They are found in the graph of a step, so that none can be forgotten."""
    assert names == {op.name for op in ops_of(config)}


def test_a_wrong_op_trains_nothing(wrong: None, tmp_path: Path) -> None:
    """The run refuses to start, names the op and what is wrong, and leaves no directory of a run."""
    with pytest.raises(
        UnverifiedOpError, match=r"the op sigmoid is not verified here \(FAIL: .+see: gradspec check sigm"
    ):
        execute(config(), tmp_path)

    assert [] == [path for path in tmp_path.iterdir() if path.name != ".locks"]


def test_the_other_ops_still_train(wrong: None, tmp_path: Path) -> None:
    """A run that does not use the wrong op starts."""
    assert execute(config(activation="relu"), tmp_path).computed


def test_torch_needs_none_of_them(wrong: None, tmp_path: Path) -> None:
    """The twin uses no op of this repository, and its record says so."""
    pytest.importorskip("torch", reason="the twin is written in torch")
    done = execute(config(backend="torch"), tmp_path)

    assert {} == done.record.environment["verified"]


def test_the_record_carries_the_table(tmp_path: Path) -> None:
    """Each op with its verdict, the hash of its rule and how far the verification could see."""
    table = execute(config(), tmp_path, place=Place(cache=tmp_path / "cache")).record.environment["verified"]

    assert {"sigmoid", "linear", "cross_entropy"} == set(table)
    for name, row in table.items():
        assert name == row["op"]
        assert "PASS" == row["verdict"]
        assert row["compared"] > 100
        assert row["resolution"] < 1e-6
        assert 12 == len(row["hash"])


def test_a_verdict_is_computed_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is kept by the hash of the rule: another rule, and a damaged file, are verified anew."""
    asked: list[str] = []
    verify = gate._verify

    def counted(op: Op) -> gate.Verified:
        asked.append(op.name)
        return replace(PASSED, op=op.name) if op.name != "sigmoid" else verify(op)

    monkeypatch.setattr(gate, "_verify", counted)
    gate.require_verified(config(), tmp_path)
    first = list(asked)
    gate.require_verified(config(seed=3), tmp_path)

    assert sorted(first) == ["cross_entropy", "linear", "sigmoid"]
    assert first == asked

    (kept,) = (tmp_path / "verified").glob("linear-*.json")
    kept.write_text(kept.read_text()[:20])
    gate.require_verified(config(), tmp_path)
    assert [*first, "linear"] == asked

    monkeypatch.setitem(models.ACTIVATIONS, "sigmoid", wrong_sigmoid())  # type: ignore[arg-type]
    with pytest.raises(UnverifiedOpError):
        gate.require_verified(config(), tmp_path)
    assert [*first, "linear", "sigmoid"] == asked


def test_a_failure_is_not_kept_as_a_pass(tmp_path: Path) -> None:
    """A kept failure is verified again: the rule may be right now, and its text is wanted if not."""
    sigmoid = ops.sigmoid
    gate.verified([sigmoid], tmp_path)
    (kept,) = (tmp_path / "verified").glob("sigmoid-*.json")
    kept.write_text(json.dumps({**json.loads(kept.read_text()), "verdict": "FAIL"}))

    assert "PASS" == gate.verified([sigmoid], tmp_path)["sigmoid"].verdict


def test_the_cache_is_where_the_place_says(tmp_path: Path) -> None:
    """A named folder is used, whatever the variable says."""
    execute(config(), tmp_path / "runs", place=Place(cache=tmp_path / "cache"))

    assert 3 == len([*(tmp_path / "cache" / "verified").iterdir()])


PASSED = gate.Verified(op="", hash="0" * 12, verdict="PASS", compared=1000, resolution=1e-9, problem="")


def stopped(config: Config, root: Path) -> Path:
    """A run that was stopped after its first epoch."""

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(config, root, on_epoch=stop)
    return root / config.run_id / "env.json"


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    """The message says what can be done about it."""
    (tmp_path / "verified").write_text("a file where the folder should be")
    with pytest.raises(DataError, match=r"cannot write to this folder .*GRADSPEC_CACHE"):
        execute(config(), tmp_path / "runs", place=Place(cache=tmp_path))


def test_a_run_does_not_go_on_with_other_ops(tmp_path: Path) -> None:
    """Begun with another version of a rule, it is set aside and computed anew: its halves would not be one run."""
    path = stopped(config(), tmp_path)
    env = json.loads(path.read_text())
    env["verified"]["linear"]["hash"] = "0" * 12
    path.write_text(json.dumps(env))
    done = execute(config(), tmp_path)

    assert "env.json: was begun with other versions of linear; moved to" in done.note
    assert 3 == len(done.record.epochs)
    assert (tmp_path / f"{config().run_id}.corrupt-1" / "metrics.jsonl").exists()


def test_a_run_that_goes_on_elsewhere_says_so(tmp_path: Path) -> None:
    """Where it was begun stays, and where it went on is added, once."""
    path = stopped(config(), tmp_path)
    env = json.loads(path.read_text())
    path.write_text(json.dumps({**env, "python": "3.0"}))
    done = execute(config(), tmp_path)

    assert "" == done.note
    assert "3.0" == done.record.environment["python"]
    assert [env["python"]] == [place["python"] for place in done.record.environment["resumed"]]


def test_a_run_that_goes_on_here_says_nothing(tmp_path: Path) -> None:
    """The same place is not noted again."""
    path = stopped(config(), tmp_path)
    before = path.read_text()
    execute(config(), tmp_path)

    assert before == path.read_text()
