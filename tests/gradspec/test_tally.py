"""What becomes of a check's counts."""

from dataclasses import replace

import numpy as np

from gradspec.checks import Check, Mismatch, Outcome
from gradspec.domains import Case
from gradspec.tally import ENOUGH, Tally

CASE = Case(sizes={}, lead=(), params={}, keys={}, drawn=(), dtype="float64", seed=0)


def counted(*, sampled: bool) -> tuple[int, int]:
    """Conclusive comparisons and all of them, after one sharp and one blurred case."""
    tally = Tally(Check("some_check", lambda trial, evidence: [], "nothing"))
    tally.add(CASE, [Outcome(entries=2, comparisons=5, conclusive=5)])
    tally.add(CASE, [Outcome(entries=2, comparisons=7, conclusive=1)], sampled=sampled)
    return tally.conclusive, tally.comparisons


def test_a_blurred_case_of_the_sample_counts_whole() -> None:
    """An even draw is blurred as often as the domain is."""
    assert counted(sampled=True) == (6, 12)


def test_of_a_case_that_was_sought_out_only_the_sharp_comparisons_count() -> None:
    """Where the bar is nearly reached, it is large: that is why Hypothesis went there."""
    assert counted(sampled=False) == (6, 6)


def wrong(name: str) -> Outcome:
    """A failure that concerns input *name*."""
    return Outcome(input=name, mismatch=Mismatch(headline="vjp is wrong", kind="wrong", input=name))


def test_a_check_is_settled_by_enough_failures_of_one_input() -> None:
    """A few of each of many inputs would tell too little of any."""
    tally = Tally(Check("some_check", lambda trial, evidence: [], "nothing"))
    for _ in range(ENOUGH - 1):
        tally.add(CASE, [wrong("x"), wrong("z")])
    assert not tally.is_settled
    tally.add(CASE, [wrong("z")])
    assert tally.is_settled


def test_failures_are_counted_for_the_input_that_they_name() -> None:
    """An outcome for all inputs may hold a mismatch of one of them."""
    tally = Tally(Check("some_check", lambda trial, evidence: [], "nothing"))
    tally.add(CASE, [Outcome(mismatch=wrong("z").mismatch), Outcome(input="x", conclusive=1)])
    tally.add(CASE, [wrong("z")], sampled=False)
    assert tally.failing == [(CASE, "z")]
    assert tally.passing == [(CASE, "x")]


def test_of_large_cases_no_values_are_kept() -> None:
    """A hundred of them would fill the memory; what is small is kept as it is."""
    tally = Tally(Check("some_check", lambda trial, evidence: [], "nothing"))
    for size in (10, 10**6):
        tally.add(replace(CASE, drawn=(np.ones((2, size)),)), [Outcome(input="x", conclusive=1)])
    assert [case.drawn[0].shape for case, _ in tally.passing] == [(2, 10), (2, 0)]
