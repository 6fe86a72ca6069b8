"""The ``gradspec new`` command: a rule and its tests to start from; they run, and pass, as they are."""

from __future__ import annotations

import keyword
from pathlib import Path

from gradspec.errors import TargetError
from gradspec.spec import is_name

RULE = '''"""The op {name}: say in a line what it computes."""

from __future__ import annotations

from typing import Any

from gradspec import Op, real


def _{name}(x: Any) -> tuple[Any, Any]:
    """Compute y, and what the vjp needs of it."""
    y = x * x  # replace this
    return y, x


def _{name}_vjp(saved: Any, y_bar: Any) -> tuple[Any]:
    """One cotangent per input, of the input's shape and dtype."""
    x = saved
    return (2 * x * y_bar,)  # and this


{name} = Op(
    name="{name}",
    forward=_{name},
    vjp=_{name}_vjp,
    inputs={{"x": real("...")}},  # where it is defined: positive("n d"), array("n", lo=-1, hi=1), ...
    torch=None,  # an independent reference, if there is one: "torch.square"
    formula=r"y_i = x_i^2",
    vjp_formula=r"\\bar x_i = 2 x_i \\bar y_i",
    source="where the formula comes from",
)
'''

TESTS = '''"""The op {name} passes, and what is wrong with it does not."""

from __future__ import annotations

import pytest
from {name} import {name}

import gradspec
from gradspec.mutation import mutants, tried

MUTANTS = [*mutants({name})]


def test_{name}() -> None:
    """The rule is right wherever it is declared to be."""
    report = gradspec.verify({name})
    assert report.verdict is gradspec.Verdict.PASS, str(report)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mistake_is_noticed(mutant: gradspec.mutation.Mutant) -> None:
    """Each mistake around the rule, or in its source, fails, unless it makes no difference."""
    fate = tried(mutant)
    assert fate.outcome != "survived", f"{{fate.name}} {{fate.where}}"
'''


def new(name: str, folder: Path) -> list[Path]:
    """Write NAME.py and test_NAME.py into *folder*.

    Raises:
        TargetError: The name is no name, a file is there already, or cannot be written.
    """
    if not is_name(name) or not name.isidentifier() or keyword.iskeyword(name):
        raise TargetError(f"new: got {name!r}; allowed: a Python name such as 'soft_threshold'")
    texts = {folder / f"{name}.py": RULE, folder / f"test_{name}.py": TESTS}
    for path in texts:
        if path.exists():
            raise TargetError(
                f"new: {path} is there already; nothing was written: choose another name or --into FOLDER"
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            path.write_text(text.format(name=name), encoding="utf-8")
    except OSError as error:
        raise TargetError(f"new: {error.filename}: cannot be written: {error.strerror}") from None
    return [*texts]
