"""Fixtures of the tests of gradspec."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.gradspec.command import OPS_FILE


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file of ops, as the current one."""
    (tmp_path / "mine.py").write_text(OPS_FILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    return tmp_path
