"""torch.autograd as an oracle: what it returns, and how it fails."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradspec import DeclarationError, MissingDependencyError, index, real
from gradspec.oracles import torch_autograd
from gradspec.oracles.torch_autograd import ReferenceFailedError, resolve
from tests.gradspec.samples import power, square, times

torch = pytest.importorskip("torch")


def ask(op: Any, *arrays: Any, y_bar: Any = None, **params: Any) -> Any:
    """The oracle's answer for these arrays."""
    return torch_autograd.torch_autograd(op, [np.asarray(x) for x in arrays], params, y_bar)


def test_values_and_cotangents_are_float64() -> None:
    """float32 inputs are taken to float64 before anything is computed."""
    x = np.array([0.1, 2.0], dtype=np.float32)
    answer = ask(square(torch=lambda x: x * x), x, y_bar=[np.array([1.0, -1.0], dtype=np.float32)])
    np.testing.assert_array_equal(x.astype(np.float64) ** 2, answer.values[0])
    np.testing.assert_array_equal([2 * float(x[0]), -4.0], answer.cotangents[0])
    assert np.float64 == answer.cotangents[0].dtype


def test_without_a_cotangent_only_values_come_back() -> None:
    """y_bar=None asks for the forward alone."""
    answer = ask(square(torch=lambda x: x * x), 3.0)
    assert 9.0 == answer.values[0]
    assert () == answer.cotangents


def test_params_are_passed_by_name() -> None:
    """The reference gets the params that forward gets."""
    assert 27.0 == ask(power(torch=lambda x, p: x**p), 3.0, p=3).values[0]


def test_an_unused_input_has_a_zero_cotangent() -> None:
    """torch's None for "not used" becomes zeros."""
    answer = ask(times(torch=lambda x, w: 2 * x), [[1.0]], [[5.0]], y_bar=[np.array([[3.0]])])
    np.testing.assert_array_equal([[6.0]], answer.cotangents[0])
    np.testing.assert_array_equal([[0.0]], answer.cotangents[1])


def test_an_integer_input_has_no_cotangent() -> None:
    """Indices go in as int64 and get None."""
    op = times(inputs={"x": real("k"), "w": index("n", "k")}, torch=lambda x, w: x[w])
    answer = ask(op, [1.0, 2.0], [1, 1, 0], y_bar=[np.array([1.0, 2.0, 4.0])])
    np.testing.assert_array_equal([4.0, 3.0], answer.cotangents[0])
    assert answer.cotangents[1] is None


def test_several_outputs_add_up() -> None:
    """A tuple of outputs takes a tuple of cotangents; None for an integer one."""
    op = square(torch=lambda x: tuple(torch.max(x, 0)))
    answer = ask(op, [1.0, 3.0], y_bar=[np.array(2.0), None])
    np.testing.assert_array_equal([0.0, 2.0], answer.cotangents[0])
    assert [3.0, 1] == [float(value) for value in answer.values]


def test_an_output_that_depends_on_nothing_has_zero_cotangents() -> None:
    """A constant output is no error."""
    answer = ask(square(torch=lambda x: torch.ones(2, dtype=torch.float64)), [1.0, 2.0], y_bar=[np.ones(2)])
    np.testing.assert_array_equal([0.0, 0.0], answer.cotangents[0])


@pytest.mark.parametrize("reference", [lambda x: x.nothing, lambda x: 3, lambda x: (x, x), lambda x, y: x])
def test_a_failing_reference_is_told_apart(reference: Any) -> None:
    """Raising, returning no tensor, or too many of them, is the reference's failure."""
    with pytest.raises(ReferenceFailedError, match="the torch reference raised"):
        ask(square(torch=reference), [1.0], y_bar=[np.ones(1)])


def test_a_reference_that_writes_does_not_reach_the_inputs() -> None:
    """The oracle works on copies."""
    x = np.array([1.0, 2.0])
    ask(square(torch=lambda x: x.detach().mul_(2)), x)
    np.testing.assert_array_equal([1.0, 2.0], x)


def test_read_only_and_reversed_arrays_are_copied() -> None:
    """torch refuses negative strides and warns on read-only arrays: it never sees either."""
    x = np.array([1.0, 2.0])[::-1]
    x.flags.writeable = False
    np.testing.assert_array_equal([4.0, 1.0], ask(square(torch=lambda x: x * x), x).values[0])


@pytest.mark.parametrize(("name", "expected"), [("torch.exp", "exp"), ("torch.nn.functional.relu", "relu")])
def test_dotted_names_are_looked_up(name: str, expected: str) -> None:
    """A dotted name is the function itself."""
    assert expected == resolve(square(torch=name)).__name__


@pytest.mark.parametrize("name", ["torch.nothing", "torch.nn.functional.nothing", "no_such_package.f"])
def test_a_name_that_leads_nowhere_is_a_declaration_error(name: str) -> None:
    """It says the name and what is allowed."""
    with pytest.raises(DeclarationError, match=r"^square: torch: got '.*allowed: a dotted name that exists"):
        resolve(square(torch=name))


def test_missing_torch_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the op and the command."""
    monkeypatch.setattr(torch_autograd, "available", lambda: False)
    with pytest.raises(MissingDependencyError, match=r"^square: .*pip install 'gradspec\[torch\]'"):
        ask(square(torch=lambda x: x), 1.0)
