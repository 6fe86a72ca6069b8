"""A second report, and one on a bad day: nothing is computed twice, nothing that is damaged stops it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from experiments import report as command
from tests.experiments.reports import CHEAP, RECORDED, Report, make_report
from tests.experiments.small import times


def test_made_again(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two more reports compute no run, touch no file of a run, and have the same bytes."""

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("computed again")

    before = times(report.runs), times(report.records)
    one, again = (report.out.parent / name for name in ("one", "again"))  # side by side: links are the same from there
    monkeypatch.setattr("experiments.execute.train", never)
    monkeypatch.setattr("experiments.publish.make_gallery", never)
    assert [0, 0] == [make_report(out, report.runs, report.records, shown=["add", "softmax"]) for out in (one, again)]

    assert before == (times(report.runs), times(report.records))
    for name in ("index.html", "report.json", "badge.json", "badge.svg"):
        assert (one / name).read_bytes() == (again / name).read_bytes(), name


def test_one_damaged_run(report: Report, tmp_path: Path, capsys: Any) -> None:
    """A damaged run is told and computed again; the report is written all the same, and the code is 2."""
    shutil.copytree(report.runs, tmp_path / "runs")
    damaged = next(path for path in sorted((tmp_path / "runs").iterdir()) if is_of(path, "activations"))
    (damaged / "result.json").unlink()
    (damaged / "checkpoint.npz").write_bytes(b"")
    code = make_report(tmp_path / "out", tmp_path / "runs", report.records, experiments=CHEAP[:1], shown=["add"])
    said = capsys.readouterr()

    assert (2, 1) == (code, said.err.count("\n"))
    assert said.err.startswith(f"corrupt run: {damaged / 'checkpoint.npz'}: not a checkpoint")
    assert "1 of 1 ops pass" in said.out
    first = report.facts["experiments"][:1]
    again = json.loads((tmp_path / "out" / "report.json").read_text())["experiments"]
    assert without_links(first) == without_links(again)


def test_a_damaged_record(report: Report, tmp_path: Path, capsys: Any) -> None:
    """A record that was changed is told, left out, and stays as it is; the code is 2."""
    shutil.copytree(report.records, tmp_path / "records")
    damaged = next(path for path in sorted((tmp_path / "records").iterdir()) if is_of(path, RECORDED))
    text = (damaged / "metrics.jsonl").read_text()
    (damaged / "metrics.jsonl").write_text(text.replace("0.", "0.0", 1))
    code = make_report(tmp_path / "out", tmp_path / "runs", tmp_path / "records", experiments=[CHEAP[2]], shown=["add"])
    said = capsys.readouterr()

    assert (2, 1) == (code, said.err.count("\n"))
    assert said.err.startswith(f"left out: {damaged / 'metrics.jsonl'}: was changed after result.json was written")
    assert (damaged / "metrics.jsonl").exists()
    assert [] == [path for path in (tmp_path / "runs").iterdir() if path.is_dir() and path.name != ".locks"]


def is_of(path: Path, experiment: str) -> bool:
    """Whether this is the directory of a run of that experiment by our ops."""
    file = path / "config.json"
    return (
        file.exists() and json.loads(file.read_text()).items() >= {"experiment": experiment, "backend": "ops"}.items()
    )


def without_links(experiments: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same, without what depends on the folder of the report."""
    return [{**one, "studies": [{**study, "runs": None} for study in one["studies"]]} for one in experiments]


def test_an_older_report_stays_until_the_new_one_is_complete(
    report: Report, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When drawing the page fails, the files of the last report are as they were."""
    (tmp_path / "index.html").write_text("old")

    def fail(page: Any) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(command, "render", fail)

    assert make_report(tmp_path, report.runs, report.records, experiments=CHEAP[:1], shown=()) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert [("index.html", "old")] == [(path.name, path.read_text()) for path in tmp_path.iterdir()]
