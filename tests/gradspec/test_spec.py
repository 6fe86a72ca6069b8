"""Op and array: what a declaration is, and calling an op."""

from __future__ import annotations

import dataclasses
import math
import pickle
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import gradspec
from gradspec import Array, DeclarationError, Op, array, index, nonnegative, nonzero, positive, real
from tests.gradspec.samples import power, square, square_forward, square_vjp, times


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (real("n"), {"lo": -math.inf, "hi": math.inf, "exclude": (), "differentiable": True}),
        (positive("n"), {"lo": 0.0, "exclude": (0.0,), "typical": (0.1, 10.0)}),
        (nonnegative("n"), {"lo": 0.0, "exclude": (), "typical": (0.0, 10.0)}),
        (nonzero("n"), {"lo": -math.inf, "exclude": (0.0,)}),
        (index("n", 5), {"lo": 0, "hi": 4, "integer": True, "differentiable": False}),
        (positive("n", hi=1.0, typical=(0.5, 1.0)), {"lo": 0.0, "hi": 1.0, "typical": (0.5, 1.0)}),
        (array("n", integer=True), {"integer": True, "differentiable": False}),
        (array("n", differentiable=False), {"integer": False, "differentiable": False}),
        (array("n", exclude=[1.0, 2.0]), {"exclude": (1.0, 2.0)}),
    ],
)
def test_shorthands_fill_in_the_domain(made: Array, expected: dict[str, Any]) -> None:
    """Each shorthand is array() with the domain that its name says."""
    assert expected == {name: getattr(made, name) for name in expected}


def test_index_reads_its_upper_bound_off_a_size() -> None:
    """index(..., "k") ends at k - 1."""
    bound = index("n", "k").hi
    assert callable(bound)
    assert 6 == bound({"k": 7})


def test_a_declaration_is_frozen() -> None:
    """Neither the fields nor the mappings of an op can be changed."""
    op = power()
    with pytest.raises(dataclasses.FrozenInstanceError):
        op.name = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        op.params["p"] = (1,)  # type: ignore[index]
    with pytest.raises(TypeError):
        op.inputs["z"] = real("n")  # type: ignore[index]


def test_later_changes_of_the_given_mapping_do_not_reach_the_op() -> None:
    """The op keeps a copy of what it was given."""
    params = {"p": [2, 3]}
    op = power(params=params)
    params["p"].append(0)
    params["q"] = [1]
    assert {"p": (2, 3)} == dict(op.params)


def test_sizes_not_named_get_the_default() -> None:
    """Every symbol has a range; one number means exactly that."""
    assert {"n": (0, 4), "d": (3, 3)} == dict(times(sizes={"d": 3}).sizes)


def test_replace_validates_anew() -> None:
    """A changed copy is as strict as a new declaration, and the original stays."""
    op = square()
    assert ("float64",) == op.replace(dtypes=("float64",)).dtypes
    assert ("float64", "float32") == op.dtypes
    with pytest.raises(DeclarationError, match=r"^square: dtypes: got"):
        op.replace(dtypes=("float16",))


def test_location_points_at_the_vjp() -> None:
    """The file and first line of the rule; nothing where there is no Python code."""
    path, _, line = square().location.rpartition(":")
    assert path.endswith("samples.py")
    assert square_vjp.__code__.co_firstlineno == int(line)

    class Rule:
        def __call__(self, saved: Any, y_bar: Any) -> Any:
            return (y_bar,)

    assert "" == square(vjp=Rule()).location


def test_repr_shows_inputs_and_params() -> None:
    """An op prints as its name, inputs with shapes, and params."""
    assert "<Op power(x: 'n', p)>" == repr(power())


def test_calling_an_op_gives_y() -> None:
    """op(*arrays) is forward's y, residuals dropped."""
    np.testing.assert_array_equal([1.0, 4.0], square()(np.array([1.0, 2.0])))
    np.testing.assert_array_equal([1.0, 8.0], power()(np.array([1.0, 2.0]), p=3))


@pytest.mark.parametrize(
    ("arrays", "params", "message"),
    [
        ((), {"p": 2}, "power: got 0 arrays; it takes 1: x"),
        ((1.0, 2.0), {"p": 2}, "power: got 2 arrays; it takes 1: x"),
        ((1.0,), {"q": 2}, "power: got the keyword 'q'; its params are: p"),
    ],
)
def test_a_wrong_call_says_what_the_op_takes(arrays: tuple[float, ...], params: dict[str, int], message: str) -> None:
    """A wrong number of arrays or an unknown keyword is a TypeError in the op's words."""
    with pytest.raises(TypeError) as caught:
        power()(*(np.array(x) for x in arrays), **params)
    assert message == str(caught.value)


def test_an_op_without_params_says_none() -> None:
    """The list of allowed keywords is never empty text."""
    with pytest.raises(TypeError, match="its params are: none"):
        square()(np.ones(1), p=2)


def test_an_argument_can_take_over() -> None:
    """__gradspec_apply__ of any argument gets the op, all arguments and the params."""
    node = SimpleNamespace(__gradspec_apply__=lambda op, arrays, params: (op.name, arrays, params))
    x = np.ones(2)
    expected = ("times", (x, node), {})
    assert expected == times()(x, node)
    assert ("power", (node,), {"p": 3}) == power()(node, p=3)


def test_the_first_argument_that_takes_over_wins() -> None:
    """Of two, the left one is asked."""
    left = SimpleNamespace(__gradspec_apply__=lambda *_: "left")
    right = SimpleNamespace(__gradspec_apply__=lambda *_: "right")
    assert "left" == times()(left, right)


def test_taking_over_does_not_excuse_a_wrong_call() -> None:
    """The number of arguments is checked first."""
    node = SimpleNamespace(__gradspec_apply__=lambda *_: "taken")
    with pytest.raises(TypeError, match="got 1 arrays"):
        times()(node)


def test_a_declaration_error_survives_pickling() -> None:
    """xdist sends errors between processes."""
    error = DeclarationError("op", "inputs['x'].lo", "got 3")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  (our own bytes)
    assert ("op", "inputs['x'].lo", "got 3", str(error)) == (again.op, again.field, again.problem, str(again))


def test_every_public_name_is_there() -> None:
    """__all__ loads, dir() shows it, and an unknown name is an AttributeError."""
    assert set(gradspec.__all__) <= set(dir(gradspec))
    assert all(getattr(gradspec, name) is not None for name in gradspec.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        gradspec.nothing  # noqa: B018  (the access is the test)


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import gradspec", ["torch", "matplotlib", "hypothesis", "pytest"]),
        ("import gradspec.spec", ["torch", "matplotlib", "hypothesis", "pytest"]),
        ("import _gradspec_pytest", ["gradspec", "numpy", "hypothesis", "torch"]),
        ("import gradspec.cli", ["torch", "matplotlib"]),
        ("from gradspec import verify", ["torch", "matplotlib"]),
    ],
)
def test_imports_are_light(statement: str, heavy: list[str]) -> None:
    """Importing costs only what is needed."""
    code = f"import sys; {statement}; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()


def test_a_rule_may_be_any_callable() -> None:
    """Classes with __call__, lambdas and builtins without a signature are all accepted."""
    assert isinstance(
        Op(name="f", forward=square_forward, vjp=lambda saved, y_bar: (y_bar,), inputs={"x": real("")}), Op
    )
    assert isinstance(square(forward=max), Op)
