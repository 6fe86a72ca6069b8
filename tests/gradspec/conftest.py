"""Fixtures of the tests of gradspec."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gradspec.command import OPS_FILE, module_in


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file of ops, as the current one."""
    return module_in(tmp_path, monkeypatch, "mine", OPS_FILE)
