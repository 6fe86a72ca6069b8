"""The seeds' record: the core gets more of them, and a run goes on where the last one stopped."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import seeds
from benchmarks.kernels import as_kernel
from gradspec import Op, real
from ops import OPS


def test_the_core_is_twenty_ops_of_the_registry() -> None:
    """A name that is none would get no seeds, without a word."""
    assert len(seeds.CORE) == 20
    assert seeds.CORE <= {op.name for op in OPS}


def test_a_second_run_goes_on_where_the_first_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Seeds that are in the record are not run again; the core has its own number."""
    few = tuple(op for op in OPS if op.name in ("neg", "add"))
    monkeypatch.setitem(seeds.COLLECTIONS, "registry", ("seeds.json", few))
    record = tmp_path / "seeds.json"
    common = ["--workers", "1", "--record", str(record)]
    assert seeds.main(["--seeds", "1", "--core", "2", *common]) == 0
    ops = json.loads(record.read_text())["ops"]
    assert {name: entry["seeds"] for name, entry in ops.items()} == {"neg": 1, "add": 2}
    assert "2 ops, 1 seeds each, 2 for 1: 2 tasks" in capsys.readouterr().out
    assert seeds.main(["--seeds", "1", "--core", "3", *common]) == 0
    ops = json.loads(record.read_text())["ops"]
    assert {name: entry["seeds"] for name, entry in ops.items()} == {"neg": 1, "add": 3}
    assert ": 1 tasks" in capsys.readouterr().out


def test_right_ops_are_a_collection_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a record of their own; none is of the core, whatever its name. An accused one makes the command fail."""
    right = Op(name="relu", forward=lambda x: (2 * x, None), vjp=lambda saved, g: (2 * g,), inputs={"x": real("n")})
    off = right.replace(name="off", vjp=lambda saved, g: (2.001 * g,))
    monkeypatch.setattr(seeds, "RECORDS", tmp_path)
    monkeypatch.setitem(seeds.COLLECTIONS, "right_ops", ("right_ops.json", (right,)))
    assert seeds.main(["--of", "right_ops", "--seeds", "2", "--workers", "1"]) == 0
    assert "1 ops, 2 seeds each: 1 tasks" in capsys.readouterr().out
    assert {"relu": 2} == {
        name: entry["seeds"] for name, entry in json.loads((tmp_path / "right_ops.json").read_text())["ops"].items()
    }
    monkeypatch.setitem(seeds.COLLECTIONS, "right_ops", ("right_ops.json", (right, off)))
    assert seeds.main(["--of", "right_ops", "--seeds", "2", "--workers", "1"]) == 1
    assert "off: 2 FAIL, 0 INCONCLUSIVE" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["float32", "kernels"])
def test_float32_alone_is_what_it_says(name: str) -> None:
    """No other dtype and no reference; nearly all ops of both collections, each name once."""
    ops = [op for op in seeds.COLLECTIONS[name][1] if not op.name.endswith("_beside_torch")]
    assert {(("float32",), None)} == {(op.dtypes, op.torch) for op in ops}
    assert len({op.name for op in ops}) == len(ops) > 350


def test_kernels_stand_beside_their_reference_too() -> None:
    """Those that have one: it is compared with, and answers where differences cannot."""
    kernels = {op.name: op for op in seeds.COLLECTIONS["kernels"][1]}
    beside = [name for name in kernels if name.endswith("_beside_torch")]
    assert len(beside) > 200
    assert all(("float32",) == kernels[name].dtypes and kernels[name].torch is not None for name in beside)
    assert {name.removesuffix("_beside_torch") for name in beside} < {*kernels}


def test_kernels_take_float32_alone() -> None:
    """Forward and vjp raise for other floats, complex ones among them; labels may be integers."""
    op = as_kernel(next(op for op in OPS if op.name == "nll"))
    log_p, labels = np.log(np.full((2, 3), 1 / 3, dtype=np.float32)), np.array([0, 2])
    y, saved = op.forward(log_p, labels)
    assert np.float32 == op.vjp(saved, y)[0].dtype
    for dtype in (np.float64, np.float16, np.complex128):
        with pytest.raises(TypeError, match=f"takes float32, got {np.dtype(dtype)}"):
            op.forward(log_p.astype(dtype), labels)
        with pytest.raises(TypeError, match=f"takes float32, got {np.dtype(dtype)}"):
            op.vjp(saved, y.astype(dtype))
