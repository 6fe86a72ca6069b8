"""Finding ops by name, in modules and in files."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradspec.errors import DeclarationError, TargetError
from gradspec.targets import as_ops, by_name, collection, find
from tests.gradspec.command import module_in
from tests.gradspec.samples import power, square, times

FILE = """
from tests.gradspec.samples import power, square, times

mine = square()
OPS = [times(), power()]
again = mine
NUMBERS = [1, 2]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file of ops, as the current one."""
    return module_in(tmp_path, monkeypatch, "declared", FILE)


@pytest.mark.parametrize(
    ("target", "names", "where"),
    [
        ("declared.py", ["square", "times", "power"], "declared.py"),
        ("declared.py:OPS", ["times", "power"], "declared.py:OPS"),
        ("declared.py:mine", ["square"], "declared.py:mine"),
        ("declared:OPS", ["times", "power"], "declared:OPS"),
        ("declared:mine", ["square"], "declared:mine"),
        ("power", ["power"], "declared"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_target_is_found(target: str, names: list[str], where: str) -> None:
    """The ops, once each in the order of the file, and where a replay finds them again."""
    ops, found_in = find(target, "declared")
    assert names == [op.name for op in ops]
    assert where == found_in


@pytest.mark.parametrize("target", ["declared:NUMBERS", "declared.py:NUMBERS"])
@pytest.mark.usefixtures("folder")
def test_what_is_no_op_is_refused(target: str) -> None:
    """The text says what it found."""
    with pytest.raises(TargetError, match="got 1; allowed: an Op or a list of Ops"):
        collection(target)


def test_an_error_of_the_declaration_stays_one(folder: Path) -> None:
    """It names op and field, not the file's traceback."""
    (folder / "bad.py").write_text(
        "from gradspec import Op, real\nOp(name='f', forward=1, vjp=2, inputs={'x': real('n')})"
    )
    with pytest.raises(DeclarationError, match="f: forward: got 1"):
        collection("bad.py")


def test_two_ops_of_one_name_are_refused() -> None:
    """Test ids and files would clash."""
    with pytest.raises(TargetError, match="two ops are named 'square'"):
        as_ops([square(), square()], "here")


def test_a_near_name_is_suggested() -> None:
    """Close names first, else all names."""
    with pytest.raises(TargetError, match=r"no op named 'sqare' in here; did you mean square\?"):
        by_name("sqare", [square(), times()], "here")
    with pytest.raises(TargetError, match="it has: square, times"):
        by_name("zzz", [square(), times()], "here")
    assert "power" == by_name("power", [square(), power()], "here").name
