"""Mutants: made in every place, told apart from the right rule, noticed, named."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradspec import Op, real
from gradspec.cli import main
from gradspec.mutation import Fate, mutants, tried
from gradspec.mutation.mutant import same
from gradspec.mutation.source import source_mutants
from gradspec.mutation.wrappers import wrappers
from ops import OPS


def _slope(x: Any) -> Any:
    return 2.5 * x


def _vjp(x: Any, y_bar: Any) -> tuple[Any]:
    """A rule with a helper, a constant and a sum of two terms."""
    if x.ndim > 9:
        raise ValueError(f"never {x.ndim + 1}")
    return (y_bar * _slope(x) + y_bar * 0.5,)


BENT = Op(
    name="bent",
    forward=lambda x: (x.dtype.type(1.25) * x * x + x / 2, x),
    vjp=lambda x, y_bar: tuple(x_bar.astype(x.dtype) for x_bar in _vjp(x, y_bar)),
    inputs={"x": real("n")},
)


def test_every_place_of_the_rule_and_its_helpers() -> None:
    """Operators, dropped operands and constants; neither docstrings nor the texts of errors."""
    names = [mutant.name for mutant in source_mutants(BENT)]
    assert "_slope: 2.5 * x → 2.5 / x" in names
    assert "_slope: 2.5 → 2.525" in names
    assert "_vjp: y_bar * _slope(x) + y_bar * 0.5 → y_bar * _slope(x)" in names
    assert not [name for name in names if "never" in name or "+ 1" in name]
    assert len(set(names)) == len(names)


def test_the_rule_itself_stays_as_it_is() -> None:
    """Mutants are other functions: the op's own rule and its module are not touched."""
    x, y_bar = np.array([1.0, 2.0]), np.ones(2)
    before = BENT.vjp(x, y_bar)[0]
    answers = [mutant.op.vjp(x, y_bar)[0] for mutant in source_mutants(BENT) if "_slope: 2.5 → " in mutant.name]
    np.testing.assert_allclose(answers[0] - before, 0.025 * x)
    np.testing.assert_array_equal(BENT.vjp(x, y_bar)[0], before)


def test_a_survivor_that_differs_is_told_from_one_that_does_not() -> None:
    """x.ndim > 9 → x.ndim >= 9 is equivalent for vectors; a factor of 1.01 is not."""
    by_name = {mutant.name: mutant for mutant in source_mutants(BENT)}
    assert tried(by_name["_vjp: x.ndim > 9 → x.ndim >= 9"]).outcome == "no difference"
    wrong = by_name["_slope: 2.5 → 2.525"]
    excused = dict.fromkeys(("vjp_finite_difference", "vjp_complex_step"), "nothing looks")
    assert tried(replace(wrong, op=wrong.op.replace(exceptions=excused))).outcome == "survived"
    assert tried(wrong).outcome == "killed"


@pytest.mark.parametrize("name", ["x_bar: wrong sign", "x_bar: twice", "absolute value of y_bar", "writes into y_bar"])
def test_killed_and_named(name: str) -> None:
    """The failure text has the words that name the mistake."""
    mutant = next(mutant for mutant in wrappers(BENT) if mutant.name == name)
    fate = tried(mutant)
    assert fate.outcome == "killed"
    assert fate.is_named


def _times_vjp(saved: Any, y_bar: Any, needs: tuple[bool, bool] = (True, True)) -> tuple[Any, Any]:
    x, w = saved
    return (y_bar * w if needs[0] else None), (y_bar * x if needs[1] else None)


def test_what_a_rule_does_with_needs_is_broken_too() -> None:
    """A mutant is asked for part of the cotangents, as the right rule is: here for those of the wrong input."""
    op = Op(
        name="times",
        forward=lambda x, w: (x * w, (x, w)),
        vjp=_times_vjp,
        inputs={"x": real("n"), "w": real("n")},
    )
    fates = {mutant.name: tried(mutant, examples=10) for mutant in source_mutants(op)}
    assert "killed" == fates["_times_vjp: 0 → 1"].outcome
    assert ("contract",) == fates["_times_vjp: 0 → 1"].checks
    assert "killed" == fates["_times_vjp: y_bar * w if needs[0] else None → None"].outcome
    assert not [name for name in fates if name.endswith("else None → y_bar * w")]  # nobody needs it: allowed


def test_wrong_for_one_value_of_a_param_beside_a_computed_one() -> None:
    """The mutant tells a fixed value, since a computed one is another at every size: it is wrong, and noticed."""
    op = Op(
        name="scaled",
        forward=lambda x, *, k: (k * x, k),
        vjp=lambda k, y_bar: (k * y_bar,),
        inputs={"x": real("n")},
        params={"k": (2.0, 3.0, lambda sizes: 1.0 + sizes["n"])},
    )
    by_name = {mutant.name: mutant for mutant in mutants(op)}
    assert "killed" == tried(by_name["x_bar: wrong sign for the last k"], examples=10).outcome


def test_every_op_of_the_registry_has_mutants() -> None:
    """Around each rule, and in the source of nearly all of them."""
    in_source = 0
    for op in OPS:
        made = [*mutants(op)]
        assert len({mutant.name for mutant in made}) == len(made) >= 20, op.name
        in_source += sum(bool(mutant.where) for mutant in made)
    assert in_source > 200


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((np.zeros(2),), (np.zeros(2),), True),
        ((np.zeros(2),), (np.zeros(2, np.float32),), False),
        ((np.zeros(2),), (np.zeros((2, 1)),), False),
        ((np.array([np.nan]),), (np.array([np.nan]),), True),
        ((np.array([1.0]),), (np.array([1 + 1e-15]),), True),
        ((np.array([1.0]),), (np.array([1 + 1e-8]),), False),
        ((None,), (np.zeros(1),), False),
        ([np.zeros(1)], (np.zeros(1),), False),
    ],
)
def test_the_same_answer(one: Any, other: Any, expected: bool) -> None:
    """Type, shape, dtype, and numbers but for a few ulps."""
    assert same(one, other) is expected


FILE = """
import numpy as np
from gradspec import Op, real

def vjp(saved, y_bar):
    return (3 * y_bar,)

thrice = Op(name="thrice", forward=lambda x: (3 * x, None), vjp=vjp, inputs={"x": real("n")})
"""


def test_the_command_writes_what_became_of_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All of them killed: exit code 0, one line of text, and JSON."""
    (tmp_path / "mine.py").write_text(FILE)
    out = tmp_path / "out.json"
    assert main(["mutate", str(tmp_path / "mine.py"), "--only-source", "--json", str(out)]) == 0
    assert capsys.readouterr().out == "thrice: 4 of 4 mutants killed\n"
    rows = [Fate(**{key: value for key, value in row.items() if key != "op"}) for row in json.loads(out.read_text())]
    assert rows[0].name == "vjp: 3 * y_bar → 3 / y_bar"


def test_a_survivor_is_an_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless a file gives the reason."""
    (tmp_path / "mine.py").write_text(FILE)
    monkeypatch.setattr("gradspec.mutate.tried", lambda mutant, **_: Fate(name=mutant.name, outcome="survived"))
    command = ["mutate", str(tmp_path / "mine.py"), "--only-source"]
    assert main(command) == 1
    assert "SURVIVED: it answers otherwise" in capsys.readouterr().out
    accept = tmp_path / "accept.toml"
    names = [mutant.name for mutant in source_mutants(_thrice(tmp_path))]
    for whose in ("thrice", "*"):
        accept.write_text("".join(f'"{whose}: {name}" = "a reason"\n' for name in names))
        assert main([*command, "--accept", str(accept)]) == 0
        assert "accepted: a reason" in capsys.readouterr().out
    accept.write_text("".join(f'"other: {name}" = "a reason"\n' for name in names))
    assert main([*command, "--accept", str(accept)]) == 1


def _thrice(folder: Path) -> Op:
    from gradspec.targets import collection

    return collection(str(folder / "mine.py"))[0]


@pytest.mark.parametrize("text", ["not toml", '"a: b" = ""', '"a: b" = 3'])
def test_a_wrong_accept_file(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, the file and what is allowed."""
    path = tmp_path / "accept.toml"
    path.write_text(text)
    assert main(["mutate", "normalize", "--accept", str(path)]) == 2
    assert "accept.toml" in (said := capsys.readouterr().err)
    assert "allowed" in said


def test_a_new_rule_passes_its_tests_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The files that `gradspec new` writes are right before anything is changed in them."""
    assert main(["new", "soft", "--into", str(tmp_path / "mine")]) == 0
    assert "Next: gradspec check" in capsys.readouterr().out
    assert main(["check", "-q", "--examples", "20", str(tmp_path / "mine" / "soft.py")]) == 0
    pytest_alone = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command = [*pytest_alone, "-k", "not mistake or sign", "test_soft.py"]
    done = subprocess.run(command, cwd=tmp_path / "mine", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2; neither of the two files is written where one is there."""
    (tmp_path / "test_soft.py").write_text("mine")
    assert main(["new", "soft", "--into", str(tmp_path)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["test_soft.py"]


@pytest.mark.parametrize("name", ["", "a b", "1x", "class", "a.b", "a/b"])
def test_no_name(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, what was got and what is allowed."""
    assert main(["new", name, "--into", str(tmp_path)]) == 2
    assert f"got {name!r}; allowed" in capsys.readouterr().err


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    """Names only; nothing is tried."""
    assert main(["mutate", "normalize", "--list", "--only-wrapped"]) == 0
    assert "normalize: x_bar: wrong sign" in capsys.readouterr().out.splitlines()


def test_the_text_of_an_adapter_is_not_broken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is not the text of the rule: only what comes out of it is changed."""
    path = tmp_path / "adapted.py"
    path.write_text(
        "from gradspec import real\nfrom gradspec.adapters import from_torch\n"
        "OPS = [from_torch('torch.sin', inputs={'x': real('n')})]\n"
    )
    assert main(["mutate", str(path), "--list"]) == 0
    everything = capsys.readouterr().out
    assert main(["mutate", str(path), "--list", "--only-wrapped"]) == 0
    assert everything == capsys.readouterr().out
    assert everything.startswith("sin: ")
