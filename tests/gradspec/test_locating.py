"""Which cases fail: said where it is telling, and not where it may be chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from gradspec import Op, array, locating, real, verify
from gradspec.domains import Case
from gradspec.locating import Seen

OP = Op(
    name="some_op",
    forward=lambda x, z, p, q: (x, None),
    vjp=lambda saved, y_bar: (y_bar, None),
    inputs={"x": real("... n m", broadcastable=True), "z": real("... n m", broadcastable=True)},
    params={"p": (1, 2, 3), "q": ("a", "b")},
)
ORDINARY = np.array([[1.5, -2.5, 3.5]])


def case(x: object = ORDINARY, z: object = ((1.75, 2.25, 3.75),), **changes: Any) -> Case:
    """A case of OP."""
    fields: dict[str, Any] = {
        "sizes": {"n": 1, "m": 3},
        "lead": (),
        "params": {"p": 1, "q": "a"},
        "keys": {},
        "drawn": (np.asarray(x, dtype=float), np.asarray(z, dtype=float)),
        "dtype": "float64",
        "seed": 0,
    }
    return Case(**{**fields, **changes})


def located(op: Op, failing: Sequence[Case], passing: Sequence[Case], **more: Any) -> str:
    """What is said where these cases were seen, all of them systematic."""
    return locating.located(
        op, [Seen.of(op, c, sampled=True) for c in failing], [Seen.of(op, c, sampled=True) for c in passing], **more
    )


def where(failing: Sequence[Case], passing: Sequence[Case]) -> str:
    """What is said of the failing cases beyond their number."""
    return located(OP, failing, passing).partition(" cases")[2]


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        (case(params={"p": 3, "q": "a"}), "with p=3"),
        (case(dtype="float32"), "in float32"),
        (case(sizes={"n": 2, "m": 3}), "with n = 2"),
        (case(sizes={"n": 3, "m": 3}), "with n = 3"),
        (case(cotangent="one-hot"), "with a y_bar of one entry that is not 0"),
        (case(lead=(2,)), "with leading axes"),
        (case(lead=(0,)), "with leading axes"),
        (case(z=[[5.0]]), "where something is broadcast"),
        (case(x=[[0.0, 1.0, -2.0]]), "with a 0 in x"),
        (case(x=[[7.0, 7.0, -2.0]]), "with equal entries in x"),
        (case(x=[[7.0, 8.0, 2.0]]), "without a negative entry in x"),
        (case(z=[[7.0, 8.0, -2.0]]), "with a negative entry in z"),
        (case(x=[[7.0, 2e4, -2.0]]), "with an entry above 10000 in x"),
        (case(x=[[7.0, 1.0, -20]]), "with an entry below -10 in x"),
        (case(x=[[7.0, 1e-5, -2.0]]), "with an entry within 0.0001 of 0 in x"),
        (case(z=[[1.5, 2.25, 3.75]]), "with x = z in some place"),
    ],
)
def test_what_all_failing_cases_have_and_no_other_is_told(odd: Case, told: str) -> None:
    """The plainest of such traits."""
    assert where([odd] * 4, [case()] * 20) == f", exactly those {told}"


def test_a_trait_that_some_passing_cases_have_too_is_told_with_their_number() -> None:
    """It is necessary, but not sufficient."""
    odd = case(params={"p": 3, "q": "a"})
    assert where([odd] * 6, [odd] * 2 + [case()] * 20) == ", all of them with p=3 (6 of 8 such cases)"


def test_of_few_cases_it_is_said_that_it_may_be_chance() -> None:
    """Two cases have something in common that twenty lack more often than not."""
    odd = case(params={"p": 3, "q": "a"})
    told = ", exactly those with p=3"
    assert where([odd] * 2, [case()] * 10) == f"{told} (few cases: it may be chance)"
    assert where([odd] * 4, [case()] * 40) == told
    assert where([odd] * 2, [odd] + [case()] * 10) == ""


def test_what_the_case_shown_has_not_is_not_told() -> None:
    """Whoever reads "with a 0 in x" looks for it in the case below."""
    odd = case(x=[[0.0, 1.0, -2.0]], params={"p": 3, "q": "a"})
    assert located(OP, [odd] * 3, [case()] * 20, shown=odd).endswith("with p=3")
    assert located(OP, [odd] * 3, [case()] * 20, shown=case(params={"p": 1, "q": "a"}, x=odd.drawn[0])).endswith(
        "0 in x"
    )
    assert located(OP, [odd] * 3, [case()] * 20, shown=case()) == "3 of 23 cases"


def test_a_cotangent_that_is_given_is_looked_at() -> None:
    """A shrunk case has its own, whatever it was drawn as."""
    one, many = np.array([[0.0, 1.0, 0.0]]), np.array([[1.0, -2.0, 4.0]])
    odd = case(cotangent="one-hot")
    told = ", exactly those with a y_bar of one entry that is not 0"
    for y_bar, end in ((one, told), (many, "")):
        assert located(OP, [odd] * 3, [case()] * 20, shown=case(y_bar=(y_bar,))) == f"3 of 23 cases{end}"
    balanced = case(cotangent="balanced")
    assert where([balanced] * 3, [case(y_bar=(many,))] * 20).endswith("with a y_bar of entries that sum to 0")


def test_two_traits_are_told_where_both_are_needed() -> None:
    """Neither p=3 nor q='b' is enough."""
    one, other, both = (case(params={"p": p, "q": q}) for p, q in ((3, "a"), (1, "b"), (3, "b")))
    assert where([both] * 3, [one, other, case()] * 6) == ", exactly those with p=3 and q='b'"


def test_several_values_of_a_param_are_one_trait() -> None:
    """Told by the smaller number of values: those that fail, or those that do not."""
    one, two, three = (case(params={"p": p, "q": "a"}) for p in (1, 2, 3))
    assert where([two, three] * 5, [one] * 20) == ", exactly those with p other than 1"
    with_four = [case(params={"p": p, "q": "a"}) for p in (4, 5)]
    assert where([two, three] * 5, [one, *with_four] * 7) == ", exactly those with p=2 or 3"


@pytest.mark.parametrize(
    ("failing", "passing"),
    [
        ([case(dtype="float32")], [case()] * 20),  # one case has a hundred things that are its own
        ([case(dtype="float32")] * 4, [case()] * 4),  # and so have four
        ([case(dtype="float32")] * 3, [case(), case(dtype="float32")] * 20),
        ([case()] * 3, [case()] * 20),
    ],
)
def test_nothing_is_told_that_may_be_chance(failing: list[Case], passing: list[Case]) -> None:
    """Only how many there are."""
    assert located(OP, failing, passing) == f"{len(failing)} of {len(failing) + len(passing)} cases"


def test_a_check_that_stopped_early_says_so() -> None:
    """The cases that it did not look at are in no number."""
    odd = case(dtype="float32")
    assert located(OP, [odd] * 24, [case()] * 30, first=True) == "24 of the first 54 cases, exactly those in float32"


def test_where_most_cases_fail_in_any_way_their_number_says_nothing() -> None:
    """The text has no such line then."""
    assert located(OP, [case()] * 24, [case()] * 10) == ""
    assert located(OP, [case()], []) == ""
    assert located(OP, [], [case()]) == ""


def test_a_failure_among_the_random_draws_strikes_what_it_lacks() -> None:
    """They are not counted, but "exactly those with p=3" is not said when p=1 has failed, too."""
    odd, other = case(params={"p": 3, "q": "a"}), case(x=[[0.0, 1.0, -2.0]])
    systematic = [Seen(odd)] * 5
    passing = [Seen(case())] * 20
    assert locating.located(OP, systematic, passing) == "5 of 25 cases, exactly those with p=3"
    assert locating.located(OP, [*systematic, Seen(other, sampled=False)], passing) == "5 of 25 cases"
    assert locating.located(OP, [Seen(other, sampled=False)], passing).startswith("random draws only")


def test_a_param_with_a_value_too_long_to_tell_is_left_out() -> None:
    """Else "p=1 or 2" would be said where the long one failed, too."""
    one, two, long, good = (case(params={"p": p, "q": "a"}) for p in (1, 2, "x" * 100, 3))
    assert where([one, two] * 5, [good] * 20) == ", exactly those with p other than 3"
    assert where([one, two, long] * 5, [good] * 20) == ""


def test_of_a_large_case_the_traits_are_kept_and_not_the_values() -> None:
    """A hundred of them would fill the memory."""
    large = np.ones((300, 400))
    seen = Seen.of(OP, case(x=large, z=large[:, :1] * 0), sampled=True)
    assert not seen.case.drawn
    found = [*seen.traits(OP, {})]
    assert "where something is broadcast" in found
    assert "with a 0 in z" in found
    assert "with equal entries in x" in found


def test_large_sizes_are_told_apart_where_passing_cases_do() -> None:
    """Not at each whole number below them: 5000 traits have twelve million pairs."""
    odd, fine = (case(sizes={"n": n, "m": 3}) for n in (5000, 40))
    assert where([odd, case(sizes={"n": 6000, "m": 3})] * 3, [fine, case()] * 10) == ", exactly those with n > 40"


def test_a_failure_text_says_where_the_rule_fails() -> None:
    """x ** 0 with the rule p x ** (p - 1): NaN at 0 and nowhere else."""
    op = Op(
        name="power",
        forward=lambda x, p: (x**p, (x, p)),
        vjp=lambda saved, y_bar: (y_bar * saved[1] * saved[0] ** (saved[1] - 1.0),),
        inputs={"x": real("n m")},
        params={"p": (2, 0, 3)},
    )
    message = verify(op).failures[0].message
    assert any(f"cases, exactly those with {both}" in message for both in ("p=0 and a 0 in x", "a 0 in x and p=0"))


def test_what_is_zero_in_some_cases_only_is_not_said_to_propagate_nothing() -> None:
    """The rule is wrong for k = 1 alone, and right for 2 and 3."""
    op = Op(
        name="scaled",
        forward=lambda x, k: (x * x.dtype.type(k), k),
        vjp=lambda k, y_bar: (y_bar * y_bar.dtype.type(k * (k > 1)), None),
        inputs={"x": real("n"), "k": array("", lo=1, hi=3, typical=(1, 3), integer=True, differentiable=False)},
    )
    message = verify(op).failures[0].message
    assert "  Looks like   nothing is propagated in these cases: every entry is 0, and is not in others\n" in message
    assert "cases, exactly those where k is 1\n" in message


@pytest.mark.parametrize(
    ("edges", "wrong", "told"),
    [
        ((-1.5, 3), 3, "an entry of x at 3, an edge of its domain"),
        ((-1.5, 3), -1.5, "an entry of x at -1.5, an edge of its domain"),
        ((0, 1), 0, "a 0 in x"),
    ],
)
def test_an_edge_of_the_domain_is_named(edges: tuple[float, float], wrong: float, told: str) -> None:
    """Nobody would see in the number 3 that the domain ends there; a zero is said to be one."""
    op = Op(
        name="square",
        forward=lambda x: (x * x + x, x),
        vjp=lambda x, y_bar: (np.where(x == wrong, 0, 2 * x + 1) * y_bar,),
        inputs={"x": real("n", lo=edges[0], hi=edges[1])},
    )
    message = next(check.message for check in verify(op).failures if check.name == "vjp_finite_difference")
    assert f"exactly those with {told}\n" in message, message


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_an_edge_may_depend_on_sizes_and_is_drawn_rounded_inward(dtype: str) -> None:
    """0.1 is no number of float32, and the nearest one is outside; with two entries it is 0.2."""
    edge_of = {1: 0.1, 2: 0.2}
    op = square_up_to(lambda sizes: edge_of[sizes["n"]])
    drawn = np.array([0.05, 0.2]).astype(dtype)
    inside = np.nextafter(drawn, np.zeros_like(drawn)) if float(drawn[1]) > 0.2 else drawn
    seen = Seen.of(op, Case({"n": 2}, (), {}, {}, (inside,), dtype, 0), sampled=True)
    assert "with an entry of x at 0.2, an edge of its domain" in [*seen.traits(op, {})]


def square_up_to(hi: Any) -> Op:
    """x² on [0, hi]."""
    return Op(
        name="square",
        forward=lambda x: (x * x, x),
        vjp=lambda x, y_bar: (2 * x * y_bar,),
        inputs={"x": real("n", lo=0, hi=hi)},
        sizes={"n": (1, 2)},
    )
