"""What becomes of a check's counts."""

from dataclasses import replace

import numpy as np

from gradspec.checks import Check, Mismatch, Outcome
from gradspec.domains import Case
from gradspec.locating import Seen
from gradspec.tally import ENOUGH, Tally

CASE = Case(sizes={}, lead=(), params={}, keys={}, drawn=(), dtype="float64", seed=0)


def counted(*, sampled: bool) -> tuple[int, int]:
    """Conclusive comparisons and all of them, after one sharp and one blurred case."""
    tally = Tally(Check("some_check", lambda trial, evidence: [], "nothing"))
    tally.add(CASE, [Outcome(entries=2, comparisons=5, conclusive=5)], Seen(CASE))
    tally.add(CASE, [Outcome(entries=2, comparisons=7, conclusive=1)], Seen(CASE, sampled=sampled))
    return tally.conclusive, tally.comparisons


def test_a_blurred_case_of_the_sample_counts_whole() -> None:
    """An even draw is blurred as often as the domain is."""
    assert counted(sampled=True) == (6, 12)


def test_of_a_case_that_was_sought_out_only_the_sharp_comparisons_count() -> None:
    """Where the bar is nearly reached, it is large: that is why Hypothesis went there."""
    assert counted(sampled=False) == (6, 6)


def wrong(name: str, kind: str = "wrong") -> Outcome:
    """A failure that concerns input *name*."""
    return Outcome(input=name, mismatch=Mismatch(headline="vjp is wrong", kind=kind, input=name))


def test_a_check_is_settled_by_enough_failures_of_one_input() -> None:
    """A few of each of many inputs would tell too little of any."""
    tally = Tally(Check("some_check", lambda trial, evidence: [], "nothing"))
    for _ in range(ENOUGH - 1):
        tally.add(CASE, [wrong("x"), wrong("z")], Seen(CASE))
    tally.add(CASE, [wrong("z")], Seen(CASE, sampled=False))
    assert not tally.is_settled
    tally.add(CASE, [wrong("z")], Seen(CASE))
    assert tally.is_settled


def test_failures_are_counted_for_the_input_that_they_name_and_by_their_kind() -> None:
    """An outcome for all inputs may hold a mismatch of one of them; what is not worded yet has no kind."""
    tally = Tally(Check("some_check", lambda trial, evidence: [], "nothing"))
    seen = Seen(CASE)
    tally.add(CASE, [Outcome(mismatch=wrong("z", "shape").mismatch), Outcome(input="x", conclusive=1)], seen)
    tally.add(CASE, [Outcome(input="x", mismatch=lambda: Mismatch(headline="", kind="late", input="x"))], seen)
    assert tally.failing == [(seen, "z", "shape"), (seen, "x", "")]
    assert tally.passing == [(seen, "x")]


def test_of_large_cases_few_failures_are_worded() -> None:
    """To find the wrong entry of a large array takes many evaluations."""
    large = replace(CASE, drawn=(np.ones(10**5),))
    for case, kept in ((CASE, 8), (large, 2)):
        tally = Tally(Check("some_check", lambda trial, evidence: [], "nothing"))
        for _ in range(20):
            tally.add(case, [wrong("x")], Seen(case))
        assert len(tally.failures) == kept
