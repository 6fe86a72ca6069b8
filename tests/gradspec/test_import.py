"""What importing gradspec costs, and what it offers."""

from __future__ import annotations

import subprocess
import sys

import pytest

import gradspec


def loaded(code: str) -> set[str]:
    """The top-level modules that are loaded after *code*, in a process of its own."""
    text = f"import sys\n{code}\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


HEAVY = {"torch", "hypothesis", "pytest", "_pytest", "matplotlib", "jinja2"}


@pytest.mark.parametrize("code", ["import gradspec", "from gradspec import Op, real", "import ops"])
def test_declaring_is_light(code: str) -> None:
    """NumPy and nothing else: rule files are imported by programs that verify nothing."""
    assert "gradspec" in loaded(code)
    assert set() == HEAVY & loaded(code)


def test_the_command_starts_light() -> None:
    """--help and --version need no engine."""
    assert set() == HEAVY & loaded("import gradspec.cli")


def test_every_public_name_is_there() -> None:
    """__all__ and dir() agree, and each name leads somewhere."""
    assert set(gradspec.__all__) <= set(dir(gradspec))
    for name in gradspec.__all__:
        assert getattr(gradspec, name) is not None, name


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="verifi"):
        gradspec.verifi  # noqa: B018
