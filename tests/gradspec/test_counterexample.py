"""Counterexamples: printed, saved, loaded; damaged files are told apart."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradspec import Op, TargetError, real, verify
from gradspec.counterexample import Counterexample, load, load_meta, show
from gradspec.domains import Case
from tests.gradspec.samples import power, square


def example(**changes: Any) -> Counterexample:
    """A counterexample of power."""
    fields: dict[str, Any] = {
        "sizes": {"n": 2},
        "lead": (),
        "params": {"p": 3},
        "keys": {"p": "1"},
        "drawn": (np.array([1.0, -2.5]),),
        "dtype": "float64",
        "seed": 7,
        "label": "ties",
        "y_bar": (np.array([1.0, 0.0]), None),
    }
    return Counterexample("power", "contract", Case(**{**fields, **changes}), ("x",), target="ops")


def test_it_prints_sizes_params_and_arrays() -> None:
    """One line: what forward is given, and the cotangent of each output."""
    assert str(example()) == "n=2   p=3   x = [1., -2.5]   y_bar = ([1., 0.], None)"
    assert str(example(y_bar=(np.array(2.0),))) == "n=2   p=3   x = [1., -2.5]   y_bar = 2."


def test_the_cotangent_of_an_output_is_not_mistaken_for_that_of_an_input() -> None:
    """The cotangent of an input y is called y_bar, too."""
    assert str(replace(example(y_bar=(np.array(2.0),)), inputs=("y",))).endswith("y_bar of the output = 2.")


def test_it_prints_the_lead_and_float32_where_they_matter() -> None:
    """Leading axes stand with the sizes; float64 goes without saying."""
    text = str(example(lead=(2, 1), dtype="float32", params={}, keys={}))
    assert text.startswith("n=2 ...=(2, 1)   x = ")
    assert text.endswith("float32")


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array(1.5), "1.5"),
        (np.array([[1.0, 2.0]]), "[[1., 2.]]"),
        (np.array([0.1, 1e-9]), "[1.e-01, 1.e-09]"),
        (np.array([], dtype=float), "[]"),
        (np.array([1, 2]), "[1, 2]"),
        (np.ones((3, 3)), "an array of shape (3, 3)"),
        (np.array([np.nan]), "[nan]"),
    ],
)
def test_small_arrays_are_shown_large_ones_described(array: np.ndarray, expected: str) -> None:
    """At most 8 entries are printed."""
    assert expected == show(array)


def test_it_is_json() -> None:
    """Arrays as lists, params as text."""
    data = json.loads(json.dumps(example().to_dict(), allow_nan=False))
    assert {"x": [1.0, -2.5]} == data["inputs"]
    assert [[1.0, 0.0], None] == data["y_bar"]
    assert {"p": "3"} == data["params"]


def test_it_says_which_values_the_op_does_not_see_as_they_are(tmp_path: Path) -> None:
    """What is drawn, and kept, is what a transform is given: no symmetric matrix, in this case."""
    op = Op(
        name="twice",
        forward=lambda a, b: (a + b, None),
        vjp=lambda _, y_bar: (2 * y_bar, y_bar),
        inputs={"a": real("n n", transform=lambda a: a + a.T), "b": real("n n")},
    )
    found = verify(op, checks=["vjp_finite_difference"]).failures[0]
    kept = found.counterexample
    assert kept is not None
    given, other = map(show, kept.case.drawn)
    assert f"a = {given} before its transform   b = {other}   y_bar" in found.message
    assert str(kept) == str(load(Path(kept.save(tmp_path).path), op))


@pytest.mark.parametrize("value", [3, -1, None, "mean", (0, 1), True, 0.1])
def test_saving_and_loading_gives_the_same(tmp_path: Path, value: Any) -> None:
    """To the bit: arrays, dtype, params that are literals."""
    op = power(params={"p": (2, value)})
    given = example(params={"p": value}, drawn=(np.array([np.pi, 1e-300]),), lead=(2,))
    saved = given.save(tmp_path / "new" / "folder")
    assert (tmp_path / "new" / "folder" / "power-contract.npz").as_posix() == saved.path

    again = load(Path(saved.path), op)

    assert (given.op, given.check, given.target) == (again.op, again.check, again.target)
    assert given.case.drawn[0].tobytes() == again.case.drawn[0].tobytes()
    for name in ("sizes", "lead", "params", "keys", "dtype", "seed", "label"):
        assert getattr(given.case, name) == getattr(again.case, name)
    assert again.case.y_bar is not None
    np.testing.assert_array_equal([1.0, 0.0], again.case.y_bar[0])
    assert again.case.y_bar[1] is None


def test_a_param_that_is_no_literal_is_found_by_its_place(tmp_path: Path) -> None:
    """Objects are looked up in the declaration."""
    marker = object()
    op = power(params={"p": (2, marker)})
    saved = example(params={"p": marker}).save(tmp_path)
    assert marker is load(Path(saved.path), op).case.params["p"]


@pytest.mark.parametrize(
    ("op", "words"),
    [
        (square(), "holds the param 'p', which square no longer has"),
        (
            power(inputs={"x": real("n"), "w": real("n")}, forward=lambda x, w, p: (x, w)),
            "holds 1 inputs; power now has 2",
        ),
    ],
)
def test_an_op_that_has_changed_is_told(tmp_path: Path, op: Any, words: str) -> None:
    """The text says what the file holds and what the op has."""
    path = Path(example().save(tmp_path).path)
    with pytest.raises(TargetError, match=words):
        load(path, op)


def test_a_param_value_that_is_gone_is_told(tmp_path: Path) -> None:
    """A place beyond the list cannot be restored."""
    path = Path(example(params={"p": object()}, keys={"p": "5"}).save(tmp_path).path)
    with pytest.raises(TargetError, match="cannot restore the param p"):
        load(path, power())


def _npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ones(3))
    return buffer.getvalue()


def _flipped() -> bytes:
    data = bytearray(example().to_bytes())
    place = bytes(data).index(np.array([1.0, -2.5]).tobytes())
    data[place] ^= 0xFF
    return bytes(data)


def _without_array() -> bytes:
    with np.load(io.BytesIO(example().to_bytes())) as file:
        return _npz(**{name: file[name] for name in file.files if name != "y_bar_0"})


DAMAGED = {
    "empty": lambda: b"",
    "text": lambda: b"not a zip",
    "cut short": lambda: example().to_bytes()[:200],
    "one byte flipped in an array": _flipped,
    "another npz": lambda: _npz(x=np.ones(2)),
    "a single array": _npy,
    "an array is missing": _without_array,
    "no JSON": lambda: _npz(meta=np.array("{")),
    "JSON of another kind": lambda: _npz(meta=np.array("[1, 2]")),
    "another format": lambda: _npz(meta=np.array('{"format": 99}')),
    "half a description": lambda: _npz(meta=np.array('{"format": 1, "op": "power"}')),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_file_is_a_target_error(tmp_path: Path, damage: str) -> None:
    """Never a traceback: the error names the file."""
    path = tmp_path / "broken.npz"
    path.write_bytes(DAMAGED[damage]())
    with pytest.raises(TargetError, match=r"broken\.npz"):
        load(path, power())


@pytest.mark.parametrize("name", ["missing.npz", "."])
def test_a_missing_file_is_a_target_error(tmp_path: Path, name: str) -> None:
    """No such file, or a folder."""
    with pytest.raises(TargetError):
        load_meta(tmp_path / name)
