"""Every mistake in a declaration: the error names the op, the field, what it got and what is allowed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradspec import DeclarationError, Op, array, index, real, verify
from tests.gradspec.samples import power, square, times


def refused(make: Callable[[], Any]) -> DeclarationError:
    """The error that *make* raises."""
    with pytest.raises(DeclarationError) as caught:
        make()
    return caught.value


def x(shape: Any = "n", **options: Any) -> Callable[[], Op]:
    """Declares square with this domain for x."""
    return lambda: square(inputs={"x": array(shape, **options)})


# what is declared, the field that the error names, what it got, a word of what is allowed
DECLARATIONS: dict[str, tuple[Callable[[], Op], str, str, str]] = {
    "input named with a space": (lambda: square(inputs={"x y": real("n")}), "inputs['x y']", "'x y'", "identifier"),
    "input name no string": (lambda: square(inputs={3: real("n")}), "inputs[3]", "3", "identifier"),
    "no inputs": (lambda: square(inputs={}), "inputs", "{}", "at least one input"),
    "inputs a list": (lambda: square(inputs=[real("n")]), "inputs", "Array(", "mapping"),
    "input no array": (lambda: square(inputs={"x": "n d"}), "inputs['x']", "'n d'", "real(...)"),
    "nothing differentiable": (x(differentiable=False), "inputs", "'x'", "at least one differentiable"),
    "shape: comma": (x("n,d"), "inputs['x'].shape", "'n,d'", "size symbols"),
    "shape: dots last": (x("n ..."), "inputs['x'].shape", "'n ...'", "'...' only first"),
    "shape: tuple": (x(("n", "d")), "inputs['x'].shape", "('n', 'd')", "size symbols"),
    "shape: None": (x(None), "inputs['x'].shape", "None", "size symbols"),
    "shape: number": (x(3), "inputs['x'].shape", "3", "size symbols"),
    "lo above hi": (x(lo=2.0, hi=1.0), "inputs['x'].lo", "2.0", "at most hi, which is 1.0"),
    "lo NaN": (x(lo=math.nan), "inputs['x'].lo", "nan", "a number"),
    "hi NaN": (x(hi=math.nan), "inputs['x'].hi", "nan", "a number"),
    "lo text": (x(lo="0"), "inputs['x'].lo", "'0'", "a number"),
    "hi None": (x(hi=None), "inputs['x'].hi", "None", "a number"),
    "lo bool": (x(lo=True), "inputs['x'].lo", "True", "a number"),
    "integer with fractional lo": (
        lambda: times(inputs={"x": real("n"), "w": array("n", integer=True, lo=0.5)}),
        "inputs['w'].lo",
        "0.5",
        "whole number",
    ),
    "integer with fractional hi": (
        lambda: times(inputs={"x": real("n"), "w": array("n", integer=True, hi=2.5)}),
        "inputs['w'].hi",
        "2.5",
        "whole number",
    ),
    "integer and differentiable": (
        lambda: times(inputs={"x": real("n"), "w": array("n", integer=True, differentiable=True)}),
        "inputs['w'].differentiable",
        "True",
        "False",
    ),
    "exclude text": (x(exclude=("a",)), "inputs['x'].exclude", "('a',)", "finite numbers"),
    "exclude inf": (x(exclude=(math.inf,)), "inputs['x'].exclude", "inf", "finite numbers"),
    "exclude NaN": (x(exclude=(math.nan,)), "inputs['x'].exclude", "nan", "finite numbers"),
    "exclude a number": (x(exclude=0.0), "inputs['x'].exclude", "0.0", "finite numbers"),
    "exclude all": (x(lo=1.0, hi=1.0, exclude=(1.0,)), "inputs['x'].exclude", "(1.0,)", "leave something"),
    "domain without a finite number": (x(lo=math.inf), "inputs['x'].lo", "inf", "leaves finite numbers"),
    "domain below every number": (x(hi=-math.inf), "inputs['x'].hi", "-inf", "leaves finite numbers"),
    "typical a number": (x(typical=3), "inputs['x'].typical", "3", "a pair"),
    "typical three": (x(typical=(1, 2, 3)), "inputs['x'].typical", "(1, 2, 3)", "a pair"),
    "typical backwards": (x(typical=(2.0, 1.0)), "inputs['x'].typical", "(2.0, 1.0)", "low <= high"),
    "typical infinite": (x(typical=(0.0, math.inf)), "inputs['x'].typical", "inf", "finite"),
    "typical below": (x(lo=5.0, typical=(0.0, 1.0)), "inputs['x'].typical", "(0.0, 1.0)", "whose lo is 5.0"),
    "typical above": (x(hi=-5.0, typical=(0.0, 1.0)), "inputs['x'].typical", "(0.0, 1.0)", "whose hi is -5.0"),
    "integer no bool": (x(integer="yes", differentiable=True), "inputs['x'].integer", "'yes'", "True or False"),
    "broadcastable no bool": (x(broadcastable=1), "inputs['x'].broadcastable", "1", "True or False"),
    "differentiable no bool": (x(differentiable="no"), "inputs['x'].differentiable", "'no'", "True or False"),
    "transform no function": (x(transform="exp"), "inputs['x'].transform", "'exp'", "a function"),
    "params a list": (lambda: power(params=["p"]), "params", "['p']", "a mapping"),
    "param named with a dash": (lambda: power(params={"p-q": (1,)}), "params['p-q']", "'p-q'", "identifier"),
    "param a text": (lambda: power(params={"p": "mean"}), "params['p']", "'mean'", "a list of values"),
    "param a number": (lambda: power(params={"p": 2}), "params['p']", "2", "a list of values"),
    "param empty": (lambda: power(params={"p": ()}), "params['p']", "()", "at least one value"),
    "param named as an input": (lambda: power(params={"x": (1,)}), "params['x']", "'x'", "no input has"),
    "sizes a list": (lambda: square(sizes=[("n", (1, 2))]), "sizes", "[('n'", "a mapping"),
    "sizes: unknown symbol": (lambda: square(sizes={"m": (1, 2)}), "sizes['m']", "'m'", "a shape uses: n"),
    "sizes: no symbol": (
        lambda: square(inputs={"x": real("3")}, sizes={"n": (1, 2)}),
        "sizes['n']",
        "'n'",
        "a shape uses: none",
    ),
    "sizes: three": (lambda: square(sizes={"n": (1, 2, 3)}), "sizes['n']", "(1, 2, 3)", "(smallest, largest)"),
    "sizes: fraction": (lambda: square(sizes={"n": (1, 2.5)}), "sizes['n']", "(1, 2.5)", "whole numbers"),
    "sizes: text": (lambda: square(sizes={"n": "23"}), "sizes['n']", "'23'", "(smallest, largest)"),
    "sizes: negative": (lambda: square(sizes={"n": (-1, 2)}), "sizes['n']", "(-1, 2)", "0 <= smallest"),
    "sizes: backwards": (lambda: square(sizes={"n": (3, 2)}), "sizes['n']", "(3, 2)", "smallest <= largest"),
    "forward no function": (lambda: square(forward="f"), "forward", "'f'", "a function of (x)"),
    "forward takes too many": (lambda: square(forward=lambda a, b: (a, b)), "forward", "(a, b)", "(x)"),
    "forward takes no params": (lambda: power(forward=lambda x: (x, x)), "forward", "(x)", "(x, p=...)"),
    "vjp no function": (lambda: square(vjp=None), "vjp", "None", "a function of (saved, y_bar)"),
    "vjp takes one": (lambda: square(vjp=lambda y_bar: (y_bar,)), "vjp", "(y_bar)", "(saved, y_bar)"),
    "vjp asks for params": (lambda: square(vjp=lambda s, y, *, p: (y,)), "vjp", "(s, y, *, p)", "(saved, y_bar)"),
    "where no function": (lambda: square(where=True), "where", "True", "a function of (sizes, params)"),
    "where takes one": (lambda: square(where=lambda sizes: True), "where", "(sizes)", "(sizes, params)"),
    "linear_in text": (lambda: square(linear_in="x"), "linear_in", "'x'", "a set"),
    "linear_in unknown": (lambda: square(linear_in={"z"}), "linear_in", "'z'", "differentiable inputs: x"),
    "linear_in integer": (
        lambda: times(inputs={"x": real("n"), "w": index("n", 3)}, linear_in={"w"}),
        "linear_in",
        "'w'",
        "differentiable inputs: x",
    ),
    "dtypes text": (lambda: square(dtypes="float64"), "dtypes", "'float64'", "a tuple"),
    "dtypes empty": (lambda: square(dtypes=()), "dtypes", "()", "each once"),
    "dtypes unknown": (lambda: square(dtypes=("float16",)), "dtypes", "float16", "float32"),
    "dtypes twice": (lambda: square(dtypes=("float64", "float64")), "dtypes", "float64", "each once"),
    "dtypes a type": (lambda: square(dtypes=np.float64), "dtypes", "float64", "a tuple"),
    "examples a mapping": (lambda: square(examples={"x": 1}), "examples", "{'x': 1}", "a tuple of examples"),
    "example no tuple": (lambda: square(examples=(1.0,)), "examples[0]", "1.0", "1 arrays"),
    "example too short": (lambda: times(examples=((1.0,),)), "examples[0]", "(1.0,)", "2 arrays, for x, w"),
    "example lacks an input": (lambda: times(examples=({"x": 1.0},)), "examples[0]", "['x']", "the inputs x, w"),
    "example with a stranger": (
        lambda: square(examples=((np.ones(1),), {"x": 1.0, "q": 1})),
        "examples[1]",
        "['q', 'x']",
        "the inputs x",
    ),
    "exceptions a list": (lambda: square(exceptions=["contract"]), "exceptions", "['contract']", "a mapping"),
    "exception without a reason": (
        lambda: square(exceptions={"contract": " "}),
        "exceptions['contract']",
        "' '",
        "the reason",
    ),
    "torch without a dot": (lambda: square(torch="softmax"), "torch", "'softmax'", "dotted name"),
    "torch a number": (lambda: square(torch=3), "torch", "3", "a callable"),
    "formula no text": (lambda: square(formula=3), "formula", "3", "a string"),
    "vjp_formula no text": (lambda: square(vjp_formula=None), "vjp_formula", "None", "a string"),
    "source no text": (lambda: square(source=["book"]), "source", "['book']", "a string"),
    "kinks no text": (lambda: square(kinks=0.0), "kinks", "0.0", "a string"),
}


@pytest.mark.parametrize("mistake", DECLARATIONS)
def test_a_wrong_field_is_named(mistake: str) -> None:
    """Op refuses the field at once: op, field, what it got, what is allowed."""
    declare, field, got, allowed = DECLARATIONS[mistake]

    error = refused(declare)

    assert field == error.field
    assert error.op in ("square", "times", "power")
    assert f"{error.op}: {field}: {error.problem}" == str(error)
    before, _, after = error.problem.partition("; allowed: ")
    assert got in before
    assert allowed in after


@pytest.mark.parametrize("name", ["", "2d", "soft max", "a/b", "a\n", "../up", None, 3, "é"])
def test_a_wrong_name_is_refused(name: Any) -> None:
    """Names become test ids and file names: letters, digits, _ and . only."""
    error = refused(lambda: square(name=name))
    assert ("", "Op.name") == (error.op, error.field)
    assert repr(name) in error.problem
    assert "letters, digits" in error.problem


@pytest.mark.parametrize("name", ["relu", "nn.relu", "_f", "conv2d", "Softmax_2"])
def test_a_good_name_is_taken(name: str) -> None:
    """Dots, underscores and digits after the first are names."""
    assert name == square(name=name).name


def _raises(*_: Any) -> Any:
    raise KeyError("k")


def _indexed(**changes: Any) -> Op:
    """Pick entries of x by the indices i."""
    fields: dict[str, Any] = {
        "name": "pick",
        "forward": lambda x, i: (x[i], (x.shape, i)),
        "vjp": lambda saved, y_bar: (np.bincount(saved[1], y_bar, saved[0][0]).astype(y_bar.dtype), None),
        "inputs": {"x": real("k"), "i": index("n", "k")},
    }
    return Op(**{**fields, **changes})


# what only drawing can tell: op, field, words that the message has
DRAWN: dict[str, tuple[Callable[[], Op], str, tuple[str, ...]]] = {
    "where raises": (lambda: square(where=_raises), "where", ("KeyError", "'k'", "size symbols (n)")),
    "params raise": (lambda: power(params={"p": _raises}), "params['p']", ("KeyError", "size symbols (n)")),
    "a param value raises": (lambda: power(params={"p": (1, _raises)}), "params['p']", ("KeyError", "'n':")),
    "params give no list": (lambda: power(params={"p": lambda sizes: 3}), "params['p']", ("got 3", "a list")),
    "lo raises": (x(lo=_raises), "inputs['x'].lo", ("KeyError", "size symbols (n)")),
    "hi raises": (x(hi=_raises), "inputs['x'].hi", ("KeyError",)),
    "hi gives text": (x(hi=lambda sizes: "many"), "inputs['x'].hi", ("got 'many'", "a number")),
    "hi gives NaN": (x(hi=lambda sizes: math.nan), "inputs['x'].hi", ("nan", "a number")),
    "index of an unknown size": (
        lambda: _indexed(inputs={"x": real("m"), "i": index("n", "k")}),
        "inputs['i'].hi",
        ("KeyError", "size symbols (m, n)"),
    ),
    "where leaves nothing": (
        lambda: square(where=lambda sizes, params: False),
        "sizes, params, where and bounds",
        ("no combination", "at least one"),
    ),
    "bounds leave nothing": (
        lambda: square(inputs={"x": real("n 2", lo=1.0, hi=lambda sizes: 0.0)}, sizes={"n": (1, 3)}),
        "sizes, params, where and bounds",
        ("no combination",),
    ),
    "params leave nothing": (
        lambda: power(params={"p": lambda sizes: []}),
        "sizes, params, where and bounds",
        ("no combination",),
    ),
    "unknown check in exceptions": (
        lambda: square(exceptions={"gradient": "because"}),
        "exceptions['gradient']",
        ("got 'gradient'", "vjp_finite_difference"),
    ),
    "forward returns y alone": (lambda: square(forward=lambda x: x * x), "forward", ("an array of shape", "a pair")),
    "forward returns three": (lambda: square(forward=lambda x: (x, x, x)), "forward", ("tuple of 3", "a pair")),
    "forward returns a list": (lambda: square(forward=lambda x: [x, x]), "forward", ("list of 2", "a pair")),
    "forward is hardly ever finite": (
        lambda: square(forward=lambda x: (np.log(-1.0 - x * x), x), inputs={"x": real("n", typical=(1.0, 2.0))}),
        "inputs",
        ("not finite in", "ordinary draws", "typical"),
    ),
    "transform raises": (x(transform=_raises), "inputs['x'].transform", ("KeyError", "shape")),
    "example of another shape": (
        lambda: square(examples=((np.ones((2, 2)),),)),
        "examples[0]['x']",
        ("(2, 2)", "'n'"),
    ),
    "example of sizes that differ": (
        lambda: times(examples=((np.ones((2, 3)), np.ones((2, 4))),)),
        "examples[0]['w']",
        ("(2, 4)", "d = 3"),
    ),
    "example that is text": (lambda: square(examples=(("abc",),)), "examples[0]['x']", ("'abc'", "an array")),
    "example outside the domain": (
        lambda: square(inputs={"x": real("n", lo=0.0)}, examples=((np.array([-1.0]),),)),
        "examples[0]['x']",
        ("-1", "0.0"),
    ),
    "index example beyond the size": (
        lambda: _indexed(examples=((np.ones(2), np.array([5])),)),
        "examples[0]['i']",
        ("5",),
    ),
}


@pytest.mark.parametrize("mistake", DRAWN)
def test_what_only_drawing_can_tell_is_named(mistake: str) -> None:
    """verify() raises the declaration's mistake, with op and field."""
    declare, field, words = DRAWN[mistake]
    op = declare()

    error = refused(lambda: verify(op, examples=12))

    assert (op.name, field) == (error.op, error.field)
    for word in words:
        assert word in error.problem


def test_a_torch_name_that_leads_nowhere_is_named() -> None:
    """A misspelt reference is a mistake of the declaration, not a note."""
    pytest.importorskip("torch")
    op = square(torch="torch.no_such_function")

    error = refused(lambda: verify(op, examples=2))

    assert ("square", "torch") == (error.op, error.field)
    assert "'torch.no_such_function'" in error.problem


def test_the_same_size_and_param_name_can_be_told_apart() -> None:
    """A param may be called like a size symbol: both are drawn, or the declaration says that it may not."""
    try:
        op = power(inputs={"x": real("p")})
        report = verify(op, examples=10)
    except DeclarationError as error:
        assert "p" in error.problem  # noqa: PT017  (either answer is fine, a crash is not)
        return
    assert "PASS" == report.verdict, str(report)
